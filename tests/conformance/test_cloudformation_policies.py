"""AWS CloudFormation: roles, stack policies, exports and notifications."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.test_cloudformation_stacks import API, GUIDE, reasons, topic, update

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}
PROTECT = f"{GUIDE}/protect-stack-resources.html"


def policy(action: str, resource: str = "*", **members: Any) -> str:
    deny = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, **members}
    return json.dumps({"Statement": [ALLOW, deny]})


def named(display: str, name: str) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": display, "TopicName": name}}


@pytest.mark.parametrize(
    ("action", "resource"),
    [("Update:*", "*"), ("Update:Modify", "LogicalResourceId/T"), ("Update:*", "LogicalResourceId/T*")],
)
@behaviour(
    "cloudformation",
    ("SetStackPolicy", "UpdateStack", "DescribeStackEvents"),
    "A stack policy that denies {action} on {resource} fails an update, which rolls back",
    PROTECT,
)
def test_denied(aws: Account, action: str, resource: str) -> None:
    cloudformation = aws.client("cloudformation")
    stack = aws.stack({"Resources": {"T": topic()}})
    cloudformation.set_stack_policy(StackName=stack["StackName"], StackPolicyBody=policy(action, resource))
    after = update(aws, stack, {"Resources": {"T": topic("b")}})
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Action denied by stack policy" in reason for reason in reasons(aws, stack))


@behaviour(
    "cloudformation",
    ("SetStackPolicy", "UpdateStack"),
    "What a stack policy denies for one resource, kind of change or type is allowed for the others",
    PROTECT,
)
def test_allowed(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    stack = aws.stack({"Resources": {"T": topic(), "U": topic()}})
    condition = {"StringEquals": {"ResourceType": ["AWS::SQS::Queue"]}}
    for body in (
        policy("Update:*", "LogicalResourceId/U"),
        policy(["Update:Replace", "Update:Delete"]),  # type: ignore[arg-type]  # a list is allowed, too
        policy("Update:*", Condition=condition),
    ):
        cloudformation.set_stack_policy(StackName=stack["StackName"], StackPolicyBody=body)
        display = f"b{len(body)}"
        assert (
            update(aws, stack, {"Resources": {"T": topic(display), "U": topic()}})["StackStatus"] == "UPDATE_COMPLETE"
        )


@behaviour(
    "cloudformation",
    ("SetStackPolicy", "UpdateStack"),
    "A stack policy denies what no statement allows",
    PROTECT,
)
def test_denied_by_default(aws: Account) -> None:
    stack = aws.stack({"Resources": {"T": topic(), "U": topic()}})
    only = json.dumps({"Statement": {**ALLOW, "Resource": "LogicalResourceId/U"}})
    aws.client("cloudformation").set_stack_policy(StackName=stack["StackName"], StackPolicyBody=only)
    after = update(aws, stack, {"Resources": {"T": topic("b"), "U": topic()}})
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.parametrize("action", ["Update:Replace", "Update:Delete"])
@behaviour(
    "cloudformation",
    ("CreateStack", "UpdateStack"),
    "A stack policy may deny {action} alone",
    PROTECT,
)
def test_denied_kind(aws: Account, action: str) -> None:
    name = aws.name("t")
    stack = aws.stack({"Resources": {"T": named("a", name), "U": topic()}}, StackPolicyBody=policy(action))
    assert update(aws, stack, {"Resources": {"T": named("b", name), "U": topic()}})["StackStatus"] == "UPDATE_COMPLETE"
    new = {"T": named("b", aws.name("u")), "U": topic()} if action == "Update:Replace" else {"U": topic()}
    after = update(aws, stack, {"Resources": new})
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:{name}"
    assert aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "b"


@behaviour(
    "cloudformation",
    ("UpdateStack", "GetStackPolicy"),
    "A policy for one update takes the place of the stack's policy during it",
    PROTECT,
)
def test_during_update(aws: Account) -> None:
    denying = policy("Update:*")
    stack = aws.stack({"Resources": {"T": topic()}}, StackPolicyBody=denying)
    during = json.dumps({"Statement": [ALLOW]})
    after = update(aws, stack, {"Resources": {"T": topic("b")}}, StackPolicyDuringUpdateBody=during)
    assert after["StackStatus"] == "UPDATE_COMPLETE"
    kept = aws.client("cloudformation").get_stack_policy(StackName=stack["StackName"])
    assert kept["StackPolicyBody"] == denying
    assert update(aws, stack, {"Resources": {"T": topic("c")}})["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("not JSON", "{nope"),
        ("without statements", "{}"),
        ("with an unknown effect", json.dumps({"Statement": [{**ALLOW, "Effect": "Maybe"}]})),
        ("with another action", json.dumps({"Statement": [{**ALLOW, "Action": "Delete:*"}]})),
        ("with another principal", json.dumps({"Statement": [{**ALLOW, "Principal": {"AWS": "x"}}]})),
    ],
)
@behaviour(
    "cloudformation",
    ("SetStackPolicy", "GetStackPolicy"),
    "A stack policy that is {what} is refused",
    "localstack:tests/aws/services/cloudformation/api/test_stack_policies.py::TestStackPolicy",
)
def test_bad_policy(aws: Account, what: str, body: str) -> None:
    cloudformation = aws.client("cloudformation")
    name = aws.stack({"Resources": {"T": topic()}})["StackName"]
    with aws.refused("ValidationError", "Error validating stack policy: Invalid stack policy"):
        cloudformation.set_stack_policy(StackName=name, StackPolicyBody=body)
    assert "StackPolicyBody" not in cloudformation.get_stack_policy(StackName=name)


@behaviour("cloudformation", "CreateStack", "A role that is not there is refused", f"{API}/API_CreateStack.html")
def test_role_missing(aws: Account) -> None:
    arn = f"arn:aws:iam::{aws.account}:role/{aws.name('role')}"
    body = json.dumps({"Resources": {"T": topic()}})
    with aws.refused("ValidationError", f"Role {arn} is invalid or cannot be assumed"):
        aws.client("cloudformation").create_stack(StackName=aws.name("s"), TemplateBody=body, RoleARN=arn)


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStacks"),
    "A role that CloudFormation may not assume is refused; one that it may is the stack's",
    f"{GUIDE}/using-iam-servicerole.html",
)
def test_role(aws: Account) -> None:
    body = json.dumps({"Resources": {"T": topic()}})
    other = aws.role("lambda.amazonaws.com")
    with aws.refused("ValidationError", "is invalid or cannot be assumed"):
        aws.client("cloudformation").create_stack(StackName=aws.name("s"), TemplateBody=body, RoleARN=other)
    statement = {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}
    mine = aws.role("cloudformation.amazonaws.com", statement)
    stack = aws.stack({"Resources": {"T": topic()}}, RoleARN=mine)
    assert (stack["StackStatus"], stack["RoleARN"]) == ("CREATE_COMPLETE", mine)


def exporting(name: str, value: str = "a") -> dict[str, Any]:
    return {"Resources": {"T": topic()}, "Outputs": {"O": {"Value": value, "Export": {"Name": name}}}}


@behaviour(
    "cloudformation",
    ("CreateStack", "ListExports"),
    "The name of an export is unique in a region",
    f"{GUIDE}/using-cfn-stack-exports.html",
)
def test_duplicate_export(aws: Account) -> None:
    name = aws.name("export")
    owner = aws.stack(exporting(name))
    second = aws.stack(exporting(name, "b"))
    assert second["StackStatus"] == "ROLLBACK_COMPLETE"
    said = f"Export with name {name} is already exported by stack {owner['StackName']}"
    assert any(said in reason for reason in reasons(aws, second))
    exports = {each["Name"]: each for each in aws.client("cloudformation").list_exports()["Exports"]}
    assert (exports[name]["Value"], exports[name]["ExportingStackId"]) == ("a", owner["StackId"])


@behaviour(
    "cloudformation",
    ("UpdateStack", "DeleteStack", "ListImports"),
    "An export that another stack imports is neither changed nor removed, and its stack is not deleted",
    f"{GUIDE}/using-cfn-stack-exports.html",
)
def test_export_in_use(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("export")
    owner = aws.stack(exporting(name))
    user = aws.stack({"Resources": {"T": topic({"Fn::ImportValue": name})}})
    assert user["StackStatus"] == "CREATE_COMPLETE"
    assert cloudformation.list_imports(ExportName=name)["Imports"] == [user["StackName"]]
    in_use = f"as it is in use by {user['StackName']}"
    assert update(aws, owner, exporting(name, "b"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any(f"Export {name} cannot be updated {in_use}" in reason for reason in reasons(aws, owner))
    assert update(aws, owner, {"Resources": {"T": topic("c")}})["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any(f"Export {name} cannot be deleted {in_use}" in reason for reason in reasons(aws, owner))
    with aws.refused("ValidationError", f"Export {name} cannot be deleted {in_use}"):
        cloudformation.delete_stack(StackName=owner["StackName"])


@behaviour(
    "cloudformation",
    ("UpdateStack", "ListExports"),
    "An export that nobody imports goes with its output",
    f"{GUIDE}/using-cfn-stack-exports.html",
)
def test_export_removed(aws: Account) -> None:
    name = aws.name("export")
    owner = aws.stack(exporting(name))
    assert update(aws, owner, {"Resources": {"T": topic()}})["StackStatus"] == "UPDATE_COMPLETE"
    assert name not in {each["Name"] for each in aws.client("cloudformation").list_exports()["Exports"]}


@behaviour(
    "cloudformation",
    "CreateStack",
    "An import of an export that is not there fails the stack",
    f"{GUIDE}/using-cfn-stack-exports.html",
)
def test_missing_export(aws: Account) -> None:
    name = aws.name("export")
    stack = aws.stack({"Resources": {"T": topic({"Fn::ImportValue": name})}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(f"No export named {name} found" in reason for reason in reasons(aws, stack))


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStacks"),
    "The events of a stack go to its topics",
    f"{API}/API_CreateStack.html",
)
def test_notifications(aws: Account) -> None:
    sns, (url, arn) = aws.client("sns"), aws.queue()
    target = sns.create_topic(Name=aws.name("events"))["TopicArn"]
    aws.later(sns.delete_topic, TopicArn=target)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    sns.subscribe(TopicArn=target, Protocol="sqs", Endpoint=arn)
    stack = aws.stack({"Resources": {"T": topic()}}, NotificationARNs=[target])
    assert stack["NotificationARNs"] == [target]
    said = json.loads(aws.receive(url)["Body"])
    assert said["Subject"] == "AWS CloudFormation Notification"
    lines = dict(line.split("=", 1) for line in said["Message"].splitlines())
    assert lines["StackId"] == f"'{stack['StackId']}'"
    assert lines["ResourceStatus"].startswith("'CREATE_")
