"""What was left behind by a run, and is part of its recording: metrics, log lines, stack events, alarms' histories."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from contract.names import endpoint_log_group
from helpers.operations.dead_letters import functions
from helpers.parity import forms
from helpers.parity.bench import Bench
from helpers.parity.lives import told

NAMESPACES = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
STATISTICS = ("Minimum", "Maximum", "Sum", "SampleCount")
LINES = 300
"""Log lines that are kept of a group."""
POINTS = 1440
"""Datapoints that GetMetricStatistics gives at most."""
CLOUDTRAIL_EVENTS = 500


def metrics(bench: Bench, since: dt.datetime) -> None:
    """Every metric of the workshop's endpoint, with dimensions, unit and values.

    Which ones AWS publishes, with which dimensions and units: "Monitor asynchronous endpoint"
    (async-inference-monitor).
    """
    cloudwatch, endpoint = bench.client("cloudwatch"), bench.connection.names.endpoint
    listed, until = [], dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    dimension = [{"Name": "EndpointName", "Value": endpoint}]
    for namespace in NAMESPACES:
        for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, Dimensions=dimension):
            listed += page["Metrics"]
    period = max(60, -(-int((until - since).total_seconds()) // POINTS // 60) * 60)
    facts = {}
    for metric in listed:
        points = cloudwatch.get_metric_statistics(
            Namespace=metric["Namespace"], MetricName=metric["MetricName"], Dimensions=metric["Dimensions"],
            StartTime=since, EndTime=until, Period=period, Statistics=list(STATISTICS),
        )["Datapoints"]  # fmt: skip
        names = ",".join(sorted(item["Name"] for item in metric["Dimensions"]))
        bench.recorder.write("metric", name=metric["MetricName"], dimensions=names, points=points)
        units = sorted({point["Unit"] for point in points})
        if metric["Namespace"] == NAMESPACES[0]:  # an instance's own come when it has run long enough to be measured
            facts[f"{metric['MetricName']}({names})"] = ", ".join(units)
        if metric["MetricName"] == "HasBacklogWithoutCapacity" and points:
            bench.fact("metric.without_capacity.highest", max(point["Maximum"] for point in points))
    for name, unit in sorted(facts.items()):
        bench.fact(f"metric.{name}", unit)
    bench.fact("metrics", sorted(facts))


def logs(bench: Bench, since: dt.datetime) -> None:
    """Lines of the endpoint and of both functions; what is compared is which streams there are, and what they name."""
    groups = {"endpoint": endpoint_log_group(bench.connection.names.endpoint)}
    groups |= {function.role: function.log_group for function in functions(bench.connection)}
    for role, group in groups.items():
        streams, named = set(), False
        for event in _lines(bench, group, since):
            stream = forms.plain(event["logStreamName"])
            bench.recorder.write("log", group=role, stream=stream, message=event["message"])
            streams.add(_stream(role, event["logStreamName"]))
            named = named or "inference" in event["message"].lower()
        if role == "endpoint":
            bench.fact("logs.endpoint.streams", sorted(streams))
            bench.fact("logs.endpoint.names_requests", named)
        else:
            bench.fact(f"logs.{role}.streams", sorted(streams)[:1])


def _stream(role: str, name: str) -> str:
    """``AllTraffic/<instance>/data-log`` and the like."""
    parts = name.split("/")
    if role == "endpoint":
        return "/".join([parts[0], "<instance>", *parts[2:]]) if len(parts) > 1 else "<variant>"
    return "/".join("9" * len(part) if part.isdigit() else "[version]<id>" for part in parts)


def _lines(bench: Bench, group: str, since: dt.datetime) -> Iterator[dict[str, Any]]:
    count, start = 0, int(since.timestamp() * 1000)
    with contextlib.suppress(ClientError):  # a group that nothing was written to is not there
        for page in bench.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start
        ):  # fmt: skip
            for event in page["events"]:
                count += 1
                if count > LINES:
                    return
                yield event


def stack_events(bench: Bench, stack: str) -> None:
    """What CloudFormation did for the CDK's CLI, whose calls nobody can hook into."""
    try:
        pages = bench.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        events = [event for page in pages for event in page["StackEvents"]]
    except ClientError:
        return
    for event in reversed(events):
        kept = {name: event.get(name) for name in ("LogicalResourceId", "ResourceType", "ResourceStatus", "Timestamp")}
        bench.recorder.write("event", source="stack", event={**kept, "Reason": event.get("ResourceStatusReason", "")})
    bench.recorder.write("note", text=f"{len(told(events, stack))} events of a stack")


def activities(bench: Bench) -> None:
    """Every scaling activity of the endpoint."""
    for item in bench.activities():
        bench.recorder.write("event", source="activity", event=item)


def cloudtrail(bench: Bench, since: dt.datetime) -> str:
    """Management events of the account since then, which hold the calls of the CDK's CLI; what came of it, in words.

    AWS CloudTrail User Guide, "Viewing recent management events": the last 90 days, some minutes late, the calls that
    write among them. Best effort: the local cloud has no CloudTrail, and a role may not be allowed to look.
    """
    count = 0
    try:
        pages = bench.client("cloudtrail").get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}], StartTime=since
        )  # fmt: skip
        for page in pages:
            for event in page["Events"]:
                kept = {name: event.get(name) for name in ("EventName", "EventSource", "EventTime")}
                bench.recorder.write("event", source="cloudtrail", event=kept)
                count += 1
            if count >= CLOUDTRAIL_EVENTS:
                break
    except ClientError as error:
        return f"CloudTrail could not be read: {error.response['Error'].get('Code')}"
    return f"{count} events of CloudTrail"
