"""Nothing stays behind, whatever ends a run of the tests: its end, Ctrl+C, SIGTERM, or SIGKILL of one process of it.

A pytest plugin. Every pytest process (the one that was started and each worker) has a janitor, a process that waits
for its end: :mod:`localcloud.process.janitor`, the same that cleans up after a local cloud. It kills what the tests
started (clouds, Jupyter servers and their kernels, browsers, Node.js) and what those started in turn: all inherit its
mark, an environment variable. Then it removes pytest's folder for ``tmp_path`` and the one for all other temporary
files, ``TMPDIR``. When tests failed in a run that came to its end, the first stays for a look, until tests fail again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from localcloud.process import janitor

USUAL = tempfile.gettempdir()
TEMPORARY = tempfile.mkdtemp(prefix="tests-")
# Before other plugins and conftest.py files are imported: some start programs, such as jsii's.
os.environ.update({janitor.MARK: TEMPORARY, "TMPDIR": TEMPORARY})
tempfile.tempdir = None  # so that it is looked up again


@pytest.hookimpl(trylast=True)  # after pytest's own, which prepares the folder, and before there are workers
def pytest_configure(config: pytest.Config) -> None:
    tempfile.tempdir = USUAL
    # Before the first test there is no public way to this folder; pytest-xdist goes the same one.
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    tempfile.tempdir = None
    config.pluginmanager.register(Tidy(config, folder))


class Tidy:
    """The janitor of this pytest process."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config, self._folder, self._interrupted = config, folder, False
        self._janitor = janitor.start(str(folder), TEMPORARY)
        os.environ[janitor.MARK] = str(folder)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted = excinfo.type is KeyboardInterrupt  # and not the end after the first failure (-x)
        if self._interrupted and self._config.pluginmanager.hasplugin("dsession"):
            janitor.kill(str(self._folder))  # the workers: pytest-xdist would give them ten seconds

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # A worker's folder is in that of the process that started it, whose janitor removes both.
        if hasattr(self._config, "workerinput") or (session.testsfailed and not self._interrupted):
            assert self._janitor.stdin is not None
            self._janitor.stdin.write(b"stays")
            self._janitor.stdin.flush()
