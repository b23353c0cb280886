"""Which builds run now: a few at a time, the rest queued. None is lost, and none stays queued forever."""

from __future__ import annotations

import logging
import os
import threading
import time

from localcloud.cloud import Cloud
from localcloud.codebuild.builds.events import announce
from localcloud.codebuild.builds.record import BUILD, PLAN, Record
from localcloud.codebuild.builds.run import BuildRun
from localcloud.codebuild.failures import BuildInterrupted
from localcloud.codebuild.reports.operations import Reports
from localcloud.codebuild.stop import Stop
from localcloud.store import Store

logger = logging.getLogger(__name__)

ENDED = "The local cloud ended during the build"
STOP_SECONDS = 5.0
"""Real seconds that the cloud's own end waits for builds to be gone."""


class Scheduler:
    """Starts queued builds, oldest first, and keeps hold of those that run.

    Parameters
    ----------
    cloud : Cloud
    store : Store
        With the documents and plans of builds.
    reports : Reports
        Makes the reports of each build.
    """

    def __init__(self, cloud: Cloud, store: Store, reports: Reports) -> None:
        self._cloud = cloud
        self._store = store
        self._reports = reports
        self._limit = max(2, os.cpu_count() or 2)
        self._changed = threading.Condition()
        self._queued: dict[str, float] = {}  # build → when it has waited too long, on time.time()
        self._running: dict[str, tuple[Stop, threading.Thread]] = {}
        self._ending = False
        self._thread = threading.Thread(target=self._dispatch, daemon=True, name="codebuild-scheduler")

    def start(self) -> None:
        """Take up what the last run of this cloud left: queued builds run, and running ones end as FAULT."""
        for build_id, build in sorted(self._store.all(BUILD).items(), key=lambda row: float(row[1]["startTime"])):
            if build["buildComplete"]:
                continue
            if build["currentPhase"] == "QUEUED":
                self.submit(build_id)
            else:
                record = Record(self._store, build_id)
                record.leave("FAULT", "INTERNAL_ERROR", ENDED)
                record.complete("FAULT")
                announce(self._cloud, record.document)
        self._thread.start()

    def stop(self) -> None:
        """End every build that runs; queued ones wait for the next start."""
        with self._changed:
            self._ending = True
            running = list(self._running.values())
            self._changed.notify_all()
        reason = BuildInterrupted("FAULT", "INTERNAL_ERROR", ENDED)
        for stop, _ in running:
            stop.request(reason)
        deadline = time.monotonic() + STOP_SECONDS
        for _, thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._thread.join(1)

    def submit(self, build_id: str) -> None:
        """Have a build run as soon as there is room."""
        record = Record(self._store, build_id)
        waiting = self._cloud.clock.real(record.document["queuedTimeoutInMinutes"] * 60)
        with self._changed:
            self._queued[build_id] = record.document["startTime"] + waiting
            self._changed.notify_all()

    def end(self, build_id: str) -> None:
        """StopBuild: returns when the build is over, or after a few seconds."""
        reason = BuildInterrupted("STOPPED", "", "The build was stopped")
        with self._changed:
            if self._queued.pop(build_id, None) is not None:
                self._finish_queued(build_id, "STOPPED", "", "")
                return
            running = self._running.get(build_id)
        if running is not None:
            stop, thread = running
            stop.request(reason)
            thread.join(STOP_SECONDS)

    def counts(self) -> tuple[int, int]:
        """How many builds run and how many wait."""
        with self._changed:
            return len(self._running), len(self._queued)

    def unfinished(self, project: str) -> int:
        """How many builds of ``project`` run or wait."""
        with self._changed:
            return sum(each.startswith(f"{project}:") for each in (*self._running, *self._queued))

    def _dispatch(self) -> None:
        with self._changed:
            while not self._ending:
                self._expire()
                while self._queued and len(self._running) < self._limit:
                    build_id = next(iter(self._queued))
                    del self._queued[build_id]
                    stop = Stop()
                    thread = threading.Thread(
                        target=self._run, args=(build_id, stop), daemon=True, name=f"codebuild-{build_id[-8:]}"
                    )
                    self._running[build_id] = (stop, thread)
                    thread.start()
                next_deadline = min(self._queued.values(), default=None)
                self._changed.wait(None if next_deadline is None else max(0.01, next_deadline - time.time()))

    def _expire(self) -> None:
        now = time.time()
        for build_id in [each for each, deadline in self._queued.items() if deadline <= now]:
            del self._queued[build_id]
            self._finish_queued(build_id, "TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out in the queue.")

    def _finish_queued(self, build_id: str, status: str, status_code: str, message: str) -> None:
        record = Record(self._store, build_id)
        record.leave(status, status_code, message)
        record.complete(status)
        threading.Thread(target=announce, args=(self._cloud, record.document), daemon=True).start()

    def _run(self, build_id: str, stop: Stop) -> None:
        try:
            record = Record(self._store, build_id)
            plan = self._store.get(PLAN, build_id)
            if plan is None:
                raise KeyError(build_id)
            record.leave("SUCCEEDED")
            announce(self._cloud, record.document)
            BuildRun(self._cloud, record, plan, self._reports, stop).run()
        except KeyError:
            logger.info("build %s was deleted before it ran", build_id)
        finally:
            with self._changed:
                del self._running[build_id]
                self._changed.notify_all()
            stop.close()
