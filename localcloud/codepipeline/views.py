"""Records in the shapes of the API's answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localcloud.codepipeline.executions.engine import disabled_reason
from localcloud.codepipeline.executions.records import INSIDE, WAITING, Action, Execution

LONGEST_SUMMARY = 2048


def _present(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: the API leaves it out."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _revision(action: Action) -> dict[str, Any]:
    revision = action["Revision"]
    return _present(
        {
            "revisionId": revision["Id"],
            "revisionSummary": revision["Summary"][:LONGEST_SUMMARY],
            "revisionUrl": revision["Url"],
        }
    )


def _sources(execution: Execution) -> list[Action]:
    """Latest successful run of each source action."""
    found = {row["Action"]: row for row in execution["Actions"] if row["Revision"] and not row["Retried"]}
    return list(found.values())


def _trigger(execution: Execution) -> dict[str, str]:
    kind, detail = execution["Trigger"]
    return {"triggerType": kind, "triggerDetail": detail}


def execution_detail(execution: Execution) -> dict[str, Any]:
    """For GetPipelineExecution."""
    revisions = [
        _revision(action)
        | {"name": action["Outputs"][0]["Name"], "revisionChangeIdentifier": action["Revision"]["ChangeId"][:100]}
        | {"created": action["Updated"]}
        for action in _sources(execution)
    ]
    return _present(
        {
            "pipelineName": execution["Pipeline"],
            "pipelineVersion": execution["Version"],
            "pipelineExecutionId": execution["Id"],
            "status": execution["Status"],
            "statusSummary": execution["Summary"],
            "variables": [{"name": name, "resolvedValue": value} for name, value in execution["Variables"].items()],
            "trigger": _trigger(execution),
            "executionMode": execution["Declaration"].get("executionMode", "SUPERSEDED"),
            "executionType": "STANDARD",
        }
    ) | {"artifactRevisions": revisions}


def execution_summary(execution: Execution) -> dict[str, Any]:
    """For ListPipelineExecutions."""
    sources = [_revision(action) | {"actionName": action["Action"]} for action in _sources(execution)]
    reason = execution["StopReason"]
    return _present(
        {
            "pipelineExecutionId": execution["Id"],
            "status": execution["Status"],
            "statusSummary": execution["Summary"],
            "startTime": execution["Start"],
            "lastUpdateTime": execution["Updated"],
            "trigger": _trigger(execution),
            "stopTrigger": {"reason": reason} if reason else None,
            "executionMode": execution["Declaration"].get("executionMode", "SUPERSEDED"),
            "executionType": "STANDARD",
        }
    ) | {"sourceRevisions": sources}


def _artifacts(rows: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"name": row["Name"], "s3location": {"bucket": row["Bucket"], "key": row["Key"]}} for row in rows]


def action_detail(execution: Execution, action: Action) -> dict[str, Any]:
    """For ListActionExecutions."""
    external = action["External"]
    result = _present(
        {
            "externalExecutionId": external.get("Id"),
            "externalExecutionSummary": external.get("Summary") or action["Summary"],
            "externalExecutionUrl": external.get("Url"),
            "errorDetails": action["Error"],
        }
    )
    given = _present({"roleArn": action["RoleArn"], "namespace": action["Namespace"]})
    return {
        "pipelineExecutionId": execution["Id"],
        "actionExecutionId": action["Id"],
        "pipelineVersion": execution["Version"],
        "stageName": action["Stage"],
        "actionName": action["Action"],
        "startTime": action["Start"],
        "lastUpdateTime": action["Updated"],
        "status": action["Status"],
        "input": {
            "actionTypeId": action["Type"],
            "configuration": action["Configuration"],
            "resolvedConfiguration": action["Resolved"],
            "region": action["Region"],
            "inputArtifacts": _artifacts(action["Inputs"]),
            **given,
        },
        "output": {
            "outputArtifacts": _artifacts(action["Outputs"]) if action["Status"] == "Succeeded" else [],
            "executionResult": result,
            "outputVariables": action["Variables"],
        },
    }


def pipeline_state(row: dict[str, Any], executions: list[Execution]) -> dict[str, Any]:
    """For GetPipelineState."""
    declaration = row["Declaration"]
    names = [None, *(stage["name"] for stage in declaration["stages"])]
    return {
        "pipelineName": declaration["name"],
        "pipelineVersion": declaration["version"],
        "created": row["Created"],
        "updated": row["Updated"],
        "stageStates": [
            _stage_state(row, stage, before, executions)
            for stage, before in zip(declaration["stages"], names[:-1], strict=True)
        ],
    }


def _stage_state(
    row: dict[str, Any], stage: dict[str, Any], before: str | None, executions: list[Execution]
) -> dict[str, Any]:
    name = stage["name"]
    disabled = disabled_reason(row, name, before)
    transition: dict[str, Any] = {"enabled": disabled is None}
    if disabled:
        transition |= {key: disabled[key] for key in ("disabledReason", "lastChangedAt", "lastChangedBy")}
    waiting = [item for item in executions if item["Place"] == WAITING and item["Stage"] == name]
    inbound = [
        {"pipelineExecutionId": item["Id"], "status": "InProgress", "type": "STANDARD"} for item in reversed(waiting)
    ]
    state: dict[str, Any] = {
        "stageName": name,
        "inboundExecutions": inbound,
        "inboundTransitionState": transition,
        "actionStates": [_action_state(name, action["name"], executions) for action in stage["actions"]],
    }
    if inbound:
        state["inboundExecution"] = inbound[0]
    entered = [item for item in executions if name in item["Stages"]]
    if entered:
        latest = max(entered, key=lambda item: float(item["Stages"][name]["Entered"]))
        record = latest["Stages"][name]
        state["latestExecution"] = {
            "pipelineExecutionId": latest["Id"],
            "status": record["Status"],
            "type": "STANDARD",
        }
        if record["Retries"]:
            state["retryStageMetadata"] = {
                "manualStageRetryAttempt": record["Retries"],
                "latestRetryTrigger": "ManualStageRetry",
            }
    return state


def _action_state(stage: str, name: str, executions: list[Execution]) -> dict[str, Any]:
    runs = [row for item in executions for row in item["Actions"] if row["Stage"] == stage and row["Action"] == name]
    state: dict[str, Any] = {"actionName": name}
    if not runs:
        return state
    latest = max(runs, key=lambda row: float(row["Start"]))
    external = latest["External"]
    state["latestExecution"] = _present(
        {
            "actionExecutionId": latest["Id"],
            "status": latest["Status"],
            "summary": (latest["Summary"] or external.get("Summary") or "")[:LONGEST_SUMMARY],
            "lastStatusChange": latest["Updated"],
            "lastUpdatedBy": latest.get("By"),
            "externalExecutionId": external.get("Id"),
            "externalExecutionUrl": external.get("Url"),
            "errorDetails": latest["Error"],
            # The token of an open approval request only (ActionExecution, token).
            "token": latest["Token"] if latest["Status"] == "InProgress" else None,
        }
    )
    revision = latest["Revision"]
    if revision:
        state["currentRevision"] = {
            "revisionId": revision["Id"],
            "revisionChangeId": revision["ChangeId"][:100],
            "created": latest["Updated"],
        }
    url = (revision or {}).get("Url")
    return state | ({"revisionUrl": url} if url else {})


def pipeline_line(row: dict[str, Any], executions: list[Execution]) -> str:
    """For ``python -m localcloud status``."""
    name = row["Declaration"]["name"]
    if not executions:
        return f"pipeline {name}: never started"
    latest = executions[-1]
    where = f" in {latest['Stage']}" if latest["Place"] == INSIDE else ""
    where = f" before {latest['Stage']}" if latest["Place"] == WAITING else where
    failed = next((row for row in latest["Actions"] if row["Error"] and not row["Retried"]), None)
    why = f" ({failed['Action']}: {failed['Error']['message']})" if failed and latest["Status"] == "Failed" else ""
    return f"pipeline {name}: execution {latest['Id'][:8]} {latest['Status']}{where}{why}"
