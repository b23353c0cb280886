"""The log of an execution environment: read to the end of each invocation, however late the reader is."""

from __future__ import annotations

import os
import secrets
import threading
import time
from typing import NamedTuple

_CHUNK = 65536


class Line(NamedTuple):
    """One log event."""

    time: float
    text: str


class Output:
    """Reads the pipe that a worker's standard streams are.

    ``mark`` stands in the stream for what is not the function's: behind it come ``{`` and a message of several lines,
    ``}`` at the message's end, and ``.`` at the end of an invocation (:mod:`localcloud.ministack.lambdas.bootstrap`).
    """

    def __init__(self, descriptor: int) -> None:
        """Read ``descriptor`` from now on, and close it at the end."""
        self.mark = f"\x00{secrets.token_hex(8)}\x00"
        self._mark = self.mark.encode()
        self._descriptor = descriptor
        self._buffer = b""
        self._lines: list[Line] = []
        self._ended = 0
        self._closed = False
        self._change = threading.Condition()
        threading.Thread(target=self._read, name="lambda-output", daemon=True).start()

    def lines_until(self, invocation: int, timeout: float | None = None) -> list[Line]:
        """What was logged until the end of invocation number ``invocation``, or of the worker; at most once.

        Parameters
        ----------
        invocation : int
            How many ends there must have been.
        timeout : float or None
            In seconds. A worker that answered has written the end before, so None is right for it; after one that was
            killed, something that it started may hold the pipe open.
        """
        with self._change:
            self._change.wait_for(lambda: self._ended >= invocation or self._closed, timeout)
            taken, self._lines = self._lines, []
            return taken

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, _CHUNK)
            except OSError:
                chunk = b""
            with self._change:
                self._buffer += chunk
                self._take()
                if not chunk:
                    self._plain(self._buffer, rest=True)
                    self._closed = True
                self._change.notify_all()
            if not chunk:
                os.close(self._descriptor)
                return

    def _take(self) -> None:
        """Move what is complete from the buffer to the lines. The caller holds the lock."""
        size = len(self._mark)
        while True:
            at = self._buffer.find(self._mark)
            if at < 0 or len(self._buffer) <= at + size:
                whole = self._buffer.rfind(b"\n") + 1 if at < 0 else 0
                self._plain(self._buffer[:whole])
                self._buffer = self._buffer[whole:]
                return
            kind, behind = self._buffer[at + size : at + size + 1], at + size + 1
            if kind == b"{":
                end = self._buffer.find(self._mark + b"}", behind)
                if end < 0:
                    return
                self._plain(self._buffer[:at], rest=True)
                self._lines.append(Line(time.time(), self._buffer[behind:end].decode(errors="replace")))
                self._buffer = self._buffer[end + size + 1 :]
                continue
            self._plain(self._buffer[:at], rest=True)
            self._ended += 1
            self._buffer = self._buffer[behind:]

    def _plain(self, data: bytes, *, rest: bool = False) -> None:
        if not data:
            return
        parts = data.split(b"\n")
        if not (rest and parts[-1]):
            parts.pop()
        now = time.time()
        self._lines += [Line(now, part.decode(errors="replace").rstrip("\r")) for part in parts]
