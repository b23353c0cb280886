"""A local cloud with CodePipeline, its sources and builds, which all tests of this folder share; ways to wait."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

ROLE = "arn:aws:iam::000000000000:role/pipeline"
MODULES = ["localcloud.codecommit", "localcloud.codebuild", "localcloud.codepipeline"]
SPEED = 600
"""A cloud minute is a tenth of a second."""
_NUMBERS = itertools.count(1)
FINAL = ("Cancelled", "Stopped", "Succeeded", "Superseded", "Failed")


def zipped(files: dict[str, Any]) -> bytes:
    """A zip file; what is not text becomes JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content if isinstance(content, str) else json.dumps(content))
    return buffer.getvalue()


def action(name: str, category: str, provider: str, order: int = 1, **settings: Any) -> dict[str, Any]:
    """An action's declaration; ``inputs`` and ``outputs`` are names, other upper-case settings configuration."""
    configuration = {key: value for key, value in settings.items() if key[0].isupper()}
    rest = {key: value for key, value in settings.items() if key[0].islower() and key not in ("inputs", "outputs")}
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "runOrder": order,
        "configuration": configuration,
        "inputArtifacts": [{"name": item} for item in settings.get("inputs", ())],
        "outputArtifacts": [{"name": item} for item in settings.get("outputs", ())],
        **rest,
    }


def approval(name: str = "Approve", order: int = 1, **settings: Any) -> dict[str, Any]:
    return action(name, "Approval", "Manual", order, **settings)


def stack(name: str, stack_name: str, mode: str = "CREATE_UPDATE", order: int = 1, **settings: Any) -> dict[str, Any]:
    """A CloudFormation action whose template is ``template.json`` of the artifact Source."""
    needs = mode in ("CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE")
    defaults = {"TemplatePath": "Source::template.json"} if needs else {}
    defaults |= {"inputs": ("Source",)} if needs else {}
    wanted = defaults | {"ActionMode": mode, "StackName": stack_name} | settings
    return action(name, "Deploy", "CloudFormation", order, **wanted)


class World(CloudUnderTest):
    """A running cloud with a source bucket and an artifact bucket."""

    def __init__(self, running: localcloud.Running) -> None:
        super().__init__(running)
        self.pipelines = self.client("codepipeline")
        services = ("codepipeline", "codebuild", "cloudformation", "events")
        self.role("pipeline", *(f"{service}.amazonaws.com" for service in services))
        s3 = self.client("s3")
        for bucket in ("sources", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})

    def name(self, prefix: str = "pipe") -> str:
        """A name that no other test has."""
        return f"{prefix}-{next(_NUMBERS)}"

    def source(self, name: str, files: dict[str, Any]) -> dict[str, Any]:
        """Put the source of pipeline ``name`` into the bucket; the source action, which does not poll."""
        self.client("s3").put_object(Bucket="sources", Key=f"{name}.zip", Body=zipped(files))
        place = {"S3Bucket": "sources", "S3ObjectKey": f"{name}.zip", "PollForSourceChanges": "false"}
        return action("Source", "Source", "S3", outputs=("Source",), namespace="Src", **place)

    def declare(self, name: str, *stages: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
        """A declaration with stages Source, Stage1, Stage2, …"""
        return {
            "name": name,
            "roleArn": ROLE,
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": [
                {"name": f"Stage{position}" if position else "Source", "actions": actions}
                for position, actions in enumerate(stages)
            ],
            "pipelineType": "V2",
            **settings,
        }

    def create(self, name: str, *stages: list[dict[str, Any]], **settings: Any) -> str:
        """Create a pipeline; the id of its first execution."""
        self.pipelines.create_pipeline(pipeline=self.declare(name, *stages, **settings))
        return self.executions(name)[-1]["pipelineExecutionId"]

    def executions(self, name: str) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.pipelines.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])

    def begin(self, name: str, **settings: Any) -> str:
        return str(self.pipelines.start_pipeline_execution(name=name, **settings)["pipelineExecutionId"])

    def execution(self, name: str, execution_id: str) -> dict[str, Any]:
        found = self.pipelines.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id)
        return dict(found["pipelineExecution"])

    def ended(self, name: str, execution_id: str, seconds: float = 60.0) -> str:
        """The status in which the execution ends."""

        def status() -> str | None:
            found = self.execution(name, execution_id)["status"]
            return found if found in FINAL else None

        return str(wait_until(status, seconds))

    def actions(self, name: str, execution_id: str) -> dict[str, dict[str, Any]]:
        """Latest run of each action of an execution."""
        rows = self.pipelines.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution_id})[
            "actionExecutionDetails"
        ]
        return {row["actionName"]: row for row in reversed(rows)}

    def error(self, name: str, execution_id: str, action_name: str) -> dict[str, str]:
        """The errorDetails of an action."""
        return dict(self.actions(name, execution_id)[action_name]["output"]["executionResult"]["errorDetails"])

    def stage(self, name: str, stage_name: str) -> dict[str, Any]:
        """The state of a stage."""
        states = self.pipelines.get_pipeline_state(name=name)["stageStates"]
        return dict(next(state for state in states if state["stageName"] == stage_name))

    def token(self, name: str, stage_name: str = "Stage1", action_name: str = "Approve", not_: str = "") -> str:
        """The token of the open approval request, as soon as there is one other than ``not_``."""

        def find() -> str | None:
            for state in self.stage(name, stage_name)["actionStates"]:
                found = state.get("latestExecution", {}).get("token")
                if state["actionName"] == action_name and found != not_:
                    return str(found) if found else None
            return None

        return str(wait_until(find))

    def answer(self, name: str, status: str = "Approved", token: str | None = None, stage_name: str = "Stage1") -> str:
        """Approve or reject; the token that was answered."""
        token = token or self.token(name, stage_name)
        self.pipelines.put_approval_result(
            pipelineName=name,
            stageName=stage_name,
            actionName="Approve",
            token=token,
            result={"summary": "seen", "status": status},
        )
        return token

    def stack_status(self, name: str) -> str | None:
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return next((item["StackStatus"] for item in stacks if item["StackName"] == name), None)

    def artifact(self, place: dict[str, Any]) -> zipfile.ZipFile:
        """An artifact of ListActionExecutions, opened."""
        location = place["s3location"]
        body = self.client("s3").get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read()
        return zipfile.ZipFile(io.BytesIO(body))


def topic_template(**properties: Any) -> dict[str, Any]:
    """A template with one topic."""
    return {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": properties}},
        "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}},
    }


def broken_template() -> dict[str, Any]:
    """A template whose deployment fails."""
    alarm = {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Fn::GetAtt": ["Topic", "NoSuch"]}}}
    template = topic_template()
    template["Resources"]["Broken"] = alarm
    return template


@pytest.fixture(scope="module")
def running(shared_cloud: Callable[..., localcloud.Running]) -> localcloud.Running:
    return shared_cloud(speed=SPEED, service_modules=MODULES)


@pytest.fixture(scope="module")
def world(running: localcloud.Running) -> World:
    return World(running)
