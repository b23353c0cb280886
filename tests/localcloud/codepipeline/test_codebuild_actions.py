"""CodeBuild actions (CodePipeline User Guide, "AWS CodeBuild build and test action reference")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import ROLE, World, action, stack, topic_template

pytestmark = pytest.mark.cloud


def project(world: World, name: str, buildspec: dict[str, Any]) -> str:
    """A project whose buildspec is its own."""
    world.client("codebuild").create_project(
        name=name,
        source={"type": "CODEPIPELINE", "buildspec": json.dumps(buildspec)},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=ROLE,
    )
    return name


def spec(*commands: str, **settings: Any) -> dict[str, Any]:
    return {"version": "0.2", "phases": {"build": {"commands": list(commands)}}, **settings}


def build(name: str, order: int = 1, **settings: Any) -> dict[str, Any]:
    wanted = {"ProjectName": name, "inputs": ("Source",)} | settings
    return action("Build", "Build", "CodeBuild", order, **wanted)


def test_source_build_deploy(world: World) -> None:
    """What a build writes is deployed; exported variables and EnvironmentVariables arrive."""
    name = world.name()
    project(
        world,
        name,
        spec(
            'printf \'{"Shown": "%s"}\' "$GREETING" > made.json',
            "export COLOUR=blue",
            artifacts={"files": ["made.json", "template.json"]},
            env={"exported-variables": ["COLOUR"]},
        ),
    )
    template = topic_template(DisplayName={"Ref": "Shown"})
    template["Parameters"] = {"Shown": {"Type": "String"}, "Colour": {"Type": "String"}}
    template["Outputs"] |= {key: {"Value": {"Ref": key}} for key in template["Parameters"]}
    variables = [{"name": "GREETING", "value": "hello #{codepipeline.PipelineExecutionId}", "type": "PLAINTEXT"}]
    overrides = {"Shown": {"Fn::GetParam": ["Made", "made.json", "Shown"]}, "Colour": "#{Made.COLOUR}"}
    deploy = stack(
        "Deploy",
        name,
        order=2,
        inputs=("Made",),
        TemplatePath="Made::template.json",
        ParameterOverrides=json.dumps(overrides),
        namespace="Out",
    )
    made = build(name, outputs=("Made",), EnvironmentVariables=json.dumps(variables), namespace="Made")
    execution = world.create(name, [world.source(name, {"template.json": template})], [made, deploy])
    assert world.ended(name, execution) == "Succeeded", world.actions(name, execution)
    runs = world.actions(name, execution)
    outputs = runs["Deploy"]["output"]["outputVariables"]
    assert (outputs["Shown"], outputs["Colour"]) == (f"hello {execution}", "blue")
    result = runs["Build"]["output"]["executionResult"]
    assert result["externalExecutionId"].startswith(f"{name}:")
    assert result["externalExecutionUrl"]
    (started,) = world.client("codebuild").batch_get_builds(ids=[result["externalExecutionId"]])["builds"]
    assert started["initiator"] == f"codepipeline/{name}"


def test_several_inputs_and_outputs_by_name(world: World) -> None:
    name = world.name()
    project(
        world,
        name,
        spec(
            "mkdir one two",
            "cp own.txt one/",
            'cp "$CODEBUILD_SRC_DIR_More/more.txt" two/',
            artifacts={
                "secondary-artifacts": {
                    "One": {"base-directory": "one", "files": ["**/*"]},
                    "Two": {"base-directory": "two", "files": ["**/*"]},
                }
            },
        ),
    )
    first = world.source(name, {"own.txt": "own"})
    second = world.source(f"{name}-more", {"more.txt": "more"})
    second |= {"name": "More", "outputArtifacts": [{"name": "More"}], "namespace": "Src2"}
    made = build(name, inputs=("More", "Source"), outputs=("One", "Two"), PrimarySource="Source")
    execution = world.create(name, [first, second], [made])
    assert world.ended(name, execution) == "Succeeded", world.actions(name, execution)
    places = world.actions(name, execution)["Build"]["output"]["outputArtifacts"]
    found = {place["name"]: world.artifact(place).namelist() for place in places}
    assert found == {"One": ["own.txt"], "Two": ["more.txt"]}


def test_a_build_that_fails_says_where(world: World) -> None:
    name = world.name()
    project(world, name, spec("false"))
    execution = world.create(name, [world.source(name, {"a": "b"})], [build(name)])
    assert world.ended(name, execution) == "Failed"
    error = world.error(name, execution, "Build")
    assert error["code"] == "JobFailed"
    assert error["message"].startswith(
        "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error while "
        "executing command: false"
    )
    result = world.actions(name, execution)["Build"]["output"]["executionResult"]
    assert result["externalExecutionId"].startswith(f"{name}:")


def test_a_test_action_without_output(world: World) -> None:
    name = world.name()
    project(world, name, spec("true"))
    test = build(name)
    test["actionTypeId"]["category"] = "Test"
    execution = world.create(name, [world.source(name, {"a": "b"})], [test])
    assert world.ended(name, execution) == "Succeeded", world.actions(name, execution)


def test_a_project_that_is_not_there_fails_the_action(world: World) -> None:
    name = world.name()
    execution = world.create(name, [world.source(name, {"a": "b"})], [build("nobody")])
    assert world.ended(name, execution) == "Failed"
    error = world.error(name, execution, "Build")
    assert error["code"] == "ConfigurationError"
    assert error["message"].startswith("Error calling startBuild: ")
    assert "nobody" in error["message"]


def test_abandoning_leaves_the_build(world: World) -> None:
    """User Guide, "Stop a pipeline execution": what is abandoned goes on elsewhere and is not waited for."""
    name = world.name()
    project(world, name, spec("while [ ! -e stop ]; do sleep 0.1; done"))
    execution = world.create(name, [world.source(name, {"a": "b"})], [build(name)])

    def running() -> str | None:
        state = world.stage(name, "Stage1")["actionStates"][0]
        return str(state.get("latestExecution", {}).get("externalExecutionId") or "")

    build_id = wait_until(running)
    world.pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True)
    assert world.execution(name, execution)["status"] == "Stopped"
    codebuild = world.client("codebuild")
    assert codebuild.batch_get_builds(ids=[build_id])["builds"][0]["buildStatus"] == "IN_PROGRESS"
    codebuild.stop_build(id=build_id)
