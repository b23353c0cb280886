"""The durable queue of asynchronous requests.

A request is ``queued``, then ``running``, then ``answered`` (its output is in S3, its notification perhaps not sent
yet), then ``announced`` for some seconds, then gone. After a crash what was ``running`` is queued again with its output
key unchanged, so that a second run overwrites the first one's output instead of adding to it; and what had only just
been announced is announced again.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from typing import Any

from localcloud.store import Store

QUEUE = """
CREATE TABLE IF NOT EXISTS request (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    received REAL NOT NULL, expires REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    inference_id TEXT NOT NULL, body TEXT NOT NULL, inline BLOB, outcome TEXT);
CREATE INDEX IF NOT EXISTS request_by_state ON request (endpoint, state, number);
CREATE INDEX IF NOT EXISTS request_by_expiry ON request (state, expires);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value REAL NOT NULL);
"""

ANNOUNCED_SECONDS = 3.0
"""Real seconds for which an announced request is remembered: the receiver of its notification (a queue, say) may be in
this same cloud, which writes that down a moment later (:mod:`localcloud.process.keeper`)."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One accepted invocation: times in real seconds since 1970; ``body`` is what the caller sent and where it goes."""

    number: int
    endpoint: str
    inference_id: str
    received: float
    expires: float
    attempts: int
    body: dict[str, Any]
    inline: bytes | None
    outcome: dict[str, Any] | None


def _request(row: sqlite3.Row) -> Request:
    return Request(
        number=row["number"],
        endpoint=row["endpoint"],
        inference_id=row["inference_id"],
        received=row["received"],
        expires=row["expires"],
        attempts=row["attempts"],
        body=json.loads(row["body"]),
        inline=row["inline"],
        outcome=json.loads(row["outcome"]) if row["outcome"] else None,
    )


@dataclasses.dataclass(frozen=True)
class Backlog:
    """An endpoint's queue: ``queued`` and ``running`` requests, and when the oldest of them came."""

    queued: int = 0
    running: int = 0
    oldest: float | None = None

    @property
    def size(self) -> int:
        """Queued and in progress together, as ``ApproximateBacklogSize`` counts."""
        return self.queued + self.running


class RequestQueue:
    """First in, first out, for each endpoint."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, endpoint: str, inference_id: str, body: dict[str, Any], inline: bytes | None, ttl: float) -> None:
        """Accept a request; on return it is durable.

        Parameters
        ----------
        endpoint, inference_id : str
        body : dict
            What the caller sent, and where the answer goes.
        inline : bytes, optional
            The input, when it did not come through S3.
        ttl : float
            Real seconds until it expires.
        """
        now = time.time()
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO request (endpoint, state, received, expires, inference_id, body, inline)"
                " VALUES (?,'queued',?,?,?,?,?)",
                (endpoint, now, now + ttl, inference_id, json.dumps(body), inline),
            )

    def claim(self, endpoint: str) -> Request | None:
        """Take the oldest queued request that has not expired."""
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT * FROM request WHERE endpoint=? AND state='queued' AND expires>? ORDER BY number LIMIT 1",
                (endpoint, time.time()),
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE request SET state='running' WHERE number=?", (row["number"],))
        return _request(row)

    def expired(self, endpoint: str) -> list[Request]:
        """Take all queued requests that are past their time to live."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM request WHERE state='queued' AND expires<=? AND endpoint=?", (time.time(), endpoint)
            ).fetchall()
            for row in rows:
                db.execute("UPDATE request SET state='running' WHERE number=?", (row["number"],))
        return [_request(row) for row in rows]

    def release(self, request: Request, attempts: int) -> None:
        """Give a request back to the head of the queue."""
        with self._store.transaction() as db:
            db.execute("UPDATE request SET state='queued', attempts=? WHERE number=?", (attempts, request.number))

    def answered(self, request: Request, outcome: dict[str, Any]) -> None:
        """Its result is in S3; ``outcome`` is what is still to be announced."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE request SET state='answered', outcome=? WHERE number=?", (json.dumps(outcome), request.number)
            )

    def unannounced(self, endpoint: str) -> list[Request]:
        """Requests whose notification may not have been sent."""
        with self._store.transaction() as db:
            rows = db.execute("SELECT * FROM request WHERE state='answered' AND endpoint=?", (endpoint,)).fetchall()
        return [_request(row) for row in rows]

    def announced(self, request: Request) -> None:
        """Its notification is sent; remember it for :data:`ANNOUNCED_SECONDS` only."""
        until = time.time() + ANNOUNCED_SECONDS
        with self._store.transaction() as db:
            db.execute("UPDATE request SET state='announced', expires=? WHERE number=?", (until, request.number))

    def forget_announced(self, before: float | None = None) -> None:
        """Forget requests that were announced long enough ``before`` a moment (now); :data:`math.inf` takes all."""
        moment = time.time() if before is None else before
        with self._store.transaction() as db:
            db.execute("DELETE FROM request WHERE state='announced' AND expires<=?", (moment,))

    def drop(self, endpoint: str) -> int:
        """Forget all requests of a deleted endpoint; returns how many."""
        with self._store.transaction() as db:
            return db.execute("DELETE FROM request WHERE endpoint=?", (endpoint,)).rowcount

    def backlog(self, endpoint: str) -> Backlog:
        """The endpoint's queue as it stands."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT state, COUNT(*) AS n, MIN(received) AS oldest FROM request"
                " WHERE endpoint=? AND state IN ('queued','running') GROUP BY state",
                (endpoint,),
            ).fetchall()
        counts = {row["state"]: row["n"] for row in rows}
        return Backlog(
            counts.get("queued", 0), counts.get("running", 0), min((row["oldest"] for row in rows), default=None)
        )

    def recover(self) -> None:
        """After a restart: requeue what was running, and do not count the time in which the cloud did not run.

        AWS is never switched off; a laptop is, and its requests should not have expired by the next morning.
        """
        with self._store.transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key='alive'").fetchone()
            absence = max(0.0, time.time() - row["value"]) if row else 0.0
            db.execute("UPDATE request SET state='queued' WHERE state='running'")
            db.execute("UPDATE request SET state='answered' WHERE state='announced'")
            db.execute("UPDATE request SET expires = expires + ? WHERE state='queued'", (absence,))
            self._beat(db)

    def heartbeat(self) -> None:
        """Note that the cloud is alive now."""
        with self._store.transaction() as db:
            self._beat(db)

    @staticmethod
    def _beat(db: sqlite3.Connection) -> None:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('alive', ?)", (time.time(),))
