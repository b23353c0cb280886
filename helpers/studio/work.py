"""A thread that does one thing after another, so that the kernel's own thread never waits for the network."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Callable

from contract.errors import WorkshopError

Task = Callable[[], object]
Complaint = Callable[[str], object]


def said(error: Exception) -> str:
    """An error in words; one that nobody foresaw with its type, so that it can be looked for."""
    return str(error) if isinstance(error, WorkshopError) else f"{type(error).__name__}: {error}"


class Worker:
    """Does tasks in their order in a daemon thread, which ends with :meth:`close` or with the worker's last reference.

    Parameters
    ----------
    name : str
        Of the thread.
    complain : callable
        Called, in the thread, with what a task raised, in words.
    """

    def __init__(self, name: str, complain: Complaint) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._left, self._idle = 0, threading.Condition()
        self._closed = False
        # The thread knows the queue and not the worker, which would otherwise live as long as the thread.
        self._thread = threading.Thread(target=_work, args=(self._tasks, complain), name=name, daemon=True)
        self._stop = weakref.finalize(self, self._tasks.put, None)  # also at the interpreter's exit
        self._thread.start()

    def do(self, task: Task) -> None:
        """Do ``task`` when those before it are done; after :meth:`close` nothing is done any more."""
        if self._closed:
            return
        idle = self._idle
        with idle:
            self._left += 1
        weak = weakref.ref(self)

        def counted() -> None:
            try:
                task()
            finally:
                worker = weak()
                with idle:
                    if worker is not None:
                        worker._left -= 1
                    idle.notify_all()

        self._tasks.put(counted)

    def wait(self, seconds: float) -> bool:
        """Until nothing is left to do; False when that takes longer than ``seconds``."""
        deadline = time.monotonic() + seconds
        with self._idle:
            return self._idle.wait_for(
                lambda: self._left == 0 or self._closed, timeout=max(0.0, deadline - time.monotonic())
            )

    def close(self) -> None:
        """Let the thread end after the task that it is at."""
        self._closed = True
        self._stop()
        with self._idle:
            self._idle.notify_all()

    def join(self, seconds: float) -> bool:
        """Whether the thread has ended within ``seconds`` of :meth:`close`."""
        if self._thread is not threading.current_thread():
            self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()


def _work(tasks: queue.SimpleQueue[Task | None], complain: Complaint) -> None:
    while (task := tasks.get()) is not None:
        try:
            task()
        except Exception as error:  # noqa: BLE001 - the thread must live on, and the page says what happened
            complain(said(error))
        del task  # waiting for the next one must not keep this one's objects alive
