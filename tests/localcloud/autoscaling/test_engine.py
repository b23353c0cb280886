"""Cooldowns, bounds and activities, on a stopped clock with an endpoint that does as it is told.

Application Auto Scaling User Guide, "Step scaling policies" and "Target tracking scaling policies", Cooldown period.
"""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.autoscaling.service import ApplicationAutoScaling
from localcloud.clock import Clock
from localcloud.cloud import Cloud
from localcloud.services import ServiceError

RESOURCE = "endpoint/e/variant/AllTraffic"
NAMES = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    "ResourceId": RESOURCE,
}


class FakeSageMaker:
    """One endpoint; scaling is over at once unless ``status`` says otherwise."""

    def __init__(self) -> None:
        self.count, self.status, self.refusal, self.type = 1, "InService", "", "ml.m5.large"

    def describe_endpoint(self, **names: str) -> dict[str, Any]:
        if names["EndpointName"] != "e":
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find endpoint"}}, "x")
        variant = {"VariantName": "AllTraffic", "DesiredInstanceCount": self.count, "CurrentInstanceCount": self.count}
        names = {"EndpointName": "e", "EndpointConfigName": "c"}
        return names | {"EndpointStatus": self.status, "ProductionVariants": [variant]}

    def describe_endpoint_config(self, **names: str) -> dict[str, Any]:
        return {"ProductionVariants": [{"VariantName": "AllTraffic", "InstanceType": self.type}]}

    def update_endpoint_weights_and_capacities(self, **wanted: Any) -> None:
        if self.refusal:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": self.refusal}}, "x")
        self.count = wanted["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"]


class FakeCloudWatch:
    def __init__(self) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}

    def put_metric_alarm(self, **alarm: Any) -> None:
        self.alarms[alarm["AlarmName"]] = alarm | {"AlarmArn": "arn:" + alarm["AlarmName"], "StateValue": "OK"}

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:
        return {"MetricAlarms": [self.alarms[name] for name in AlarmNames]}

    def delete_alarms(self, AlarmNames: list[str]) -> None:
        for name in AlarmNames:
            self.alarms.pop(name, None)


