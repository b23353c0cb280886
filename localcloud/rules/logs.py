"""Amazon CloudWatch Logs: what a request must say."""

from __future__ import annotations

import re
from typing import Any

from localcloud.cloudwatch.patterns import InvalidPatternError, parse
from localcloud.cloudwatch.statistics import UNITS
from localcloud.rules import Call, rule
from localcloud.services import ServiceError

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
_EVENT_OVERHEAD = 26
_MOST_BYTES = 1_048_576
_DAY = 86_400_000
_MOST_DIMENSIONS = 3


def invalid(message: str) -> ServiceError:
    """CloudWatch Logs' error for nearly everything that a caller does wrong."""
    return ServiceError("InvalidParameterException", message)


@rule("logs", "CreateLogGroup")
def log_group(call: Call) -> None:
    """What a log group cannot have here; names are in the service model.

    AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html; there is no KMS in this cloud.
    """
    if call.parameters["logGroupName"].startswith("aws/"):
        raise invalid("Log groups starting with AWS/ are reserved for AWS.")
    if call.parameters.get("kmsKeyId"):
        raise invalid("The specified KMS Key Id could not be found.")
    if call.parameters.get("deletionProtectionEnabled"):
        raise invalid("deletionProtectionEnabled is not offered by the local cloud")


@rule("logs", "PutRetentionPolicy")
def retention(call: Call) -> None:
    """Only some numbers of days (AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)."""
    days = call.parameters["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(map(str, RETENTION_DAYS))}]"
        )


@rule("logs", "PutLogEvents")
def log_events(call: Call) -> None:
    """A batch's order, span and size (AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)."""
    stamps = [event["timestamp"] for event in call.parameters["logEvents"]]
    if stamps != sorted(stamps):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if stamps[-1] - stamps[0] > _DAY:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    sizes = [len(event["message"].encode()) + _EVENT_OVERHEAD for event in call.parameters["logEvents"]]
    if max(sizes) > _MOST_BYTES:
        raise invalid(f"Log event too large: {max(sizes)} bytes exceeds limit of {_MOST_BYTES}")
    if sum(sizes) > _MOST_BYTES:
        raise invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of {_MOST_BYTES}")


@rule("logs", "FilterLogEvents", "PutSubscriptionFilter", "PutMetricFilter", "TestMetricFilter")
def filter_pattern(call: Call) -> None:
    """A pattern must be one (AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html)."""
    try:
        parse(call.parameters.get("filterPattern", ""))
    except InvalidPatternError as error:
        raise invalid(str(error)) from None


@rule("logs", "FilterLogEvents")
def searched_streams(call: Call) -> None:
    """Names or a prefix, not both (AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html)."""
    if "logStreamNames" in call.parameters and "logStreamNamePrefix" in call.parameters:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")


@rule("logs", "PutMetricFilter")
def metric_transformation(call: Call) -> None:
    """Value, dimensions and default of a metric filter must fit its pattern.

    AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html. The texts are quoted in
    hashicorp/terraform-provider-aws#28881, aws-cloudformation/cfn-lint#1525 and getmoto/moto.
    """
    for name in ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions"):
        if call.parameters.get(name):
            raise invalid(f"{name} is not offered by the local cloud")
    pattern = parse(call.parameters["filterPattern"])
    for transformation in call.parameters["metricTransformations"]:
        if transformation.get("unit", "None") not in UNITS:
            raise invalid(f"The unit {transformation['unit']} must be one of {', '.join(UNITS)}.")
        value = transformation["metricValue"]
        if not _is_number(value) and not (value.startswith("$") and pattern.has(value)):
            raise invalid(f"Invalid metric transformation: '{value}' is not a valid metric value.")
        dimensions: dict[str, Any] = transformation.get("dimensions") or {}
        if not dimensions:
            continue
        if "defaultValue" in transformation:
            raise invalid("Invalid metric transformation: dimensions and default value are mutually exclusive.")
        if not pattern.structured:
            raise invalid("The specified filter pattern does not support dimensions")
        if len(dimensions) > _MOST_DIMENSIONS:
            raise invalid(f"A metric filter can have at most {_MOST_DIMENSIONS} dimensions.")
        for selector in dimensions.values():
            if not pattern.has(selector):
                raise invalid(f"Invalid metric transformation: dimension value '{selector}' is not in the pattern.")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None


@rule("logs", "DescribeLogGroups")
def one_search(call: Call) -> None:
    """A prefix or a pattern (AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html)."""
    if "logGroupNamePrefix" in call.parameters and "logGroupNamePattern" in call.parameters:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")


@rule("logs", "DescribeLogStreams")
def stream_order(call: Call) -> None:
    """No prefix with order by time (AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html)."""
    if call.parameters.get("orderBy") == "LastEventTime" and "logStreamNamePrefix" in call.parameters:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")


@rule("logs", "StartLiveTail")
def live_tail(call: Call) -> None:
    """Its host name (streaming-logs.…) has no address here, so no client could reach it."""
    raise ServiceError(
        "InvalidOperationException", "The local cloud does not offer StartLiveTail: use FilterLogEvents."
    )
