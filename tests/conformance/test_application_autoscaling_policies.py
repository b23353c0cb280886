"""Application Auto Scaling: policies, their alarms, and what they do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import VARIANT, Hosting
from tests.localcloud.conftest import wait_until

AAS = "application-autoscaling"
API = "autoscaling/application/APIReference/"
PUT = API + "API_PutScalingPolicy.html"
GUIDE = "autoscaling/application/userguide/"
TRACKING = GUIDE + "application-auto-scaling-target-tracking.html"
STEPS = GUIDE + "step-scaling-policy-overview.html"
QUOTAS = GUIDE + "application-auto-scaling-quotas.html"
ZERO = "sagemaker/latest/dg/async-inference-autoscale.html"
DIMENSION = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def steps(*bounds: tuple[float | None, float | None, int], **more: Any) -> dict[str, Any]:
    """A step scaling configuration with adjustments (lower, upper, adjustment)."""
    adjustments = []
    for lower, upper, adjustment in bounds:
        row: dict[str, Any] = {"ScalingAdjustment": adjustment}
        row |= {} if lower is None else {"MetricIntervalLowerBound": lower}
        row |= {} if upper is None else {"MetricIntervalUpperBound": upper}
        adjustments.append(row)
    return {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": adjustments, **more}


def tracking(endpoint: str, target: float = 5.0, **more: Any) -> dict[str, Any]:
    """A target tracking configuration on the backlog for each instance."""
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
    }
    return {"TargetValue": target, "CustomizedMetricSpecification": metric, **more}


class Scaled:
    """An endpoint's variant that is a scalable target."""

    def __init__(self, aws: Account, hosting: Hosting, endpoint: str, low: int = 1, high: int = 2) -> None:
        self.client, self.cloudwatch, self.hosting = aws.client(AAS), aws.client("cloudwatch"), hosting
        self.endpoint, self.resource = endpoint, f"endpoint/{endpoint}/variant/{VARIANT}"
        self.names = {**DIMENSION, "ResourceId": self.resource}
        self.client.register_scalable_target(**self.names, MinCapacity=low, MaxCapacity=high)
        aws.later(self.client.deregister_scalable_target, **self.names)

    def step(self, configuration: dict[str, Any], name: str = "step") -> str:
        """Put a step policy; its ARN."""
        answer = self.client.put_scaling_policy(
            **self.names, PolicyName=name, PolicyType="StepScaling", StepScalingPolicyConfiguration=configuration
        )
        return str(answer["PolicyARN"])

    def track(self, name: str = "track", **changes: Any) -> dict[str, Any]:
        """Put a target tracking policy."""
        answer: dict[str, Any] = self.client.put_scaling_policy(
            **self.names,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking(self.endpoint) | changes,
        )
        return answer

    def policies(self) -> list[dict[str, Any]]:
        found = self.client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=self.resource)
        return list(found["ScalingPolicies"])

    def activities(self) -> list[dict[str, Any]]:
        found = self.client.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=self.resource)
        return list(found["ScalingActivities"])

    def instances(self) -> int:
        return int(self.hosting.describe(self.endpoint)["ProductionVariants"][0]["CurrentInstanceCount"])

    def finished(self, count: int) -> dict[str, Any]:
        """The newest activity, once there are ``count`` and none is in progress."""

        def done() -> list[dict[str, Any]] | None:
            rows = self.activities()
            return rows if len(rows) == count and all(row["StatusCode"] != "InProgress" for row in rows) else None

        return dict(wait_until(done, self.hosting.patience)[0])


@pytest.fixture
def scaled(aws: Account, hosting: Hosting) -> Scaled:
    return Scaled(aws, hosting, hosting.endpoint)


@behaviour(AAS, "PutScalingPolicy", "Target tracking keeps two alarms, above the target and below 90 % of it", TRACKING)
@behaviour(
    "cloudwatch", "DescribeAlarms", "The alarms of target tracking call its policy and say not to edit them", TRACKING
)
def test_alarms_of_target_tracking(aws: Account, scaled: Scaled) -> None:
    answer = scaled.track()
    names = [row["AlarmName"] for row in answer["Alarms"]]
    alarms = scaled.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    found = {
        alarm["AlarmName"].removeprefix(f"TargetTracking-{scaled.resource}-").partition("-")[0]: alarm
        for alarm in alarms
    }
    high, low = found["AlarmHigh"], found["AlarmLow"]
    assert (high["ComparisonOperator"], high["Threshold"], high["EvaluationPeriods"]) == ("GreaterThanThreshold", 5, 3)
    assert (low["ComparisonOperator"], low["Threshold"], low["EvaluationPeriods"]) == ("LessThanThreshold", 4.5, 15)
    for alarm in (high, low):
        assert alarm["AlarmActions"][0].startswith(answer["PolicyARN"])
        assert alarm["AlarmDescription"].startswith("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy")
        assert alarm["Period"] == 60


