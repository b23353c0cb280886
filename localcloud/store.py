"""Durable state of the services: one SQLite file for each, with resources as JSON, and tables of its own.

Write-ahead log with ``synchronous=NORMAL``: what a commit acknowledged survives the death of this process (SIGKILL
included); only a crash of the whole machine may lose the last commits (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESOURCES = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name));
"""


class Store:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path, schema: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(RESOURCES + schema)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; nested use joins the outer transaction."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """One resource."""
        with self._lock:
            row = self._connection.execute("SELECT body FROM resource WHERE kind=? AND name=?", (kind, name)).fetchone()
        return json.loads(row["body"]) if row else None

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """One resource, whatever the case of its name's letters."""
        with self._lock:
            row = self._connection.execute(
                "SELECT body FROM resource WHERE kind=? AND name=? COLLATE NOCASE", (kind, name)
            ).fetchone()
        return json.loads(row["body"]) if row else None

    def put(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Create or replace one resource.

        Parameters
        ----------
        kind, name : str
            Its key.
        body : dict
            Stored as JSON.
        """
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO resource VALUES (?,?,?)", (kind, name, json.dumps(body)))

    def delete(self, kind: str, name: str) -> None:
        """Remove one resource; absent is fine."""
        with self.transaction() as db:
            db.execute("DELETE FROM resource WHERE kind=? AND name=?", (kind, name))

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every resource of a kind, by name."""
        with self._lock:
            rows = self._connection.execute("SELECT name, body FROM resource WHERE kind=?", (kind,)).fetchall()
        return {row["name"]: json.loads(row["body"]) for row in rows}
