"""Another instance type on a deployed stack: CloudFormation replaces the endpoint and all that is made for it.

The stack alone here; tests/endtoend/test_pipeline.py pushes the same change, and back.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contract.names import VARIANT, endpoint_prefix
from helpers.inference.connection import Connection
from tests.endtoend.test_request_path import SMALL

pytestmark = pytest.mark.cloud

CPU, GPU = "ml.m5.large", "ml.g5.xlarge"


def update(connection: Connection, **changes: str) -> list[dict[str, Any]]:
    """Update the application's stack by its parameters alone; its events, oldest first."""
    client, name = connection.client("cloudformation"), connection.settings.application_stack
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    parameters = [
        {"ParameterKey": item["ParameterKey"], "ParameterValue": changes[item["ParameterKey"]]}
        if item["ParameterKey"] in changes
        else {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
        for item in stack["Parameters"]
    ]
    known = {event["EventId"] for event in events(connection)}
    client.update_stack(
        StackName=name, UsePreviousTemplate=True, Parameters=parameters, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    client.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return [event for event in events(connection) if event["EventId"] not in known]


def events(connection: Connection) -> list[dict[str, Any]]:
    pages = connection.client("cloudformation").get_paginator("describe_stack_events").paginate(
        StackName=connection.settings.application_stack
    )  # fmt: skip
    return [event for page in pages for event in page["StackEvents"]][::-1]


def settled(connection: Connection) -> dict[str, Any]:
    """What belongs to the endpoint, as the services themselves say."""
    scaling = connection.client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    alarms = connection.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {
        dimension["Value"]
        for alarm in alarms
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "EndpointName"
    }
    board = connection.client("cloudwatch")
    stack = connection.client("cloudformation").describe_stacks(StackName=connection.settings.application_stack)
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Stacks"][0]["Outputs"]}
    return {
        "endpoints": [item["EndpointName"] for item in connection.client("sagemaker").list_endpoints()["Endpoints"]],
        "configs": len(connection.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]),
        "targets": [target["ResourceId"] for target in targets],
        "policies": sorted((policy["PolicyName"], policy["ResourceId"]) for policy in policies),
        "watched": watched,
        "shown": json.dumps(board.get_dashboard(DashboardName=outputs["DashboardName"])["DashboardBody"]),
        "outputs": outputs,
    }


def of(connection: Connection, instance_type: str) -> None:
    """Fails unless everything is there for an endpoint of this type, and nothing for another."""
    connection.refresh()
    name = f"{connection.settings.application_stack}-{instance_type.replace('.', '-')}"
    found, resource = settled(connection), f"endpoint/{name}/variant/{VARIANT}"
    assert found["endpoints"] == [name]
    assert found["configs"] == 1
    assert found["targets"] == [resource]
    assert found["policies"] == [("FollowBacklog", resource), ("WakeFromZero", resource)]
    assert found["watched"] == {name}
    assert name in found["shown"]
    assert found["outputs"]["EndpointName"] == connection.names.endpoint == name
    config = connection.describe_endpoint()["EndpointConfigName"]
    (variant,) = connection.client("sagemaker").describe_endpoint_config(EndpointConfigName=config)[
        "ProductionVariants"
    ]
    assert variant["InstanceType"] == instance_type


def when(found: list[dict[str, Any]], kind: str, status: str, name: str) -> int:
    """The place of an event among the others, of the resource whose physical id holds ``name``."""
    (place,) = [
        place
        for place, event in enumerate(found)
        if (event["ResourceType"], event["ResourceStatus"]) == (kind, status)
        and name in event.get("PhysicalResourceId", "")
    ]
    return place


def test_another_instance_type_replaces_the_endpoint_and_what_is_made_for_it(connection: Connection) -> None:
    of(connection, CPU)
    bucket, old = connection.names.bucket, connection.names.endpoint
    earlier = connection.generate("a red circle on a blue background", seed=1, **SMALL)
    earlier.wait(120)
    there = update(connection, InstanceType=GPU)
    # The old names are still in this connection, as in every notebook that is open.
    assert connection.generate("a yellow star", seed=1, **SMALL).wait(120).images[0].size == (64, 64)
    of(connection, GPU)
    new = connection.names.endpoint
    assert {old, new} == {
        f"{endpoint_prefix(connection.settings.application_stack)}{end}" for end in ("m5-large", "g5-xlarge")
    }
    target = "AWS::ApplicationAutoScaling::ScalableTarget"
    serves = when(there, "AWS::SageMaker::Endpoint", "UPDATE_COMPLETE", new)
    assert serves < when(there, target, "UPDATE_COMPLETE", new)
    assert when(there, target, "UPDATE_COMPLETE", new) < when(there, "AWS::SageMaker::Endpoint", "DELETE_COMPLETE", old)
    # Bucket, ids and requests are those of before.
    assert connection.names.bucket == bucket
    assert connection.resume(earlier.id).wait(30).images[0].size == (64, 64)
    update(connection, InstanceType=CPU)
    of(connection, CPU)
    assert connection.generate("a green square", seed=1, **SMALL).wait(120).images[0].size == (64, 64)


def test_without_another_name_the_service_refuses(connection: Connection) -> None:
    """Why it must be so: UpdateEndpoint to another type while the variant is a scalable target."""
    sagemaker, name = connection.client("sagemaker"), connection.names.endpoint
    config = sagemaker.describe_endpoint_config(EndpointConfigName=connection.describe_endpoint()["EndpointConfigName"])
    variant = {**config["ProductionVariants"][0], "InstanceType": GPU}
    sagemaker.create_endpoint_config(
        EndpointConfigName="another-type",
        ProductionVariants=[variant],
        AsyncInferenceConfig=config["AsyncInferenceConfig"],
    )
    try:
        with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="another-type")
    finally:
        sagemaker.delete_endpoint_config(EndpointConfigName="another-type")
