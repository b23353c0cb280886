"""Executions on their way (CodePipeline User Guide, "How pipeline executions work", and the API Reference)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.codepipeline.conftest import World, approval, broken_template, stack, topic_template
from tests.localcloud.conftest import wait_until

pytestmark = pytest.mark.cloud

FILES = {"template.json": topic_template()}


def gated(world: World, **settings: Any) -> tuple[str, str]:
    """A pipeline whose second stage waits for an approval: its name and first execution."""
    name = world.name()
    return name, world.create(name, [world.source(name, FILES)], [approval()], **settings)


def stage_status(world: World, name: str, stage: str = "Stage1") -> str:
    return str(world.stage(name, stage).get("latestExecution", {}).get("status"))


def waits(world: World, name: str, execution: str, stage: str = "Stage1") -> None:
    """Wait until ``execution`` stands before ``stage``."""
    wait_until(
        lambda: execution in [row["pipelineExecutionId"] for row in world.stage(name, stage)["inboundExecutions"]]
    )


# Order of executions --------------------------------------------------------------------------------------------------


def test_creating_a_pipeline_starts_it(world: World) -> None:
    name, execution = gated(world)
    found = world.execution(name, execution)
    assert found["trigger"] == {"triggerType": "CreatePipeline", "triggerDetail": "arn:aws:iam::000000000000:root"}
    world.answer(name)
    assert world.ended(name, execution) == "Succeeded"


def test_an_execution_that_waits_gives_way_to_a_newer_one(world: World) -> None:
    """Rule 3: waiting executions are superseded by more recent executions; the one inside the stage goes on."""
    name, first = gated(world)
    token = world.token(name)
    second, third = world.begin(name), world.begin(name)
    waits(world, name, third)
    assert world.ended(name, second) == "Superseded"
    assert third in world.execution(name, second)["statusSummary"]
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    world.answer(name, token=world.token(name, not_=token))
    assert world.ended(name, third) == "Succeeded"


def test_queued_executions_come_in_order(world: World) -> None:
    name, first = gated(world, executionMode="QUEUED")
    token = world.token(name)
    second, third = world.begin(name), world.begin(name)
    waits(world, name, second)
    for execution in (first, second, third):
        token = world.answer(name, token=world.token(name, not_="" if execution == first else token))
        assert world.ended(name, execution) == "Succeeded"


def test_actions_of_one_run_order_run_at_the_same_time(world: World) -> None:
    name = world.name()
    actions = [approval("Left", 1), approval("Right", 1), approval("After", 2)]
    world.create(name, [world.source(name, FILES)], actions)
    left, right = world.token(name, action_name="Left"), world.token(name, action_name="Right")
    states = {state["actionName"]: state for state in world.stage(name, "Stage1")["actionStates"]}
    assert "latestExecution" not in states["After"]
    for action_name, token in (("Left", left), ("Right", right)):
        world.pipelines.put_approval_result(
            pipelineName=name,
            stageName="Stage1",
            actionName=action_name,
            token=token,
            result={"summary": "", "status": "Approved"},
        )
    assert world.token(name, action_name="After")


def test_a_disabled_transition_holds_an_execution(world: World) -> None:
    name, first = gated(world)
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    where = {"pipelineName": name, "stageName": "Stage1", "transitionType": "Inbound"}
    world.pipelines.disable_stage_transition(**where, reason="not on Fridays")
    second = world.begin(name)
    waits(world, name, second)
    state = world.stage(name, "Stage1")
    assert (state["inboundTransitionState"]["enabled"], state["inboundTransitionState"]["disabledReason"]) == (
        False,
        "not on Fridays",
    )
    assert state["latestExecution"]["pipelineExecutionId"] == first
    world.pipelines.enable_stage_transition(**where)
    assert wait_until(lambda: world.stage(name, "Stage1")["latestExecution"]["pipelineExecutionId"] == second)


def test_a_token_of_the_client_starts_once(world: World) -> None:
    name, _ = gated(world)
    assert world.begin(name, clientRequestToken="one") == world.begin(name, clientRequestToken="one")


# Failure, retry, stop -------------------------------------------------------------------------------------------------


def test_a_rejected_approval_fails_the_execution_and_the_stage_can_be_retried(world: World) -> None:
    name, execution = gated(world)
    token = world.answer(name, "Rejected")
    assert world.ended(name, execution) == "Failed"
    assert world.error(name, execution, "Approve")["message"].endswith("seen")
    # Disabled or not: the execution has passed this transition.
    world.pipelines.disable_stage_transition(
        pipelineName=name, stageName="Stage1", transitionType="Inbound", reason="closed"
    )
    retry = {"pipelineName": name, "stageName": "Stage1", "pipelineExecutionId": execution}
    world.pipelines.retry_stage_execution(**retry, retryMode="FAILED_ACTIONS")
    assert world.execution(name, execution)["status"] == "InProgress"
    world.answer(name, token=world.token(name, not_=token))
    assert world.ended(name, execution) == "Succeeded"
    assert world.stage(name, "Stage1")["retryStageMetadata"]["manualStageRetryAttempt"] == 1


@pytest.mark.parametrize(("mode", "runs"), [("FAILED_ACTIONS", 1), ("ALL_ACTIONS", 2)])
def test_a_retry_repeats_the_failed_actions_or_all(world: World, mode: str, runs: int) -> None:
    name = world.name()
    source = world.source(name, {"template.json": topic_template(), "broken.json": broken_template()})
    world.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(topic_template()))
    fails = stack("Second", name, order=2, TemplatePath="Source::broken.json")
    execution = world.create(name, [source], [stack("First", f"{name}-first"), fails])
    assert world.ended(name, execution) == "Failed"
    world.pipelines.retry_stage_execution(
        pipelineName=name, stageName="Stage1", pipelineExecutionId=execution, retryMode=mode
    )
    assert world.ended(name, execution) == "Failed"
    rows = world.pipelines.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert len([row for row in rows if row["actionName"] == "First"]) == runs
    assert len([row for row in rows if row["actionName"] == "Second"]) == 2
    latest = {"latestInPipelineExecution": {"pipelineExecutionId": execution, "startTimeRange": "Latest"}}
    rows = world.pipelines.list_action_executions(pipelineName=name, filter=latest)["actionExecutionDetails"]
    assert sorted(row["actionName"] for row in rows) == ["First", "Second", "Source"]


def test_what_cannot_be_retried_says_why(world: World) -> None:
    name, first = gated(world)
    retry = {"pipelineName": name, "stageName": "Stage1", "retryMode": "FAILED_ACTIONS"}
    world.token(name)
    with pytest.raises(ClientError, match=r"StageNotRetryable.*InProgress"):
        world.pipelines.retry_stage_execution(**retry, pipelineExecutionId=first)
    token = world.answer(name, "Rejected")
    second = world.begin(name)
    world.answer(name, "Rejected", token=world.token(name, not_=token))
    assert world.ended(name, second) == "Failed"
    with pytest.raises(ClientError, match="NotLatestPipelineExecution"):
        world.pipelines.retry_stage_execution(**retry, pipelineExecutionId=first)
    changed = world.declare(name, [world.source(name, FILES)], [approval(CustomData="other")])
    world.pipelines.update_pipeline(pipeline=changed)
    with pytest.raises(ClientError, match=r"StageNotRetryable.*structure has changed"):
        world.pipelines.retry_stage_execution(**retry, pipelineExecutionId=second)


def test_stopping_waits_for_the_action_that_runs(world: World) -> None:
    name = world.name()
    execution = world.create(name, [world.source(name, FILES)], [approval("Approve", 1), approval("Never", 2)])
    token = world.token(name)
    stop = {"pipelineName": name, "pipelineExecutionId": execution}
    world.pipelines.stop_pipeline_execution(**stop, reason="lunch")
    assert world.execution(name, execution)["status"] == "Stopping"
    with pytest.raises(ClientError, match="DuplicatedStopRequest"):
        world.pipelines.stop_pipeline_execution(**stop)
    world.answer(name, token=token)
    assert world.ended(name, execution) == "Stopped"
    assert (stage_status(world, name), set(world.actions(name, execution))) == ("Stopped", {"Source", "Approve"})
    assert world.executions(name)[0]["stopTrigger"] == {"reason": "lunch"}
    with pytest.raises(ClientError, match="PipelineExecutionNotStoppable"):
        world.pipelines.stop_pipeline_execution(**stop)


def test_stopping_can_abandon_the_action_that_runs(world: World) -> None:
    name, execution = gated(world)
    token = world.token(name)
    world.pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True)
    assert world.execution(name, execution)["status"] == "Stopped"
    assert world.actions(name, execution)["Approve"]["status"] == "Abandoned"
    with pytest.raises(ClientError, match="ApprovalAlreadyCompleted"):
        world.answer(name, token=token)
    world.pipelines.retry_stage_execution(
        pipelineName=name, stageName="Stage1", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    world.answer(name, token=world.token(name, not_=token))
    assert world.ended(name, execution) == "Succeeded"


# Updates --------------------------------------------------------------------------------------------------------------


def test_an_update_cancels_what_is_in_progress(world: World) -> None:
    """API Reference, PipelineExecution: Cancelled, "The pipeline's definition was updated before … completed"."""
    name, execution = gated(world)
    token = world.token(name)
    changed = world.declare(name, [world.source(name, FILES)], [approval(CustomData="new")])
    updated = world.pipelines.update_pipeline(pipeline=changed)["pipeline"]
    assert updated["version"] == 2
    assert world.execution(name, execution)["status"] == "Cancelled"
    assert stage_status(world, name) == "Cancelled"
    with pytest.raises(ClientError, match="ApprovalAlreadyCompleted"):
        world.answer(name, token=token)
    assert world.pipelines.get_pipeline(name=name, version=1)["pipeline"]["version"] == 1


def test_an_update_without_a_change_cancels_nothing(world: World) -> None:
    name, execution = gated(world)
    world.token(name)
    same = world.pipelines.get_pipeline(name=name)["pipeline"]
    world.pipelines.update_pipeline(pipeline=same)
    world.answer(name)
    assert world.ended(name, execution) == "Succeeded"


def test_a_deleted_pipeline_is_gone_and_deleting_it_again_is_fine(world: World) -> None:
    name, _ = gated(world)
    world.token(name)
    world.pipelines.delete_pipeline(name=name)
    world.pipelines.delete_pipeline(name=name)
    with pytest.raises(ClientError, match=f"PipelineNotFound.*'{name}'"):
        world.pipelines.get_pipeline_state(name=name)


# Variables and approvals ----------------------------------------------------------------------------------------------


def test_variables_are_resolved_in_the_configuration(world: World) -> None:
    """User Guide, "Variables": of the pipeline, of an action's namespace, and of CodePipeline itself."""
    name = world.name()
    text = "#{variables.who} #{Src.ObjectKey} #{codepipeline.PipelineExecutionId}"
    first = world.create(
        name,
        [world.source(name, FILES)],
        [approval(CustomData=text)],
        variables=[{"name": "who", "defaultValue": "nobody"}],
    )
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    run = world.actions(name, first)["Approve"]["input"]
    assert run["configuration"]["CustomData"] == text
    assert run["resolvedConfiguration"]["CustomData"] == f"nobody {name}.zip {first}"
    second = world.begin(name, variables=[{"name": "who", "value": "Ada"}])
    assert world.execution(name, second)["variables"] == [{"name": "who", "resolvedValue": "Ada"}]
    world.answer(name)
    assert world.actions(name, second)["Approve"]["input"]["resolvedConfiguration"]["CustomData"].startswith("Ada ")
    with pytest.raises(ClientError, match="declares no variable whom"):
        world.begin(name, variables=[{"name": "whom", "value": "x"}])


