"""How lines reach CloudWatch Logs, with a client that takes what PutLogEvents takes."""

from __future__ import annotations

import threading
from typing import Any

from localcloud.logs import BATCH_BYTES, LogShipper, batches


class Logs:
    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []

    def create_log_group(self, **_: str) -> None: ...

    def create_log_stream(self, **_: str) -> None: ...

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **_: str) -> None:
        self.batches.append(logEvents)


def events(*sizes: int) -> list[dict[str, Any]]:
    return [{"timestamp": number, "message": "ä" * (size // 2)} for number, size in enumerate(sizes)]


def test_batches_are_in_the_order_of_time_and_small_enough() -> None:
    given = events(600_000, 600_000, 400_000, 10)
    made = list(batches(given[::-1]))
    assert [event["timestamp"] for batch in made for event in batch] == [0, 1, 2, 3]
    assert [len(batch) for batch in made] == [1, 3]
    assert all(sum(len(e["message"].encode()) + 26 for e in batch) <= BATCH_BYTES for batch in made)
    assert list(batches([])) == []


def test_every_line_of_every_thread_arrives_in_order() -> None:
    logs = Logs()
    shipper = LogShipper(lambda: logs, "test")
    shipper.start()
    threads = [
        threading.Thread(target=lambda: [shipper.line("g", "s", "x" * 9000) for _ in range(60)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shipper.stop()
    assert sum(map(len, logs.batches)) == 240
    for batch in logs.batches:
        stamps = [event["timestamp"] for event in batch]
        assert stamps == sorted(stamps)
