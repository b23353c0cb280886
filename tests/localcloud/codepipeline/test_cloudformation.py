"""``AWS::CodePipeline::Pipeline`` (CloudFormation Template Reference)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import ROLE, World, topic_template

pytestmark = pytest.mark.cloud


def upper_action(name: str, category: str, provider: str, **settings: Any) -> dict[str, Any]:
    configuration = settings.pop("Configuration", {})
    return {
        "Name": name,
        "ActionTypeId": {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"},
        "Configuration": configuration,
        "RunOrder": 1,
        **settings,
    }


def properties(world: World, name: str, actions: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """A pipeline's properties as the CDK writes them."""
    source = upper_action(
        "Source",
        "Source",
        "S3",
        Configuration={"S3Bucket": "sources", "S3ObjectKey": f"{name}.zip", "PollForSourceChanges": False},
        OutputArtifacts=[{"Name": "Source"}],
        Namespace="Src",
    )
    return {
        "RoleArn": ROLE,
        "ArtifactStore": {"Type": "S3", "Location": "artifacts"},
        "PipelineType": "V2",
        "ExecutionMode": "SUPERSEDED",
        "Stages": [{"Name": "Source", "Actions": [source]}, {"Name": "Stage1", "Actions": actions}],
        **settings,
    }


def approve(**configuration: Any) -> dict[str, Any]:
    return upper_action("Approve", "Approval", "Manual", Configuration=configuration)


def template(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "Resources": {"Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": wanted}},
        "Outputs": {
            "Name": {"Value": {"Ref": "Pipeline"}},
            "Version": {"Value": {"Fn::GetAtt": ["Pipeline", "Version"]}},
        },
    }


def deploy(world: World, stack_name: str, document: dict[str, Any], *, update: bool = False) -> dict[str, str]:
    cloudformation = world.client("cloudformation")
    act = cloudformation.update_stack if update else cloudformation.create_stack
    act(StackName=stack_name, TemplateBody=json.dumps(document))
    status = wait_until(lambda: settled(world, stack_name))
    assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), cloudformation.describe_stack_events(StackName=stack_name)
    outputs = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def settled(world: World, stack_name: str) -> str | None:
    status = world.stack_status(stack_name)
    return None if status is None or status.endswith("IN_PROGRESS") else status


def test_a_stack_creates_updates_and_deletes_a_pipeline(world: World) -> None:
    stack_name = world.name("stack")
    world.source(stack_name, {"template.json": topic_template()})
    tags = [{"Key": "team", "Value": "art"}]
    wanted = properties(world, stack_name, [approve(CustomData="one")], Tags=tags)
    outputs = deploy(world, stack_name, template(wanted))
    name = outputs["Name"]
    assert name.startswith(f"{stack_name}-Pipeline-")
    assert outputs["Version"] == "1"
    found = world.pipelines.get_pipeline(name=name)
    arn = found["metadata"]["pipelineArn"]
    source = found["pipeline"]["stages"][0]["actions"][0]
    assert source["configuration"]["PollForSourceChanges"] == "false"
    assert source["namespace"] == "Src"
    assert world.pipelines.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "art"}]
    first = world.executions(name)[0]["pipelineExecutionId"]
    world.token(name)

    wanted["Tags"] = [{"Key": "owner", "Value": "me"}]
    assert deploy(world, stack_name, template(wanted), update=True)["Version"] == "1"
    assert world.execution(name, first)["status"] == "InProgress"
    assert world.pipelines.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "owner", "value": "me"}]

    wanted["Stages"][1]["Actions"] = [approve(CustomData="two")]
    assert deploy(world, stack_name, template(wanted), update=True) == {"Name": name, "Version": "2"}
    assert world.execution(name, first)["status"] == "Cancelled"
    assert len(world.executions(name)) == 1

    world.client("cloudformation").delete_stack(StackName=stack_name)
    wait_until(lambda: world.stack_status(stack_name) is None)
    assert name not in {row["name"] for row in world.pipelines.list_pipelines()["pipelines"]}