def test_a_variable_that_no_action_gave_fails_the_action(world: World) -> None:
    name = world.name()
    execution = world.create(name, [world.source(name, FILES)], [approval(CustomData="#{Src.Nothing}")])
    assert world.ended(name, execution) == "Failed"
    error = world.error(name, execution, "Approve")
    assert error["code"] == "ConfigurationError"
    assert "#{Src.Nothing} has no value" in error["message"]


def test_an_approval_is_announced_to_its_topic(world: World) -> None:
    """User Guide, "JSON data format for manual approval notifications in CodePipeline"."""
    sns, sqs = world.client("sns"), world.client("sqs")
    name = world.name()
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue, arn = world.queue(name)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    execution = world.create(
        name, [world.source(name, FILES)], [approval(NotificationArn=topic, CustomData="look at it")]
    )
    body = wait_until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]["Body"]
    told = json.loads(json.loads(body)["Message"])["approval"]
    assert (told["pipelineName"], told["customData"]) == (name, "look at it")
    world.answer(name, token=told["token"])
    assert world.ended(name, execution) == "Succeeded"


def test_a_wrong_token_is_refused(world: World) -> None:
    name, _ = gated(world)
    world.token(name)
    with pytest.raises(ClientError, match="InvalidApprovalToken"):
        world.answer(name, token="00000000-0000-4000-8000-000000000000")


