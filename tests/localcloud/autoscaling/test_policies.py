"""The arithmetic of "How step scaling works" and "How target tracking works" (Application Auto Scaling User Guide)."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.autoscaling.policies import PolicyError, check_steps, clamp, step_capacity, tracking_capacity
from localcloud.autoscaling.tracking_alarms import wanted

GUIDE = {
    "AdjustmentType": "PercentChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 0},
        {"MetricIntervalLowerBound": 10, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 10},
        {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 30},
    ],
}
"""The guide's example: threshold 50, capacity 10."""


@pytest.mark.parametrize(("metric", "capacity"), [(50, 10), (59.9, 10), (60, 11), (69, 11), (70, 13), (500, 13)])
def test_the_guide_s_scale_out_table(metric: float, capacity: int) -> None:
    assert step_capacity(GUIDE, 10, metric, 50) == capacity


@pytest.mark.parametrize(("metric", "capacity"), [(50, 10), (41, 10), (40, 9), (31, 9), (30, 7), (0, 7)])
def test_the_guide_s_scale_in_table(metric: float, capacity: int) -> None:
    steps = {
        "AdjustmentType": "PercentChangeInCapacity",
        "StepAdjustments": [
            {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": 0},
            {"MetricIntervalLowerBound": -20, "MetricIntervalUpperBound": -10, "ScalingAdjustment": -10},
            {"MetricIntervalUpperBound": -20, "ScalingAdjustment": -30},
        ],
    }
    assert step_capacity(steps, 10, metric, 50) == capacity


def test_one_more_at_the_threshold_itself() -> None:
    """The step that wakes an endpoint: HasBacklogWithoutCapacity is 1, and so is the threshold."""
    wake = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    assert step_capacity(wake, 0, 1, 1) == 1


@pytest.mark.parametrize(
    ("kind", "adjustment", "least", "capacity"),
    [
        ("ExactCapacity", 4, 0, 4),
        ("ChangeInCapacity", -5, 0, 0),
        ("PercentChangeInCapacity", 127, 0, 4),  # 2 + 2.54, rounded down
        ("PercentChangeInCapacity", 10, 0, 3),  # 0.2, rounded up to 1
        ("PercentChangeInCapacity", -10, 0, 1),
        ("PercentChangeInCapacity", 10, 2, 4),  # MinAdjustmentMagnitude
    ],
)
def test_adjustments(kind: str, adjustment: int, least: int, capacity: int) -> None:
    policy = {
        "AdjustmentType": kind,
        "MinAdjustmentMagnitude": least,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}],
    }
    assert step_capacity(policy, 2, 10, 5) == capacity


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "at least one"),
        ([{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}, {"ScalingAdjustment": 1}], "overlap"),
        (
            [
                {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 1, "ScalingAdjustment": 1},
                {"MetricIntervalLowerBound": 2, "ScalingAdjustment": 2},
            ],
            "gap",
        ),
        ([{"MetricIntervalLowerBound": 3, "MetricIntervalUpperBound": 3, "ScalingAdjustment": 1}], "smaller"),
    ],
)
def test_steps_that_are_refused(steps: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        check_steps({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps})


@pytest.mark.parametrize(
    ("base", "metric", "capacity"),
    [(1, 12, 3), (2, 5, 2), (3, 5.0, 3), (2, 4.4, 2), (4, 1, 1), (1, 0, 0), (0, 0, 0), (3, 5.1, 4)],
)
def test_tracking_five_for_each_instance(base: int, metric: float, capacity: int) -> None:
    assert tracking_capacity(5, base, metric) == capacity


def test_bounds() -> None:
    assert [clamp(n, 1, 3) for n in (0, 2, 9)] == [1, 2, 3]


def test_alarms_of_a_tracking_policy() -> None:
    resource = "endpoint/e/variant/AllTraffic"
    policy = {
        "ResourceId": resource,
        "PolicyARN": "arn:policy",
        "AlarmIds": {"High": "h", "Low": "l", "Action": "a"},
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Statistic": "Average",
                "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
            },
        },
    }
    high, low = wanted(policy)
    assert high["AlarmName"] == f"TargetTracking-{resource}-AlarmHigh-h"
    assert low["AlarmName"] == f"TargetTracking-{resource}-AlarmLow-l"
    assert high["AlarmDescription"] == "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy arn:policy."
    keys = ("ComparisonOperator", "Threshold", "EvaluationPeriods", "Period")
    assert [high[key] for key in keys] == ["GreaterThanThreshold", 5.0, 3, 60]
    assert [low[key] for key in keys] == ["LessThanThreshold", 4.5, 15, 60]
    assert high["Dimensions"] == low["Dimensions"] == [{"Name": "EndpointName", "Value": "e"}]
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    assert isinstance(settings, dict)
    settings["DisableScaleIn"] = True
    assert [alarm["AlarmName"] for alarm in wanted(policy)] == [high["AlarmName"]]
