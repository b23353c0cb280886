"""Amazon SageMaker: updates of endpoints, blue/green, and with variants that scale."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import SPEED, Account
from tests.conformance.hosting import VARIANT, Hosting, archive

API = "sagemaker/latest/APIReference/"
UPDATE = API + "API_UpdateEndpoint.html"
SCALED = "sagemaker/latest/dg/endpoint-scaling-update.html"
DELETED = "sagemaker/latest/dg/endpoint-delete-with-scaling.html"
BLUE_GREEN = "sagemaker/latest/dg/deployment-guardrails-blue-green-all-at-once.html"
DIMENSION = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def scaled(aws: Account, hosting: Hosting) -> tuple[str, str]:
    """An endpoint whose variant is a scalable target with a target tracking policy; its name and the target's id."""
    name = hosting.new_endpoint(aws)
    resource, scaling = f"endpoint/{name}/variant/{VARIANT}", aws.client("application-autoscaling")
    scaling.register_scalable_target(**DIMENSION, ResourceId=resource, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(
        **DIMENSION,
        ResourceId=resource,
        PolicyName="follow",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5,
            "CustomizedMetricSpecification": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Dimensions": [{"Name": "EndpointName", "Value": name}],
                "Statistic": "Average",
            },
        },
    )
    return name, resource


@behaviour("sagemaker", "UpdateEndpoint", "A variant that scales keeps its instance type", SCALED)
@behaviour("sagemaker", "UpdateEndpoint", "A variant that scales cannot be removed", SCALED)
@behaviour("sagemaker", "UpdateEndpoint", "A variant that scales may get another model", SCALED)
@behaviour("sagemaker", "UpdateEndpoint", "Once it is deregistered, a variant may change its instance type", SCALED)
def test_a_variant_that_scales(aws: Account, hosting: Hosting) -> None:
    sagemaker, (name, resource) = aws.client("sagemaker"), scaled(aws, hosting)
    larger = hosting.new_config(aws, kind="ml.m5.xlarge")
    renamed = hosting.a_config(aws.name("config"))
    renamed["ProductionVariants"][0]["VariantName"] = "Other"
    sagemaker.create_endpoint_config(**renamed)
    aws.later(sagemaker.delete_endpoint_config, EndpointConfigName=renamed["EndpointConfigName"])
    for config in (larger, renamed["EndpointConfigName"]):
        with aws.refused("ValidationException", f'"{VARIANT}"', "must be deregistered as scalable targets"):
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        found = hosting.describe(name)
        assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", hosting.config)
    other = hosting.new_config(aws, model=hosting.new_model(aws))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
    assert hosting.settled(name)["EndpointConfigName"] == other
    aws.client("application-autoscaling").deregister_scalable_target(**DIMENSION, ResourceId=resource)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=larger)
    assert hosting.settled(name)["EndpointConfigName"] == larger


@behaviour("sagemaker", "DeleteEndpoint", "Deleting an endpoint deregisters its scalable target", DELETED)
@behaviour(
    "application-autoscaling",
    ("DescribeScalableTargets", "DescribeScalingPolicies"),
    "The policies of a deleted endpoint, and their alarms, go with it",
    DELETED,
)
def test_deleting_an_endpoint_that_scales(aws: Account, hosting: Hosting) -> None:
    name, resource = scaled(aws, hosting)
    scaling, cloudwatch = aws.client("application-autoscaling"), aws.client("cloudwatch")
    prefix = f"TargetTracking-{resource}-"
    assert len(cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]) == 2
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    hosting.gone(name)
    wanted = {"ServiceNamespace": "sagemaker"}
    assert scaling.describe_scalable_targets(**wanted, ResourceIds=[resource])["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(**wanted, ResourceId=resource)["ScalingPolicies"] == []
    assert cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"] == []


@behaviour(
    "sagemaker", "UpdateEndpoint", "A failed update leaves the endpoint InService on the old configuration", UPDATE
)
def test_an_update_that_fails(aws: Account, hosting: Hosting) -> None:
    name = hosting.new_endpoint(aws)
    data = hosting.put("models/bad.tar.gz", archive("raise OSError('no weights')"))
    config = hosting.new_config(aws, model=hosting.new_model(aws, ModelDataUrl=data))
    aws.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config)
    during = hosting.describe(name)
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", hosting.config)
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == config
    after = hosting.settled(name)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", hosting.config)
    assert "ping health check" in after["FailureReason"]