class Scene:
    """The service on fakes; ``later`` moves the clock by cloud seconds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sagemaker, self.cloudwatch = FakeSageMaker(), FakeCloudWatch()
        clients = {"sagemaker": self.sagemaker, "cloudwatch": self.cloudwatch}
        self.cloud = Cloud("000000000000", "us-east-1", "", folder, folder, Clock(60), clients.__getitem__, {})
        self.service = ApplicationAutoScaling(self.cloud)
        self.now = time.time()
        monkeypatch.setattr(time, "time", lambda: self.now)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.service.call(operation, {**NAMES, **parameters})

    def later(self, cloud_seconds: float) -> None:
        self.now += self.cloud.clock.real(cloud_seconds)

    def register(self, low: int = 0, high: int = 10, **more: Any) -> None:
        self.call("RegisterScalableTarget", MinCapacity=low, MaxCapacity=high, **more)

    def track(self, name: str = "track", **more: Any) -> str:
        settings = {
            "TargetValue": 5.0,
            "ScaleOutCooldown": 300,
            "ScaleInCooldown": 600,
            "CustomizedMetricSpecification": {"Namespace": "n", "MetricName": "m", "Statistic": "Average"},
            **more,
        }
        parameters = {"PolicyName": name, "PolicyType": "TargetTrackingScaling"}
        answer = self.call("PutScalingPolicy", **parameters, TargetTrackingScalingPolicyConfiguration=settings)
        return str(answer["PolicyARN"])

    def step(self, adjustment: int, cooldown: int = 300) -> str:
        settings = {
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": cooldown,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}],
        }
        answer = self.call("PutScalingPolicy", PolicyName=f"step{adjustment}", StepScalingPolicyConfiguration=settings)
        return str(answer["PolicyARN"])

    def alarm(self, policy: str, metric: float, threshold: float = 0.0, age: float = 0, name: str = "alarm") -> None:
        """The alarm calls; its newest datapoint is ``age`` cloud seconds old."""
        measured = datetime.datetime.fromtimestamp(self.now - self.cloud.clock.real(age), datetime.UTC)
        text = measured.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+0000"
        data = {"recentDatapoints": [0.0, metric], "evaluatedDatapoints": [{"timestamp": text, "value": metric}]}
        alarm = {"AlarmName": name, "Threshold": threshold, "StateReasonData": json.dumps(data)}
        self.service._on_alarm(policy, alarm, "ALARM")
        self.service._engine._settle(RESOURCE, self._capacity())

    def _capacity(self) -> Any:
        from localcloud.autoscaling import variants

        return variants.read(self.sagemaker, RESOURCE)

    def activities(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.call("DescribeScalingActivities")["ScalingActivities"]
        return rows


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_tracking_scales_out_in_proportion_and_to_the_maximum(scene: Scene) -> None:
    scene.register(high=4)
    policy = scene.track()
    scene.alarm(policy + ":createdBy/someone", 12, 5, name="TargetTracking-x")
    assert scene.sagemaker.count == 3
    (activity,) = scene.activities()
    assert activity["Description"] == "Setting desired instance count to 3."
    assert activity["Cause"] == "monitor alarm TargetTracking-x in state ALARM triggered policy track"
    assert activity["StatusCode"] == "Successful"
    scene.later(301)
    scene.alarm(policy, 50, 5)
    assert scene.sagemaker.count == 4


def test_within_the_scale_out_cooldown_only_a_larger_scale_out_counts(scene: Scene) -> None:
    scene.register()
    policy = scene.track()
    scene.alarm(policy, 10, 5)
    assert scene.sagemaker.count == 2
    scene.later(120)
    scene.alarm(policy, 10, 5)
    assert scene.sagemaker.count == 2
    scene.alarm(policy, 20, 5)  # one instance was there before: 4 would be needed
    assert scene.sagemaker.count == 4
    scene.later(301)
    scene.alarm(policy, 10, 5)
    assert scene.sagemaker.count == 8


def test_a_step_is_added_once_in_a_cooldown(scene: Scene) -> None:
    scene.sagemaker.count = 0
    scene.register()
    policy = scene.step(1)
    for _ in range(3):
        scene.alarm(policy, 1, 1)
        scene.later(60)
    assert scene.sagemaker.count == 1
    scene.later(200)
    scene.alarm(policy, 1, 1)
    assert scene.sagemaker.count == 2


def test_tracking_alone_leaves_zero_once_the_backlog_exceeds_the_target(scene: Scene) -> None:
    scene.sagemaker.count = 0
    scene.register(high=4)
    policy = scene.track()
    for backlog in (0, 3, 5):  # AlarmLow's and nobody's values: the requests wait
        scene.alarm(policy, backlog, 4.5)
        assert (scene.sagemaker.count, scene.activities()) == (0, [])
    scene.alarm(policy, 6, 5)
    assert scene.sagemaker.count == 2


def test_scale_in_waits_for_its_cooldown_unless_a_scale_out_ends_it(scene: Scene) -> None:
    scene.sagemaker.count = 6
    scene.register()
    policy, wake = scene.track(), scene.step(1, cooldown=0)
    scene.later(60)
    scene.alarm(policy, 3, 4.5)
    assert scene.sagemaker.count == 4  # 18 requests, 5 for each
    scene.later(120)
    scene.alarm(policy, 1, 4.5)
    assert scene.sagemaker.count == 4
    scene.alarm(wake, 1, 1)
    assert scene.sagemaker.count == 5
    scene.later(60)
    scene.alarm(policy, 1, 4.5)
    assert scene.sagemaker.count == 1
    scene.later(601)
    scene.alarm(policy, 0, 4.5)
    assert scene.sagemaker.count == 0


def test_no_scale_in_on_what_was_measured_before_the_last_change(scene: Scene) -> None:
    scene.sagemaker.count = 0
    scene.register()
    policy, wake = scene.track(ScaleInCooldown=0), scene.step(1)
    scene.alarm(wake, 1, 1)
    scene.later(30)
    scene.alarm(policy, 0, 4.5, age=60)
    assert scene.sagemaker.count == 1
    scene.alarm(policy, 0, 4.5, age=10)
    assert scene.sagemaker.count == 0


def test_scale_in_only_when_every_tracking_policy_agrees(scene: Scene) -> None:
    scene.sagemaker.count = 3
    scene.register()
    policy, _ = scene.track(), scene.track("other")
    scene.later(60)
    scene.alarm(policy, 0, 4.5)
    assert scene.sagemaker.count == 3
    for name, alarm in scene.cloudwatch.alarms.items():
        alarm["StateValue"] = "ALARM" if "-AlarmLow-" in name else "OK"
    scene.alarm(policy, 0, 4.5)
    assert scene.sagemaker.count == 0


def test_suspended_busy_and_refused(scene: Scene) -> None:
    scene.register(SuspendedState={"DynamicScalingOutSuspended": True})
    policy = scene.track()
    scene.alarm(policy, 50, 5)
    assert scene.sagemaker.count == 1
    scene.register(SuspendedState={"DynamicScalingOutSuspended": False})
    scene.sagemaker.status = "Updating"
    scene.alarm(policy, 50, 5)
    assert (scene.sagemaker.count, scene.activities()) == (1, [])
    scene.sagemaker.status, scene.sagemaker.refusal = "InService", "no instances of this type"
    scene.alarm(policy, 10, 5)
    (activity,) = scene.activities()
    assert activity["StatusCode"] == "Failed"
    expected = "Failed to set desired instance count to 2. Reason: no instances of this type"
    assert activity["StatusMessage"] == expected


def test_bounds_move_the_capacity(scene: Scene) -> None:
    scene.register(low=2, high=3)
    assert scene.sagemaker.count == 2
    assert scene.activities()[0]["Cause"] == "minimum capacity was set to 2"
    scene.later(1)
    scene.register(low=0, high=1)
    assert scene.sagemaker.count == 1
    assert scene.activities()[0]["Cause"] == "maximum capacity was set to 1"


def test_everything_is_there_after_a_restart(scene: Scene) -> None:
    scene.register()
    policy = scene.track()
    scene.alarm(policy, 10, 5)
    again = ApplicationAutoScaling(scene.cloud)
    assert again.call("DescribeScalableTargets", NAMES)["ScalableTargets"][0]["MaxCapacity"] == 10
    assert again.call("DescribeScalingPolicies", NAMES)["ScalingPolicies"][0]["PolicyARN"] == policy
    assert len(again.call("DescribeScalingActivities", NAMES)["ScalingActivities"]) == 1


def test_deregistering_takes_policies_and_alarms_along(scene: Scene) -> None:
    scene.register()
    scene.track()
    assert len(scene.cloudwatch.alarms) == 2
    scene.call("DeregisterScalableTarget")
    assert scene.cloudwatch.alarms == {}
    assert scene.call("DescribeScalingPolicies")["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        ("PutScalingPolicy", {"PolicyName": "p"}, "ObjectNotFoundException", "No scalable target registered"),
        ("DeleteScalingPolicy", {"PolicyName": "p"}, "ObjectNotFoundException", "No scaling policy found"),
        ("RegisterScalableTarget", {"MinCapacity": 1}, "ValidationException", "Both MinCapacity and MaxCapacity"),
        ("RegisterScalableTarget", {"MinCapacity": 2, "MaxCapacity": 1}, "ValidationException", "cannot be less"),
        ("RegisterScalableTarget", {"ResourceId": "endpoint/x/variant/y"}, "ValidationException", "doesn't exist"),
        ("RegisterScalableTarget", {"ResourceId": "table/x"}, "ValidationException", "Unsupported resource ID"),
        ("RegisterScalableTarget", {"ServiceNamespace": "ecs"}, "ValidationException", "sagemaker only"),
        ("RegisterScalableTarget", {"ResourceId": "endpoint/E/variant/AllTraffic"}, "ValidationException", "doesn't"),
        (
            "RegisterScalableTarget",
            {"Tags": {"aws:x": "y"}, "MinCapacity": 1, "MaxCapacity": 1},
            "ValidationException",
            "aws:",
        ),
        ("DescribeScalableTargets", {"MaxResults": 0}, "ValidationException", "greater than or equal to 1"),
        ("DescribeScalingPolicies", {"MaxResults": 51}, "ValidationException", "less than or equal to 50"),
        ("DescribeScalingActivities", {"MaxResults": -1}, "ValidationException", "greater than or equal to 1"),
        ("DescribeScheduledActions", {"MaxResults": 0}, "ValidationException", "greater than or equal to 1"),
        ("PutScheduledAction", {}, "UnsupportedOperation", "does not offer PutScheduledAction"),
        ("DescribeScalingActivities", {"IncludeNotScaledActivities": True}, "ValidationException", "did not scale"),
    ],
)
def test_refusals(scene: Scene, operation: str, parameters: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        scene.call(operation, **parameters)
    assert caught.value.code == code


def test_burstable_instances_do_not_scale(scene: Scene) -> None:
    scene.sagemaker.type = "ml.t2.medium"
    with pytest.raises(ServiceError, match="burstable"):
        scene.register()


def test_quotas(scene: Scene) -> None:
    scene.register()
    steps = [
        {"MetricIntervalLowerBound": n, "MetricIntervalUpperBound": n + 1, "ScalingAdjustment": 1} for n in range(21)
    ]

    def put(name: str, count: int) -> None:
        settings = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps[:count]}
        scene.call("PutScalingPolicy", PolicyName=name, StepScalingPolicyConfiguration=settings)

    with pytest.raises(ServiceError, match="20 step adjustments") as caught:
        put("many", 21)
    assert caught.value.code == "LimitExceededException"
    for number in range(50):
        put(str(number), 20)
    put("0", 1)
    with pytest.raises(ServiceError, match="50 scaling policies") as caught:
        put("one-more", 1)
    assert caught.value.code == "LimitExceededException"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"TargetValue": 0.0}, "greater than 0"),
        ({"CustomizedMetricSpecification": {"Metrics": [{"Id": "m"}]}}, "metric math is not offered"),
        ({"CustomizedMetricSpecification": None}, "none of the predefined metrics"),
    ],
)
def test_tracking_policies_that_are_refused(scene: Scene, settings: dict[str, Any], message: str) -> None:
    scene.register()
    with pytest.raises(ServiceError, match=message):
        scene.track(**settings)


def test_tags(scene: Scene) -> None:
    scene.register(Tags={"a": "1"})
    arn = scene.call("DescribeScalableTargets")["ScalableTargets"][0]["ScalableTargetARN"]
    scene.call("TagResource", ResourceARN=arn, Tags={"b": "2"})
    scene.call("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert scene.call("ListTagsForResource", ResourceARN=arn) == {"Tags": {"b": "2"}}
    with pytest.raises(ServiceError, match="Could not find"):
        scene.call("ListTagsForResource", ResourceARN=arn + "x")
