import time
from collections.abc import Callable

import pytest

from helpers.studio import Studio

SECONDS = 20


def eventually(condition: Callable[[], object]) -> None:
    """Threads do the work: wait until it shows."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def until():
    """Waits for a condition."""
    return eventually


@pytest.fixture
def app(backend):
    """A studio on the fake target, with a prompt in it; its threads must end."""
    studio = Studio(backend.connection)
    studio.prompt.value = "a red circle"
    yield studio
    assert studio.close(SECONDS), "a thread of the studio did not end"