@behaviour("sagemaker", "UpdateEndpoint", "The configuration of an update must exist", UPDATE)
def test_an_update_to_nothing(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "Could not find endpoint configuration"):
        aws.client("sagemaker").update_endpoint(EndpointName=hosting.endpoint, EndpointConfigName=aws.name())


@behaviour(
    "sagemaker",
    "UpdateEndpoint",
    "RetainAllVariantProperties keeps the instance count, and without it it is lost",
    UPDATE,
)
def test_retained_counts(aws: Account, hosting: Hosting) -> None:
    sagemaker, name = aws.client("sagemaker"), hosting.new_endpoint(aws)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 2}]
    )
    assert hosting.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    for retain, expected in ((True, 2), (False, 1)):
        config = hosting.new_config(aws)
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, RetainAllVariantProperties=retain)
        assert hosting.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == expected


def waiting(interval: int, termination: int, longest: int | None = None) -> dict[str, Any]:
    """An all-at-once deployment with these waits."""
    policy: dict[str, Any] = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": interval},
        "TerminationWaitInSeconds": termination,
    }
    if longest is not None:
        policy["MaximumExecutionTimeoutInSeconds"] = longest
    return {"BlueGreenUpdatePolicy": policy}


@behaviour(
    "sagemaker", "UpdateEndpoint", "The old fleet stays for the baking period and the termination wait", BLUE_GREEN
)
@behaviour(
    "sagemaker",
    "DescribeEndpoint",
    "An endpoint tells its last deployment configuration",
    API + "API_DescribeEndpoint.html",
)
def test_waits_of_an_update(aws: Account, hosting: Hosting) -> None:
    name, config = hosting.new_endpoint(aws), hosting.new_config(aws)
    deployment = waiting(120, 120)
    begun = time.monotonic()
    aws.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment)
    found = hosting.settled(name)
    assert time.monotonic() - begun >= 240 / (SPEED if aws.local else 1)
    assert found["EndpointConfigName"] == config
    assert found["LastDeploymentConfig"] == deployment


@behaviour(
    "sagemaker",
    "UpdateEndpoint",
    "The whole deployment may take longer than its waits, not less",
    API + "API_BlueGreenUpdatePolicy.html",
)
def test_waits_that_do_not_fit(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "MaximumExecutionTimeoutInSeconds"):
        aws.client("sagemaker").update_endpoint(
            EndpointName=hosting.endpoint, EndpointConfigName=hosting.config, DeploymentConfig=waiting(300, 300, 600)
        )


@behaviour("sagemaker", "UpdateEndpoint", "A wait is an hour at most", API + "API_BlueGreenUpdatePolicy.html")
def test_a_wait_that_is_too_long(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "terminationWaitInSeconds"):
        aws.client("sagemaker").update_endpoint(
            EndpointName=hosting.endpoint, EndpointConfigName=hosting.config, DeploymentConfig=waiting(0, 3601)
        )


@behaviour("sagemaker", "UpdateEndpoint", "Refused: {what}", UPDATE, "refused")
@pytest.mark.parametrize("what", ["canary updates", "rolling updates", "rollback on alarms"])
def test_updates_that_are_not_offered(aws: Account, hosting: Hosting, what: str) -> None:
    config = waiting(0, 0)
    if what == "canary updates":
        routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
        routing |= {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    elif what == "rolling updates":
        size = {"Type": "INSTANCE_COUNT", "Value": 1}
        config = {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}}
    else:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": "a"}]}
    with aws.refused("ValidationException", "The local cloud does not offer"):
        aws.client("sagemaker").update_endpoint(
            EndpointName=hosting.endpoint, EndpointConfigName=hosting.config, DeploymentConfig=config
        )
