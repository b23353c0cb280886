"""One local cloud for all tests of this folder, with both stacks deployed into it by the CDK's CLI."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import localcloud
from contract import settings
from helpers.delivery.deployment import deploy
from helpers.inference.connection import Connection, connect


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the local cloud of these tests keeps its state."""
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def connection(state: Path) -> Iterator[Connection]:
    overrides = {
        "WORKSHOP_LOCAL_PORT": str(free_port()),
        "WORKSHOP_LOCAL_PROVISION_SECONDS": "30",
        "WORKSHOP_WORKSHOP_NAME": "endtoend",
    }
    try:
        connection = connect(settings.load(environ=overrides), state=state)
        deploy(connection, lambda text: None)
        yield connection
    finally:
        localcloud.stop(state)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until ``condition`` holds, and fail with its name when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {condition.__qualname__}"
        time.sleep(0.1)
