"""The parent's side of one container process: start it, send it requests, notice its end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from localcloud.process.environment import inherited, project_folders

logger = logging.getLogger(__name__)


class ContainerFailed(Exception):  # noqa: N818 - named for what happened
    """The process did not come up; ``stage`` is ``unpack``, ``load`` or ``start``."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason


class ContainerGone(Exception):  # noqa: N818 - named for what happened
    """The process ended while it worked on a request."""


class InvocationTimedOut(Exception):  # noqa: N818 - named for what happened
    """The model did not answer within ``InvocationTimeoutSeconds``."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """What the container answered; the body is in the file that the request named."""

    status: int
    content_type: str
    custom_attributes: str | None


@dataclasses.dataclass(frozen=True)
class ContainerSpec:
    """How to start an instance's container: folders, number of workers, the model's own environment, and its network.

    ``lifeline`` ties it to the cloud's life (:mod:`localcloud.process.tied`).
    """

    folder: Path
    program: str
    submit_directory: str
    workers: int
    environment: Mapping[str, str]
    lifeline: Path
    isolated: bool = False

    @property
    def model_dir(self) -> Path:
        """Stands for ``/opt/ml/model``."""
        return self.folder / "model"

    @property
    def archive(self) -> Path:
        """The compressed model data, until the container has unpacked it."""
        return self.folder / "model.tar.gz"

    def variables(self) -> dict[str, str]:
        """The container's whole environment; paths below /opt/ml/model become this instance's folder."""
        home = self.folder / "home"
        merged = inherited()
        merged |= {"HOME": str(home), "TMPDIR": str(home), "PYTHONUTF8": "1"}
        # SageMaker Developer Guide, "Environment variables used by SageMaker containers" (SM_MODEL_DIR and the like).
        merged |= {
            "SM_MODEL_DIR": "/opt/ml/model",
            "SAGEMAKER_BASE_DIR": "/opt/ml",
            "SAGEMAKER_PROGRAM": self.program,
            "SAGEMAKER_SUBMIT_DIRECTORY": self.submit_directory,
        }
        merged |= self.environment
        own = str(self.model_dir)
        return {
            name: own + value.removeprefix("/opt/ml/model")
            if value == "/opt/ml/model" or value.startswith("/opt/ml/model/")
            else value
            for name, value in merged.items()
        }


def _command(spec: ContainerSpec, descriptor: int) -> list[str]:
    """The container's command line; it talks to us over ``descriptor``."""
    # -P: the folder in which it starts decides nothing about what it imports.
    command = [sys.executable, "-P", "-m", "localcloud.sagemaker.container"]
    command += ["--lifeline", str(spec.lifeline), "--socket", str(descriptor), "--project", *project_folders()]
    command += ["--model-dir", str(spec.model_dir), "--workers", str(spec.workers)]
    command += ["--unpacked", str(spec.folder / "unpacked")]
    if spec.archive.exists():
        command += ["--archive", str(spec.archive)]
    if spec.isolated:
        command.append("--isolated")
    return command


class ContainerProcess:
    """A started container, in a session of its own.

    Parameters
    ----------
    spec : ContainerSpec
        What to start.
    log : callable
        Gets each line that the process prints.
    """

    def __init__(self, spec: ContainerSpec, log: Callable[[str], None]) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Reply]] = {}
        self._number = 0
        self._ready: Future[None] = Future()
        self._gone = threading.Event()
        (spec.folder / "home").mkdir(parents=True, exist_ok=True)
        spec.model_dir.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        self._connection = ours
        try:
            self._process = subprocess.Popen(
                _command(spec, theirs.fileno()),
                env=spec.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        for target in (self._pump_log, self._pump_messages):
            threading.Thread(target=target, daemon=True, name=f"sagemaker-{self.pid}").start()

    @property
    def pid(self) -> int:
        """The process's id on this machine."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still answers."""
        return not self._gone.is_set()

    def wait_ready(self, timeout: float) -> None:
        """Wait until the model is loaded; raises :class:`ContainerFailed`."""
        try:
            self._ready.result(timeout)
        except FutureTimeout:
            raise ContainerFailed("start", f"the model was not loaded after {timeout:g} s") from None

    def invoke(self, headers: Mapping[str, str], source: Path, target: Path, timeout: float) -> Reply:
        """Send one request and wait for its answer.

        Parameters
        ----------
        headers : mapping
            Of HTTP.
        source, target : Path
            The request's body, and where the container writes the answer's.
        timeout : float
            Real seconds.

        Raises
        ------
        ContainerGone
            The process ended meanwhile.
        InvocationTimedOut
            ``timeout`` passed; the request still runs, so the caller should :meth:`kill` the process.
        """
        future: Future[Reply] = Future()
        with self._lock:
            if self._gone.is_set():
                raise ContainerGone(self._ending())
            self._number += 1
            number = self._number
            self._pending[number] = future
            message = {"id": number, "headers": dict(headers), "input": str(source), "output": str(target)}
            # A broken line shows in _pump_messages, which fails every pending request.
            with contextlib.suppress(OSError):
                self._connection.sendall(json.dumps(message).encode() + b"\n")
        try:
            return future.result(timeout)
        except FutureTimeout:
            with self._lock:
                self._pending.pop(number, None)
            raise InvocationTimedOut(f"no answer after {timeout:g} s") from None

    def kill(self, wait: float = 10) -> None:
        """End the process and whatever it started; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._gone.wait(wait)

    def _ending(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"the container process was ended by {signal.Signals(-code).name}"
        return f"the container process ended with exit code {code}"

    def _pump_log(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._log(line.decode("utf-8", "replace").rstrip("\n"))

    def _pump_messages(self) -> None:
        try:
            with self._connection.makefile("rb") as reader:
                for line in reader:
                    self._receive(json.loads(line))
        except (OSError, ValueError) as error:
            logger.debug("container %d: %s", self.pid, error)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # hung up but alive, or its own children
        self._process.wait()
        with self._lock:
            self._gone.set()
            pending, self._pending = self._pending, {}
        self._connection.close()
        for future in pending.values():
            future.set_exception(ContainerGone(self._ending()))
        if not self._ready.done():
            self._ready.set_exception(ContainerFailed("start", self._ending()))

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("event") == "ready":
            self._ready.set_result(None)
        elif message.get("event") == "failed":
            self._ready.set_exception(ContainerFailed(message["stage"], message["reason"]))
        else:
            with self._lock:
                future = self._pending.pop(message["id"], None)
            if future is not None:
                future.set_result(Reply(message["status"], message["content_type"], message["custom_attributes"]))
