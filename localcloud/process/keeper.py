"""Keeps MiniStack's state on disk while it runs: MiniStack itself saves only when it is shut down properly.

What is safe when, if the process is killed: objects in S3, requests in an endpoint's queue and events on their way to
a Lambda function before they are acknowledged; every other change (stacks, topics, queues and their messages,
functions, alarms, …) about a third of a second after the request that made it; log events and measurements within some
seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

logger = logging.getLogger(__name__)

QUICK_SECONDS = 0.3
SLOW_SECONDS = 5.0
_SLOW_SERVICES = ("cloudwatch_logs",)
_MEASUREMENTS = "cloudwatch-measurements"


class Source(Protocol):
    """Whose state is kept (``localcloud.ministack`` does)."""

    def state_of(self) -> dict[str, Callable[[], Any]]:
        """How to get each service's state."""

    def encode(self, service: str, state: Any) -> str:
        """The text of a state."""


class Measurements(Protocol):
    """Keeps measurements (``localcloud.ministack.metrics`` does)."""

    def measurements(self) -> Any:
        """All of them."""

    def restore_measurements(self, text: str) -> None:
        """Take them back."""


class StateKeeper:
    """Writes what has changed. All methods but ``_write`` belong on the event loop."""

    def __init__(self, source: Source, metrics: Measurements, busy: Callable[[], bool], folder: Path) -> None:
        """Keep the states of ``source`` in ``folder``.

        Parameters
        ----------
        source : Source
        metrics : Measurements
        busy : callable
            Whether the state changes without a request just now.
        folder : Path
        """
        self._source = source
        self._metrics = metrics
        self._busy = busy
        self._folder = folder
        self._written: dict[str, bytes] = {}
        self._quick = self._slow = False
        self._wake = asyncio.Event()
        self._saving = asyncio.Lock()

    def touch(self, *, slow: bool = False) -> None:
        """Note a change; ``slow`` for logs and measurements, which come all the time."""
        if slow:
            self._slow = True
        else:
            self._quick = True
        self._wake.set()

    def restore(self) -> None:
        """Load what MiniStack does not load itself."""
        path = self._path(_MEASUREMENTS)
        if path.exists():
            self._metrics.restore_measurements(path.read_text())

    async def run(self) -> None:
        """Save after changes until cancelled.

        The event loop spends at most a tenth of its time on it, and the writing of logs and measurements takes at most
        a fiftieth of a core: with hours of measurements they are saved less often than every ``SLOW_SECONDS``.
        """
        next_slow, pause = time.monotonic() + SLOW_SECONDS, QUICK_SECONDS
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(pause)
            started = time.monotonic()
            include_slow = (self._quick or self._slow) and started > next_slow
            if self._quick or include_slow:
                took = await self.save(include_slow=include_slow)
                pause = max(QUICK_SECONDS, 9 * took)
                if include_slow:
                    next_slow = time.monotonic() + max(SLOW_SECONDS, 50 * (time.monotonic() - started))
            elif self._slow:
                await asyncio.sleep(QUICK_SECONDS)
            if self._busy():
                self._quick = True
            if self._quick or self._slow:
                self._wake.set()

    async def save(self, *, include_slow: bool) -> float:
        """Write every state that differs from what is on disk; return the seconds it took the event loop."""
        async with self._saving:
            self._quick = False
            if include_slow:
                self._slow = False
            started, states = time.monotonic(), {}
            for name, state_of in self._source.state_of().items():
                if name in _SLOW_SERVICES and not include_slow:
                    continue
                try:
                    states[name] = state_of()
                except Exception:
                    # A worker thread may have changed it meanwhile. What was saved stays until the next attempt.
                    logger.warning("the state of %s could not be read; trying again", name, exc_info=True)
                    self._quick = True
                await asyncio.sleep(0)
            if include_slow:
                states[_MEASUREMENTS] = self._metrics.measurements()
            took = time.monotonic() - started
            await asyncio.get_running_loop().run_in_executor(None, self._write_all, states)
            return took

    def _write_all(self, states: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, state in states.items():
            if state is None:
                continue
            try:
                self._write(name, self._source.encode(name, state))
            except (TypeError, ValueError, OSError):
                logger.exception("the state of %s cannot be saved; what was saved of it stays", name)

    def _write(self, name: str, text: str) -> None:
        data = text.encode()
        digest = hashlib.sha256(data).digest()
        if self._written.get(name) == digest:
            return
        path = self._path(name)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(data)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic call, by its usual name
        self._written[name] = digest

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
