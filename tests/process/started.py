"""A command started as a person starts it, in a terminal of its own; and what of it is left after its end."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import localcloud
from localcloud.process import janitor
from tests.clouds import private_environment, until

CTRL_C = "Ctrl+C"
"""Typed at the terminal, which sends SIGINT to every process of its foreground group."""

# A session's leader that opens a terminal gets it as its own.
IN_TERMINAL = 'exec "$@" <"$TERMINAL" >"$TERMINAL" 2>&1'


class Started:
    """A command that runs in a terminal, with a home and a folder for temporary files of its own.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Gets home and temporary files.
    cwd : Path
        Where it is started.
    **environment : str
        Variables besides those of :func:`tests.clouds.private_environment`.
    """

    def __init__(self, command: Sequence[str], folder: Path, cwd: Path, **environment: str) -> None:
        self._folder, self._said = folder, b""
        self._mark = f"STARTED_BY_A_TEST={uuid.uuid4().hex}"
        self.temporary, self.home = folder / "tmp", folder / "home"
        self.temporary.mkdir(parents=True)
        # The other end stays open here as well: a terminal that nobody has open, if only for a moment, is at its end.
        self._terminal, self._theirs = pty.openpty()
        name, _, value = self._mark.partition("=")
        given = private_environment(self.home) | {"TMPDIR": str(self.temporary), "COLUMNS": "120", name: value}
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", IN_TERMINAL, "sh", *command],
            cwd=cwd, env=given | {"TERMINAL": os.ttyname(self._theirs)} | environment, start_new_session=True,
        )  # fmt: skip
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # all that had the terminal open are gone
            while said := os.read(self._terminal, 4096):
                self._said += said

    @property
    def said(self) -> str:
        """All that the terminal shows until now, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", self._said.decode(errors="replace"))

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match[str]:
        """The first match of ``pattern`` in what the terminal shows, as soon as there is one."""
        until(lambda: self._shows_or_ended(pattern), seconds)
        found = re.search(pattern, self.said)
        assert found, f"{pattern!r} never came:\n{self.said}"
        return found

    def _shows_or_ended(self, pattern: str) -> bool:
        return re.search(pattern, self.said) is not None or self.process.poll() is not None

    def interrupt(self, how: str | signal.Signals, seconds: float = 20) -> int:
        """Interrupt it and wait for its end, which must come within ``seconds``; its exit status, as shells count."""
        if how == CTRL_C:
            os.write(self._terminal, b"\x03")
        else:
            self.process.send_signal(signal.Signals(how))
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on after {seconds:g} s: {self.left()}\n{self.said}") from None
        return status if status >= 0 else 128 - status

    def left(self) -> list[str]:
        """The processes that it has started, at any remove, and that run."""
        marked = set(janitor.processes_with(self._mark)) | set(janitor.marked_processes(str(self._folder)))
        return [f"{pid} {command}" for pid in sorted(marked) if (command := command_line(pid))]

    def end(self) -> None:
        """Kill what is left."""
        for process in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.partition(" ")[0]), signal.SIGKILL)
        self.process.wait()
        os.close(self._theirs)
        self._listening.join()
        os.close(self._terminal)


def command_line(pid: int) -> str:
    """What ``ps`` says of a process; nothing when it has ended."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, command = listed.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else command.strip()


@contextlib.contextmanager
def started(command: Sequence[str], folder: Path, cwd: Path, **environment: str) -> Iterator[Started]:
    """See :class:`Started`; what is left at the end of the block is killed."""
    it = Started(command, folder, cwd, **environment)
    try:
        yield it
    finally:
        it.end()


def assert_nothing_left(it: Started, besides: localcloud.Running | None = None, seconds: float = 10) -> None:
    """Neither processes nor temporary files, within ``seconds``, but for those of a local cloud that may stay."""

    def left() -> list[str]:
        of_the_cloud = [] if besides is None else [besides.pid, *janitor.marked_processes(str(besides.state_dir))]
        return [process for process in it.left() if int(process.partition(" ")[0]) not in of_the_cloud]

    def files() -> list[str]:
        """But for the folder that pytest has for all its runs, and the link there."""
        found = [entry for _, folders, files in os.walk(it.temporary) for entry in (*folders, *files)]
        return [name for name in found if not name.startswith("pytest-of-") and name != "pytest-current"]

    with contextlib.suppress(AssertionError):
        until(lambda: not left() and not files(), seconds)
    assert left() == []
    assert files() == []