@behaviour(AAS, "PutScalingPolicy", "Without scale-in there is one alarm", TRACKING)
def test_scale_in_switched_off(aws: Account, scaled: Scaled) -> None:
    assert len(scaled.track()["Alarms"]) == 2
    assert len(scaled.track(DisableScaleIn=True)["Alarms"]) == 1


@behaviour(
    AAS, ("PutScalingPolicy", "DescribeScalingPolicies"), "Putting a policy again changes it; its ARN stays", PUT
)
def test_a_policy_is_changed(aws: Account, scaled: Scaled) -> None:
    first, second = scaled.track(), scaled.track(TargetValue=9.0)
    assert first["PolicyARN"] == second["PolicyARN"]
    (policy,) = scaled.policies()
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 9.0


@behaviour(AAS, "PutScalingPolicy", "A policy's type does not change", PUT)
def test_a_policy_of_another_type(aws: Account, scaled: Scaled) -> None:
    scaled.step(steps((0, None, 1)), "p")
    with aws.refused("ValidationException"):
        scaled.track("p")


@behaviour(AAS, "PutScalingPolicy", "A policy needs a scalable target", PUT)
def test_a_policy_without_a_target(aws: Account, scaled: Scaled) -> None:
    scaled.client.deregister_scalable_target(**scaled.names)
    with aws.refused("ObjectNotFoundException", "No scalable target registered"):
        scaled.step(steps((0, None, 1)))


WRONG = {
    "a gap": steps((0, 10, 1), (20, None, 2)),
    "an overlap": steps((0, 10, 1), (5, None, 2)),
    "a lower bound above the upper": steps((10, 0, 1)),
    "no adjustment": steps(),
    "no adjustment type": {"StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]},
}


@behaviour(AAS, "PutScalingPolicy", "Step adjustments with {what} are refused", STEPS)
@pytest.mark.parametrize("what", WRONG)
def test_steps_that_are_wrong(aws: Account, scaled: Scaled, what: str) -> None:
    with aws.refused("ValidationException"):
        scaled.step(WRONG[what])


@behaviour(AAS, "PutScalingPolicy", "A step policy has 20 adjustments at most (the code of the error is ours)", QUOTAS)
def test_too_many_steps(aws: Account, scaled: Scaled) -> None:
    many = [(float(n), float(n + 1), 1) for n in range(21)]
    scaled.step(steps(*many[:20]))
    with aws.refused("LimitExceededException"):
        scaled.step(steps(*many))


@behaviour(AAS, "PutScalingPolicy", "A target value must be above 0", PUT)
def test_a_target_of_zero(aws: Account, scaled: Scaled) -> None:
    with aws.refused("ValidationException"):
        scaled.track(TargetValue=0)


@behaviour(AAS, "PutScalingPolicy", "Refused: {what}", PUT, "refused")
@pytest.mark.parametrize("what", ["predefined metrics", "metric math"])
def test_metrics_that_are_not_offered(aws: Account, scaled: Scaled, what: str) -> None:
    if what == "predefined metrics":
        kind = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        settings: dict[str, Any] = {"TargetValue": 5, "PredefinedMetricSpecification": kind}
    else:
        settings = {"TargetValue": 5, "CustomizedMetricSpecification": {"Metrics": [{"Id": "m", "Expression": "1"}]}}
    with aws.refused("ValidationException", "local cloud" if what == "predefined metrics" else "not offered here"):
        scaled.client.put_scaling_policy(
            **scaled.names,
            PolicyName="p",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=settings,
        )


@behaviour(AAS, "DeleteScalingPolicy", "Deleting a policy deletes its alarms", API + "API_DeleteScalingPolicy.html")
def test_a_policy_is_deleted(aws: Account, scaled: Scaled) -> None:
    names = [row["AlarmName"] for row in scaled.track()["Alarms"]]
    scaled.client.delete_scaling_policy(**scaled.names, PolicyName="track")
    assert scaled.policies() == []
    assert scaled.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


@behaviour(
    AAS, "DeleteScalingPolicy", "A policy that does not exist is not found", API + "API_DeleteScalingPolicy.html"
)
def test_a_policy_that_is_not_there(aws: Account, scaled: Scaled) -> None:
    with aws.refused("ObjectNotFoundException", "No scaling policy found for service namespace: sagemaker"):
        scaled.client.delete_scaling_policy(**scaled.names, PolicyName="nobody")


def alarmed(aws: Account, scaled: Scaled, name: str, action: str) -> None:
    """The alarm of AWS's optional second policy: a backlog, and no instance."""
    scaled.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": scaled.endpoint}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[action],
    )
    aws.later(scaled.cloudwatch.delete_alarms, AlarmNames=[name])


@behaviour(
    AAS,
    "DescribeScalingPolicies",
    "A step policy tells the alarms that call it",
    API + "API_DescribeScalingPolicies.html",
)
def test_alarms_of_a_step_policy(aws: Account, scaled: Scaled) -> None:
    arn, name = scaled.step(steps((0, None, 1))), aws.name("alarm")
    alarmed(aws, scaled, name, arn)
    (policy,) = scaled.policies()
    assert [row["AlarmName"] for row in policy["Alarms"]] == [name]


