"""An endpoint that sleeps at zero, wakes by the step policy, grows by target tracking, and goes back to sleep.

SageMaker Developer Guide, "Autoscale an asynchronous endpoint", with the two policies that it gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

World = Any
NAMESPACE = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def eventually(check: Callable[[], Any], timeout: float, what: str) -> Any:
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s; last value {value!r}"
        time.sleep(0.1)


def put_policies(world: World, endpoint: str, *, target: float, maximum: int) -> str:
    """Both policies and the alarm of the step policy; returns the resource id."""
    scaling, resource = world.client("application-autoscaling"), f"endpoint/{endpoint}/variant/AllTraffic"
    scaling.register_scalable_target(**NAMESPACE, ResourceId=resource, MinCapacity=0, MaxCapacity=maximum)
    scaling.put_scaling_policy(
        **NAMESPACE,
        ResourceId=resource,
        PolicyName="FollowBacklog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": target,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": 300,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Statistic": "Average",
            },
        },
    )
    step = scaling.put_scaling_policy(
        **NAMESPACE,
        ResourceId=resource,
        PolicyName="WakeFromZero",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    world.client("cloudwatch").put_metric_alarm(
        AlarmName=f"wake-{endpoint}",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[step["PolicyARN"]],
    )
    return resource


def count(world: World, endpoint: str) -> int:
    value: int = world.describe(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"]
    return value


def test_from_one_to_zero_to_many_and_back(world: World) -> None:
    world.create_endpoint("sleeper")
    assert world.settled("sleeper")["EndpointStatus"] == "InService"
    resource = put_policies(world, "sleeper", target=2, maximum=3)
    eventually(lambda: count(world, "sleeper") == 0, 30, "sleeping at zero instances")
    assert world.pids("sleeper") == []

    first = world.invoke("sleeper", {"n": 1})
    assert world.notice(first["InferenceId"], timeout=30)["invocationStatus"] == "Completed"
    answers = [world.invoke("sleeper", {"n": n, "sleep": 0.5}) for n in range(16)]
    eventually(lambda: count(world, "sleeper") == 3, 30, "three instances")
    assert len(set(world.pids("sleeper"))) == 3
    for answer in answers:
        assert world.notice(answer["InferenceId"], timeout=30)["invocationStatus"] == "Completed"
    eventually(lambda: count(world, "sleeper") == 0, 40, "sleeping again")

    scaling = world.client("application-autoscaling")
    wanted = {"ServiceNamespace": "sagemaker", "ResourceId": resource}

    def finished() -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = scaling.describe_scaling_activities(**wanted)["ScalingActivities"]
        return None if any(row["StatusCode"] == "InProgress" for row in rows) else rows

    activities = eventually(finished, 10, "finished activities")
    oldest, second = activities[-1], activities[-2]
    assert oldest["Description"] == "Setting desired instance count to 0."
    assert oldest["StatusMessage"] == (
        "Successfully set desired instance count to 0. Change successfully fulfilled by sagemaker."
    )
    assert "-AlarmLow-" in oldest["Cause"]
    assert second["Cause"] == "monitor alarm wake-sleeper in state ALARM triggered policy WakeFromZero"
    assert {row["StatusCode"] for row in activities} == {"Successful"}
    assert all(row["EndTime"] >= row["StartTime"] for row in activities)
    policies = scaling.describe_scaling_policies(**wanted)["ScalingPolicies"]
    alarms = [alarm["AlarmName"] for row in policies for alarm in row["Alarms"]]
    assert any(name.startswith(f"TargetTracking-{resource}-AlarmHigh-") for name in alarms)
    assert "wake-sleeper" in alarms

    scaling.deregister_scalable_target(**NAMESPACE, ResourceId=resource)
    left = world.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert not [alarm for alarm in left if alarm["AlarmName"].startswith(f"TargetTracking-{resource}")]
    with pytest.raises(ClientError, match="No scalable target found for service namespace: sagemaker"):
        scaling.deregister_scalable_target(**NAMESPACE, ResourceId=resource)
