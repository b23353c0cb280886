"""AWS CloudFormation: wait conditions, signals, the end of an update, and drift of one resource."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.test_cloudformation_stacks import API, GUIDE, topic
from tests.localcloud.conftest import wait_until

WAITING: dict[str, Any] = {
    "W": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}},
    }
}


def waits(aws: Account, name: str) -> None:
    """Return when the stack waits for the signal."""
    cloudformation = aws.client("cloudformation")

    def begun() -> bool:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return any(event["LogicalResourceId"] == "W" for event in events)

    wait_until(begun, 20 if aws.local else 300)


@behaviour(
    "cloudformation",
    ("CreateStack", "SignalResource"),
    "A resource with a creation policy is complete when its signal has come",
    f"{API}/API_SignalResource.html",
)
def test_signal(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": WAITING}))
    aws.later(cloudformation.delete_stack, StackName=name)
    waits(aws, name)
    assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    cloudformation.signal_resource(StackName=name, LogicalResourceId="W", UniqueId="1", Status="SUCCESS")
    assert aws.settled(name)["StackStatus"] == "CREATE_COMPLETE"


@behaviour(
    "cloudformation",
    ("CreateStack", "SignalResource"),
    "A signal of failure fails the resource",
    f"{API}/API_SignalResource.html",
)
def test_failure_signal(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": WAITING}))
    aws.later(cloudformation.delete_stack, StackName=name)
    waits(aws, name)
    cloudformation.signal_resource(StackName=name, LogicalResourceId="W", UniqueId="1", Status="FAILURE")
    assert aws.settled(name)["StackStatus"] == "ROLLBACK_COMPLETE"


@behaviour(
    "cloudformation",
    ("UpdateStack", "CancelUpdateStack"),
    "An update that is cancelled rolls back; without one there is nothing to cancel",
    f"{API}/API_CancelUpdateStack.html",
)
def test_cancel(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    name = aws.stack({"Resources": {"T": topic()}})["StackName"]
    with aws.refused("ValidationError", "CancelUpdateStack cannot be called from current stack status"):
        cloudformation.cancel_update_stack(StackName=name)
    resources = {"T": topic(), **WAITING, "Z": topic(DependsOn="W")}
    cloudformation.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    waits(aws, name)
    cloudformation.cancel_update_stack(StackName=name)
    if aws.local:  # AWS does not wait for the signal
        cloudformation.signal_resource(StackName=name, LogicalResourceId="W", UniqueId="1", Status="SUCCESS")
    assert aws.settled(name)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@behaviour(
    "cloudformation",
    "DetectStackResourceDrift",
    "The drift of one resource is known at once",
    f"{GUIDE}/using-cfn-stack-drift.html",
)
def test_resource_drift(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}
    stack = aws.stack({"Resources": {"Q": queue}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}})
    ask = {"StackName": stack["StackName"], "LogicalResourceId": "Q"}
    drift = cloudformation.detect_stack_resource_drift(**ask)["StackResourceDrift"]
    assert drift["StackResourceDriftStatus"] == "IN_SYNC"
    aws.client("sqs").delete_queue(QueueUrl=stack["Outputs"][0]["OutputValue"])
    drift = cloudformation.detect_stack_resource_drift(**ask)["StackResourceDrift"]
    assert drift["StackResourceDriftStatus"] == "DELETED"


@behaviour(
    "cloudformation",
    "CreateStack",
    "A parameter may name the attribute of Fn::GetAtt",
    "localstack:tests/aws/services/cloudformation/api/test_reference_resolving.py::test_nested_getatt_ref",
)
def test_attribute_by_parameter(aws: Account) -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {"T": topic()},
        "Outputs": {"O": {"Value": {"Fn::GetAtt": ["T", {"Ref": "P"}]}}},
    }
    stack = aws.stack(template, Parameters=[{"ParameterKey": "P", "ParameterValue": "TopicName"}])
    assert stack["Outputs"][0]["OutputValue"].startswith(f"{stack['StackName']}-T-")
