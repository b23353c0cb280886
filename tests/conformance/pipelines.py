"""Pipelines for conformance tests: a source in S3 and whatever comes after it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

FINAL = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
Stage = list[dict[str, Any]]


def action(name: str, category: str, provider: str, **settings: Any) -> dict[str, Any]:
    """An action's declaration: upper-case settings are its configuration, ``inputs`` and ``outputs`` names."""
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": {key: value for key, value in settings.items() if key[0].isupper()},
        "inputArtifacts": [{"name": item} for item in settings.pop("inputs", ())],
        "outputArtifacts": [{"name": item} for item in settings.pop("outputs", ())],
        **{key: value for key, value in settings.items() if key[0].islower()},
    }


def approval(name: str = "Approve", **settings: Any) -> dict[str, Any]:
    """A manual approval."""
    return action(name, "Approval", "Manual", **settings)


def archive(files: dict[str, Any]) -> bytes:
    """A zip archive; what is not text is written as JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content if isinstance(content, str) else json.dumps(content))
    return buffer.getvalue()


class Pipeline:
    """One pipeline, in a bucket and with a role of its own.

    Attributes
    ----------
    name, bucket, role : str
    client : codepipeline client
    """

    def __init__(self, aws: Account) -> None:
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        self.aws = aws
        self.client = aws.client("codepipeline")
        self.name = aws.name("pipeline")
        self.bucket = aws.bucket()
        self.role = aws.role("codepipeline.amazonaws.com", everything)
        self.put({"a.txt": "one"})

    def put(self, files: dict[str, Any]) -> None:
        """Make ``files`` the source."""
        s3 = self.aws.client("s3")
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=self.bucket, Key="source.zip", Body=archive(files))

    def source(self, **settings: Any) -> dict[str, Any]:
        """The source action, which does not poll."""
        place = {"S3Bucket": self.bucket, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
        return action("Source", "Source", "S3", outputs=("Source",), **place | settings)

    def declaration(self, *stages: Stage, **settings: Any) -> dict[str, Any]:
        """Stages Source, Stage1, Stage2, …"""
        return {
            "name": self.name,
            "roleArn": self.role,
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": [
                {"name": f"Stage{number}" if number else "Source", "actions": actions}
                for number, actions in enumerate(stages)
            ],
            "pipelineType": "V2",
            **settings,
        }

    def create(self, *stages: Stage, **settings: Any) -> str:
        """Create it; the id of its first execution."""
        self.client.create_pipeline(pipeline=self.declaration(*stages, **settings))
        self.aws.later(self.client.delete_pipeline, name=self.name)
        return str(self.executions()[-1]["pipelineExecutionId"])

    def gated(self, **settings: Any) -> str:
        """Create it with one approval; the id of its first execution."""
        return self.create([self.source(namespace="Src")], [approval()], **settings)

    def executions(self) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"])

    def begin(self, **settings: Any) -> str:
        """Start an execution; its id."""
        return str(self.client.start_pipeline_execution(name=self.name, **settings)["pipelineExecutionId"])

    def execution(self, execution: str) -> dict[str, Any]:
        """The execution's description."""
        found = self.client.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return dict(found["pipelineExecution"])

    def ended(self, execution: str) -> str:
        """The status in which it ends."""

        def status() -> Any:
            found = self.execution(execution)["status"]
            return found if found in FINAL else None

        return str(wait_until(status, 60 if self.aws.local else 600))

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        """The latest run of each action of an execution."""
        wanted = {"pipelineExecutionId": execution}
        rows = self.client.list_action_executions(pipelineName=self.name, filter=wanted)["actionExecutionDetails"]
        return {row["actionName"]: row for row in reversed(rows)}

    def error(self, execution: str, name: str) -> dict[str, str]:
        """Why an action failed."""
        return dict(self.actions(execution)[name]["output"]["executionResult"]["errorDetails"])

    def stage(self, name: str = "Stage1") -> dict[str, Any]:
        """The state of a stage."""
        states = self.client.get_pipeline_state(name=self.name)["stageStates"]
        return dict(next(state for state in states if state["stageName"] == name))

    def token(self, other_than: str = "", name: str = "Approve") -> str:
        """The token of the approval that is asked for."""

        def find() -> Any:
            for state in self.stage()["actionStates"]:
                found = state.get("latestExecution", {}).get("token")
                if state["actionName"] == name and found and found != other_than:
                    return found
            return None

        return str(wait_until(find, 60 if self.aws.local else 600))

    def answer(self, status: str = "Approved", token: str = "") -> str:
        """Answer the approval that is asked for; its token."""
        token = token or self.token()
        self.client.put_approval_result(
            pipelineName=self.name,
            stageName="Stage1",
            actionName="Approve",
            token=token,
            result={"summary": "seen", "status": status},
        )
        return token
