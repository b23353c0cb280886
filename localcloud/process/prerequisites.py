"""What must be there before MiniStack may be imported: locks, a port, clients, the Lambda runtime's packages."""

from __future__ import annotations

import fcntl
import functools
import importlib.util
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What AWS's Python runtimes bring along; everything else a function must bundle."""


class StartError(RuntimeError):
    """The cloud cannot start; the message says why and what to do."""


def take_lock(path: Path, complaint: str) -> int:
    """Hold an exclusive lock on ``path``, with this process's id in it, for as long as this process lives.

    Raises
    ------
    StartError
        With ``complaint``, when another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(complaint) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def bind(port: int) -> socket.socket:
    """A socket for ``port`` of 127.0.0.1; 0 takes a free one. Raises :class:`StartError` when the port is in use."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise StartError(f"port {port} of 127.0.0.1 cannot be used ({error.strerror}): choose another --port") from None
    return listener


def runtime_folder(work: Path) -> Path:
    """A folder with links to the packages of AWS's Python runtime, and nothing else.

    Raises
    ------
    StartError
        When one of them is not installed.
    """
    folder = work / "lambda-runtime"
    folder.mkdir()
    for name in _RUNTIME_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise StartError(f"the Python package {name} is missing; `uv sync --frozen` installs it")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def clients(region: str) -> Callable[[str], Any]:
    """``client("s3")``: boto3 clients of this cloud, made once each."""
    lock = threading.Lock()

    @functools.cache
    def make(service: str) -> Any:
        import boto3  # here, because only now does the environment name this cloud
        from botocore.config import Config

        config = Config(max_pool_connections=32, connect_timeout=5, read_timeout=300, region_name=region)
        session: Any = boto3.session.Session(region_name=region)
        return session.client(service, config=config)

    def client(service: str) -> Any:
        with lock:
            return make(service)

    return client
