"""Application Auto Scaling: scalable targets and their tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import VARIANT, Hosting

AAS = "application-autoscaling"
API = "autoscaling/application/APIReference/"
REGISTER = API + "API_RegisterScalableTarget.html"
DEREGISTER = API + "API_DeregisterScalableTarget.html"
DESCRIBE = API + "API_DescribeScalableTargets.html"
TAGS = API + "API_TagResource.html"
DIMENSION = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


class Target:
    """The shared endpoint's variant as a scalable target, registered by the test."""

    def __init__(self, aws: Account, hosting: Hosting) -> None:
        self.client = aws.client(AAS)
        self.resource = hosting.resource

    def register(self, **more: Any) -> str:
        answer = self.client.register_scalable_target(
            **DIMENSION, **{"ResourceId": self.resource, "MinCapacity": 1, "MaxCapacity": 2, **more}
        )
        return str(answer["ScalableTargetARN"])

    def deregister(self) -> None:
        self.client.deregister_scalable_target(**DIMENSION, ResourceId=self.resource)

    def describe(self) -> dict[str, Any]:
        found = self.client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[self.resource])
        (target,) = found["ScalableTargets"]
        return dict(target)


@pytest.fixture
def target(aws: Account, hosting: Hosting) -> Target:
    made = Target(aws, hosting)
    aws.later(made.client.deregister_scalable_target, **DIMENSION, ResourceId=made.resource)
    return made


@behaviour(AAS, "RegisterScalableTarget", "A variant of an endpoint becomes a scalable target with an ARN", REGISTER)
@behaviour(
    AAS, "DescribeScalableTargets", "A target tells its bounds, its service-linked role and what is suspended", DESCRIBE
)
def test_a_target_is_registered(aws: Account, target: Target) -> None:
    arn = target.register()
    assert arn.startswith(f"arn:aws:application-autoscaling:{aws.region}:{aws.account}:scalable-target/")
    found = target.describe()
    assert (found["MinCapacity"], found["MaxCapacity"], found["ScalableTargetARN"]) == (1, 2, arn)
    assert found["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert not any(found["SuspendedState"].values())


@behaviour(AAS, "RegisterScalableTarget", "Registering again changes what is given and keeps the rest", REGISTER)
def test_a_target_is_changed(aws: Account, target: Target) -> None:
    arn = target.register()
    suspended = {"DynamicScalingInSuspended": True}
    again = target.client.register_scalable_target(**DIMENSION, ResourceId=target.resource, SuspendedState=suspended)
    assert again["ScalableTargetARN"] == arn
    found = target.describe()
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 2)
    assert found["SuspendedState"]["DynamicScalingInSuspended"] is True


WRONG: dict[str, dict[str, Any]] = {
    "a minimum above the maximum": {"MinCapacity": 3, "MaxCapacity": 2},
    "a minimum below zero": {"MinCapacity": -1},
    "an endpoint that does not exist": {"ResourceId": f"endpoint/nobody/variant/{VARIANT}"},
    "a resource of another form": {"ResourceId": "table/mine"},
}


@behaviour(AAS, "RegisterScalableTarget", "A target with {what} is refused", REGISTER)
@pytest.mark.parametrize("what", WRONG)
def test_targets_that_are_wrong(aws: Account, target: Target, what: str) -> None:
    with aws.refused("ValidationException"):
        target.register(**WRONG[what])


@behaviour(AAS, "RegisterScalableTarget", "The first registration needs both bounds", REGISTER)
def test_both_bounds(aws: Account, target: Target) -> None:
    with aws.refused("ValidationException"):
        target.client.register_scalable_target(**DIMENSION, ResourceId=target.resource, MinCapacity=1)


@behaviour(AAS, "RegisterScalableTarget", "A variant that the endpoint does not have is refused", REGISTER)
def test_a_variant_that_is_not_there(aws: Account, target: Target) -> None:
    resource = target.resource.replace(VARIANT, "Other")
    with aws.refused("ValidationException"):
        target.client.register_scalable_target(**DIMENSION, ResourceId=resource, MinCapacity=1, MaxCapacity=2)


@behaviour(
    AAS,
    "RegisterScalableTarget",
    "Variants on burstable instances do not scale",
    "sagemaker/latest/dg/endpoint-auto-scaling-add-console.html",
)
def test_burstable_instances(aws: Account, hosting: Hosting) -> None:
    endpoint = hosting.new_endpoint(aws, hosting.new_config(aws, kind="ml.t2.medium"))
    with aws.refused("ValidationException"):
        aws.client(AAS).register_scalable_target(
            **DIMENSION, ResourceId=f"endpoint/{endpoint}/variant/{VARIANT}", MinCapacity=1, MaxCapacity=2
        )


