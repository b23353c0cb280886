"""The gallery: everything that this workshop has made and that is settled, newest first, twelve requests a page."""

from __future__ import annotations

import threading
from collections.abc import Callable

from contract.errors import JobTimeoutError
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from helpers.studio.shelf import Shelf, Tile
from helpers.studio.views import GalleryView
from helpers.studio.work import Worker

PER_PAGE = 12
BATCH = 4
"""Tiles that are read between two looks at the page."""
WAIT_SECONDS = 60.0
LOOKS = 10
"""The page asks for a refresh ten times as rarely as waiting requests are looked at: for what others have made."""


class Gallery:
    """What has been made, from S3.

    Parameters
    ----------
    connection : Connection
        Whose bucket.
    worker : Worker
        Reads.
    on_the_way : callable
        Called, in the worker's thread, with the jobs that a listing shows as not settled.

    Attributes
    ----------
    view : GalleryView
        The widget.
    """

    def __init__(
        self, connection: Connection, worker: Worker, shelf: Shelf, on_the_way: Callable[[list[Job]], object]
    ) -> None:
        self._connection, self._worker, self._shelf, self._on_the_way = connection, worker, shelf, on_the_way
        self._jobs: list[Job] = []
        self._wanted, self._lock = 1, threading.Lock()
        self._asked = False
        self.view = GalleryView(bucket=connection.names.bucket, every_ms=round(connection.pace.longest * LOOKS * 1000))

    @property
    def jobs(self) -> list[Job]:
        """All settled jobs, newest first, as of the last refresh."""
        return list(self._jobs)

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-len(self._jobs) // PER_PAGE))

    @property
    def number(self) -> int:
        """The page that is shown, from 1."""
        return int(self.view.number)

    @property
    def tiles(self) -> list[Tile]:
        """What the page that is shown holds, as far as it has been read."""
        return [tile for job in self._on_page() if (tile := self._shelf.known(job)) is not None]

    def page(self, number: int, seconds: float = WAIT_SECONDS) -> list[Tile]:
        """Turn to page ``number`` and wait for it.

        Raises
        ------
        JobTimeoutError
            S3 did not answer within ``seconds``.
        """
        self.turn(number)
        if not self._worker.wait(seconds):
            raise JobTimeoutError(f"page {number} of the gallery was not read within {seconds:g} s; see error.")
        return self.tiles

    def turn(self, number: int) -> None:
        """Turn to page ``number``, or the nearest that there is; returns at once."""
        self._wanted = number
        self._worker.do(self._show)

    def refresh(self) -> None:
        """List the bucket again; returns at once. Calls while one is waiting count as one."""
        with self._lock:
            if self._asked:
                return
            self._asked = True
        self.view.mark_busy(True)
        self._worker.do(self._refresh)

    def _refresh(self) -> None:
        with self._lock:
            self._asked = False
        try:
            found = self._connection.jobs()
        finally:
            self.view.mark_busy(False)
        self._jobs = [job for job in found if job.state in ("done", "failed")]
        self._on_the_way([job for job in found if job.state not in ("done", "failed")])
        self._show()

    def _on_page(self) -> list[Job]:
        first = (self.number - 1) * PER_PAGE
        return self._jobs[first : first + PER_PAGE]

    def _show(self) -> None:
        with self.view.changing():
            self.view.pages, self.view.total = self.pages, len(self._jobs)
            self.view.number = self._wanted = min(max(1, self._wanted), self.pages)
        jobs = self._on_page()
        for _ in range(0, len(jobs), BATCH):
            tiles = [self._shelf.known(job) for job in jobs]
            self.view.show(tiles, [job.id for job in jobs])
            for job in [job for job, tile in zip(jobs, tiles, strict=True) if tile is None][:BATCH]:
                self._shelf.tile(job)
        self.view.show([self._shelf.known(job) for job in jobs], [job.id for job in jobs])
