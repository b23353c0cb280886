"""AWS CloudFormation: change sets, and what is where of a stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.test_cloudformation_stacks import API, GUIDE, topic

RECORDED = "localstack:tests/aws/services/cloudformation/api/test_changesets.py"
TEMPLATES = "localstack:tests/aws/services/cloudformation/api/test_templates.py"


def change_set(aws: Account, stack: str, template: dict[str, Any], kind: str = "UPDATE", **settings: Any) -> str:
    """A new change set, ready; its id."""
    cloudformation = aws.client("cloudformation")
    made = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=settings.pop("name", aws.name("cs")),
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        **settings,
    )
    aws.later(cloudformation.delete_stack, StackName=made["StackId"])
    waiter = cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(ChangeSetName=made["Id"], WaiterConfig={"Delay": 1 if aws.local else 5})
    return str(made["Id"])


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "ListChangeSets"),
    "A change set makes a stack in review, is found by id, by name and by the stack's ARN, and makes the stack",
    f"{API}/API_CreateChangeSet.html",
)
def test_life(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    found = change_set(aws, name, {"Resources": {"T": topic()}}, "CREATE", name="first", Description="why")
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert (stack["StackStatus"], stack["StackStatusReason"]) == ("REVIEW_IN_PROGRESS", "User Initiated")
    by_id = cloudformation.describe_change_set(ChangeSetName=found)
    for where in (name, stack["StackId"]):
        by_name = cloudformation.describe_change_set(ChangeSetName="first", StackName=where)
        assert by_name["ChangeSetId"] == by_id["ChangeSetId"] == found
        listed = cloudformation.list_change_sets(StackName=where)["Summaries"]
        assert [each["ChangeSetName"] for each in listed] == ["first"]
    assert (by_id["Status"], by_id["ExecutionStatus"], by_id["Description"]) == ("CREATE_COMPLETE", "AVAILABLE", "why")
    change = by_id["Changes"][0]["ResourceChange"]
    assert (change["Action"], change["LogicalResourceId"], change["Details"]) == ("Add", "T", [])
    cloudformation.execute_change_set(ChangeSetName="first", StackName=stack["StackId"])
    done = aws.settled(name)
    assert (done["StackStatus"], done["ChangeSetId"]) == ("CREATE_COMPLETE", found)
    assert done["StackId"] == stack["StackId"]


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "DescribeChangeSet"),
    "A change set's description has AWS's members and no empty ones",
    f"{RECORDED}::test_multiple_create_changeset",
)
def test_shape(aws: Account) -> None:
    found = change_set(aws, aws.name("stack"), {"Resources": {"T": topic()}}, "CREATE")
    answer = aws.client("cloudformation").describe_change_set(ChangeSetName=found)
    assert answer["NotificationARNs"] == answer["Capabilities"] == []
    assert (answer["RollbackConfiguration"], answer["IncludeNestedStacks"]) == ({}, False)
    assert not answer.keys() & {"Description", "StatusReason", "Parameters", "Tags"}


@behaviour(
    "cloudformation",
    "CreateChangeSet",
    "Several change sets of type CREATE are of one stack",
    f"{RECORDED}::test_multiple_create_changeset",
)
def test_several(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    body = json.dumps({"Resources": {"T": topic()}})
    ids = {
        cloudformation.create_change_set(StackName=name, ChangeSetName=each, ChangeSetType="CREATE", TemplateBody=body)[
            "StackId"
        ]
        for each in ("a", "b")
    }
    assert len(ids) == 1
    aws.later(cloudformation.delete_stack, StackName=ids.pop())


@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet", "DescribeChangeSet"),
    "CreateStack makes the stack that is in review, whose change sets are obsolete then",
    f"{RECORDED}::test_create_while_in_review",
)
def test_create_in_review(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    found = change_set(aws, name, {"Resources": {"T": topic()}}, "CREATE")
    reviewed = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    body = json.dumps({"Resources": {"T": topic()}})
    assert cloudformation.create_stack(StackName=name, TemplateBody=body)["StackId"] == reviewed
    assert aws.settled(name)["StackStatus"] == "CREATE_COMPLETE"
    assert cloudformation.describe_change_set(ChangeSetName=found)["ExecutionStatus"] == "OBSOLETE"


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "DescribeChangeSet"),
    "A change set says what changes, why, and whether it makes a new resource",
    f"{RECORDED}::test_describe_changeset_after_delete",
)
def test_details(aws: Account) -> None:
    template: dict[str, Any] = {
        "Parameters": {"P": {"Type": "String", "Default": "one"}},
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "P"}}}},
    }
    template["Parameters"]["P"]["Default"] = aws.name("one")
    stack = aws.stack(template)
    given = [{"ParameterKey": "P", "ParameterValue": aws.name("two")}]
    found = change_set(aws, stack["StackName"], template, Parameters=given)
    change = aws.client("cloudformation").describe_change_set(ChangeSetName=found)["Changes"][0]["ResourceChange"]
    assert (change["Action"], change["Replacement"], change["Scope"]) == ("Modify", "True", ["Properties"])
    target = {"Attribute": "Properties", "Name": "TopicName", "RequiresRecreation": "Always"}
    assert change["Details"] == [
        {"Target": target, "Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": "P"},
        {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"},
    ]


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "ExecuteChangeSet"),
    "A change set without a change fails, and is not carried out",
    f"{RECORDED}::test_create_change_set_no_changes",
)
def test_no_change(aws: Account) -> None:
    cloudformation, template = aws.client("cloudformation"), {"Resources": {"T": topic()}}
    stack = aws.stack(template)
    made = cloudformation.create_change_set(
        StackName=stack["StackName"], ChangeSetName="none", TemplateBody=json.dumps(template)
    )
    described = cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "The submitted information didn't contain changes." in described["StatusReason"]
    with aws.refused("InvalidChangeSetStatus", "cannot be executed in its current status of [FAILED]"):
        cloudformation.execute_change_set(ChangeSetName=made["Id"])


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet"),
    "The names of change sets: taken, free after it was carried out, gone after it was deleted",
    f"{RECORDED}::test_describe_changeset_after_delete",
)
def test_change_set_names(aws: Account) -> None:
    cloudformation, stack = aws.client("cloudformation"), aws.name("stack")
    change_set(aws, stack, {"Resources": {"T": topic()}}, "CREATE", name="same")
    with aws.refused("AlreadyExistsException", "already exists"):
        change_set(aws, stack, {"Resources": {"T": topic()}}, "CREATE", name="same")
    cloudformation.execute_change_set(ChangeSetName="same", StackName=stack)
    aws.settled(stack)
    change_set(aws, stack, {"Resources": {"T": topic("b")}}, name="same")
    cloudformation.delete_change_set(ChangeSetName="same", StackName=stack)
    with aws.refused("ChangeSetNotFound", "ChangeSet [same] does not exist", status=404):
        cloudformation.describe_change_set(ChangeSetName="same", StackName=stack)


@behaviour(
    "cloudformation",
    ("DescribeChangeSet", "DeleteStack"),
    "A change set stays known by its id when its stack is deleted",
    f"{RECORDED}::test_name_conflicts",
)
def test_after_stack(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    found = change_set(aws, name, {"Resources": {"T": topic()}}, "CREATE")
    cloudformation.execute_change_set(ChangeSetName=found)
    stack_id = aws.settled(name)["StackId"]
    cloudformation.delete_stack(StackName=name)
    aws.settled(stack_id)
    assert cloudformation.describe_change_set(ChangeSetName=found)["ExecutionStatus"] == "EXECUTE_COMPLETE"


@pytest.mark.parametrize(
    ("what", "kind", "says"),
    [
        ("UPDATE of a stack that is not there", "UPDATE", "does not exist"),
        ("an unknown type", "INVALID", "Member must satisfy enum value set"),
    ],
)
@behaviour(
    "cloudformation",
    "CreateChangeSet",
    "A change set of {what} is refused",
    f"{RECORDED}::test_create_change_set_update_nonexisting",
)
def test_refused(aws: Account, what: str, kind: str, says: str) -> None:
    body = json.dumps({"Resources": {"T": topic()}})
    with aws.refused("ValidationError", says):
        aws.client("cloudformation").create_change_set(
            StackName=aws.name("none"), ChangeSetName="c", ChangeSetType=kind, TemplateBody=body
        )


@behaviour(
    "cloudformation",
    "CreateChangeSet",
    "A change set of type CREATE for a stack that is there is refused",
    f"{RECORDED}::test_name_conflicts",
)
def test_create_existing(aws: Account) -> None:
    template = {"Resources": {"T": topic()}}
    name = aws.stack(template)["StackName"]
    with aws.refused("ValidationError", f"Stack [{name}] already exists and cannot be created again with the"):
        change_set(aws, name, template, "CREATE")


@behaviour(
    "cloudformation",
    ("DescribeChangeSet", "DeleteChangeSet", "ListChangeSets"),
    "Change sets of a stack that is not there, and names without a stack, are refused",
    f"{RECORDED}::test_delete_change_set_exception",
)
def test_no_stack(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    with aws.refused("ValidationError", "Stack [nostack] does not exist"):
        cloudformation.describe_change_set(ChangeSetName="c", StackName="nostack")
    with aws.refused("ValidationError", "Stack [nostack] does not exist"):
        cloudformation.delete_change_set(ChangeSetName="c", StackName="nostack")
    with aws.refused("ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN."):
        cloudformation.delete_change_set(ChangeSetName="c")
    with aws.refused("ValidationError", "Stack [nostack] does not exist"):
        cloudformation.list_change_sets(StackName="nostack")


@behaviour(
    "cloudformation",
    ("CreateChangeSet", "ExecuteChangeSet", "DescribeStacks"),
    "A change of outputs alone is a change",
    f"{GUIDE}/using-cfn-updating-stacks-changesets.html",
)
def test_outputs(aws: Account) -> None:
    stack = aws.stack({"Resources": {"T": topic()}})
    found = change_set(aws, stack["StackName"], {"Resources": {"T": topic()}, "Outputs": {"O": {"Value": "x"}}})
    aws.client("cloudformation").execute_change_set(ChangeSetName=found)
    assert aws.settled(stack["StackName"])["Outputs"] == [{"OutputKey": "O", "OutputValue": "x"}]


@behaviour(
    "cloudformation",
    "GetTemplate",
    "GetTemplate gives the template as it was sent, also of a change set; without either name it is refused",
    f"{TEMPLATES}::test_get_template_no_arguments",
)
def test_get_template(aws: Account) -> None:
    cloudformation, name = aws.client("cloudformation"), aws.name("stack")
    template = {"Resources": {"T": topic()}}
    found = change_set(aws, name, template, "CREATE")
    assert cloudformation.get_template(ChangeSetName=found)["TemplateBody"] == template
    cloudformation.execute_change_set(ChangeSetName=found)
    aws.settled(name)
    assert cloudformation.get_template(StackName=name)["TemplateBody"] == template
    with aws.refused("ValidationError", "StackName is required if ChangeSetName is not specified."):
        cloudformation.get_template()
    with aws.refused("ValidationError", "StackName is a required parameter."):
        cloudformation.get_template(ChangeSetName="c")
    with aws.refused("ValidationError", "Stack with id nostack does not exist"):
        cloudformation.get_template(StackName="nostack")


@behaviour(
    "cloudformation",
    ("DescribeStackResource", "DescribeStackResources", "ListStackResources"),
    "The resources of a stack have names, ids, types and states; others are refused",
    "localstack:tests/aws/services/cloudformation/api/test_stacks.py::test_stack_resource_not_found",
)
def test_resources(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    name = aws.stack({"Resources": {"T": topic()}})["StackName"]
    detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="T")["StackResourceDetail"]
    assert detail["PhysicalResourceId"].startswith(f"arn:aws:sns:{aws.region}:{aws.account}:{name}-T-")
    listed = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    many = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    for each in (detail, listed[0], many[0]):
        assert (each["LogicalResourceId"], each["ResourceType"]) == ("T", "AWS::SNS::Topic")
        assert each["ResourceStatus"] == "CREATE_COMPLETE"
    with aws.refused("ValidationError", f"Resource Nope does not exist for stack {name}"):
        cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Nope")
    with aws.refused("ValidationError", "Stack 'nostack' does not exist"):
        cloudformation.describe_stack_resource(StackName="nostack", LogicalResourceId="T")


@behaviour(
    "cloudformation",
    "ListStacks",
    "ListStacks has deleted stacks, too, and filters by status",
    f"{API}/API_ListStacks.html",
)
def test_list_stacks(aws: Account) -> None:
    cloudformation = aws.client("cloudformation")
    stack = aws.stack({"Resources": {"T": topic()}})
    cloudformation.delete_stack(StackName=stack["StackName"])
    aws.settled(stack["StackId"])
    pages = cloudformation.get_paginator("list_stacks")
    deleted = [
        each for page in pages.paginate(StackStatusFilter=["DELETE_COMPLETE"]) for each in page["StackSummaries"]
    ]
    assert {each["StackStatus"] for each in deleted} == {"DELETE_COMPLETE"}
    assert "DeletionTime" in next(each for each in deleted if each["StackId"] == stack["StackId"])


@behaviour(
    "cloudformation",
    ("GetTemplateSummary", "CreateChangeSet"),
    "GetTemplateSummary of a stack in review is refused",
    f"{TEMPLATES}::test_get_template_summary_non_executed_change_set",
)
def test_summary_in_review(aws: Account) -> None:
    name = aws.name("stack")
    change_set(aws, name, {"Resources": {"T": topic()}}, "CREATE")
    with aws.refused("ValidationError", "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks."):
        aws.client("cloudformation").get_template_summary(StackName=name)


@behaviour(
    "cloudformation",
    ("DetectStackDrift", "DescribeStackDriftDetectionStatus", "DescribeStackResourceDrifts"),
    "A queue that was changed outside of its stack has drifted",
    f"{GUIDE}/using-cfn-stack-drift.html",
)
def test_drift(aws: Account) -> None:
    cloudformation, sqs = aws.client("cloudformation"), aws.client("sqs")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}
    stack = aws.stack({"Resources": {"Q": queue}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}})
    ask = {"StackName": stack["StackName"]}

    def status() -> str:
        detection = cloudformation.detect_stack_drift(**ask)["StackDriftDetectionId"]
        found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        return str(found["StackDriftStatus"])

    assert status() == "IN_SYNC"
    url = stack["Outputs"][0]["OutputValue"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "6"})
    assert status() == "DRIFTED"
    drift = cloudformation.describe_stack_resource_drifts(**ask)["StackResourceDrifts"][0]
    assert drift["PropertyDifferences"][0]["PropertyPath"] == "/DelaySeconds"
