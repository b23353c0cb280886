"""Look at a running workshop: logs, metrics, alarms, the dashboard. Everything here reads.

What changes something has modules of its own: :mod:`helpers.operations.dead_letters` and
:mod:`helpers.operations.model_versions`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from contract.errors import NotDeployedError
from contract.names import VARIANT, endpoint_log_group
from helpers.inference.connection import Connection
from helpers.inference.timeline import moment_of
from helpers.inference.watching import read_status
from helpers.operations.dead_letters import functions
from helpers.show.tables import Listing
from helpers.target.explain import code_of, explained
from helpers.target.stacks import stack_outputs

MARGIN = dt.timedelta(seconds=2)
LONGEST_LINE = 2000
"""Characters of a log line that are shown; a container may print a whole picture."""
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+:?\s*(\[sagemaker logs\]\s*)?")


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line of a log.

    Attributes
    ----------
    time : datetime
    who : str
        ``platform`` (SageMaker itself), ``container`` (the model), ``save_status`` or ``extract_images``.
    text : str
    """

    time: dt.datetime
    who: str
    text: str


@dataclasses.dataclass(frozen=True)
class Measure:
    """A metric of the last minutes.

    Attributes
    ----------
    name : str
        As CloudWatch calls it.
    meaning : str
        In plain words.
    latest, highest, total : float or None
        None when there is no data.
    unit : str
    """

    name: str
    meaning: str
    latest: float | None
    highest: float | None
    total: float | None
    unit: str


@dataclasses.dataclass(frozen=True)
class Alarm:
    """An alarm: ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``, and why.

    Attributes
    ----------
    scales : bool
        True when it scales the endpoint: then there is nothing to repair when it sounds.
    part : bool
        True when a composite alarm is made of it: then the composite one says whether something is wrong.
    """

    name: str
    state: str
    reason: str
    since: dt.datetime
    meaning: str
    scales: bool
    part: bool = False


@dataclasses.dataclass(frozen=True)
class Dashboard:
    """The CloudWatch dashboard; ``url`` is empty on the local cloud, which has no console."""

    name: str
    url: str

    def __str__(self) -> str:
        if self.url:
            return f"Dashboard {self.name}: {self.url}"
        return f"The local cloud has no console to show the dashboard {self.name} in; metrics() gives the same numbers."

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}">Dashboard {self.name}</a>' if self.url else str(self)


def dashboard(connection: Connection) -> Dashboard:
    """Where the console shows backlog, work, times and failures on one page.

    Raises
    ------
    NotDeployedError
        There is no application stack.
    """
    settings = connection.settings
    outputs = stack_outputs(connection, settings.application_stack)
    if outputs is None:
        raise NotDeployedError(
            f"the stack {settings.application_stack} is not on {connection.target.described}: deploy the workshop."
        )
    region, name = settings.workshop.region, outputs["DashboardName"]
    if connection.target.name != "aws":
        return Dashboard(name, "")
    home = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return Dashboard(name, f"{home}#dashboards/dashboard/{name}")


def request_log(connection: Connection, inference_id: str) -> Listing[LogLine]:
    """Every log's lines about one request, in the order of time: the endpoint's, the model's and both functions'.

    The model prints no inference ids, so its lines are those of the instance that worked on the request, from its start
    to its end; where an instance works on several at a time, lines of others are among them. Logs come some seconds
    late: call again when lines are missing.
    """
    status = read_status(connection, inference_id) or {}
    endpoint = (status.get("requestParameters") or {}).get("endpointName") or connection.names.endpoint
    began = moment_of(status.get("receivedTime")) or _made(inference_id)
    ended = moment_of(status.get("eventTime")) or dt.datetime.now(dt.UTC)
    group, about = endpoint_log_group(endpoint), f'"{inference_id}"'
    lines: list[LogLine] = []
    streams: set[str] = set()
    for stream, moment, text in _events(connection, group, began - MARGIN, filterPattern=about):
        if stream.endswith("/data-log"):
            streams.add(stream.removesuffix("/data-log"))
            lines.append(LogLine(moment, "platform", _STAMP.sub("", text)))
    if streams:
        own = _events(connection, group, began - MARGIN, ended + MARGIN, logStreamNames=sorted(streams))
        lines += [LogLine(moment, "container", text) for _, moment, text in own]
    for function in functions(connection):
        for _, moment, text in _events(connection, function.log_group, began - MARGIN, filterPattern=about):
            lines.append(LogLine(moment, function.role, _readable(text)))
    lines.sort(key=lambda line: line.time)
    rows = tuple((f"{line.time:%H:%M:%S.%f}"[:-3], line.who, line.text[:LONGEST_LINE]) for line in lines)
    columns = ("Time (UTC)", "Who", "Line")
    return Listing(f"Log lines of request {inference_id}", columns, tuple(lines), rows)


