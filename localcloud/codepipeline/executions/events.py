"""Events to EventBridge, in order (CodePipeline User Guide, "Monitoring CodePipeline events")."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from localcloud.clock import iso_timestamp
from localcloud.cloud import Cloud
from localcloud.codepipeline.executions.records import Action, Execution

logger = logging.getLogger(__name__)

SOURCE = "aws.codepipeline"
STATES = {
    "Abandoned": "CANCELED",
    "Cancelled": "CANCELED",
    "Failed": "FAILED",
    "InProgress": "STARTED",
    "Resumed": "RESUMED",
    "Stopped": "STOPPED",
    "Stopping": "STOPPING",
    "Succeeded": "SUCCEEDED",
    "Superseded": "SUPERSEDED",
}
Event = tuple[str, dict[str, Any], list[str]]


class Events:
    """Sends from one thread: nothing waits for EventBridge under a lock."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._queue: queue.Queue[Event | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="codepipeline-events")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is there, then end."""
        self._queue.put(None)
        self._thread.join(timeout=5)

    def pipeline(self, execution: Execution, state: str) -> None:
        """The execution is in ``state`` (a status of the API, or Resumed)."""
        detail = self._common(execution) | {"state": STATES[state]}
        if state == "InProgress":
            kind, cause = execution["Trigger"]
            detail["execution-trigger"] = {"trigger-type": kind, "trigger-detail": cause}
        if execution["StopReason"] is not None and state in ("Stopping", "Stopped"):
            detail["stop-execution-comments"] = execution["StopReason"]
        self._put("Pipeline", execution, detail)

    def stage(self, execution: Execution, stage: str, state: str) -> None:
        """A stage of the execution is in ``state``.

        Parameters
        ----------
        execution : Execution
        stage : str
        state : str
            A status of the API, or Resumed.
        """
        self._put("Stage", execution, self._common(execution) | {"stage": stage, "state": STATES[state]})

    def action(self, execution: Execution, action: Action) -> None:
        """An action is in the state that its record has."""
        detail = self._common(execution) | {
            "stage": action["Stage"],
            "action": action["Action"],
            "action-execution-id": action["Id"],
            "state": STATES[action["Status"]],
            "region": action["Region"],
            "type": {key: action["Type"][key] for key in ("owner", "provider", "category", "version")},
            "input-artifacts": [_artifact(record) for record in action["Inputs"]],
        }
        if action["Status"] == "Succeeded":
            detail["output-artifacts"] = [_artifact(record) for record in action["Outputs"]]
        external, error = action["External"], action["Error"]
        result = {
            "external-execution-url": external.get("Url"),
            "external-execution-id": external.get("Id"),
            "external-execution-summary": error["message"] if error else external.get("Summary"),
            "error-code": error["code"] if error else None,
        }
        if action["Status"] != "InProgress":
            detail["execution-result"] = {key: value for key, value in result.items() if value}
        self._put("Action", execution, detail)

    @staticmethod
    def _common(execution: Execution) -> dict[str, Any]:
        return {
            "pipeline": execution["Pipeline"],
            "execution-id": execution["Id"],
            "start-time": iso_timestamp(execution["Start"]),
            "version": float(execution["Version"]),
            "pipeline-execution-attempt": float(execution["Attempt"]),
        }

    def _put(self, kind: str, execution: Execution, detail: dict[str, Any]) -> None:
        resources = [self._cloud.arn("codepipeline", execution["Pipeline"])]
        self._queue.put((f"CodePipeline {kind} Execution State Change", detail, resources))

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            detail_type, detail, resources = event
            try:
                self._cloud.put_event(SOURCE, detail_type, detail, resources)
            except Exception:  # the boundary of this thread: one event that is not taken must not end it
                logger.exception("EventBridge did not take %s", detail)


def _artifact(record: dict[str, str]) -> dict[str, Any]:
    return {"name": record["Name"], "s3location": {"bucket": record["Bucket"], "key": record["Key"]}}
