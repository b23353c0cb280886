"""When a request was where: read from timestamps that AWS wrote, never guessed.

Where each comes from:

- ``queued``: ``receivedTime`` of the endpoint's notification ("Check prediction results", SageMaker Developer Guide).
- ``started``: that plus ``TimeInBacklog`` of the line about this inference id in the endpoint's data-log ("Alarms and
  logs for tracking metrics from asynchronous endpoints", SageMaker Developer Guide).
- ``generated``: ``eventTime`` of the notification, else the time of the output object.
- ``notified``, ``extracted``: the times of the stored notification and of the manifest.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from contract import ids, names
from contract.errors import ResultError, TargetError
from helpers.inference.watching import read_status
from helpers.target.handle import Handle

UNITS = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0}
MEASURE = r"\b{name}\b\"?\s*[:=]?\s*\"?(\d+(?:\.\d+)?)\s*(us|µs|μs|ms|s)\b"
STEPS = ("queued", "started", "generated", "notified", "extracted")


@dataclasses.dataclass(frozen=True)
class Timeline:
    """When one request was where; None for what AWS has not said (yet).

    Attributes
    ----------
    queued, started, generated, notified, extracted : datetime or None
        In UTC. S3 gives ``notified`` and ``extracted`` in whole seconds on AWS, the endpoint's times are finer.
    model : timedelta or None
        ``ModelLatency`` of the data-log: what the model's container took.
    """

    queued: dt.datetime | None = None
    started: dt.datetime | None = None
    generated: dt.datetime | None = None
    notified: dt.datetime | None = None
    extracted: dt.datetime | None = None
    model: dt.timedelta | None = None

    @property
    def complete(self) -> bool:
        """Whether every step has its time."""
        return all(getattr(self, step) is not None for step in STEPS)

    def durations(self) -> dict[str, dt.timedelta]:
        """How long each step took, counted from the known step before it.

        Returns
        -------
        dict
            ``{"started": waited in the queue, "generated": read, computed and stored, …}``: only steps whose time is
            known, "queued" excepted. Whole-second times of S3 can be before a finer time; then the step counts 0.
            "extracted" counts from "generated", since both Lambdas start with the same notification.
        """
        found: dict[str, dt.timedelta] = {}
        before = self.queued
        for step in STEPS[1:]:
            moment: dt.datetime | None = getattr(self, step)
            if moment is None:
                continue
            if before is not None:
                found[step] = max(moment - before, dt.timedelta(0))
            before = self.generated if step == "notified" and self.generated else moment
        return found

    @property
    def total(self) -> dt.timedelta | None:
        """From the queue to the last picture, when both are known."""
        if self.queued is None or self.extracted is None:
            return None
        return max(self.extracted - self.queued, dt.timedelta(0))


def moment_of(text: object) -> dt.datetime | None:
    """``2026-11-22T20:45:12.345Z`` as an aware datetime; None when it is something else."""
    try:
        moment = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def measure_in(lines: Iterable[str], inference_id: str, name: str) -> dt.timedelta | None:
    """The measure ``name`` in the last of the data-log's lines about ``inference_id``.

    Parameters
    ----------
    lines : iterable of str
        Such as ``… [<inference id>] Inference request succeeded. ModelLatency: 5230000 us, RequestDownloadLatency:
        91000 us, ResponseUploadLatency: 67000 us, TimeInBacklog: 12 ms, TotalProcessingTime: 5410 ms``.
    inference_id : str
        Only lines that hold it as a whole word count.
    name : str
        ``TimeInBacklog``, for example. A number without a unit does not count: AWS writes both µs and ms.
    """
    about = re.compile(rf"(?<![A-Za-z0-9._-]){re.escape(inference_id)}(?![A-Za-z0-9_-])")
    pattern, found = re.compile(MEASURE.format(name=re.escape(name))), None
    for line in lines:
        match = pattern.search(line) if about.search(line) else None
        found = match or found
    if found is None:
        return None
    return dt.timedelta(seconds=float(found[1]) * UNITS[found[2]])


def data_log_lines(connection: Handle, inference_id: str, since: dt.datetime, endpoint: str) -> list[str]:
    """The lines about ``inference_id`` in the endpoint's data-log streams; none when the log cannot be read.

    CloudWatch Logs may refuse them (no permission, a group that expired) without harm to the pictures.

    Parameters
    ----------
    connection : Handle
        Whose log.
    inference_id : str
        Of the request.
    since : datetime
        When it was queued.
    endpoint : str
        The endpoint that answered it.
    """
    try:
        messages = connection.log_messages(
            names.endpoint_log_group(endpoint), pattern=f'"{inference_id}"', since=since - dt.timedelta(minutes=1)
        )
    except TargetError:
        return []
    return [message for stream, message in messages if stream.endswith("data-log")]


def read_timeline(connection: Handle, inference_id: str) -> Timeline:
    """The timeline of a request, from its status, its objects' times and the endpoint's log.

    Raises
    ------
    ResultError
        The stored notification is not one.
    """
    status: dict[str, Any] = read_status(connection, inference_id) or {}
    store = connection.store
    queued = moment_of(status.get("receivedTime"))
    started = model = None
    if queued is not None:
        # The notification names its endpoint: after a new deployment the old log group still has the line.
        endpoint = (status.get("requestParameters") or {}).get("endpointName") or connection.names.endpoint
        lines = data_log_lines(connection, inference_id, queued, endpoint)
        waited = measure_in(lines, inference_id, "TimeInBacklog")
        started = None if waited is None else queued + waited
        model = measure_in(lines, inference_id, "ModelLatency")
    notified = store.look(ids.status_key(inference_id))
    extracted = store.look(ids.manifest_key(inference_id))
    return Timeline(
        queued=queued,
        started=started,
        generated=moment_of(status.get("eventTime")) or _output_time(connection, status),
        notified=notified.last_modified.astimezone(dt.UTC) if notified else None,
        extracted=extracted.last_modified.astimezone(dt.UTC) if extracted else None,
        model=model,
    )


def _output_time(connection: Handle, status: dict[str, Any]) -> dt.datetime | None:
    try:
        key = connection.store.key_of((status.get("responseParameters") or {}).get("outputLocation"))
    except ResultError:
        return None
    entry = connection.store.look(key)
    return entry.last_modified.astimezone(dt.UTC) if entry else None
