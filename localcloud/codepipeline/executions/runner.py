"""Runs actions, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.codepipeline.action_types import key_of
from localcloud.codepipeline.actions import PROVIDERS
from localcloud.codepipeline.actions.job import ActionError, Job, Outcome, UnwantedError
from localcloud.codepipeline.artifacts import Artifact, ArtifactError, ArtifactStore
from localcloud.codepipeline.executions.records import Action, Execution, Records
from localcloud.codepipeline.roles import acting_as_action
from localcloud.codepipeline.variables import UnresolvedVariableError, resolve
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

Finished = Callable[[str, str, dict[str, Any]], None]
"""``finished(execution id, action id, changes of the action's record)``."""
LONGEST_MESSAGE = 5000


def artifact_store(cloud: Cloud, declaration: dict[str, Any], action_role: str = "") -> ArtifactStore:
    """The artifact store of a pipeline, with the rights of an action.

    CodePipeline User Guide, "Create a pipeline that uses resources from another account": the action's role needs
    access to the artifacts.
    """
    store = declaration.get("artifactStore") or declaration["artifactStores"][cloud.region]
    s3 = acting_as_action(cloud, declaration["name"], declaration["roleArn"], action_role, "s3")
    return ArtifactStore(s3, declaration["name"], store)


class Runner:
    """Runs actions; what follows from an outcome is decided by the engine.

    Parameters
    ----------
    cloud : Cloud
    store : Records
    finished : callable
        Told on the action's thread how it ended.
    """

    def __init__(self, cloud: Cloud, store: Records, finished: Finished) -> None:
        self._cloud = cloud
        self._records = store
        self._finished = finished
        self._ending = threading.Event()

    def stop(self) -> None:
        """Let every thread end at its next wait."""
        self._ending.set()

    def prepare(self, execution: Execution, action: Action, declared: dict[str, Any]) -> None:
        """Give a run that is about to begin its artifacts and its token.

        Parameters
        ----------
        execution : Execution
        action : Action
            The record to fill.
        declared : dict
            The action's declaration.
        """
        store = artifact_store(self._cloud, execution["Declaration"])
        known = execution["Artifacts"]
        # An artifact may be missing: its action had nothing to write. The provider says so when it needs it.
        inputs = [item["name"] for item in declared.get("inputArtifacts", [])]
        action["Inputs"] = [known[name] for name in inputs if name in known]
        action["Outputs"] = [store.new(item["name"]).as_record() for item in declared.get("outputArtifacts", [])]
        if action["Type"]["provider"] == "Manual":
            action["Token"] = str(uuid.uuid4())

    def run(self, execution: Execution, action: Action, declared: dict[str, Any], *, resumed: bool = False) -> None:
        """Run ``action`` in the background.

        Parameters
        ----------
        execution : Execution
        action : Action
        declared : dict
            The action's declaration.
        resumed : bool
            Whether it waited already when the cloud ended.
        """
        known = {
            **execution["Outputs"],
            "variables": execution["Variables"],
            "codepipeline": {"PipelineExecutionId": execution["Id"]},
        }
        try:
            action["Resolved"] = resolve(action["Configuration"], known)
        except UnresolvedVariableError as error:
            failure = _failed("ConfigurationError", str(error), {})
            arguments: tuple[Any, ...] = (execution["Id"], action["Id"], failure)
            threading.Thread(target=self._finished, args=arguments, daemon=True, name="codepipeline-failed").start()
            return
        job = self._job(execution, action, declared, resumed=resumed)
        name = f"codepipeline-{execution['Pipeline']}-{action['Action']}"
        threading.Thread(target=self._run, args=(job, execution, action), daemon=True, name=name).start()

    def _job(self, execution: Execution, action: Action, declared: dict[str, Any], *, resumed: bool) -> Job:
        def wanted() -> bool:
            return action["Status"] == "InProgress" and not self._ending.is_set()

        def wait(seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while wanted():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._ending.wait(min(left, 0.5))
            raise UnwantedError

        def report(external_id: str, url: str, summary: str) -> None:
            action["External"] = {"Id": external_id, "Url": url, "Summary": summary}

        overrides = [item for item in execution["Overrides"] if item["actionName"] == action["Action"]]
        return Job(
            cloud=self._cloud,
            pipeline=execution["Pipeline"],
            execution_id=execution["Id"],
            stage=action["Stage"],
            action=action["Action"],
            configuration=action["Resolved"],
            inputs=tuple(Artifact.of(record) for record in action["Inputs"]),
            outputs=tuple(Artifact.of(record) for record in action["Outputs"]),
            store=artifact_store(self._cloud, execution["Declaration"], declared.get("roleArn") or ""),
            override={item["revisionType"]: item["revisionValue"] for item in overrides},
            wait=wait,
            report=report,
            token=action["Token"],
            started=action["Start"],
            timeout_minutes=declared.get("timeoutInMinutes"),
            resumed=resumed,
            role=execution["Declaration"]["roleArn"],
            action_role=declared.get("roleArn") or "",
        )

    def _run(self, job: Job, execution: Execution, action: Action) -> None:
        try:
            outcome = PROVIDERS[key_of({"actionTypeId": action["Type"]})](job)
            changes = _succeeded(outcome, action["External"])
        except UnwantedError:
            return
        except ActionError as error:
            changes = _failed(error.code, error.message, action["External"])
        except ServiceError as error:
            changes = _failed("PermissionError", error.message, action["External"])
        except (ArtifactError, ClientError, BotoCoreError) as error:
            changes = _failed(_code(error), str(error), action["External"])
        except Exception as error:  # the boundary of this thread: a fault of ours must not leave the action in progress
            logger.exception("%s of %s failed", job.action, job.pipeline)
            changes = _failed("JobFailed", f"local cloud's fault: {error!r}", action["External"])
        self._finished(execution["Id"], action["Id"], changes)


def _code(error: Exception) -> str:
    """What ``errorDetails`` calls a failure: a denial is a PermissionError."""
    denied = isinstance(error, ClientError) and "AccessDenied" in error.response["Error"].get("Code", "")
    return "PermissionError" if denied else "JobFailed"


def _succeeded(outcome: Outcome, reported: dict[str, str]) -> dict[str, Any]:
    external = {
        "Id": outcome.external_id or reported.get("Id", ""),
        "Url": outcome.external_url or reported.get("Url", ""),
        "Summary": outcome.summary,
    }
    return {
        "Status": "Succeeded",
        "External": external,
        "Variables": dict(outcome.variables),
        "Revision": dict(outcome.revision) if outcome.revision else None,
        "Summary": outcome.summary,
    }


def _failed(code: str, message: str, reported: dict[str, str]) -> dict[str, Any]:
    return {"Status": "Failed", "External": reported, "Error": {"code": code, "message": message[:LONGEST_MESSAGE]}}
