"""AWS CloudFormation: stacks through their life, and who may do what to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

GUIDE = "AWSCloudFormation/latest/UserGuide"
API = "AWSCloudFormation/latest/APIReference"
RECORDED = "localstack:tests/aws/services/cloudformation/api/test_stacks.py"
ASSUMED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def topic(display: Any = "a", **members: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": display}, **members}


def role(**properties: Any) -> dict[str, Any]:
    properties = {"AssumeRolePolicyDocument": ASSUMED, **properties}
    return {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}}


def update(aws: Account, stack: dict[str, Any], template: dict[str, Any], **settings: Any) -> dict[str, Any]:
    cloudformation = aws.client("cloudformation")
    cloudformation.update_stack(StackName=stack["StackName"], TemplateBody=json.dumps(template), **settings)
    return aws.settled(stack["StackName"])


def reasons(aws: Account, stack: dict[str, Any]) -> list[str]:
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]


@pytest.mark.parametrize(
    ("what", "template", "given", "needed"),
    [
        ("a role without a capability", role(), [], "CAPABILITY_IAM"),
        ("a named role with CAPABILITY_IAM", role(RoleName="n"), ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "A template with {what} is refused",
    f"{API}/API_CreateStack.html",
)
def test_capabilities(aws: Account, what: str, template: dict[str, Any], given: list[str], needed: str) -> None:
    cloudformation, body = aws.client("cloudformation"), json.dumps(template)
    with aws.refused("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]"):
        cloudformation.create_stack(StackName=aws.name("s"), TemplateBody=body, Capabilities=given)
    with aws.refused("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]"):
        cloudformation.create_change_set(
            StackName=aws.name("s"), ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body, Capabilities=given
        )


@behaviour(
    "cloudformation",
    ("CreateStack", "UpdateStack"),
    "An acknowledged role is made; an update that adds one needs the acknowledgement, too",
    f"{API}/API_UpdateStack.html",
)
def test_acknowledged(aws: Account) -> None:
    stack = aws.stack(role(), Capabilities=["CAPABILITY_IAM"])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Capabilities"] == ["CAPABILITY_IAM"]
    plain = aws.stack({"Resources": {"T": topic()}})
    with aws.refused("InsufficientCapabilitiesException", "CAPABILITY_IAM"):
        update(aws, plain, role())


@behaviour(
    "cloudformation",
    "CreateStack",
    "A template with a macro needs CAPABILITY_AUTO_EXPAND",
    f"{API}/API_CreateStack.html",
)
def test_macro(aws: Account) -> None:
    template = {"Transform": "AWS::LanguageExtensions", "Resources": {"T": topic()}}
    with aws.refused("InsufficientCapabilitiesException", "CAPABILITY_AUTO_EXPAND"):
        aws.client("cloudformation").create_stack(StackName=aws.name("s"), TemplateBody=json.dumps(template))


@pytest.mark.parametrize("name", ["1stack", "a_b", "a b", "x" * 129])
@behaviour("cloudformation", "CreateStack", "A stack cannot be called {name}", f"{RECORDED}::test_stack_name_creation")
def test_names(aws: Account, name: str) -> None:
    body = json.dumps({"Resources": {"T": topic()}})
    with aws.refused("ValidationError", "1 validation error detected: Value", "at 'stackName' failed to satisfy"):
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=body)


@behaviour("cloudformation", "CreateStack", "The name of a stack is taken", f"{RECORDED}::test_name_conflicts")
def test_taken(aws: Account) -> None:
    template = {"Resources": {"T": topic()}}
    name = aws.stack(template)["StackName"]
    with aws.refused("AlreadyExistsException", f"Stack [{name}] already exists"):
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


@behaviour(
    "cloudformation",
    ("DescribeStacks", "DescribeStackEvents", "DeleteStack"),
    "A deleted stack is known by its id alone, also when its name is used again, and tells when it was deleted",
    f"{RECORDED}::test_name_conflicts",
)
def test_deleted(aws: Account) -> None:
    cloudformation, template = aws.client("cloudformation"), {"Resources": {"T": topic()}}
    stack = aws.stack(template)
    name, stack_id = stack["StackName"], stack["StackId"]
    cloudformation.delete_stack(StackName=name)
    deleted = aws.settled(stack_id)
    assert deleted["StackStatus"] == "DELETE_COMPLETE"
    assert deleted["DeletionTime"] >= deleted["CreationTime"]
    with aws.refused("ValidationError", f"Stack with id {name} does not exist"):
        cloudformation.describe_stacks(StackName=name)
    with aws.refused("ValidationError", f"Stack [{name}] does not exist"):
        cloudformation.describe_stack_events(StackName=name)
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    aws.settled(name)
    assert cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    assert {event["StackId"] for event in events} == {stack_id}


@behaviour(
    "cloudformation", "CreateStack", "A stack that rolled back must be deleted first", f"{API}/API_CreateStack.html"
)
def test_rolled_back_name(aws: Account) -> None:
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Nope": 1}}}}
    stack = aws.stack(template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    cloudformation, body = aws.client("cloudformation"), json.dumps({"Resources": {"T": topic()}})
    with aws.refused("AlreadyExistsException", "already exists"):
        cloudformation.create_stack(StackName=stack["StackName"], TemplateBody=body)
    with aws.refused("ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated."):
        cloudformation.update_stack(StackName=stack["StackName"], TemplateBody=body)


@behaviour(
    "cloudformation",
    "DescribeStacks",
    "A stack's description has AWS's members and no empty ones",
    f"{RECORDED}::TestStacksApi::test_stack_description_special_chars",
)
def test_description(aws: Account) -> None:
    stack = aws.stack({"Description": "test <env>.test", "Resources": {"T": topic()}})
    assert stack["Description"] == "test <env>.test"
    assert stack["NotificationARNs"] == []
    assert stack["RollbackConfiguration"] == {}
    assert not stack.keys() & {"Outputs", "Parameters", "Capabilities", "StackStatusReason", "LastUpdatedTime"}
    assert "Description" not in aws.stack({"Resources": {"T": topic()}})


@behaviour(
    "cloudformation",
    "DescribeStacks",
    "The value of a NoEcho parameter is not shown",
    f"{RECORDED}::test_no_echo_parameter",
)
def test_no_echo(aws: Account) -> None:
    template = {"Parameters": {"P": {"Type": "String", "NoEcho": True}}, "Resources": {"T": topic()}}
    stack = aws.stack(template, Parameters=[{"ParameterKey": "P", "ParameterValue": "secret"}])
    assert stack["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "****"}]


@behaviour("cloudformation", "DescribeStacks", "A parameter may be empty", f"{RECORDED}::test_blank_parameter_value")
def test_blank(aws: Account) -> None:
    template = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"T": topic()}}
    stack = aws.stack(template, Parameters=[{"ParameterKey": "P", "ParameterValue": ""}])
    assert stack["StackStatus"] == "CREATE_COMPLETE"


@behaviour(
    "cloudformation",
    ("UpdateStack", "DescribeStackEvents", "DescribeStackResources"),
    "An update reports what changes, makes and removes, and leaves the rest out",
    f"{RECORDED}::test_stack_deletion_order",
)
def test_update_events(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    stack = aws.stack({"Resources": {"Same": topic(), "Changed": topic(), "Gone": topic()}})
    before = len(cloudformation.describe_stack_events(StackName=stack["StackName"])["StackEvents"])
    after = update(aws, stack, {"Resources": {"Same": topic(), "Changed": topic("b"), "New": topic()}})
    assert after["StackStatus"] == "UPDATE_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=stack["StackName"])["StackEvents"][:-before]
    told = [
        (event["LogicalResourceId"], event["ResourceStatus"])
        for event in reversed(events)
        if event["LogicalResourceId"] != stack["StackName"]
    ]
    assert told == [
        ("Changed", "UPDATE_IN_PROGRESS"),
        ("Changed", "UPDATE_COMPLETE"),
        ("New", "CREATE_IN_PROGRESS"),
        ("New", "CREATE_IN_PROGRESS"),
        ("New", "CREATE_COMPLETE"),
        ("Gone", "DELETE_IN_PROGRESS"),
        ("Gone", "DELETE_COMPLETE"),
    ]
    resources = cloudformation.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
    states = {each["LogicalResourceId"]: each["ResourceStatus"] for each in resources}
    assert states == {"Same": "CREATE_COMPLETE", "Changed": "UPDATE_COMPLETE", "New": "CREATE_COMPLETE"}


@behaviour(
    "cloudformation",
    "DescribeStackEvents",
    "An event has the resource's properties; a creation is initiated with the physical id",
    f"{RECORDED}::TestStacksApi::test_list_events_after_deployment",
)
def test_events(aws: Account) -> None:
    stack = aws.stack({"Resources": {"T": topic()}})
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    mine = [event for event in reversed(events) if event["LogicalResourceId"] == "T"]
    assert [event.get("ResourceStatusReason") for event in mine] == [None, "Resource creation Initiated", None]
    assert {event["ResourceProperties"] for event in mine} == {'{"DisplayName":"a"}'}
    assert mine[0]["PhysicalResourceId"] == ""
    assert mine[1]["PhysicalResourceId"].startswith("arn:aws:sns:")
    assert mine[0]["EventId"].startswith("T-CREATE_IN_PROGRESS-")
    stamps = [event["Timestamp"] for event in events]
    assert stamps == sorted(stamps, reverse=True)


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A failed creation says which resource failed, and rolls back",
    f"{GUIDE}/stack-failure-options.html",
)
def test_rollback_reason(aws: Account) -> None:
    stack = aws.stack({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Nope": 1}}}})
    said = "The following resource(s) failed to create: [Q]. Rollback requested by user."
    assert said in reasons(aws, stack)


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackResource"),
    "DisableRollback keeps what was made",
    f"{GUIDE}/stack-failure-options.html",
)
def test_disable_rollback(aws: Account) -> None:
    resources = {"T": topic(), "Z": {"Type": "AWS::SQS::Queue", "Properties": {"Nope": 1}, "DependsOn": "T"}}
    stack = aws.stack({"Resources": resources}, DisableRollback=True)
    assert (stack["StackStatus"], stack["DisableRollback"]) == ("CREATE_FAILED", True)
    ask = {"StackName": stack["StackName"], "LogicalResourceId": "T"}
    detail = aws.client("cloudformation").describe_stack_resource(**ask)["StackResourceDetail"]
    assert detail["ResourceStatus"] == "CREATE_COMPLETE"


@behaviour(
    "cloudformation",
    ("UpdateStack", "DescribeStackResources", "RollbackStack"),
    "An update with DisableRollback stays failed, says which resource did, and can be rolled back later",
    f"{GUIDE}/stack-failure-options.html",
)
def test_failed_update(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}, "DependsOn": "T"}
    stack = aws.stack({"Resources": {"T": topic(), "Q": queue}})
    queue["Properties"] = {"DelaySeconds": 901}
    failed = update(aws, stack, {"Resources": {"T": topic("b"), "Q": queue}}, DisableRollback=True)
    assert failed["StackStatus"] == "UPDATE_FAILED"
    resources = cloudformation.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
    states = {each["LogicalResourceId"]: each["ResourceStatus"] for each in resources}
    assert states == {"T": "UPDATE_COMPLETE", "Q": "UPDATE_FAILED"}
    cloudformation.rollback_stack(StackName=stack["StackName"])
    assert aws.settled(stack["StackName"])["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@behaviour(
    "cloudformation",
    "CreateStack",
    "OnFailure DELETE leaves nothing of a stack that failed",
    f"{API}/API_CreateStack.html",
)
def test_on_failure(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Nope": 1}}}})
    stack_id = cloudformation.create_stack(StackName=name, TemplateBody=body, OnFailure="DELETE")["StackId"]
    assert aws.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"


@behaviour(
    "cloudformation",
    "UpdateStack",
    "An update without a change is refused",
    f"{RECORDED}::TestStacksApi::test_update_stack_with_same_template_withoutchange",
)
def test_no_update(aws: Account) -> None:
    template = {"Resources": {"T": topic()}}
    stack = aws.stack(template)
    with aws.refused("ValidationError", "No updates are to be performed."):
        update(aws, stack, template)


@behaviour(
    "cloudformation",
    ("UpdateTerminationProtection", "DeleteStack"),
    "A protected stack is not deleted",
    f"{GUIDE}/using-cfn-protect-stacks.html",
)
def test_protection(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    name = aws.stack({"Resources": {"T": topic()}}, EnableTerminationProtection=True)["StackName"]
    aws.later(cloudformation.update_termination_protection, StackName=name, EnableTerminationProtection=False)
    with aws.refused("ValidationError", "cannot be deleted while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName=name)
    cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    assert not aws.settled(name)["EnableTerminationProtection"]


@behaviour("cloudformation", "DeleteStack", "A stack that is not there is deleted", f"{API}/API_DeleteStack.html")
def test_delete_nothing(aws: Account) -> None:
    aws.client("cloudformation").delete_stack(StackName=aws.name("nothing"))
