"""Ctrl+C and SIGTERM: a command ends in order, says one line, and leaves neither processes nor temporary files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from helpers.target.targets import STATE, running_local_cloud

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The terminal's Ctrl+C, a polite request to end, and the terminal's end."""
REMOVE_SECONDS = 10
"""How long the folder of temporary files may be in use by a program that is about to end."""
CLOUD_STAYS = "The local cloud is still running: `.venv/bin/python -m localcloud stop` stops it."
SHOW_SECONDS = 1
"""How long the last lines of a command may take to the terminal."""


class Interruption:
    """Takes the signals of a command: the first ends it, the others change nothing any more.

    More than one is usual: make hands on a signal that a service manager has sent to all processes of a group.

    Attributes
    ----------
    number : int or None
        Of the signal that came.
    end : callable, optional
        Called by the signal. Without it the signal raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.end: Callable[[], None] | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.number is not None:
            return
        self.number = number
        if self.end is None:
            raise KeyboardInterrupt
        self.end()

    def listen(self) -> dict[int, object]:
        """Take the signals, and return what has taken them before."""
        # A command that was started with a signal ignored, as nohup does, must go on ignoring it.
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        return {number: signal.signal(number, self) for number in heard}


@contextlib.contextmanager
def interruptible(said: str, *, serves: bool = False) -> Iterator[Interruption]:
    """Let SIGTERM end the block as Ctrl+C does: what the block cleans up is cleaned up, and one line says so.

    Without this, SIGTERM would end Python at once and leave what it has started. Programs that the block starts keep
    their temporary files in a folder that is removed after it: one that is killed cannot remove its own. What they
    write to standard error about the signal is not shown.

    Parameters
    ----------
    said : str
        The line; when a local cloud runs on, that is added.
    serves : bool
        Whether a signal is the way to end this command, whose exit status is then 0.

    Raises
    ------
    SystemExit
        After a signal, with 0 or 128 + its number, as shells count.
    """
    interruption = Interruption()
    before, terminal = interruption.listen(), os.dup(2)
    try:
        with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
            stack.enter_context(_temporary_files())
            stack.enter_context(_errors_shown(lambda: interruption.number is None))
            yield interruption
        if interruption.number is not None:
            sys.stdout.flush()
            stays = f" {CLOUD_STAYS}" if running_local_cloud(STATE) else ""
            os.write(terminal, f"\n{said}{stays}\n".encode())
            sys.exit(0 if serves else 128 + interruption.number)
    finally:
        os.close(terminal)
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal.signal has returned it


@contextlib.contextmanager
def _temporary_files() -> Iterator[None]:
    """A folder for this process's temporary files, and for those of what it starts."""
    before = os.environ.get("TMPDIR")
    folder = Path(tempfile.mkdtemp(prefix="workshop-"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None  # so that it is looked up again
        del os.environ["TMPDIR"]
        if before is not None:
            os.environ["TMPDIR"] = before
        deadline = time.monotonic() + REMOVE_SECONDS
        while folder.exists() and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                time.sleep(0.1)


@contextlib.contextmanager
def _errors_shown(wanted: Callable[[], bool]) -> Iterator[None]:
    """Show what this process, and what it starts, write to standard error while it is ``wanted``.

    What is not wanted at the end of the block is not wanted after it: Python itself complains as it ends.
    """
    reader, writer = os.pipe()
    shown = os.dup(2)
    os.dup2(writer, 2)
    os.close(writer)

    def hand_on() -> None:
        while text := os.read(reader, 4096):
            if wanted():
                os.write(shown, text)
        os.close(reader)

    thread = threading.Thread(target=hand_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        if wanted():
            os.dup2(shown, 2)  # which closes the other end, unless a program that still runs has it, too
            thread.join(SHOW_SECONDS)