def _made(inference_id: str) -> dt.datetime:
    """When the id was made, since ours begin with the time; an hour ago for others."""
    try:
        return dt.datetime.strptime(inference_id.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)


def _events(
    connection: Connection, group: str, since: dt.datetime, until: dt.datetime | None = None, **more: Any
) -> Iterator[tuple[str, dt.datetime, str]]:
    """Stream, time and text of a group's lines; none of a group that is not there (nothing was logged yet)."""
    arguments: dict[str, Any] = {"logGroupName": group, "startTime": int(since.timestamp() * 1000), **more}
    if until is not None:
        arguments["endTime"] = int(until.timestamp() * 1000)
    with explained(f"reading log group {group}", connection.target):
        try:
            for page in connection.client("logs").get_paginator("filter_log_events").paginate(**arguments):
                for event in page["events"]:
                    moment = dt.datetime.fromtimestamp(event["timestamp"] / 1000, dt.UTC)
                    yield event["logStreamName"], moment, event["message"].rstrip()
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise


def _readable(text: str) -> str:
    """A line that AWS Powertools wrote as JSON, in words."""
    try:
        entry = json.loads(text)
    except ValueError:
        return text
    if not isinstance(entry, dict) or "message" not in entry:
        return text
    said = f"{entry.get('level', '')}: {entry['message']}".strip(": ")
    return f"{said} ({entry['exception'].strip().splitlines()[-1]})" if entry.get("exception") else said


# Name, meaning, statistic, unit and factor to it, and whether the dimension VariantName belongs to it.
# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
_MEASURES = (
    ("ApproximateBacklogSize", "requests queued or in progress", "Maximum", "requests", 1.0, False),
    ("ApproximateAgeOfOldestRequest", "how long the oldest one has waited", "Maximum", "s", 1.0, False),
    ("HasBacklogWithoutCapacity", "1 while requests wait and no instance runs", "Maximum", "", 1.0, False),
    ("InvocationsProcessed", "requests answered", "Sum", "requests", 1.0, True),
    ("InvocationFailures", "requests that the model failed at", "Sum", "requests", 1.0, True),
    ("ExpiredRequests", "requests that waited too long and were dropped", "Sum", "requests", 1.0, True),
    ("NotificationFailures", "notifications that could not be sent", "Sum", "notifications", 1.0, True),
    ("TimeInBacklog", "time in the queue", "Average", "s", 1e-6, True),
    ("ModelLatency", "time in the model", "Average", "s", 1e-6, True),
)


