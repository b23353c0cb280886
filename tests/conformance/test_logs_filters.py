"""Amazon CloudWatch Logs: metric filters and subscription filters."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.logs import filled, write
from tests.localcloud.conftest import wait_until

API = "AmazonCloudWatchLogs/latest/APIReference/API_"
GUIDE = "AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html"
RECORDED = "localstack:tests/aws/services/logs/test_logs_metric_filters.py::TestMetricFilters"
SUBSCRIPTIONS = "localstack:tests/aws/services/logs/test_logs_subscription_filters.py::"

FORWARD = """
import boto3, json
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=json.dumps(event))
"""


def put(aws: Account, group: str, pattern: str, **transformation: Any) -> str:
    """A metric filter of ``group``; the metric's namespace."""
    namespace = aws.name("namespace")
    given = {"metricName": "matches", "metricNamespace": namespace, "metricValue": "1", **transformation}
    aws.client("logs").put_metric_filter(
        logGroupName=group, filterName="filter", filterPattern=pattern, metricTransformations=[given]
    )
    return namespace


def measured(aws: Account, namespace: str, **dimensions: str) -> dict[str, float]:
    """Sum and number of what a metric filter measured."""
    now = dt.datetime.now(dt.UTC)
    datapoints = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="matches",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - dt.timedelta(hours=1),
        EndTime=now + dt.timedelta(hours=1),
        Period=3600 * 3,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return {name: sum(each[name] for each in datapoints) for name in ("Sum", "SampleCount")}


@behaviour("logs", "PutMetricFilter", "A metric filter publishes its value for each event that matches", GUIDE)
def test_counts(aws: Account) -> None:
    name = filled(aws)
    namespace = put(aws, name, "ERROR", metricValue="2")
    write(aws, name, "an ERROR", "fine", "ERROR again")
    wait_until(lambda: measured(aws, namespace)["Sum"] == 4, 5 if aws.local else 180)


@behaviour("logs", "PutMetricFilter", "metricValue may be a field of the event: $.latency", GUIDE)
def test_value_of_event(aws: Account) -> None:
    name = filled(aws)
    namespace = put(aws, name, "{ $.latency = * }", metricValue="$.latency")
    write(aws, name, '{"latency": 12.5}', '{"latency": "none"}', '{"other": 1}', '{"latency": 7.5}')
    wait_until(lambda: measured(aws, namespace) == {"Sum": 20, "SampleCount": 2}, 5 if aws.local else 180)


@behaviour("logs", "PutMetricFilter", "metricValue may be a field of a space-delimited event: $bytes", GUIDE)
def test_value_of_field(aws: Account) -> None:
    name = filled(aws)
    namespace = put(aws, name, "[ip, ..., status=2*, bytes]", metricValue="$bytes")
    write(aws, name, "10.0.0.1 GET 200 512", "10.0.0.1 GET 404 99", "10.0.0.2 PUT 201 88")
    wait_until(lambda: measured(aws, namespace)["Sum"] == 600, 5 if aws.local else 180)


@behaviour("logs", "PutMetricFilter", "Dimensions take their values from the event", GUIDE)
def test_dimensions(aws: Account) -> None:
    name = filled(aws)
    namespace = put(aws, name, "{ $.status = * }", dimensions={"Status": "$.status"})
    write(aws, name, '{"status": "ok"}', '{"status": "bad"}', '{"status": "ok"}')
    wait_until(lambda: measured(aws, namespace, Status="ok")["Sum"] == 2, 5 if aws.local else 180)
    assert measured(aws, namespace, Status="bad")["Sum"] == 1
    assert measured(aws, namespace)["Sum"] == 0


@behaviour("logs", "PutMetricFilter", "The default value is published when events come in and none matches", GUIDE)
def test_default(aws: Account) -> None:
    name = filled(aws)
    namespace = put(aws, name, "ERROR", defaultValue=0)
    write(aws, name, "fine")
    wait_until(lambda: measured(aws, namespace)["SampleCount"] == 1, 5 if aws.local else 180)
    assert measured(aws, namespace)["Sum"] == 0


@behaviour("logs", "PutMetricFilter", "A filter is not applied to events that were there before", GUIDE)
def test_not_retroactive(aws: Account) -> None:
    name = filled(aws, "ERROR")
    namespace = put(aws, name, "ERROR")
    assert measured(aws, namespace)["SampleCount"] == 0


@behaviour("logs", "PutMetricFilter", "Dimensions on a pattern of terms are refused", API + "PutMetricFilter.html")
def test_dimensions_of_terms(aws: Account) -> None:
    name = filled(aws)
    with aws.refused("InvalidParameterException", "The specified filter pattern does not support dimensions"):
        put(aws, name, "ERROR", dimensions={"Level": "$level"})


@behaviour(
    "logs", "PutMetricFilter", "Dimensions and a default value exclude each other", API + "MetricTransformation.html"
)
def test_dimensions_and_default(aws: Account) -> None:
    name = filled(aws)
    with aws.refused("InvalidParameterException", "dimensions and default value are mutually exclusive"):
        put(aws, name, "{ $.a = * }", dimensions={"A": "$.a"}, defaultValue=0)


@behaviour(
    "logs",
    "PutMetricFilter",
    "The metric value {value} of a pattern without such a field is refused",
    API + "MetricTransformation.html",
)
@pytest.mark.parametrize("value", ["length", "$length", "$.length"])
def test_bad_value(aws: Account, value: str) -> None:
    name = filled(aws)
    with aws.refused("InvalidParameterException", "Invalid metric transformation"):
        put(aws, name, "ERROR", metricValue=value)


