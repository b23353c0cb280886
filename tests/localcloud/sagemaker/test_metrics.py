"""Gauges and request values ("Monitor asynchronous endpoint", SageMaker Developer Guide), with a client that notes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.sagemaker.metrics import Gauge, Metrics
from localcloud.sagemaker.requests import Backlog


class Notes:
    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        assert Namespace == "AWS/SageMaker"
        self.calls.append(MetricData)


def published(*gauges: Gauge, **values: float) -> dict[str, dict[str, Any]]:
    notes = Notes()
    metrics = Metrics(lambda: notes, Clock(60), lambda: list(gauges), lambda: None)
    if values:
        metrics.record("e", "AllTraffic", **values)
    metrics._publish()
    return {row["MetricName"]: row for call in notes.calls for row in call}


def test_backlog_without_an_instance() -> None:
    rows = published(Gauge("e", Backlog(queued=2, running=1, oldest=time.time() - 2), 0))
    assert {name: row["Value"] for name, row in rows.items() if "Age" not in name} == {
        "ApproximateBacklogSize": 3.0,
        "HasBacklogWithoutCapacity": 1.0,
    }
    assert 120 <= rows["ApproximateAgeOfOldestRequest"]["Value"] < 180  # two seconds here are 120 of the cloud's


def test_backlog_for_each_instance() -> None:
    rows = published(Gauge("e", Backlog(queued=2, running=1), 2))
    assert rows["ApproximateBacklogSizePerInstance"]["Value"] == 1.5
    assert rows["HasBacklogWithoutCapacity"]["Value"] == 0.0
    assert {tuple(d["Name"] for d in row["Dimensions"]) for row in rows.values()} == {("EndpointName",)}


def test_nothing_waits_and_nothing_runs() -> None:
    rows = published(Gauge("e", Backlog(), 0))
    assert rows["HasBacklogWithoutCapacity"]["Value"] == 0.0
    assert "ApproximateBacklogSizePerInstance" not in rows


def test_values_of_requests_keep_units_and_dimensions() -> None:
    rows = published(ModelLatency=1500.0, InvocationsProcessed=1)
    latency = rows["ModelLatency"]
    assert (latency["Values"], latency["Unit"]) == ([1500.0], "Microseconds")
    assert [d["Name"] for d in latency["Dimensions"]] == ["EndpointName", "VariantName"]


def test_metrics_that_asynchronous_endpoints_lack_are_refused() -> None:
    with pytest.raises(KeyError, match="Invocations is not a metric"):
        published(Invocations=1)


def test_many_endpoints_go_in_calls_that_cloudwatch_takes() -> None:
    notes = Notes()
    gauges = [Gauge(f"e{n}", Backlog(), 1) for n in range(300)]
    Metrics(lambda: notes, Clock(60), lambda: gauges, lambda: None)._publish()
    assert sum(map(len, notes.calls)) == 1200
    assert max(map(len, notes.calls)) <= 1000