@behaviour(
    AAS,
    "RegisterScalableTarget",
    "A higher minimum starts instances, and a lower maximum ends them",
    GUIDE + "application-auto-scaling-scaling-activities.html",
)
@behaviour(
    AAS,
    "DescribeScalingActivities",
    "Each change is an activity with its cause, description and outcome",
    API + "API_DescribeScalingActivities.html",
)
def test_bounds_move_the_capacity(aws: Account, hosting: Hosting) -> None:
    scaled = Scaled(aws, hosting, hosting.new_endpoint(aws), low=2, high=2)
    activity = scaled.finished(1)
    assert scaled.instances() == 2
    assert activity["Cause"] == "minimum capacity was set to 2"
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["StatusCode"] == "Successful"
    assert activity["EndTime"] >= activity["StartTime"]
    scaled.client.register_scalable_target(**scaled.names, MinCapacity=0, MaxCapacity=1)
    assert scaled.finished(2)["Cause"] == "maximum capacity was set to 1"
    assert scaled.instances() == 1


@behaviour(
    AAS,
    "DescribeScalingActivities",
    "Refused: activities that did not scale",
    API + "API_DescribeScalingActivities.html",
    "refused",
)
def test_activities_that_did_not_scale(aws: Account) -> None:
    with aws.refused("ValidationException", "The local cloud records no activities that did not scale"):
        aws.client(AAS).describe_scaling_activities(ServiceNamespace="sagemaker", IncludeNotScaledActivities=True)


@behaviour(AAS, "PutScheduledAction", "Refused: scheduled scaling", API + "API_PutScheduledAction.html", "refused")
def test_scheduled_actions(aws: Account, scaled: Scaled) -> None:
    with aws.refused("UnsupportedOperation", "does not offer PutScheduledAction"):
        scaled.client.put_scheduled_action(**scaled.names, ScheduledActionName="a", Schedule="rate(1 day)")


def asleep(aws: Account, hosting: Hosting, high: int) -> Scaled:
    """A variant at zero instances."""
    scaled = Scaled(aws, hosting, hosting.new_endpoint(aws), low=0, high=high)
    aws.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=scaled.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 0}],
    )
    wait_until(lambda: scaled.instances() == 0, hosting.patience)
    hosting.settled(scaled.endpoint)
    return scaled


@behaviour(AAS, "PutScalingPolicy", "Above its target, target tracking alone wakes an endpoint from zero", ZERO)
@behaviour(AAS, "PutScalingPolicy", "From zero it starts as many instances as the backlog needs", ZERO, "ours")
def test_target_tracking_wakes(aws: Account, hosting: Hosting) -> None:
    scaled = asleep(aws, hosting, high=2)
    scaled.track(TargetValue=2)
    sent = [hosting.invoke({}, EndpointName=scaled.endpoint)["InferenceId"] for _ in range(3)]
    assert {hosting.notice(name)["invocationStatus"] for name in sent} == {"Completed"}
    woken = scaled.finished(1)
    assert "-AlarmHigh-" in woken["Cause"]
    assert woken["Cause"].endswith("in state ALARM triggered policy track")
    assert woken["Description"] == "Setting desired instance count to 2."


@behaviour(AAS, "PutScalingPolicy", "A step policy on HasBacklogWithoutCapacity wakes it for a single request", ZERO)
def test_the_step_policy_wakes(aws: Account, hosting: Hosting) -> None:
    scaled = asleep(aws, hosting, high=2)
    scaled.track()
    arn, name = scaled.step(steps((0, None, 1))), aws.name("wake")
    alarmed(aws, scaled, name, arn)
    sent = hosting.invoke({}, EndpointName=scaled.endpoint)["InferenceId"]
    assert hosting.notice(sent)["invocationStatus"] == "Completed"
    woken = scaled.activities()[-1]
    assert woken["Cause"] == f"monitor alarm {name} in state ALARM triggered policy step"
    assert woken["Description"] == "Setting desired instance count to 1."


@behaviour(AAS, "PutScalingPolicy", "At or below its target, target tracking alone lets requests wait at zero", ZERO)
@behaviour("sagemaker", "DescribeEndpoint", "An endpoint without instances keeps its requests until they expire", ZERO)
def test_target_tracking_waits(aws: Account, hosting: Hosting) -> None:
    scaled = asleep(aws, hosting, high=2)
    scaled.track(TargetValue=2)
    # Eight minutes: an alarm of three would have come twice by then.
    sent = [hosting.invoke({}, EndpointName=scaled.endpoint, RequestTTLSeconds=480)["InferenceId"] for _ in range(2)]
    for name in sent:
        notice = hosting.notice(name)
        assert notice["invocationStatus"] == "Failed"
        assert "expired" in notice["failureReason"]
    assert (scaled.activities(), scaled.instances()) == ([], 0)
