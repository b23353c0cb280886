"""Amazon CloudWatch: GetMetricData and metric math."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AmazonCloudWatch/latest/APIReference/API_"
MATH = "AmazonCloudWatch/latest/monitoring/using-metric-math.html"
RECORDED = "localstack:tests/aws/services/cloudwatch/test_cloudwatch.py::TestCloudwatch::"
MINUTE = dt.timedelta(minutes=1)


class Series:
    """The metrics ``a`` (1 2 3 4, a minute apart) and ``b`` (10 . 30 40) of a namespace."""

    def __init__(self, aws: Account) -> None:
        self.aws, self.namespace = aws, aws.name()
        moment = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
        self.start, self.end = moment - 10 * MINUTE, moment - 6 * MINUTE
        values = {"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, None, 30.0, 40.0]}
        data = [
            {"MetricName": name, "Value": value, "Timestamp": self.start + number * MINUTE}
            for name, series in values.items()
            for number, value in enumerate(series)
            if value is not None
        ]
        aws.client("cloudwatch").put_metric_data(Namespace=self.namespace, MetricData=data)
        wait_until(lambda: len(self.ask(self.query("b"))[0]["Values"]) == 3, 5 if aws.local else 180)

    def query(self, name: str, **settings: Any) -> dict[str, Any]:
        metric = {"Metric": {"Namespace": self.namespace, "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": name, "MetricStat": {**metric, **settings.pop("MetricStat", {})}, **settings}

    def ask(self, *queries: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self.answer(*queries, **settings)["MetricDataResults"]
        return results

    def answer(self, *queries: dict[str, Any], **settings: Any) -> dict[str, Any]:
        asked = {"StartTime": self.start, "EndTime": self.end, "ScanBy": "TimestampAscending", **settings}
        answer: dict[str, Any] = self.aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=list(queries), **{name: value for name, value in asked.items() if value is not None}
        )
        return answer

    def evaluate(self, expression: str) -> list[float]:
        """The values of ``expression`` in the order of time."""
        hidden = {"ReturnData": False}
        (found,) = self.ask(self.query("a", **hidden), self.query("b", **hidden), {"Id": "e", "Expression": expression})
        values: list[float] = found["Values"]
        return values


@behaviour("cloudwatch", "GetMetricData", "The expression {expression} gives {expected}", MATH)
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", [11, 33, 44]),
        ("a * 2 - 1", [1, 3, 5, 7]),
        ("-(b / a)", [-10, -10, -10]),
        ("a ^ 2", [1, 4, 9, 16]),
        ("a / (a - 1)", [2, 1.5, 4 / 3]),
        ("SUM([a, b])", [11, 2, 33, 44]),
        ("SUM(METRICS())", [11, 2, 33, 44]),
        ("MAX([a, b])", [10, 2, 30, 40]),
        ("MIN([a, b])", [1, 2, 3, 4]),
        ("AVG([a, b])", [5.5, 2, 16.5, 22]),
        ("a / SUM(a)", [0.1, 0.2, 0.3, 0.4]),
        ("a > 2", [0, 0, 1, 1]),
        ("a >= 2 && a < 4", [0, 1, 1, 0]),
        ("IF(a > 2, a, 0)", [0, 0, 3, 4]),
        ("IF(a > 2, b)", [30, 40]),
        ("FILL(b, 0)", [10, 0, 30, 40]),
        ("FILL(b, REPEAT)", [10, 10, 30, 40]),
        ("RATE(a)", [1 / 60] * 3),
        ("DIFF(a)", [1, 1, 1]),
        ("a * PERIOD(a)", [60, 120, 180, 240]),
        ("RUNNING_SUM(a)", [1, 3, 6, 10]),
        ("CEIL(a / 3)", [1, 1, 1, 2]),
        ("ABS(a - 3)", [2, 1, 0, 1]),
    ],
)
def test_expression(aws: Account, expression: str, expected: list[float]) -> None:
    assert Series(aws).evaluate(expression) == pytest.approx(expected)


@behaviour("cloudwatch", "GetMetricData", "The expression {expression} is refused", MATH)
@pytest.mark.parametrize("expression", ["a +", "a + nothing", "5", "SUM(a)", "NONSENSE(a)"])
def test_refused_expression(aws: Account, expression: str) -> None:
    series = Series(aws)
    with aws.refused("ValidationError"):
        series.evaluate(expression)


@behaviour("cloudwatch", "GetMetricData", "SEARCH and anomaly bands are refused", MATH, "refused")
@pytest.mark.parametrize("expression", ["SEARCH('{n} m', 'Sum', 60)", "ANOMALY_DETECTION_BAND(a, 2)"])
def test_expression_not_offered(aws: Account, expression: str) -> None:
    series = Series(aws)
    with aws.refused("ValidationError", "does not offer"):
        series.evaluate(expression)


@behaviour(
    "cloudwatch",
    "GetMetricData",
    "The newest values come first unless ScanBy says otherwise",
    RECORDED + "test_default_ordering",
)
def test_order(aws: Account) -> None:
    series = Series(aws)
    assert series.ask(series.query("a"), ScanBy=None)[0]["Values"] == [4, 3, 2, 1]
    (found,) = series.ask(series.query("a"))
    assert found["Values"] == [1, 2, 3, 4]
    assert found["Timestamps"][0] == series.start


@behaviour("cloudwatch", "GetMetricData", "MaxDatapoints makes pages", RECORDED + "test_get_metric_data_pagination")
def test_pages(aws: Account) -> None:
    series = Series(aws)
    first = series.answer(series.query("a"), series.query("b"), MaxDatapoints=5)
    assert [each["StatusCode"] for each in first["MetricDataResults"]] == ["Complete", "PartialData"]
    second = series.answer(series.query("a"), series.query("b"), MaxDatapoints=5, NextToken=first["NextToken"])
    assert [each["Values"] for each in second["MetricDataResults"]] == [[], [30, 40]]
    assert "NextToken" not in second


@behaviour(
    "cloudwatch",
    "GetMetricData",
    "A label tells queries of one metric apart",
    RECORDED + "test_get_metric_data_with_zero_and_labels",
)
def test_labels(aws: Account) -> None:
    series = Series(aws)
    maximum = {**series.query("a", MetricStat={"Stat": "Maximum"}), "Id": "other"}
    found = series.ask(series.query("a"), maximum, series.query("b", Label="mine"))
    assert [each["Label"] for each in found] == ["a Sum", "a Maximum", "mine"]


@behaviour(
    "cloudwatch",
    "GetMetricData",
    "A metric without data gives an empty result",
    RECORDED + "test_get_metric_with_no_results",
)
def test_nothing(aws: Account) -> None:
    series = Series(aws)
    (found,) = series.ask(series.query("nothing"))
    assert (found["Values"], found["Timestamps"], found["StatusCode"]) == ([], [], "Complete")


@behaviour("cloudwatch", "GetMetricData", "{what} is refused", API + "MetricDataQuery.html")
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("An id with a capital at its beginning", {"Id": "A"}),
        ("An id with a dash", {"Id": "a-b"}),
        ("A period of 7 s", {"MetricStat": {"Period": 7}}),
        ("The statistic Bogus", {"MetricStat": {"Stat": "Bogus"}}),
        ("An expression beside a metric", {"Expression": "1"}),
        ("A question that returns no data", {"ReturnData": False}),
    ],
)
def test_refused_query(aws: Account, what: str, changes: dict[str, Any]) -> None:
    assert what
    moment = dt.datetime.now(dt.UTC)
    metric = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    query = {"Id": "m", **changes, "MetricStat": {**metric, **changes.get("MetricStat", {})}}
    with aws.refused("ValidationError"):
        aws.client("cloudwatch").get_metric_data(MetricDataQueries=[query], StartTime=moment - MINUTE, EndTime=moment)


@behaviour(
    "cloudwatch",
    "GetMetricData",
    "Two queries with one id, and a start after the end, are refused",
    API + "GetMetricData.html",
)
def test_refused_request(aws: Account) -> None:
    series = Series(aws)
    with aws.refused("ValidationError"):
        series.ask(series.query("a"), series.query("a"))
    with aws.refused("ValidationError"):
        series.ask(series.query("a"), StartTime=series.end, EndTime=series.start)
    assert math.isfinite(series.ask(series.query("a"))[0]["Values"][0])


@behaviour(
    "cloudwatch",
    "GetMetricData",
    "Of several units without one in the query, the first by the alphabet is returned, with a message",
    RECORDED + "test_get_metric_data_different_units_no_unit_in_query",
)
def test_units(aws: Account) -> None:
    series = Series(aws)
    data = [
        {"MetricName": "u", "Timestamp": series.start, "Value": value, "Unit": unit}
        for value, unit in ((1.0, "Seconds"), (1000.0, "Milliseconds"))
    ]
    aws.client("cloudwatch").put_metric_data(Namespace=series.namespace, MetricData=data)
    wait_until(lambda: series.ask(series.query("u"))[0]["Values"] == [1000], 5 if aws.local else 180)
    (found,) = series.ask(series.query("u"))
    message = "Multiple units returned: '[Milliseconds, Seconds]'"
    assert found["Messages"] == [{"Code": "MultipleUnits", "Value": message}]
    assert series.ask(series.query("u", MetricStat={"Unit": "Seconds"}))[0]["Values"] == [1]