def test_disabled_transitions_hold_from_the_first_execution_on(world: World) -> None:
    stack_name = world.name("stack")
    world.source(stack_name, {"template.json": topic_template()})
    disabled = [{"StageName": "Stage1", "Reason": "not yet"}]
    wanted = properties(world, stack_name, [approve()], DisableInboundStageTransitions=disabled, Name=stack_name)
    assert deploy(world, stack_name, template(wanted))["Name"] == stack_name
    wait_until(lambda: world.stage(stack_name, "Stage1")["inboundExecutions"])
    assert "latestExecution" not in world.stage(stack_name, "Stage1")
    del wanted["DisableInboundStageTransitions"]
    deploy(world, stack_name, template(wanted), update=True)
    world.answer(stack_name)


def test_another_name_is_another_pipeline(world: World) -> None:
    old, new = world.name("stack"), world.name("stack")
    world.source(old, {"template.json": topic_template()})
    wanted = properties(world, old, [approve()], Name=old)
    deploy(world, old, template(wanted))
    assert deploy(world, old, template(wanted | {"Name": new}), update=True) == {"Name": new, "Version": "1"}
    names = {row["name"] for row in world.pipelines.list_pipelines()["pipelines"]}
    assert new in names
    assert old not in names


def test_a_bad_declaration_fails_the_stack_with_the_reason(world: World) -> None:
    stack_name = world.name("stack")
    wanted = properties(world, stack_name, [upper_action("Invoke", "Invoke", "Lambda")])
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(StackName=stack_name, TemplateBody=json.dumps(template(wanted)))
    assert wait_until(lambda: settled(world, stack_name)) == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    assert any("Provider: 'Lambda'" in event.get("ResourceStatusReason", "") for event in events)


def test_a_pipeline_updates_itself_and_starts_again(world: World) -> None:
    """With RestartExecutionOnUpdate the execution that updates the pipeline is cancelled, a new one goes through."""
    name = world.name("self")
    update_itself = upper_action(
        "Itself",
        "Deploy",
        "CloudFormation",
        Configuration={"ActionMode": "CREATE_UPDATE", "StackName": name, "TemplatePath": "Source::template.json"},
        InputArtifacts=[{"Name": "Source"}],
    )
    old = template(properties(world, name, [update_itself], RestartExecutionOnUpdate=True, Name=name))
    after = upper_action(
        "After",
        "Deploy",
        "CloudFormation",
        Configuration={
            "ActionMode": "CREATE_UPDATE",
            "StackName": f"{name}-after",
            "TemplatePath": "Source::after.json",
        },
        InputArtifacts=[{"Name": "Source"}],
    )
    new = json.loads(json.dumps(old))
    new["Resources"]["Pipeline"]["Properties"]["Stages"].append({"Name": "Stage2", "Actions": [after]})
    new["Resources"]["Later"] = {"Type": "AWS::SNS::Topic", "DependsOn": "Pipeline"}
    world.source(name, {"template.json": old, "after.json": topic_template()})
    deploy(world, name, old)
    first = world.executions(name)[-1]["pipelineExecutionId"]
    assert world.ended(name, first) == "Succeeded", world.actions(name, first)

    world.source(name, {"template.json": new, "after.json": topic_template()})
    second = world.begin(name)
    assert world.ended(name, second) == "Cancelled"
    third = wait_until(lambda: [row["pipelineExecutionId"] for row in world.executions(name)[:-2]])[0]
    assert third != second
    assert world.ended(name, third) == "Succeeded", world.actions(name, third)
    assert world.stack_status(name) == "UPDATE_COMPLETE"
    assert world.stack_status(f"{name}-after") == "CREATE_COMPLETE"
    resources = world.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    assert {row["LogicalResourceId"] for row in resources} == {"Pipeline", "Later"}
    assert [row["status"] for row in world.executions(name)] == ["Succeeded", "Cancelled", "Succeeded"]
    assert world.pipelines.get_pipeline(name=name)["pipeline"]["version"] == 2