def test_an_approval_that_nobody_gives_fails_after_its_timeout(world: World) -> None:
    name = world.name()
    execution = world.create(name, [world.source(name, FILES)], [approval(timeoutInMinutes=5)])
    assert world.ended(name, execution) == "Failed"
    assert "within 5 minutes" in world.error(name, execution, "Approve")["message"]


# Sources --------------------------------------------------------------------------------------------------------------


def test_an_older_version_of_the_source_can_be_asked_for(world: World) -> None:
    name, s3 = world.name(), world.client("s3")
    source = world.source(name, {"template.json": topic_template(DisplayName="old")})
    first = world.create(name, [source], [stack("Deploy", name)])
    assert world.ended(name, first) == "Succeeded"
    version = s3.head_object(Bucket="sources", Key=f"{name}.zip")["VersionId"]
    world.source(name, {"template.json": topic_template(DisplayName="new")})
    revision = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version}
    second = world.begin(name, sourceRevisions=[revision])
    assert world.ended(name, second) == "Succeeded"
    assert world.execution(name, second)["artifactRevisions"][0]["revisionId"] == version
    template = world.artifact(world.actions(name, second)["Source"]["output"]["outputArtifacts"][0])
    assert "old" in template.read("template.json").decode()
    assert world.executions(name)[0]["sourceRevisions"][0]["revisionId"] == version


def test_a_missing_source_fails_the_execution(world: World) -> None:
    name = world.name()
    source = world.source(name, FILES)
    source["configuration"]["S3ObjectKey"] = "nothing.zip"
    execution = world.create(name, [source], [approval()])
    assert world.ended(name, execution) == "Failed"
    assert (
        "nothing.zip in the bucket named sources could not be found"
        in world.error(name, execution, "Source")["message"]
    )


def test_artifacts_are_where_codepipeline_puts_them(world: World) -> None:
    name = world.name("a-pipeline-with-a-long-name")
    world.create(name, [world.source(name, FILES)], [approval()])
    world.token(name)
    execution = world.executions(name)[0]["pipelineExecutionId"]
    place = world.actions(name, execution)["Source"]["output"]["outputArtifacts"][0]["s3location"]
    folder, artifact, end = place["key"].split("/")
    assert (place["bucket"], folder, artifact, len(end)) == ("artifacts", name[:20], "Source", 7)
