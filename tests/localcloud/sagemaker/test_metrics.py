"""Gauges and request values ("Monitor asynchronous endpoint", SageMaker Developer Guide), noted instead of stored."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.sagemaker.metrics import Gauge, Metrics
from localcloud.sagemaker.requests import Backlog


class Notes:
    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []

    def put(self, namespace: str, data: list[dict[str, Any]]) -> None:
        assert namespace in ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
        self.calls.append(data)


def published(*gauges: Gauge, **values: float) -> dict[str, dict[str, Any]]:
    notes = Notes()
    metrics = Metrics(notes.put, Clock(60), lambda: list(gauges), lambda: None)
    if values:
        metrics.record("e", "AllTraffic", **values)
    metrics._publish()
    return {row["MetricName"]: row for call in notes.calls for row in call}


def test_backlog_without_an_instance() -> None:
    rows = published(Gauge("e", Backlog(queued=2, running=1, oldest=time.time() - 2), 0))
    assert {name: row["Value"] for name, row in rows.items() if "Age" not in name} == {
        "ApproximateBacklogSize": 3.0,
        "ApproximateBacklogSizePerInstance": 3.0,  # as of one instance: above the target, target tracking wakes it
        "HasBacklogWithoutCapacity": 1.0,
    }
    assert 2 <= rows["ApproximateAgeOfOldestRequest"]["Value"] < 3  # by the clock of TimeInBacklog and of timestamps


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
    Metrics(notes.put, Clock(60), lambda: gauges, lambda: None)._publish()
    assert sum(map(len, notes.calls)) == 1200
    assert max(map(len, notes.calls)) <= 1000


def test_each_instance_gives_its_own_cpu_and_memory() -> None:
    notes = Notes()
    gauges = [Gauge("e", Backlog(), 2, "blue", (os.getpid(), os.getppid()))]
    metrics = Metrics(notes.put, Clock(60), lambda: gauges, lambda: None)
    metrics._publish()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    metrics._publish()
    rows = {row["MetricName"]: row for row in notes.calls[-1]}
    assert set(rows) == {"CPUUtilization", "MemoryUtilization"}
    for row in rows.values():
        assert (len(row["Values"]), row["Unit"]) == (2, "Percent")
        assert {d["Name"]: d["Value"] for d in row["Dimensions"]} == {"EndpointName": "e", "VariantName": "blue"}
    assert 10 < rows["CPUUtilization"]["Values"][0] <= 130
    assert 0 < rows["MemoryUtilization"]["Values"][0] < 100


def test_a_process_that_is_gone_gives_no_utilization() -> None:
    assert "CPUUtilization" not in published(Gauge("e", Backlog(), 1, "blue", (2**22 + 1,)))