@behaviour(AAS, "RegisterScalableTarget", "Refused: targets of other services", REGISTER, "refused")
def test_other_services(aws: Account) -> None:
    with aws.refused("ValidationException", "The local cloud scales sagemaker only"):
        aws.client(AAS).register_scalable_target(
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId="service/a/b",
            MinCapacity=1,
            MaxCapacity=2,
        )


@behaviour(AAS, "DeregisterScalableTarget", "A target that is not registered is not found", DEREGISTER)
def test_a_target_that_is_not_there(aws: Account, target: Target) -> None:
    with aws.refused("ObjectNotFoundException", "No scalable target found for service namespace: sagemaker"):
        target.deregister()


@behaviour(
    AAS, ("DeregisterScalableTarget", "DescribeScalingPolicies"), "A deregistered target's policies go", DEREGISTER
)
def test_a_target_is_deregistered(aws: Account, target: Target) -> None:
    target.register()
    steps = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
    target.client.put_scaling_policy(
        **DIMENSION, ResourceId=target.resource, PolicyName="p", StepScalingPolicyConfiguration=steps
    )
    target.deregister()
    wanted = {"ServiceNamespace": "sagemaker"}
    assert target.client.describe_scalable_targets(**wanted, ResourceIds=[target.resource])["ScalableTargets"] == []
    assert target.client.describe_scaling_policies(**wanted, ResourceId=target.resource)["ScalingPolicies"] == []


LISTS = {
    "DescribeScalableTargets": "describe_scalable_targets",
    "DescribeScalingPolicies": "describe_scaling_policies",
    "DescribeScalingActivities": "describe_scaling_activities",
    "DescribeScheduledActions": "describe_scheduled_actions",
}


def _sizes(operation: str) -> Any:
    @behaviour(
        AAS, operation, f"{operation} gives 1 to 50 rows a page: {{size}} is refused", f"{API}API_{operation}.html"
    )
    @pytest.mark.parametrize("size", [0, 51])
    def test_sizes(aws: Account, size: int) -> None:
        with aws.refused("ValidationException"):
            getattr(aws.client(AAS), LISTS[operation])(ServiceNamespace="sagemaker", MaxResults=size)

    return test_sizes


test_size_of_a_page_of_targets = _sizes("DescribeScalableTargets")
test_size_of_a_page_of_policies = _sizes("DescribeScalingPolicies")
test_size_of_a_page_of_activities = _sizes("DescribeScalingActivities")
test_size_of_a_page_of_scheduled_actions = _sizes("DescribeScheduledActions")


@behaviour(AAS, "DescribeScalableTargets", "A token that no page gave is refused", DESCRIBE)
def test_a_token(aws: Account) -> None:
    with aws.refused("InvalidNextTokenException"):
        aws.client(AAS).describe_scalable_targets(ServiceNamespace="sagemaker", NextToken="made-up")


@behaviour(AAS, ("TagResource", "UntagResource", "ListTagsForResource"), "A target has tags", TAGS)
def test_tags(aws: Account, target: Target) -> None:
    arn, client = target.register(Tags={"team": "a"}), target.client
    client.tag_resource(ResourceARN=arn, Tags={"old": "b", "team": "c"})
    client.untag_resource(ResourceARN=arn, TagKeys=["old"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "c"}


@behaviour(AAS, ("TagResource", "RegisterScalableTarget"), "Keys and values that begin with aws: are refused", TAGS)
@pytest.mark.parametrize("tags", [{"aws:team": "a"}, {"team": "aws:a"}], ids=["key", "value"])
def test_reserved_tags(aws: Account, target: Target, tags: dict[str, str]) -> None:
    with aws.refused("ValidationException"):
        target.register(Tags=tags)
    arn = target.register()
    with aws.refused("ValidationException"):
        target.client.tag_resource(ResourceARN=arn, Tags=tags)


@behaviour(AAS, "TagResource", "A target has 50 tags at most", TAGS)
def test_too_many_tags(aws: Account, target: Target) -> None:
    arn = target.register(Tags={str(n): "" for n in range(50)})
    with aws.refused("TooManyTagsException"):
        target.client.tag_resource(ResourceARN=arn, Tags={"one-more": ""})


@behaviour(
    AAS,
    "ListTagsForResource",
    "Tags of a target that does not exist are not found",
    API + "API_ListTagsForResource.html",
)
def test_tags_of_nothing(aws: Account) -> None:
    arn = f"arn:aws:application-autoscaling:{aws.region}:{aws.account}:scalable-target/nothing"
    with aws.refused("ResourceNotFoundException"):
        aws.client(AAS).list_tags_for_resource(ResourceARN=arn)
