"""The SageMaker and Application Auto Scaling types, as CloudFormation calls them."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.http.coercion import api_parameters, coerce
from localcloud.http.protocol import service_model
from localcloud.sagemaker.cloudformation import physical_name
from localcloud.services import ServiceError
from tests.localcloud.sagemaker.conftest import IMAGE, ROLE

World = Any


NAME = {"Fn::GetAtt": ["Endpoint", "EndpointName"]}


def endpoint_resources(world: World, data: str) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": "1",
        "InitialVariantWeight": "1.0",
        "InstanceType": "ml.m5.large",
    }
    model = {
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": "false",
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": data,
            "Environment": {"MARKERS": str(world.markers), "NUMBER": 7},
        },
    }
    config = {
        "ProductionVariants": [variant],
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": "2"},
            "OutputConfig": {"S3OutputPath": f"s3://{world.bucket}/stack-output/"},
        },
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    endpoint = {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}
    return {
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": endpoint},
    }


def scaling_resources() -> dict[str, Any]:
    target = {
        "MinCapacity": "0",
        "MaxCapacity": "2",
        "ResourceId": {"Fn::Sub": ["endpoint/${Name}/variant/AllTraffic", {"Name": NAME}]},
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ServiceNamespace": "sagemaker",
    }
    policy = {
        "PolicyName": "Follow",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": "5",
            "DisableScaleIn": "true",
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Statistic": "Average",
                "Dimensions": [{"Name": "EndpointName", "Value": NAME}],
            },
        },
    }
    return {
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target},
        "Follow": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
    }


def template(world: World, data: str) -> str:
    """Numbers and booleans as text, which is how parameters arrive."""
    outputs = {
        "EndpointArn": {"Value": {"Ref": "Endpoint"}},
        "EndpointName": {"Value": NAME},
        "ModelArn": {"Value": {"Ref": "Model"}},
        "Target": {"Value": {"Ref": "Target"}},
        "Policy": {"Value": {"Ref": "Follow"}},
    }
    return json.dumps({"Resources": endpoint_resources(world, data) | scaling_resources(), "Outputs": outputs})


def settle(world: World, stack: str, timeout: float = 40) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        try:
            found: dict[str, Any] = world.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError:
            return {"StackStatus": "GONE"}
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def reasons(world: World, stack: str) -> str:
    events = world.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return " | ".join(event.get("ResourceStatusReason", "") for event in events)


def test_stack_made_changed_failed_and_deleted(world: World) -> None:
    cloudformation, sagemaker = world.client("cloudformation"), world.client("sagemaker")
    good = world.put("stack/1.tar.gz", world.archive({}))
    cloudformation.create_stack(StackName="endpoints", TemplateBody=template(world, good))
    stack = settle(world, "endpoints")
    assert stack["StackStatus"] == "CREATE_COMPLETE", reasons(world, "endpoints")
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack["Outputs"]}
    name = outputs["EndpointName"]
    assert re.fullmatch(r"Endpoint-[A-Za-z0-9]{12}", name)
    assert outputs["EndpointArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name.lower()}"
    assert ":model/model-" in outputs["ModelArn"]
    resource = f"endpoint/{name}/variant/AllTraffic"
    assert outputs["Target"] == f"{resource}|sagemaker:variant:DesiredInstanceCount|sagemaker"
    assert outputs["Policy"].endswith(f":resource/sagemaker/{resource}:policyName/Follow")
    described = world.describe(name)
    assert described["EndpointStatus"] == "InService"
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    assert config["AsyncInferenceConfig"]["ClientConfig"]["MaxConcurrentInvocationsPerInstance"] == 2
    assert sagemaker.list_tags(ResourceArn=config["EndpointConfigArn"])["Tags"][0] == {"Key": "team", "Value": "a"}
    scaling = world.client("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
    assert ["-AlarmHigh-" in alarm["AlarmName"] for alarm in policy["Alarms"]] == [True]

    better = world.put("stack/2.tar.gz", world.archive({"weights.txt": "w2"}))
    cloudformation.update_stack(StackName="endpoints", TemplateBody=template(world, better))
    assert settle(world, "endpoints")["StackStatus"] == "UPDATE_COMPLETE", reasons(world, "endpoints")
    answer = world.invoke(name, {"n": 1})
    deadline = time.monotonic() + 20
    while not world.exists(answer["OutputLocation"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert json.loads(world.read(answer["OutputLocation"]))["weights"] == "w2"

    # The variant scales: it may get another model, and no other instance type.
    larger = template(world, better).replace("ml.m5.large", "ml.m5.xlarge")
    cloudformation.update_stack(StackName="endpoints", TemplateBody=larger)
    assert settle(world, "endpoints")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "must be deregistered as scalable targets" in reasons(world, "endpoints")

    broken = world.put("stack/3.tar.gz", b"nothing that unpacks")
    cloudformation.update_stack(StackName="endpoints", TemplateBody=template(world, broken))
    assert settle(world, "endpoints")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Failed to extract model data archive" in reasons(world, "endpoints")
    assert world.describe(name)["EndpointStatus"] == "InService"

    cloudformation.delete_stack(StackName="endpoints")
    assert settle(world, "endpoints")["StackStatus"] in ("GONE", "DELETE_COMPLETE")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        world.describe(name)
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])[
        "ScalableTargets"
    ]


def test_stack_whose_endpoint_fails_is_rolled_back_with_the_reason(world: World) -> None:
    broken = world.put("stack/4.tar.gz", world.archive({"code/inference.py": "raise OSError('broken')"}))
    body = template(world, broken)
    world.client("cloudformation").create_stack(StackName="failing", TemplateBody=body)
    assert settle(world, "failing")["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED")
    assert "OSError: broken" in reasons(world, "failing")
    names = [row["EndpointName"] for row in world.client("sagemaker").list_endpoints(MaxResults=100)["Endpoints"]]
    assert not [name for name in names if name.startswith("Endpoint-")]


def test_physical_names_keep_to_the_length_that_the_api_takes() -> None:
    name = physical_name("A" * 80)
    assert len(name) == 63
    assert name.startswith("AAAA")
    assert physical_name("Model") != physical_name("Model")


def test_text_becomes_what_the_api_s_model_says() -> None:
    shape = service_model("sagemaker").operation_model("CreateModel").input_shape
    assert shape
    given = {"EnableNetworkIsolation": "true", "PrimaryContainer": {"Environment": {"A": 1, "B": True, "C": "2"}}}
    wanted = {"EnableNetworkIsolation": True, "PrimaryContainer": {"Environment": {"A": "1", "B": "true", "C": "2"}}}
    assert coerce(shape, given) == wanted


def test_what_the_api_does_not_know_or_take_is_named() -> None:
    with pytest.raises(ServiceError, match="does not know Colour"):
        api_parameters("sagemaker", "CreateModel", {"ModelName": "a", "Colour": "red"})
    variant = {"VariantName": "a", "InitialInstanceCount": "many"}
    with pytest.raises(ServiceError, match=r"ProductionVariants\[0\].InitialInstanceCount"):
        api_parameters(
            "sagemaker", "CreateEndpointConfig", {"EndpointConfigName": "a", "ProductionVariants": [variant]}
        )
