"""Executions on their way through the stages.

CodePipeline User Guide, "How pipeline executions work": a stage holds one execution at a time; in mode SUPERSEDED an
execution that waits for a stage gives way to a newer one that waits there, in mode QUEUED they enter in order.

Everything is decided under one lock, in :meth:`Engine.advance`, which never waits. Each action runs on a thread of its
own, and its outcome counts only if the action is still in progress by then.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codepipeline.action_types import is_source
from localcloud.codepipeline.executions import records
from localcloud.codepipeline.executions.events import Events
from localcloud.codepipeline.executions.records import ENDED, INSIDE, WAITING, Action, Execution, Records
from localcloud.codepipeline.executions.runner import Runner
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 50
"""Executions in progress in mode QUEUED (CodePipeline User Guide, "Quotas")."""


class Engine:
    """Begins executions and moves them on.

    Attributes
    ----------
    lock : RLock
        Held while ``records`` are read or changed.
    records : Records
    events : Events
    """

    def __init__(self, cloud: Cloud, store: Records) -> None:
        self.cloud = cloud
        self.lock = threading.RLock()
        self.records = store
        self.events = Events(cloud)
        self.runner = Runner(cloud, store, self.finished)

    def start(self) -> None:
        """Take up what was in progress when the cloud ended."""
        self.events.start()
        with self.lock:
            for row in self.records.pipelines():
                for execution in self.records.live(row["Declaration"]["name"]):
                    self._recover(execution)
                self.advance(row["Declaration"]["name"])

    def stop(self) -> None:
        """Let go of what runs; it is found failed after the next start."""
        self.runner.stop()
        self.events.stop()

    def begin(
        self,
        row: dict[str, Any],
        trigger: tuple[str, str],
        variables: dict[str, str],
        revisions: list[dict[str, str]] | None = None,
        token: str | None = None,
    ) -> Execution:
        """Start an execution of the pipeline ``row``.

        Parameters
        ----------
        row : dict
            The pipeline's record.
        trigger : tuple of str
            Its type and detail.
        variables : dict of str
        revisions : list of dict, optional
            ``sourceRevisions`` of StartPipelineExecution.
        token : str, optional
            ``clientRequestToken``.

        Raises
        ------
        ServiceError
            When a pipeline in mode QUEUED has too many executions in progress.
        """
        name = row["Declaration"]["name"]
        with self.lock:
            queued = row["Declaration"].get("executionMode") == "QUEUED"
            if queued and len(self.records.live(name)) >= QUEUE_LIMIT:
                raise ServiceError(
                    "ConcurrentPipelineExecutionsLimitExceededException",
                    f"The pipeline {name} has {QUEUE_LIMIT} executions in progress, the most in mode QUEUED.",
                )
            execution = records.new_execution(row, trigger, variables, revisions or [])
            execution["RequestToken"] = token
            self.records.save_pipeline(row)
            self.records.save(execution)
            self.events.pipeline(execution, "InProgress")
            self.advance(name)
        return execution

    def advance(self, name: str) -> None:
        """Do everything that can be done now for the executions of pipeline ``name``."""
        with self.lock:
            row = self.records.pipeline(name)
            while row is not None:
                moved = [self._work(execution) for execution in self.records.live(name) if execution["Place"] == INSIDE]
                if not any(moved) and not self._admit(row):
                    return

    # Inside a stage -----------------------------------------------------------------------------------------------

    def _work(self, execution: Execution) -> bool:
        """Start the next actions of the stage, or leave it; whether anything changed."""
        actions = records.current_actions(execution)
        if any(action["Status"] == "InProgress" for action in actions):
            return False
        if any(action["Status"] == "Failed" for action in actions):
            self.end_stage(execution, "Failed")
            self.end(execution, "Failed")
            return True
        group = records.next_group(execution)
        if execution["Status"] == "Stopping":
            # The stage is stopped when there was more to do in it; the execution is in any case.
            self.end_stage(execution, "Stopped" if group else "Succeeded")
            self.end(execution, "Stopped")
            return True
        if group:
            for declared in group:
                self._start_action(execution, declared)
            return True
        self.end_stage(execution, "Succeeded")
        following = records.next_stage(execution)
        if following is None:
            self.end(execution, "Succeeded")
        else:
            execution["Stage"], execution["Place"] = following, WAITING
            self.records.save(execution)
        return True

    def _start_action(self, execution: Execution, declared: dict[str, Any]) -> None:
        action = records.new_action(execution, declared, self.cloud.region)
        self.runner.prepare(execution, action, declared)
        execution["Actions"].append(action)
        self.records.save(execution)
        self.events.action(execution, action)
        self.runner.run(execution, action, declared)

    def finished(self, execution_id: str, action_id: str, changes: dict[str, Any]) -> None:
        """An action has ended by itself.

        Parameters
        ----------
        execution_id, action_id : str
        changes : dict
            What goes into the action's record.
        """
        with self.lock:
            execution = self.records.execution(execution_id)
            action = _find(execution, action_id)
            if execution is None or action is None or action["Status"] != "InProgress":
                return  # abandoned, cancelled, decided by somebody, or its pipeline is gone
            self.close_action(execution, action, changes)
            if action["Status"] == "Succeeded":
                self._keep_results(execution, action)
            self.records.save(execution)
            self.advance(execution["Pipeline"])

    def close_action(self, execution: Execution, action: Action, changes: dict[str, Any]) -> None:
        """End an action's record, with an event.

        Parameters
        ----------
        execution : Execution
        action : Action
        changes : dict
            What goes into the action's record, with its last status.
        """
        action.update(changes, Updated=time.time())
        if action["Status"] != "Succeeded":
            action["Outputs"] = []
        self.events.action(execution, action)

    def _keep_results(self, execution: Execution, action: Action) -> None:
        for artifact in action["Outputs"]:
            execution["Artifacts"][artifact["Name"]] = artifact
        if action["Namespace"]:
            execution["Outputs"][action["Namespace"]] = action["Variables"]
        row = self.records.pipeline(execution["Pipeline"])
        if action["Revision"] and row is not None:
            row["Seen"][f"{action['Stage']}/{action['Action']}"] = action["Revision"]["Id"]
            self.records.save_pipeline(row)

    def end_stage(self, execution: Execution, status: str) -> None:
        """The stage where the execution is ends with ``status``."""
        execution["Stages"][execution["Stage"]]["Status"] = status
        self.events.stage(execution, execution["Stage"], status)

    def end(self, execution: Execution, status: str, summary: str = "") -> None:
        """End the execution.

        Parameters
        ----------
        execution : Execution
        status, summary : str
            As GetPipelineExecution shows them.
        """
        execution["Status"], execution["Place"], execution["Summary"] = status, ENDED, summary
        self.records.save(execution)
        self.events.pipeline(execution, status)

    # Between stages -----------------------------------------------------------------------------------------------

    def _admit(self, row: dict[str, Any]) -> bool:
        """Let executions into stages that are free; whether anything changed."""
        declaration, changed = row["Declaration"], False
        live = self.records.live(declaration["name"])
        for position, stage in enumerate(declaration["stages"]):
            waiting = [item for item in live if item["Place"] == WAITING and item["Stage"] == stage["name"]]
            if declaration.get("executionMode", "SUPERSEDED") == "SUPERSEDED":
                for older in waiting[:-1]:
                    newer = waiting[-1]["Id"]
                    self.end(older, "Superseded", f"The execution {newer} superseded it before {stage['name']}.")
                    changed = True
                waiting = waiting[-1:]
            held = any(item["Place"] == INSIDE and item["Stage"] == stage["name"] for item in live)
            before = declaration["stages"][position - 1]["name"] if position else None
            if waiting and not held and not disabled_reason(row, stage["name"], before):
                self.enter(waiting[0])
                changed = True
        return changed

    def enter(self, execution: Execution) -> None:
        """Let the execution into the stage for which it waits; a stage that it enters again is resumed."""
        name, execution["Place"] = execution["Stage"], INSIDE
        known = execution["Stages"].get(name)
        retries = known["Retries"] if known else 0
        execution["Stages"][name] = {"Status": "InProgress", "Entered": time.time(), "Retries": retries}
        self.records.save(execution)
        self.events.stage(execution, name, "Resumed" if known else "InProgress")

    # After the cloud ended ------------------------------------------------------------------------------------------

    def _recover(self, execution: Execution) -> None:
        """What ran is lost, except approvals, for which nothing runs; what waited, waits."""
        for action in records.running(execution):
            declared = next(
                item
                for item in records.stage_of(execution, action["Stage"])["actions"]
                if item["name"] == action["Action"]
            )
            if action["Type"]["category"] == "Approval":
                self.runner.run(execution, action, declared, resumed=True)
                continue
            message = f"The local cloud ended during {action['Action']}. Retry the stage {action['Stage']}."
            self.close_action(
                execution, action, {"Status": "Failed", "Error": {"code": "JobFailed", "message": message}}
            )
        self.records.save(execution)


def _find(execution: Execution | None, action_id: str) -> Action | None:
    rows = execution["Actions"] if execution else []
    return next((row for row in rows if row["Id"] == action_id), None)


def disabled_reason(row: dict[str, Any], stage: str, before: str | None) -> dict[str, Any] | None:
    """Why the transition into ``stage`` is disabled: its own inbound one, or the outbound one of the stage before.

    Parameters
    ----------
    row : dict
        The pipeline's record.
    stage : str
    before : str or None
        The stage before it, if there is one.
    """
    disabled: dict[str, dict[str, Any]] = row["Disabled"]
    return disabled.get(f"Inbound|{stage}") or (disabled.get(f"Outbound|{before}") if before else None)


def source_actions(declaration: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Stage name and declaration of every source action."""
    return [
        (stage["name"], action) for stage in declaration["stages"] for action in stage["actions"] if is_source(action)
    ]