def metrics(connection: Connection, minutes: float = 15) -> Listing[Measure]:
    """What CloudWatch measured of the endpoint in the last minutes (of this machine's clock), in plain words."""
    endpoint, now = connection.names.endpoint, dt.datetime.now(dt.UTC)
    queries = []
    for number, (name, _, statistic, _, _, variant) in enumerate(_MEASURES):
        dimensions = [{"Name": "EndpointName", "Value": endpoint}]
        if variant:
            dimensions.append({"Name": "VariantName", "Value": VARIANT})
        metric = {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}
        queries.append({"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}})
    values: dict[str, list[tuple[dt.datetime, float]]] = {}
    with explained("reading the endpoint's metrics", connection.target):
        pages = connection.client("cloudwatch").get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=now - dt.timedelta(minutes=minutes), EndTime=now
        )  # fmt: skip
        for page in pages:
            for result in page["MetricDataResults"]:
                values.setdefault(result["Id"], []).extend(zip(result["Timestamps"], result["Values"], strict=True))
    items = []
    for number, (name, meaning, statistic, unit, factor, _) in enumerate(_MEASURES):
        series = [value * factor for _, value in sorted(values.get(f"m{number}", ()))]
        total = sum(series) if statistic == "Sum" and series else None
        items.append(Measure(name, meaning, series[-1] if series else None, max(series, default=None), total, unit))
    rows = tuple(
        (item.meaning, _number(item.latest), _number(item.highest), _number(item.total), item.unit, item.name)
        for item in items
    )
    columns = ("What", "Latest minute", "Highest minute", "In total", "Unit", "CloudWatch's name")
    note = "A dash: no data. CloudWatch shows a minute's numbers when the minute is over."
    return Listing(f"The endpoint in the last {minutes:g} minutes", columns, tuple(items), rows, note=note)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


_STATES = {"OK": "quiet", "ALARM": "sounds", "INSUFFICIENT_DATA": "has no data yet"}


def alarms(connection: Connection) -> Listing[Alarm]:
    """The workshop's alarms, those that sound first, each with the reason that CloudWatch gives."""
    client, stack = connection.client("cloudwatch"), connection.settings.application_stack
    # Application Auto Scaling names the alarms of a target tracking policy itself.
    tracking = f"TargetTracking-endpoint/{connection.names.endpoint}/"
    kinds, found = ["MetricAlarm", "CompositeAlarm"], []
    with explained("listing alarms", connection.target):
        for prefix in (f"{stack}-", tracking):
            pages = list(client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, AlarmTypes=kinds))
            composite = [item for page in pages for item in page["CompositeAlarms"]]
            rules = " ".join(item["AlarmRule"] for item in composite)
            single = [item for page in pages for item in page["MetricAlarms"]]
            found += [_alarm(item, prefix, part=item["AlarmName"] in rules) for item in single]
            found += [_alarm(item, prefix) for item in composite]
    found.sort(key=lambda alarm: (alarm.state != "ALARM", alarm.scales or alarm.part, alarm.name))
    rows, states = [], []
    for alarm in found:
        said = _STATES.get(alarm.state, alarm.state)
        if alarm.scales:
            said += " (scales the endpoint)"
        if alarm.part:
            said += " (part of another alarm)"
        harmless = alarm.scales or alarm.part
        rows.append((alarm.name, said, alarm.reason, f"{alarm.since:%H:%M:%S} UTC", alarm.meaning))
        states.append("fail" if alarm.state == "ALARM" and not harmless else "ok" if alarm.state == "OK" else "")
    columns = ("Alarm", "State", "Why", "Since", "What it is for")
    return Listing("Alarms", columns, tuple(found), tuple(rows), tuple(states))


def _alarm(item: dict[str, Any], prefix: str, part: bool = False) -> Alarm:
    scales = any("scalingPolicy" in action for action in item.get("AlarmActions", ()))
    name = item["AlarmName"].removeprefix(prefix)
    if prefix.startswith("TargetTracking"):
        name = f"FollowBacklog {'high' if 'AlarmHigh' in name else 'low'}"
        meaning = "Follows the backlog of each instance, up and down."
    else:
        name = re.sub(r"[0-9A-F]{8}-\w+$", "", name)  # what CloudFormation adds to make it unique
        meaning = item.get("AlarmDescription", "")
    since = item["StateUpdatedTimestamp"].astimezone(dt.UTC)
    return Alarm(name, item["StateValue"], item.get("StateReason", ""), since, meaning, scales, part)