@behaviour("logs", "PutMetricFilter", "A malformed pattern is refused", API + "PutMetricFilter.html")
def test_bad_pattern(aws: Account) -> None:
    name = filled(aws)
    with aws.refused("InvalidParameterException", "it must end with '}'"):
        put(aws, name, "{ $.a = 1")


@behaviour(
    "logs",
    "PutMetricFilter",
    "A namespace may have : and #",
    RECORDED + "::test_put_metric_filter_with_special_namespace",
)
def test_special_namespace(aws: Account) -> None:
    put(aws, filled(aws), "a", metricNamespace="A.B-c_d/1#2:metricNamespace")


@behaviour(
    "logs",
    "PutMetricFilter",
    "A metric filter has one transformation",
    RECORDED + "Validation::test_put_metric_filter_too_many_transformations",
)
def test_two_transformations(aws: Account) -> None:
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    with aws.refused("InvalidParameterException", "Member must have length less than or equal to 1"):
        aws.client("logs").put_metric_filter(
            logGroupName=filled(aws), filterName="f", filterPattern="", metricTransformations=[metric, metric]
        )


@behaviour(
    "logs",
    ("DescribeMetricFilters", "DeleteMetricFilter"),
    "Filters are found by group, prefix and metric, until deleted",
    RECORDED + "::test_describe_metric_filters_by_prefix",
)
def test_described(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    namespace = put(aws, name, "ERROR", defaultValue=1)
    by_group = logs.describe_metric_filters(logGroupName=name, filterNamePrefix="fil")["metricFilters"]
    assert by_group == logs.describe_metric_filters(metricName="matches", metricNamespace=namespace)["metricFilters"]
    assert (by_group[0]["filterPattern"], by_group[0]["applyOnTransformedLogs"]) == ("ERROR", False)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName=name, filterName="filter")
    assert logs.describe_metric_filters(logGroupName=name)["metricFilters"] == []
    with aws.refused("ResourceNotFoundException"):
        logs.delete_metric_filter(logGroupName=name, filterName="filter")


@behaviour(
    "logs",
    ("PutSubscriptionFilter", "DescribeSubscriptionFilters", "DeleteSubscriptionFilter"),
    "A function gets the matching events, gzipped and in base64",
    "AmazonCloudWatch/latest/logs/SubscriptionFilters.html",
)
def test_subscription(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    url, arn = aws.queue()
    send = {"Effect": "Allow", "Action": ["sqs:SendMessage", "logs:*"], "Resource": "*"}
    function = aws.function(FORWARD.format(url=url), Role=aws.role("lambda.amazonaws.com", send))
    assert arn
    aws.client("lambda").add_permission(
        FunctionName=function, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    logs.put_subscription_filter(
        logGroupName=name, filterName="to", filterPattern='{ $.level = "ERROR" }', destinationArn=function
    )
    assert logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"][0]["destinationArn"] == function
    write(aws, name, '{"level": "INFO"}', '{"level": "ERROR"}')
    event = json.loads(aws.receive(url)["Body"])
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    assert (data["messageType"], data["owner"], data["logGroup"]) == ("DATA_MESSAGE", aws.account, name)
    assert (data["logStream"], data["subscriptionFilters"]) == ("stream", ["to"])
    assert [json.loads(each["message"])["level"] for each in data["logEvents"]] == ["ERROR"]
    logs.delete_subscription_filter(logGroupName=name, filterName="to")
    with aws.refused("ResourceNotFoundException", "The specified subscription filter does not exist."):
        logs.delete_subscription_filter(logGroupName=name, filterName="to")


@behaviour(
    "logs",
    "PutSubscriptionFilter",
    "A function that is not there, or does not permit it, is refused",
    API + "PutSubscriptionFilter.html",
)
def test_subscription_without_permission(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    missing = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{aws.name()}"
    for function in (missing, aws.function("def handler(event, context): pass")):
        with aws.refused("InvalidParameterException", "Could not execute the lambda function"):
            logs.put_subscription_filter(logGroupName=name, filterName="to", filterPattern="", destinationArn=function)


@behaviour(
    "logs",
    "PutSubscriptionFilter",
    "A function of another account is refused",
    SUBSCRIPTIONS + "TestSubscriptionFilterUpdates::test_put_subscription_filter_errors",
)
def test_subscription_of_another_account(aws: Account) -> None:
    with aws.refused("AccessDeniedException", "Cross-account lambda invocation passing is not allowed."):
        aws.client("logs").put_subscription_filter(
            logGroupName=filled(aws),
            filterName="to",
            filterPattern="",
            destinationArn="arn:aws:lambda:us-east-1:123456789012:function:test",
        )


@behaviour(
    "logs",
    "PutSubscriptionFilter",
    "A stream needs a role",
    SUBSCRIPTIONS + "TestSubscriptionFilterUpdates::test_put_subscription_filter_errors",
)
def test_subscription_of_a_stream(aws: Account) -> None:
    with aws.refused("InvalidParameterException", "destinationArn for vendor kinesis cannot be used without roleArn"):
        aws.client("logs").put_subscription_filter(
            logGroupName=filled(aws),
            filterName="to",
            filterPattern="",
            destinationArn="arn:aws:kinesis:us-east-1:123456789012:stream/unknown-stream",
        )
