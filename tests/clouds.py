"""A deployed workshop for every test that needs one: made once, by the workshop's own first push, and then copied.

``python -m tests.clouds FOLDER`` makes it: a copy of the working tree, its own local cloud, notebooks 00 and 01 run in
it from top to bottom. The folder is kept in ``build/tests`` under a name made of everything that decides it, so that
a second run of the tests, and every worker, takes what is there. A copy with its cloud started takes three seconds;
a deployment takes thirty, a push sixty.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import localcloud
from contract import settings
from contract.settings import ROOT
from helpers.commands.demo_pipeline import copy_of_the_workshop
from helpers.inference import Connection, connect

HOME = ROOT / "build" / "tests"
NAME = "workshop"
"""What the deployed workshop is called."""
FIRST = ("00_start_here", "01_deploy")
"""The notebooks that deploy it."""
DECIDE = ("contract", "helpers", "infra", "lambdas", "localcloud", "models", "notebooks", "scripts", "tests/clouds.py")
FILES = ("cdk.json", "pyproject.toml", "uv.lock", "workshop.toml")
MINUTES = 10
EXCLUDED = ".tools\nbuild\n*_again.ipynb\n"
"""What tests add to a copy, and what no push of it should take along."""


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until ``condition`` holds, and fail with its name when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {condition.__qualname__}"
        time.sleep(0.1)


def overrides(**others: str) -> dict[str, str]:
    """Settings of a test's cloud: a free port, and instances that start within half a second."""
    chosen = {
        "WORKSHOP_WORKSHOP_TARGET": "local",
        "WORKSHOP_WORKSHOP_NAME": NAME,
        "WORKSHOP_LOCAL_PORT": str(free_port()),
        "WORKSHOP_LOCAL_PROVISION_SECONDS": "30",
    }
    return chosen | others


def import_path(folder: Path) -> str:
    """What makes a copy of the workshop the one that a child process imports, whatever is installed."""
    return os.pathsep.join(map(str, (folder, folder / "lambdas", folder / "models")))


def copy_of_the_code(folder: Path, **others: str) -> None:
    """The working tree as a Git repository of its own in ``folder``, with this machine's tools and caches."""
    copy_of_the_workshop(ROOT, folder, settings.load(environ=overrides(**others)))
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "exclude").write_text(EXCLUDED)
    (folder / ".tools").symlink_to(ROOT / ".tools")
    (folder / "build").mkdir()
    for cache in ("bundles", "codebuild"):  # 200,000 files, the same for every copy
        (ROOT / "build" / cache).mkdir(parents=True, exist_ok=True)
        (folder / "build" / cache).symlink_to(ROOT / "build" / cache)


@functools.cache
def _digest() -> str:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *DECIDE, *FILES],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    digest = hashlib.sha256(sys.version.encode())
    for name in sorted(set(filter(None, listed))):
        if (ROOT / name).is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def deployed() -> Iterator[Path]:
    """The folder with the deployed workshop, made now if nobody has; its cloud does not run.

    Nobody else makes or removes one while the block runs. Fails the test with what the maker said when it could not
    be made, and only once: the others fail at once.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = HOME / _digest()
        said = place / "failed.txt"
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
        if said.exists() and said.read_text().startswith(run):
            pytest.fail(f"the workshop could not be deployed:\n{said.read_text()}")
        if not (place / "whole").exists():
            for old in HOME.glob("*/"):
                shutil.rmtree(old)
            place.mkdir()
            environment = private_environment(place / "home") | {"PYTHONPATH": import_path(place / "workshop")}
            done = subprocess.run(
                [sys.executable, "-m", "tests.clouds", str(place / "workshop")],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                said.write_text(f"{run}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
                pytest.fail(f"the workshop could not be deployed:\n{said.read_text()}")
            (place / "whole").touch()
        yield place / "workshop"


@contextlib.contextmanager
def deployed_copy(folder: Path, **others: str) -> Iterator[Connection]:
    """A copy of the deployed workshop in ``folder``, with its cloud started; the cloud ends with the block.

    Parameters
    ----------
    folder : Path
        Does not exist yet; holds the code and, in ``.localcloud``, the cloud's state.
    **others : str
        ``WORKSHOP_…`` variables, besides those of :func:`overrides`. The copy's ``workshop.toml`` stays as pushed:
        whoever works in the copy finds the cloud that runs, whatever its port.
    """
    with deployed() as made:
        subprocess.run(["cp", "-a", str(made), str(folder)], check=True)
    chosen = settings.load(environ=overrides(**others))
    state = folder / ".localcloud"
    try:
        yield connect(chosen, state=state)
    finally:
        localcloud.stop(state)


def private_environment(root: Path) -> dict[str, str]:
    """An environment in which Jupyter, IPython and AWS know nothing of this machine's user; caches stay.

    uv's alone holds 2 GB; what a test installs comes from there.
    """
    folders = {
        "HOME": root,
        "IPYTHONDIR": root / "ipython",
        "JUPYTER_CONFIG_DIR": root / "config",
        "JUPYTER_DATA_DIR": root / "data",
        "JUPYTER_RUNTIME_DIR": root / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": root / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": root / "workspaces",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    caches = Path.home() / ".cache"
    caches.mkdir(exist_ok=True)
    (root / ".cache").symlink_to(caches, target_is_directory=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "AWS_", "WORKSHOP_"))}
    return {**kept, **{name: str(folder) for name, folder in folders.items()}}


def main() -> None:
    """Make the deployed workshop in the folder that is given."""
    from helpers.commands import notebooks

    folder = Path(sys.argv[1])
    copy_of_the_code(folder)
    try:
        for name in FIRST:
            source = folder / "notebooks" / f"{name}.ipynb"
            notebooks.execute(source, folder / "build" / "executed" / source.name, minutes=MINUTES)
    finally:
        localcloud.stop(folder / ".localcloud")


if __name__ == "__main__":
    main()
