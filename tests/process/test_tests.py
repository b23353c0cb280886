"""A run of the tests leaves neither clouds, nor other processes, nor temporary files, whatever ends it.

Each runs a test of its own, which starts what the workshop's tests start.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from contract.settings import ROOT
from tests.clouds import until
from tests.process.started import CTRL_C, Started, assert_nothing_left, started

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(120)]

STARTS = """
import os
import subprocess
import sys
import tempfile
import time

import localcloud


def test_it(tmp_path):
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    tempfile.mkdtemp()
    # A child in a session of its own, as kernels and browsers are, with a child of its own.
    child = "import subprocess, tempfile; tempfile.mkdtemp(); subprocess.run(['sleep', '300'])"
    subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
"""
WAITS = """
    localcloud.start(tmp_path / "state", port=0, service_modules=[])
    print("process", os.getpid(), "waits", file=open("/dev/tty", "w"), flush=True)
    time.sleep(300)
"""
WITH_ONE_WORKER = ("-n1", "--max-worker-restart=0")


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """A folder for tests, with the plugin that the workshop's have; its settings are taken as they are started."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.tidy"]\n')
    (folder / "test_it.py").write_text(STARTS)
    return folder


def pytest_of(tests: Path, *arguments: str) -> list[str]:
    """The command that runs them."""
    return [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"-c{ROOT / 'pyproject.toml'}",
        *arguments,
        str(tests),
    ]


def waiting(run: Started) -> int:
    """The process in which the test waits, with its cloud and its child."""
    process = int(run.wait_for(r"process (\d+) waits")[1])
    until(lambda: any(line.endswith("sleep 300") for line in run.left()))
    assert any("localcloud.process.server" in line for line in run.left())
    return process


@pytest.mark.parametrize("how", [CTRL_C, signal.SIGTERM], ids=["Ctrl+C", "SIGTERM"])
def test_make_test_is_interrupted(tests: Path, tmp_path: Path, how: str) -> None:
    (tests / "test_it.py").write_text(STARTS + WAITS)
    # -o: everything is set up, and another run may be at it.
    command = ["make", "-o", "setup", "test", "WORKERS=1", f"TESTS={tests}"]
    with started(command, tmp_path / "run", ROOT, PYTEST_ADDOPTS="-p no:cacheprovider") as run:
        waiting(run)
        assert run.interrupt(how) != 0
        assert_nothing_left(run)


@pytest.mark.parametrize("workers", [(), WITH_ONE_WORKER], ids=["alone", "with a worker"])
def test_the_process_that_was_started_is_killed(tests: Path, tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tests / "test_it.py").write_text(STARTS + WAITS)
    with started(pytest_of(tests, *workers), tmp_path / "run", ROOT) as run:
        waiting(run)
        run.interrupt(signal.SIGKILL)
        assert_nothing_left(run)


def test_a_worker_is_killed(tests: Path, tmp_path: Path) -> None:
    """What it has started ends with it, though the run goes on."""
    (tests / "test_it.py").write_text(STARTS + WAITS)
    (tests / "conftest.py").write_text("import time\n\n" + (tests / "conftest.py").read_text() + GOES_ON)
    with started(pytest_of(tests, *WITH_ONE_WORKER), tmp_path / "run", ROOT) as run:
        worker = waiting(run)
        (folder,) = run.temporary.glob("pytest-of-*/pytest-0/popen-gw0")
        os.kill(worker, signal.SIGKILL)
        until(lambda: not folder.exists() and len(run.left()) == 1)  # pytest itself
        assert run.process.poll() is None
        assert run.interrupt(CTRL_C) != 0
        assert_nothing_left(run)


GOES_ON = """

def pytest_testnodedown(node, error):
    time.sleep(60)
"""


def test_a_run_that_passes_leaves_nothing(tests: Path, tmp_path: Path) -> None:
    with started(pytest_of(tests), tmp_path / "run", ROOT) as run:
        assert run.process.wait(60) == 0
        assert_nothing_left(run)


def test_files_of_failed_tests_stay_until_the_next_failure(tests: Path, tmp_path: Path) -> None:
    (tests / "test_it.py").write_text(STARTS + "    assert False\n")
    temporary = tmp_path / "of both"
    temporary.mkdir()
    for number in (0, 1):
        with started(pytest_of(tests), tmp_path / f"run{number}", ROOT, TMPDIR=str(temporary)) as run:
            assert run.process.wait(60) == 1
            assert_nothing_left(run)
        (large,) = temporary.rglob("large")
        assert f"pytest-{number}" in large.parts
