"""Ships lines to CloudWatch Logs: collected from any thread, delivered in batches from one."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)

INTERVAL = 0.3
"""Real seconds between deliveries."""
BATCH_EVENTS = 1000
LINE_LIMIT = 200_000
"""Characters, of at most four bytes: CloudWatch Logs refuses events above 1 MiB."""
BATCH_BYTES = 1_048_576
"""Of one PutLogEvents, each event with 26 bytes more."""

Line = tuple[str, str, int, str]


class LogShipper:
    """Collects lines from any thread and delivers them in batches from one."""

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        self._client = client
        self._lines: queue.Queue[Line | None] = queue.Queue(maxsize=20_000)
        self._known: set[tuple[str, str]] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, timeout: float = 5) -> None:
        """Deliver what is left, then end; wait for that at most ``timeout`` real seconds."""
        self._ending.set()
        self._lines.put(None)
        self._thread.join(timeout)

    def line(self, group: str, stream: str, text: str) -> None:
        """Log one line; a program that prints faster than CloudWatch Logs takes it waits here.

        Parameters
        ----------
        group, stream : str
            Created when they do not exist.
        text : str
            Cut off after ``LINE_LIMIT`` characters.
        """
        entry = (group, stream, int(time.time() * 1000), text[:LINE_LIMIT] or " ")
        try:
            self._lines.put(entry, timeout=5)
        except queue.Full:
            logger.warning("CloudWatch Logs does not take the lines of %s/%s", group, stream)

    def _run(self) -> None:
        ending = False
        while not ending:
            lines: list[Line] = []
            first = self._lines.get()
            if first is None:
                return
            lines.append(first)
            if self._lines.qsize() < BATCH_EVENTS:
                self._ending.wait(INTERVAL)
            while len(lines) < BATCH_EVENTS and not ending:
                try:
                    entry = self._lines.get_nowait()
                except queue.Empty:
                    break
                ending = entry is None
                if entry is not None:
                    lines.append(entry)
            self._deliver(lines)

    def _deliver(self, lines: list[Line]) -> None:
        streams: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for group, stream, stamp, text in lines:
            streams[group, stream].append({"timestamp": stamp, "message": text})
        for (group, stream), events in streams.items():
            for batch in batches(events):
                try:
                    self._put(group, stream, batch)
                except (ClientError, BotoCoreError) as error:
                    self._known.discard((group, stream))
                    logger.warning("%d lines for %s %s were not delivered: %s", len(batch), group, stream, error)

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        logs = self._client()
        if (group, stream) not in self._known:
            try:
                self._create(lambda: logs.create_log_stream(logGroupName=group, logStreamName=stream))
            except logs.exceptions.ResourceNotFoundException:
                # Only now: a role whose group is there already may lack the right to create one.
                self._create(lambda: logs.create_log_group(logGroupName=group))
                self._create(lambda: logs.create_log_stream(logGroupName=group, logStreamName=stream))
            self._known.add((group, stream))
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    @staticmethod
    def _create(call: Callable[[], Any]) -> None:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise


def batches(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """``events`` as PutLogEvents takes them: in the order of time, which threads that log may confuse, and in size.

    AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
    """
    batch: list[dict[str, Any]] = []
    size = 0
    for event in sorted(events, key=lambda each: int(each["timestamp"])):
        own = len(event["message"].encode()) + 26
        if batch and size + own > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += own
    if batch:
        yield batch
