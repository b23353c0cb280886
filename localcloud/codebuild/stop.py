"""Ending a build from another thread: on StopBuild, at its time limit, and with the cloud."""

from __future__ import annotations

import os
import threading

from localcloud.codebuild.failures import BuildInterrupted


class Stop:
    """Tells a build from any thread that it must end, and wakes the thread that waits for its shell."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._lock = threading.Lock()
        self.reason: BuildInterrupted | None = None

    def request(self, reason: BuildInterrupted) -> None:
        """End the build because of ``reason``; the first one counts."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
                if self._writer >= 0:
                    os.write(self._writer, b"!")

    def check(self) -> None:
        """Raise the reason, if there is one."""
        if self.reason is not None:
            raise self.reason

    def fileno(self) -> int:
        """Readable from the request on."""
        return self._reader

    def close(self) -> None:
        """Give the descriptors back."""
        with self._lock:
            os.close(self._reader)
            os.close(self._writer)
            self._writer = -1
