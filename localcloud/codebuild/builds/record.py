"""One build's document as ``BatchGetBuilds`` gives it, stored at each change."""

from __future__ import annotations

import threading
import time
from typing import Any

from localcloud.store import Store

BUILD, PLAN = "build", "plan"
"""Kinds in the store: what the API shows, and what a build needs to run (and to run again)."""


class Record:
    """The document of one build.

    Parameters
    ----------
    store : Store
    build_id : str

    Raises
    ------
    KeyError
        When there is no such build.
    """

    def __init__(self, store: Store, build_id: str) -> None:
        document = store.get(BUILD, build_id)
        if document is None:
            raise KeyError(build_id)
        self._store = store
        self._lock = threading.RLock()
        self.id = build_id
        self.document = document

    @property
    def phase(self) -> dict[str, Any]:
        """The last phase."""
        phases: list[dict[str, Any]] = self.document["phases"]
        return phases[-1]

    def update(self, **changes: Any) -> None:
        """Change members of the document."""
        with self._lock:
            self.document |= changes
            self._save()

    def enter(self, phase: str) -> None:
        """Begin ``phase``."""
        with self._lock:
            self.document["currentPhase"] = phase
            self.document["phases"].append({"phaseType": phase, "startTime": time.time()})
            self._save()

    def leave(self, status: str, status_code: str = "", message: str = "") -> None:
        """End the current phase.

        Parameters
        ----------
        status : str
            ``SUCCEEDED``, ``FAILED``, ``STOPPED``, ``TIMED_OUT`` or ``FAULT``.
        status_code, message : str
            The phase's context.
        """
        with self._lock:
            now = time.time()
            self.phase.update(
                phaseStatus=status,
                endTime=now,
                durationInSeconds=int(now - self.phase["startTime"]),
                contexts=[{"statusCode": status_code, "message": message}],
            )
            self._save()

    def complete(self, status: str) -> None:
        """End the build."""
        with self._lock:
            now = time.time()
            self.document |= {"buildStatus": status, "endTime": now, "buildComplete": True, "currentPhase": "COMPLETED"}
            self.document["phases"].append({"phaseType": "COMPLETED", "startTime": now})
            self._save()

    def _save(self) -> None:
        # A build that was deleted meanwhile (BatchDeleteBuilds) stays deleted.
        if self._store.get(BUILD, self.id) is not None:
            self._store.put(BUILD, self.id, self.document)
