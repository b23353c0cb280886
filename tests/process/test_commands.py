"""Ctrl+C and SIGTERM end each command in order: one line, and neither a process nor a temporary file stays.

The local cloud stays on purpose, and the line says so.
"""

from __future__ import annotations

import json
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient

import localcloud
from helpers.commands.interruption import CLOUD_STAYS
from tests.clouds import copy_of_the_code, free_port, import_path, until
from tests.process.started import CTRL_C, Started, assert_nothing_left, started

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(240)]

Start = Callable[..., AbstractContextManager[Started]]


def interrupted_by(usual: str | None) -> pytest.MarkDecorator:
    """Both ways to interrupt a command; ``make test`` runs the ``usual`` one, ``make test-all`` the other, too."""
    ways = [(CTRL_C, signal.SIGINT, "Ctrl+C"), (signal.SIGTERM, signal.SIGTERM, "SIGTERM")]
    chosen = [
        pytest.param(how, number, id=name, marks=() if name == usual else pytest.mark.rare)
        for how, number, name in ways
    ]
    return pytest.mark.parametrize(("how", "number"), chosen)


BUSY = "import subprocess, tempfile\ntempfile.mkdtemp()\nsubprocess.run(['sleep', '300'])"
"""A cell that makes a temporary folder and waits for a process."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the workshop, whose local cloud stays for the next test as it does for people."""
    folder = tmp_path_factory.mktemp("commands") / "workshop"
    copy_of_the_code(folder)
    try:
        yield folder
    finally:
        localcloud.stop(folder / ".localcloud")


@pytest.fixture
def start(workshop: Path, tmp_path: Path) -> Start:
    """``start(module, *arguments)``: a command of the copy."""

    def start(module: str, *arguments: str) -> AbstractContextManager[Started]:
        command = [sys.executable, "-m", f"helpers.commands.{module}", *arguments]
        return started(command, tmp_path / "started", workshop, PYTHONPATH=import_path(workshop))

    return start


@interrupted_by("SIGTERM")
def test_studio(start: Start, workshop: Path, tmp_path: Path, how: str, number: int) -> None:
    port = free_port()
    with start("studio_page", f"--port={port}", f"--folder={tmp_path / 'page'}") as studio:
        busy_kernel(studio, port)
        assert studio.interrupt(how) == 0
        assert_ended(studio, workshop, "The prompt studio has ended.")


@interrupted_by("Ctrl+C")
def test_lab(start: Start, workshop: Path, how: str, number: int) -> None:
    port = free_port()
    with start("lab", "--no-browser", f"--port={port}") as lab:
        busy_kernel(lab, port)
        assert lab.interrupt(how) == 0
        assert localcloud.running(workshop / ".localcloud") is not None
        assert_ended(lab, workshop, "JupyterLab has ended.")


@interrupted_by("Ctrl+C")
def test_notebooks(start: Start, workshop: Path, tmp_path: Path, how: str, number: int) -> None:
    cells = [
        nbformat.v4.new_code_cell("seconds = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BUSY),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata, cells=cells), tmp_path / "01_busy.ipynb")
    with start("notebooks", f"--folder={tmp_path}", f"--output={tmp_path / 'executed'}") as notebooks:
        until(lambda: sleeping(notebooks))
        assert notebooks.interrupt(how) == 128 + number
        assert_ended(notebooks, workshop, "notebooks stopped by you; what is deployed is still there")


@interrupted_by("SIGTERM")
def test_demo_while_it_synthesises(start: Start, workshop: Path, how: str, number: int) -> None:
    with start("demo") as demo:
        demo.wait_for("synthesising the CloudFormation templates")
        until(lambda: any("max-old-space-size" in process for process in demo.left()))
        assert demo.interrupt(how) == 128 + number
        assert_ended(demo, workshop, "demo stopped by you; `make demo` goes on from here.")


@pytest.mark.rare
@interrupted_by("Ctrl+C")
def test_demo_while_it_deploys(start: Start, workshop: Path, how: str, number: int) -> None:
    with start("demo") as demo:
        until(lambda: any("node_modules/aws-cdk" in process for process in demo.left()), 120)
        assert demo.interrupt(how) == 128 + number
        assert_ended(demo, workshop, "demo stopped by you; `make demo` goes on from here.")


@interrupted_by(None)
def test_demo_pipeline(start: Start, workshop: Path, how: str, number: int) -> None:
    with start("demo_pipeline") as demo:
        until(lambda: any("node_modules/aws-cdk" in process for process in demo.left()), 120)
        assert demo.interrupt(how) == 128 + number
        assert_ended(demo, workshop, "demo stopped by you; `make demo-pipeline` begins again, on what is deployed.")


def busy_kernel(server: Started, port: int) -> None:
    """Start a kernel by the server's interface, and in it a cell that does not end by itself."""
    token = server.wait_for(r"token=(\w+)")[1]
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=2).close()
        except OSError:
            return False
        return True

    until(answers)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/kernels", b'{"name": "python3"}', headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        kernel = json.loads(answer.read())["id"]
    client = BlockingKernelClient(connection_file=str(runtime(server) / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels(hb=False)  # a kernel that starts on a busy machine answers late
    try:
        client.execute(BUSY)
        until(lambda: sleeping(server))
    finally:
        client.stop_channels()


def sleeping(it: Started) -> bool:
    """Whether the cell has come as far as to wait."""
    return any(process.endswith("sleep 300") for process in it.left())


def runtime(it: Started) -> Path:
    """Where Jupyter keeps a file for each server and kernel that runs."""
    return it.home / "runtime"


def assert_ended(it: Started, workshop: Path, line: str) -> None:
    """It has said one ``line``; nothing is left but the local cloud, and nothing once that is stopped."""
    running = localcloud.running(workshop / ".localcloud")
    last = it.said.strip().rpartition("\n")[2]
    assert last.startswith(line), it.said
    assert last.endswith(CLOUD_STAYS) == (running is not None), it.said
    assert "Traceback" not in it.said, it.said
    assert_nothing_left(it, besides=running)
    assert not any(runtime(it).glob("*.json"))
