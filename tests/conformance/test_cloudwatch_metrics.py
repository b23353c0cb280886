"""Amazon CloudWatch: measurements published, listed and asked for."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AmazonCloudWatch/latest/APIReference/API_"
RECORDED = "localstack:tests/aws/services/cloudwatch/test_cloudwatch.py::TestCloudwatch::"
ALL = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
MINUTE = dt.timedelta(minutes=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def put(aws: Account, namespace: str, *data: dict[str, Any]) -> None:
    """Publish; each datum is of the metric ``m`` unless it says otherwise."""
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", **d} for d in data])


def statistics(aws: Account, namespace: str, **settings: Any) -> list[dict[str, Any]]:
    """Datapoints of ``m`` in the last ten minutes, in the order of time."""
    moment = now()
    asked = {
        "MetricName": "m",
        "StartTime": moment - 10 * MINUTE,
        "EndTime": moment + 10 * MINUTE,
        "Period": 60,
        "Statistics": ALL,
        **settings,
    }
    if "ExtendedStatistics" in settings:
        del asked["Statistics"]
    found = aws.client("cloudwatch").get_metric_statistics(Namespace=namespace, **asked)["Datapoints"]
    return sorted(found, key=lambda each: each["Timestamp"])


def arrived(aws: Account, namespace: str, **settings: Any) -> list[dict[str, Any]]:
    """Like :func:`statistics`, when there are any."""
    found: list[dict[str, Any]] = wait_until(lambda: statistics(aws, namespace, **settings), 5 if aws.local else 180)
    return found


@behaviour(
    "cloudwatch",
    ("PutMetricData", "GetMetricStatistics"),
    "The statistics of ten values",
    RECORDED + "test_get_metric_statistics",
)
def test_statistics(aws: Account) -> None:
    namespace, moment = aws.name(), now()
    put(aws, namespace, *({"Value": float(i), "Timestamp": moment} for i in range(10)))
    (found,) = arrived(aws, namespace)
    expected = {"SampleCount": 10, "Average": 4.5, "Sum": 45, "Minimum": 0, "Maximum": 9, "Unit": "None"}
    assert {name: value for name, value in found.items() if name != "Timestamp"} == expected


@behaviour(
    "cloudwatch",
    ("PutMetricData", "GetMetricStatistics"),
    "Values with counts",
    RECORDED + "test_put_metric_data_values_list",
)
def test_values_and_counts(aws: Account) -> None:
    namespace = aws.name()
    put(aws, namespace, {"Values": [1.0, 10.0], "Counts": [2.0, 4.0], "Unit": "Count"})
    (found,) = arrived(aws, namespace)
    assert (found["SampleCount"], found["Sum"], found["Maximum"], found["Unit"]) == (6, 42, 10, "Count")


@behaviour(
    "cloudwatch",
    ("PutMetricData", "GetMetricStatistics"),
    "A statistic set keeps its four numbers",
    API + "StatisticSet.html",
)
def test_statistic_set(aws: Account) -> None:
    namespace = aws.name()
    put(aws, namespace, {"StatisticValues": {"SampleCount": 4.0, "Sum": 20.0, "Minimum": 1.0, "Maximum": 9.0}})
    (found,) = arrived(aws, namespace)
    assert [found[name] for name in ALL] == [4, 5, 20, 1, 9]


@behaviour("cloudwatch", "GetMetricStatistics", "Percentiles are ExtendedStatistics", API + "GetMetricStatistics.html")
def test_percentiles(aws: Account) -> None:
    namespace, moment = aws.name(), now()
    put(aws, namespace, *({"Value": float(i), "Timestamp": moment} for i in range(101)))
    (found,) = arrived(aws, namespace, ExtendedStatistics=["p50", "p99"])
    assert found["ExtendedStatistics"]["p50"] == pytest.approx(50, abs=1)
    assert found["ExtendedStatistics"]["p99"] == pytest.approx(99, abs=1)


@behaviour(
    "cloudwatch", "GetMetricStatistics", "Other units are other datapoints", RECORDED + "test_handle_different_units"
)
def test_units(aws: Account) -> None:
    namespace, moment = aws.name(), now()
    put(
        aws,
        namespace,
        {"Value": 5.0, "Unit": "Count", "Timestamp": moment},
        {"Value": 1.0, "Unit": "Seconds", "Timestamp": moment},
    )
    assert {each["Unit"]: each["Sum"] for each in arrived(aws, namespace)} == {"Count": 5, "Seconds": 1}
    assert [each["Sum"] for each in statistics(aws, namespace, Unit="Seconds")] == [1]


@behaviour(
    "cloudwatch",
    "GetMetricStatistics",
    "A metric is all of its dimensions",
    RECORDED + "test_get_metric_with_null_dimensions",
)
def test_dimensions(aws: Account) -> None:
    namespace = aws.name()
    put(aws, namespace, {"Value": 1.0, "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}]})
    both = [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}]
    assert len(arrived(aws, namespace, Dimensions=both)) == 1
    assert statistics(aws, namespace, Dimensions=both[:1]) == []
    assert statistics(aws, namespace) == []


@behaviour("cloudwatch", "PutMetricData", "{what} is refused with {code}", API + "MetricDatum.html")
@pytest.mark.parametrize(
    ("what", "datum", "code", "message"),
    [
        ("A measurement without a value", {}, "InvalidParameterCombination", "At least one of the parameters"),
        (
            "NaN",
            {"Value": math.nan},
            "InvalidParameterValue",
            "The value NaN for parameter MetricData.member.1.Value is",
        ),
        ("Infinity", {"Value": math.inf}, "InvalidParameterValue", "MetricData.member.1.Value"),
        ("A value of 2^361", {"Value": 2.0**361}, "InvalidParameterValue", "MetricData.member.1.Value"),
        (
            "Value beside Values",
            {"Value": 1.0, "Values": [1.0]},
            "InvalidParameterCombination",
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive",
        ),
        (
            "Value beside StatisticValues",
            {"Value": 1.0, "StatisticValues": {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}},
            "InvalidParameterCombination",
            "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive",
        ),
        (
            "Two values with one count",
            {"Values": [1.0, 2.0], "Counts": [1.0]},
            "InvalidParameterValue",
            "MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size",
        ),
        ("151 values", {"Values": [1.0] * 151}, "InvalidParameterValue", "150"),
        ("The unit Bogus", {"Value": 1.0, "Unit": "Bogus"}, "InvalidParameterValue", "Unit"),
        ("A resolution of 30 s", {"Value": 1.0, "StorageResolution": 30}, "InvalidParameterValue", "[ 1, 60 ]"),
        ("An event of 15 days ago", {"Value": 1.0, "Timestamp": -15 * 24}, "InvalidParameterValue", "two weeks"),
        ("An event in 3 hours", {"Value": 1.0, "Timestamp": 3}, "InvalidParameterValue", "two hours"),
        (
            "A dimension twice",
            {"Value": 1.0, "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "A", "Value": "2"}]},
            "InvalidParameterValue",
            "twice",
        ),
        (
            "A statistic set of no samples",
            {"StatisticValues": {"SampleCount": 0.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}},
            "InvalidParameterValue",
            "SampleCount",
        ),
    ],
)
def test_refused_data(aws: Account, what: str, datum: dict[str, Any], code: str, message: str) -> None:
    if "Timestamp" in datum:
        datum = {**datum, "Timestamp": now() + dt.timedelta(hours=datum["Timestamp"])}
    assert what
    with aws.refused(code, message):
        put(aws, aws.name(), datum)


@behaviour("cloudwatch", "PutMetricData", "{count} measurements in one call are refused", API + "PutMetricData.html")
@pytest.mark.parametrize("count", [0, 1001])
def test_refused_number(aws: Account, count: int) -> None:
    with aws.refused("InvalidParameterValue" if count else "MissingParameter"):
        put(aws, aws.name(), *({"Value": 1.0} for _ in range(count)))


@behaviour("cloudwatch", "PutMetricData", "A namespace that begins with AWS/ is refused", API + "PutMetricData.html")
def test_refused_namespace(aws: Account) -> None:
    with aws.refused("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid."):
        put(aws, "AWS/Mine", {"Value": 1.0})


@behaviour("cloudwatch", "PutMetricData", "31 dimensions, and an empty one, are refused", API + "Dimension.html")
def test_refused_dimensions(aws: Account) -> None:
    unchecked = aws.client("cloudwatch", config=Config(parameter_validation=False))
    for dimensions in ([{"Name": f"d{i}", "Value": "v"} for i in range(31)], [{"Name": "d", "Value": ""}]):
        with aws.refused("ValidationError", "Member must have length"):
            unchecked.put_metric_data(
                Namespace=aws.name(), MetricData=[{"MetricName": "m", "Value": 1.0, "Dimensions": dimensions}]
            )


@behaviour(
    "cloudwatch", "GetMetricStatistics", "{what} is refused with {code}", RECORDED + "test_invalid_amount_of_datapoints"
)
@pytest.mark.parametrize(
    ("what", "settings", "code", "message"),
    [
        (
            "A day by the second",
            {"StartTime": -24 * 60, "EndTime": 0, "Period": 1},
            "InvalidParameterCombination",
            "You have requested up to 86400 datapoints, which exceeds the limit of 1440.",
        ),
        (
            "A start after the end",
            {"StartTime": 60, "EndTime": 0},
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        ("A period of 7 s", {"Period": 7}, "InvalidParameterValue", "multiple of 60"),
        ("A question without a statistic", {"Statistics": None}, "MissingParameter", "ExtendedStatistics"),
    ],
)
def test_refused_statistics(aws: Account, what: str, settings: dict[str, Any], code: str, message: str) -> None:
    moment = now()
    asked: dict[str, Any] = {"StartTime": -10, "EndTime": 0, "Period": 60, "Statistics": ["Sum"], **settings}
    for name in ("StartTime", "EndTime"):
        asked[name] = moment + asked[name] * MINUTE
    asked = {name: value for name, value in asked.items() if value is not None}
    assert what
    with aws.refused(code, message):
        aws.client("cloudwatch").get_metric_statistics(Namespace="n", MetricName="m", **asked)


@behaviour(
    "cloudwatch",
    "ListMetrics",
    "Metrics are listed by namespace, name and dimensions",
    RECORDED + "test_list_metrics_with_filters",
)
def test_list(aws: Account) -> None:
    cloudwatch, namespace = aws.client("cloudwatch"), aws.name()
    for value in ("1", "2"):
        put(aws, namespace, {"Value": 1.0, "Dimensions": [{"Name": "A", "Value": value}]}, {"Value": 1.0})
    put(aws, namespace, {"MetricName": "other", "Value": 1.0})
    count = lambda **asked: len(cloudwatch.list_metrics(Namespace=namespace, **asked)["Metrics"])  # noqa: E731
    wait_until(lambda: count() == 4, 5 if aws.local else 180)
    assert count(MetricName="m") == 3
    assert count(Dimensions=[{"Name": "A"}]) == 2
    assert count(Dimensions=[{"Name": "A", "Value": "2"}]) == 1
    assert count(Dimensions=[{"Name": "B"}]) == 0


@behaviour("cloudwatch", "ListMetrics", "A page has 500 metrics", RECORDED + "test_list_metrics_pagination")
def test_list_pages(aws: Account) -> None:
    cloudwatch, namespace = aws.client("cloudwatch"), aws.name()
    data = [{"MetricName": f"m{i:04}", "Value": 1.0} for i in range(501)]
    put(aws, namespace, *data)
    pages = lambda: list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace))  # noqa: E731
    wait_until(lambda: [len(page["Metrics"]) for page in pages()] == [500, 1], 5 if aws.local else 180)


@behaviour(
    "cloudwatch",
    "GetMetricStatistics",
    "A queue has its number of visible messages",
    "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
)
def test_queue(aws: Account) -> None:
    url, arn = aws.queue()
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="a")
    found = wait_until(
        lambda: statistics(
            aws,
            "AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": arn.rpartition(":")[2]}],
        ),
        10 if aws.local else 900,
    )
    assert found[0]["Maximum"] == 1
