"""Ships the lines of containers and of the platform to CloudWatch Logs.

SageMaker Developer Guide, "Log groups and streams that Amazon SageMaker AI logs": group
``/aws/sagemaker/Endpoints/<endpoint>``, stream ``<variant>/<instance id>`` for what the container prints and, for
asynchronous endpoints, ``<variant>/<instance id>/data-log`` for what the platform says of each request.
"""

from __future__ import annotations

import datetime
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)

INTERVAL = 0.3
"""Real seconds between deliveries."""
BATCH_EVENTS = 1000
LINE_LIMIT = 200_000
"""Characters; CloudWatch Logs refuses events above 256 KiB."""

Line = tuple[str, str, int, str]


class LogShipper:
    """Collects lines from any thread and delivers them in batches from one."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._lines: queue.Queue[Line | None] = queue.Queue(maxsize=20_000)
        self._known: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name="sagemaker-logs")

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is there, then end."""
        self._lines.put(None)
        self._thread.join(timeout=5)

    def line(self, endpoint: str, stream: str, text: str) -> None:
        """Log one line; a container that prints faster than it can be delivered waits here."""
        entry = (f"/aws/sagemaker/Endpoints/{endpoint}", stream, int(time.time() * 1000), text[:LINE_LIMIT] or " ")
        try:
            self._lines.put(entry, timeout=5)
        except queue.Full:
            logger.warning("CloudWatch Logs does not take the lines of %s/%s", endpoint, stream)

    def data_log(self, endpoint: str, stream: str, inference_id: str, text: str) -> None:
        """Log one line of the platform about a request, in the form that AWS writes."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self.line(endpoint, f"{stream}/data-log", f"{now}:[sagemaker logs] [{inference_id}] {text}")

    def _run(self) -> None:
        ending = False
        while not ending:
            lines: list[Line] = []
            first = self._lines.get()
            if first is None:
                return
            lines.append(first)
            time.sleep(INTERVAL)
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
            try:
                self._put(group, stream, events)
            except (ClientError, BotoCoreError) as error:
                self._known.discard((group, stream))
                logger.warning("%d lines for %s %s were not delivered: %s", len(events), group, stream, error)

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        logs = self._client()
        if (group, stream) not in self._known:
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
