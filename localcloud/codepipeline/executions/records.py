"""Executions as they are kept: plain dictionaries, one a pipeline execution, with its stages and actions in it.

An execution carries the declaration that it began with. It is *waiting* for a stage, *inside* one, or *ended*.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from localcloud.store import Store

Execution = dict[str, Any]
Action = dict[str, Any]

WAITING, INSIDE, ENDED = "waiting", "inside", "ended"
LIVE = ("InProgress", "Stopping")


class Records:
    """Pipelines and executions, in memory and in a file. Used under the engine's lock."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._executions: dict[str, Execution] = self._store.all("execution")
        self._pipelines: dict[str, dict[str, Any]] = self._store.all("pipeline")

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def pipelines(self) -> list[dict[str, Any]]:
        """Every pipeline, by name."""
        return [self._pipelines[name] for name in sorted(self._pipelines)]

    def pipeline(self, name: str) -> dict[str, Any] | None:
        """One pipeline: Declaration, Created, Updated, Tags, Disabled transitions, Seen revisions, Next number."""
        return self._pipelines.get(name)

    def save_pipeline(self, row: dict[str, Any]) -> None:
        """Keep a pipeline, and its declaration under its version."""
        declaration = row["Declaration"]
        name, version = declaration["name"], declaration["version"]
        self._pipelines[name] = row
        with self._store.transaction():
            self._store.put("pipeline", name, row)
            self._store.put("version", f"{name}|{version}", declaration)

    def version(self, name: str, version: int) -> dict[str, Any] | None:
        """An older declaration."""
        return self._store.get("version", f"{name}|{version}")

    def remove_pipeline(self, name: str) -> None:
        """Forget a pipeline, its versions and its executions."""
        with self._store.transaction():
            for key in [key for key in self._store.all("version") if key.rpartition("|")[0] == name]:
                self._store.delete("version", key)
            for execution in self.executions(name):
                self._store.delete("execution", execution["Id"])
                self._executions.pop(execution["Id"])
            self._store.delete("pipeline", name)
            self._pipelines.pop(name, None)

    def executions(self, name: str) -> list[Execution]:
        """Every execution of a pipeline, oldest first."""
        return sorted(
            (row for row in self._executions.values() if row["Pipeline"] == name), key=lambda r: int(r["Number"])
        )

    def live(self, name: str) -> list[Execution]:
        """Those that have not ended."""
        return [row for row in self.executions(name) if row["Status"] in LIVE]

    def execution(self, execution_id: str) -> Execution | None:
        """One execution."""
        return self._executions.get(execution_id)

    def save(self, execution: Execution) -> None:
        """Keep an execution."""
        execution["Updated"] = time.time()
        self._executions[execution["Id"]] = execution
        self._store.put("execution", execution["Id"], execution)


def new_execution(
    row: dict[str, Any], trigger: tuple[str, str], variables: dict[str, str], revisions: list[dict[str, str]]
) -> Execution:
    """An execution of the pipeline ``row`` that waits for its first stage; ``row`` counts it.

    Parameters
    ----------
    row : dict
        The pipeline's record.
    trigger : tuple of str
        Its type and detail.
    variables : dict of str
    revisions : list of dict
        ``sourceRevisions`` of StartPipelineExecution.
    """
    row["Next"] = row.get("Next", 1) + 1
    declaration = row["Declaration"]
    return {
        "Id": str(uuid.uuid4()),
        "Pipeline": declaration["name"],
        "Version": declaration["version"],
        "Number": row["Next"] - 1,
        "Declaration": declaration,
        "Status": "InProgress",
        "Summary": "",
        "Start": time.time(),
        "Updated": time.time(),
        "Trigger": list(trigger),
        "Variables": variables,
        "Overrides": revisions,
        "Stage": declaration["stages"][0]["name"],
        "Place": WAITING,
        "Stages": {},
        "Actions": [],
        "Artifacts": {},
        "Outputs": {},
        "Attempt": 1,
        "StopReason": None,
    }


def new_action(execution: Execution, action: dict[str, Any], region: str) -> Action:
    """A run of a declared ``action`` that begins now.

    Parameters
    ----------
    execution : Execution
    action : dict
        As declared.
    region : str
        The cloud's.
    """
    return {
        "Id": str(uuid.uuid4()),
        "Stage": execution["Stage"],
        "Action": action["name"],
        "Order": action.get("runOrder", 1),
        "Type": action["actionTypeId"],
        "Status": "InProgress",
        "Start": time.time(),
        "Updated": time.time(),
        "Configuration": action.get("configuration", {}),
        "Resolved": {},
        "RoleArn": action.get("roleArn"),
        "Region": action.get("region", region),
        "Namespace": action.get("namespace"),
        "Inputs": [],
        "Outputs": [],
        "Variables": {},
        "External": {},
        "Error": None,
        "Summary": "",
        "Revision": None,
        "Token": None,
        "Retried": False,
    }


def stage_of(execution: Execution, name: str | None = None) -> dict[str, Any]:
    """The declaration of the stage ``name``; without a name, of the one where the execution is."""
    wanted = name or execution["Stage"]
    return next(stage for stage in execution["Declaration"]["stages"] if stage["name"] == wanted)


def next_stage(execution: Execution) -> str | None:
    """The name of the stage after the one where the execution is."""
    names = [stage["name"] for stage in execution["Declaration"]["stages"]]
    position = names.index(execution["Stage"]) + 1
    return names[position] if position < len(names) else None


def current_actions(execution: Execution, stage: str | None = None) -> list[Action]:
    """The runs of a stage that count: those that a retry did not set aside."""
    wanted = stage or execution["Stage"]
    return [row for row in execution["Actions"] if row["Stage"] == wanted and not row["Retried"]]


def running(execution: Execution) -> list[Action]:
    """The actions that run now."""
    return [row for row in execution["Actions"] if row["Status"] == "InProgress"]


def next_group(execution: Execution) -> list[dict[str, Any]]:
    """The declared actions that are to start now; empty when the stage is through.

    Actions of one run order start together, and those of the next when all of them have succeeded.
    """
    done = {row["Action"] for row in current_actions(execution) if row["Status"] == "Succeeded"}
    left = [action for action in stage_of(execution)["actions"] if action["name"] not in done]
    first = min((action.get("runOrder", 1) for action in left), default=None)
    return [action for action in left if action.get("runOrder", 1) == first]
