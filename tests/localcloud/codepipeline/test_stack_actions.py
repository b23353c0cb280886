"""CloudFormation actions (CodePipeline User Guide, "AWS CloudFormation deploy action reference")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import World, broken_template, stack, topic_template

pytestmark = pytest.mark.cloud


def deployed(world: World, files: dict[str, Any], *actions: dict[str, Any], name: str = "") -> tuple[str, str, str]:
    """Run a pipeline with one stage of ``actions``: its name, the execution, how that ended."""
    name = name or world.name()
    execution = world.create(name, [world.source(name, files)], list(actions))
    return name, execution, world.ended(name, execution)


def summary(world: World, name: str, execution: str, action: str = "Deploy") -> str:
    return str(world.actions(name, execution)[action]["output"]["executionResult"]["externalExecutionSummary"])


def parameters_template() -> dict[str, Any]:
    template = topic_template(DisplayName={"Ref": "Shown"})
    template["Parameters"] = {"Shown": {"Type": "String"}, "Place": {"Type": "String", "Default": "none"}}
    template["Outputs"] |= {"Shown": {"Value": {"Ref": "Shown"}}, "Place": {"Value": {"Ref": "Place"}}}
    return template


def test_a_source_is_deployed_and_deployed_again_without_a_change(world: World) -> None:
    name = world.name()
    template = topic_template(TopicName=name)
    _, first, status = deployed(world, {"template.json": template}, stack("Deploy", name), name=name)
    assert status == "Succeeded", world.actions(name, first)
    assert world.stack_status(name) == "CREATE_COMPLETE"
    run = world.actions(name, first)["Deploy"]
    assert run["output"]["outputVariables"] == {"Topic": f"arn:aws:sns:us-east-1:000000000000:{name}"}
    second = world.begin(name)
    assert world.ended(name, second) == "Succeeded"
    assert "No updates are to be performed" in summary(world, name, second)
    assert world.stack_status(name) == "CREATE_COMPLETE"


def test_overrides_come_from_artifacts_and_win_over_the_template_configuration(world: World) -> None:
    """CloudFormation User Guide, "Using parameter override functions with CodePipeline pipelines"."""
    overrides = {
        "Shown": {"Fn::GetParam": ["Source", "made.json", "Name"]},
        "Place": {"Fn::GetArtifactAtt": ["Source", "ObjectKey"]},
    }
    files = {
        "template.json": parameters_template(),
        "made.json": {"Name": "from the build", "Other": 3},
        "settings.json": {"Parameters": {"Shown": "from the file"}, "Tags": {"team": "art"}},
    }
    name = world.name()
    act = stack(
        "Deploy",
        name,
        TemplateConfiguration="Source::settings.json",
        ParameterOverrides=json.dumps(overrides),
        OutputFileName="outputs.json",
        outputs=("Made",),
    )
    _, execution, status = deployed(world, files, act, name=name)
    assert status == "Succeeded", world.actions(name, execution)
    run = world.actions(name, execution)["Deploy"]
    outputs = json.loads(world.artifact(run["output"]["outputArtifacts"][0]).read("outputs.json"))
    assert outputs["Shown"] == "from the build"
    assert outputs["Place"] == run["input"]["inputArtifacts"][0]["s3location"]["key"]
    described = world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert {"Key": "team", "Value": "art"} in described["Tags"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ('{"Shown": {"Fn::GetParam": ["Source", "made.json", "Nome"]}}', "has no key Nome; it has Name"),
        ('{"Shown": {"Fn::GetParam": ["Source", "gone.json", "Name"]}}', "File [gone.json] does not exist in artifact"),
        ('{"Shown": {"Fn::GetParam": ["Other", "made.json", "Name"]}}', "Other is not an input artifact"),
        ('{"Shown": {"Fn::Sub": "x"}}', "must be text, Fn::GetParam"),
        ('{"Shown": ', "not valid JSON"),
    ],
)
def test_overrides_that_cannot_be_read_fail_the_action(world: World, overrides: str, said: str) -> None:
    files = {"template.json": parameters_template(), "made.json": {"Name": "x"}}
    act = stack("Deploy", world.name("stack"), ParameterOverrides=overrides)
    name, execution, status = deployed(world, files, act)
    assert status == "Failed"
    assert said in world.error(name, execution, "Deploy")["message"]


def test_a_failed_deployment_names_the_first_resource_that_failed(world: World) -> None:
    name = world.name()
    _, execution, status = deployed(world, {"template.json": broken_template()}, stack("Deploy", name), name=name)
    assert status == "Failed"
    error = world.error(name, execution, "Deploy")
    assert error["code"] == "JobFailed"
    assert f"Stack {name} ended in ROLLBACK_COMPLETE: Broken (AWS::SNS::Subscription) CREATE_FAILED" in error["message"]


def test_a_stack_whose_creation_failed_is_replaced_on_demand_only(world: World) -> None:
    """Configuration properties reference: REPLACE_ON_FAILURE deletes a stack in a failed state and creates it again."""
    name = world.name()
    deployed(world, {"template.json": broken_template()}, stack("Deploy", name), name=name)
    world.source(name, {"template.json": topic_template()})
    again = world.begin(name)
    assert world.ended(name, again) == "Failed"
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in world.error(name, again, "Deploy")["message"]
    replacing = [stack("Deploy", name, "REPLACE_ON_FAILURE")]
    source = world.source(name, {"template.json": topic_template()})
    world.pipelines.update_pipeline(pipeline=world.declare(name, [source], replacing))
    third = world.begin(name)
    assert world.ended(name, third) == "Succeeded", world.actions(name, third)
    assert world.stack_status(name) == "CREATE_COMPLETE"


def change_set_actions(name: str) -> list[dict[str, Any]]:
    settings = {"ChangeSetName": "pipeline"}
    return [
        stack("Prepare", name, "CHANGE_SET_REPLACE", 1, **settings),
        stack("Deploy", name, "CHANGE_SET_EXECUTE", 2, **settings),
    ]


def test_change_sets_create_change_and_leave_alone(world: World) -> None:
    name = world.name()
    template = topic_template(DisplayName="one")
    _, first, status = deployed(world, {"template.json": template}, *change_set_actions(name), name=name)
    assert status == "Succeeded", world.actions(name, first)
    assert world.stack_status(name) == "CREATE_COMPLETE"
    world.source(name, {"template.json": topic_template(DisplayName="two")})
    second = world.begin(name)
    assert world.ended(name, second) == "Succeeded", world.actions(name, second)
    assert world.stack_status(name) == "UPDATE_COMPLETE"
    updated = world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["LastUpdatedTime"]
    third = world.begin(name)
    assert world.ended(name, third) == "Succeeded", world.actions(name, third)
    assert "empty" in summary(world, name, third, "Prepare")
    assert "Nothing to execute" in summary(world, name, third)
    assert world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["LastUpdatedTime"] == updated


def test_a_change_of_outputs_alone_is_a_change(world: World) -> None:
    """CloudFormation updates a stack whose outputs change, with a change set that lists no resource."""
    name = world.name()
    template = topic_template()
    deployed(world, {"template.json": template}, *change_set_actions(name), name=name)
    template["Outputs"]["More"] = {"Value": "there"}
    world.source(name, {"template.json": template})
    second = world.begin(name)
    assert world.ended(name, second) == "Succeeded", world.actions(name, second)
    outputs = world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    assert {output["OutputKey"] for output in outputs} == {"Topic", "More"}


def test_a_change_set_is_replaced_for_a_stack_in_review(world: World) -> None:
    """The stack of a change set that nobody executed is in REVIEW_IN_PROGRESS: the next one creates it all the same."""
    name = world.name()
    prepare, execute = change_set_actions(name)
    _, _, status = deployed(world, {"template.json": topic_template()}, prepare, name=name)
    assert (status, world.stack_status(name)) == ("Succeeded", "REVIEW_IN_PROGRESS")
    source = world.source(name, {"template.json": topic_template(DisplayName="new")})
    world.pipelines.update_pipeline(pipeline=world.declare(name, [source], [prepare, execute]))
    second = world.begin(name)
    assert world.ended(name, second) == "Succeeded", world.actions(name, second)
    assert world.stack_status(name) == "CREATE_COMPLETE"


def test_a_change_set_that_does_not_exist_cannot_be_executed(world: World) -> None:
    name = world.name()
    act = stack("Deploy", name, "CHANGE_SET_EXECUTE", ChangeSetName="nobody")
    _, execution, status = deployed(world, {"template.json": topic_template()}, act, name=name)
    assert status == "Failed"
    assert "ChangeSet [nobody] does not exist" in world.error(name, execution, "Deploy")["message"]


def test_a_stack_is_deleted_and_a_missing_one_is_no_error(world: World) -> None:
    name = world.name()
    actions = [stack("Deploy", name), stack("Remove", name, "DELETE_ONLY", 2)]
    _, execution, status = deployed(world, {"template.json": topic_template()}, *actions, name=name)
    assert status == "Succeeded", world.actions(name, execution)
    assert world.stack_status(name) is None
    again = stack("Remove", name, "DELETE_ONLY")
    assert deployed(world, {"template.json": topic_template()}, again)[2] == "Succeeded"


def test_a_large_template_goes_by_s3(world: World) -> None:
    """CloudFormation quotas: 51,200 bytes in a request."""
    name = world.name()
    template = topic_template() | {"Metadata": {"filling": "x" * 60_000}}
    _, execution, status = deployed(world, {"template.json": template}, stack("Deploy", name), name=name)
    assert status == "Succeeded", world.actions(name, execution)


def test_the_role_of_an_action_needs_not_write_a_large_template(world: World) -> None:
    """The CDK lets a CloudFormation action's role read artifacts, and no more, whatever the template's size."""
    name, iam = world.name(), world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    rights = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"},
    ]
    version = {"Version": "2012-10-17"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(version | {"Statement": [trust]}))
    document = json.dumps(version | {"Statement": rights})
    iam.put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=document)
    template = topic_template() | {"Metadata": {"filling": "x" * 60_000}}
    act = stack("Deploy", name, roleArn=role["Role"]["Arn"])
    _, execution, status = deployed(world, {"template.json": template}, act, name=name)
    assert status == "Succeeded", world.actions(name, execution)


def test_a_template_that_is_not_there_fails_the_action(world: World) -> None:
    act = stack("Deploy", world.name("stack"), TemplatePath="Source::deep/other.json")
    name, execution, status = deployed(world, {"template.json": topic_template()}, act)
    assert status == "Failed"
    message = "File [deep/other.json] does not exist in artifact [Source]"
    assert world.error(name, execution, "Deploy") == {"code": "JobFailed", "message": message}


def test_an_s3_deployment_extracts_the_artifact(world: World) -> None:
    from .conftest import action

    bucket = world.name("site")
    world.client("s3").create_bucket(Bucket=bucket)
    act = action("Site", "Deploy", "S3", inputs=("Source",), BucketName=bucket, Extract="true", ObjectKey="docs")
    name, execution, status = deployed(world, {"a.html": "<p>", "b/c.txt": "c"}, act)
    assert status == "Succeeded", world.actions(name, execution)
    found = world.client("s3").get_object(Bucket=bucket, Key="docs/a.html")
    assert (found["Body"].read(), found["ContentType"]) == (b"<p>", "text/html")
    assert world.client("s3").get_object(Bucket=bucket, Key="docs/b/c.txt")["Body"].read() == b"c"


def test_a_stack_that_is_being_updated_is_waited_for(world: World) -> None:
    """Such is a pipeline's own stack when the update has started the pipeline again."""
    name, cloudformation = world.name(), world.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(topic_template()))
    wait_until(lambda: world.stack_status(name) == "CREATE_COMPLETE")
    template = topic_template()
    template["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waiting = {"Handle": {"Ref": "Handle"}, "Timeout": "2", "Count": 1}  # nobody signals, so it is rolled back then
    template["Resources"]["Wait"] = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waiting}
    cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(template))
    files = {"template.json": topic_template(DisplayName="after")}
    _, execution, status = deployed(world, files, stack("Deploy", name), name=name)
    assert status == "Succeeded", world.actions(name, execution)
    assert world.stack_status(name) == "UPDATE_COMPLETE"
