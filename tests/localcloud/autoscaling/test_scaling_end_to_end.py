"""An endpoint that sleeps at zero, wakes by either policy, grows by target tracking, and goes back to sleep.

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


def put_policies(world: World, endpoint: str, *, target: float, maximum: int, step: bool = True) -> str:
    """Target tracking and, unless told otherwise, the step policy with its alarm; returns the resource id."""
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
    if step:
        put_step_policy(world, endpoint, resource)
    return resource


def put_step_policy(world: World, endpoint: str, resource: str) -> None:
    """The optional policy that starts an instance as soon as something waits."""
    step = world.client("application-autoscaling").put_scaling_policy(
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


def test_without_the_step_policy_requests_wait_until_they_exceed_the_target(world: World) -> None:
    """SageMaker Developer Guide, "Autoscale an asynchronous endpoint": without the optional policy, the endpoint starts
    to scale up from zero only after the number of requests in the queue exceeds the target value."""
    world.create_endpoint("patient")
    world.settled("patient")
    resource = put_policies(world, "patient", target=2, maximum=3, step=False)
    eventually(lambda: count(world, "patient") == 0, 30, "sleeping at zero instances")
    answers = [world.invoke("patient", {"n": n}) for n in range(2)]
    scaling, cloudwatch = world.client("application-autoscaling"), world.client("cloudwatch")

    def activities() -> list[dict[str, Any]]:
        rows = scaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=resource)
        return list(rows["ScalingActivities"])

    def high() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNamePrefix=f"TargetTracking-{resource}-AlarmHigh-")["MetricAlarms"]
        return str(alarm["StateValue"])

    before = len(activities())
    eventually(lambda: high() == "OK", 10, "measurements at zero instances")
    time.sleep(2)  # twenty minutes of the cloud
    assert (count(world, "patient"), len(activities()), high()) == (0, before, "OK")
    answers.append(world.invoke("patient", {"n": 2}))
    for answer in answers:
        assert world.notice(answer["InferenceId"], timeout=30)["invocationStatus"] == "Completed"
    woken = activities()[-1 - before]
    assert woken["Description"] == "Setting desired instance count to 2."  # three requests, two for each
    assert "-AlarmHigh-" in woken["Cause"]
    assert woken["Cause"].endswith("in state ALARM triggered policy FollowBacklog")
    world.client("sagemaker").delete_endpoint(EndpointName="patient")
