"""What people do to executions that are under way: stop, retry, approve; and what an update of the pipeline does."""

from __future__ import annotations

import time
from typing import Any

from localcloud.codepipeline.executions import records
from localcloud.codepipeline.executions.engine import Engine
from localcloud.codepipeline.executions.records import ENDED, INSIDE, WAITING, Execution
from localcloud.services import ServiceError

RETRYABLE = ("Failed", "Stopped")


def stop(engine: Engine, execution: Execution, *, abandon: bool, reason: str) -> None:
    """StopPipelineExecution: wait for the actions that run, or let go of them.

    Parameters
    ----------
    engine : Engine
    execution : Execution
    abandon : bool
        Let go of the actions that run.
    reason : str
        Shown as ``stopTrigger``.

    Raises
    ------
    ServiceError
        When it is stopping already, or has ended.
    """
    with engine.lock:
        status = execution["Status"]
        if status == "Stopping" and not abandon:
            raise ServiceError(
                "DuplicatedStopRequestException",
                "The pipeline execution is already in a Stopping state. If you already chose to stop and wait, you "
                "cannot make that request again. You can choose to stop and abandon now.",
            )
        if status not in records.LIVE:
            raise ServiceError(
                "PipelineExecutionNotStoppableException",
                "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it might "
                f"no longer be in progress: it is {status}.",
            )
        execution["StopReason"] = reason
        if status != "Stopping":
            execution["Status"] = "Stopping"
            engine.events.pipeline(execution, "Stopping")
        if execution["Place"] == WAITING:
            engine.end(execution, "Stopped", reason)
        elif abandon:
            _let_go(engine, execution, "Stopped")
            engine.end(execution, "Stopped", reason)
        else:
            execution["Stages"][execution["Stage"]]["Status"] = "Stopping"
            engine.events.stage(execution, execution["Stage"], "Stopping")
            engine.records.save(execution)
        engine.advance(execution["Pipeline"])


def cancel(engine: Engine, name: str) -> None:
    """The definition of pipeline ``name`` has changed: what is in progress ends as Cancelled.

    API Reference, PipelineExecution, status. What its actions still do elsewhere is not waited for.
    """
    with engine.lock:
        for execution in engine.records.live(name):
            if execution["Place"] == INSIDE:
                _let_go(engine, execution, "Cancelled")
            summary = "The pipeline's definition was updated before the pipeline execution could be completed."
            engine.end(execution, "Cancelled", summary)


def drop(engine: Engine, name: str) -> None:
    """The pipeline is deleted: nobody waits for its actions."""
    with engine.lock:
        for execution in engine.records.live(name):
            for action in records.running(execution):
                action["Status"] = "Abandoned"
        engine.records.remove_pipeline(name)


def _let_go(engine: Engine, execution: Execution, stage_status: str) -> None:
    for action in records.running(execution):
        engine.close_action(execution, action, {"Status": "Abandoned"})
    engine.end_stage(execution, stage_status)


def retry(engine: Engine, row: dict[str, Any], execution: Execution, stage: str, mode: str) -> None:
    """RetryStageExecution: continue in the same execution.

    Parameters
    ----------
    engine : Engine
    row : dict
        The pipeline's record.
    execution : Execution
    stage : str
    mode : str
        ``FAILED_ACTIONS`` or ``ALL_ACTIONS``.

    Raises
    ------
    ServiceError
        When the stage has not failed, the definition has changed, or a later execution reached the stage.
    """
    with engine.lock:
        known = execution["Stages"].get(stage)
        if known is None or known["Status"] not in RETRYABLE or execution["Place"] != ENDED:
            status = known["Status"] if known else "not begun"
            raise ServiceError(
                "StageNotRetryableException",
                f"The stage {stage} of the execution {execution['Id']} cannot be retried: it is {status}.",
            )
        if _content(execution["Declaration"]) != _content(row["Declaration"]):
            raise ServiceError(
                "StageNotRetryableException",
                f"The stage {stage} cannot be retried: the pipeline structure has changed since the execution "
                f"{execution['Id']} failed. Start a new execution.",
            )
        _check_latest(engine, execution, stage)
        for action in records.current_actions(execution, stage):
            if mode == "ALL_ACTIONS" or action["Status"] != "Succeeded":
                action["Retried"] = True
        known["Retries"] += 1
        execution.update(Stage=stage, Status="InProgress", Summary="", StopReason=None)
        execution["Attempt"] += 1
        engine.events.pipeline(execution, "Resumed")
        # It has passed the transition into the stage already, which may be disabled by now.
        engine.enter(execution)
        engine.advance(execution["Pipeline"])


def _content(declaration: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in declaration.items() if key != "version"}


def _check_latest(engine: Engine, execution: Execution, stage: str) -> None:
    """A later execution that reached the stage makes a retry of this one out of date; the stage must be free, too."""
    for other in engine.records.live(execution["Pipeline"]):
        if other["Place"] == INSIDE and other["Stage"] == stage:
            raise ServiceError(
                "ConflictException", f"The execution {other['Id']} is in the stage {stage}: wait for it."
            )
    for other in engine.records.executions(execution["Pipeline"]):
        if other["Number"] > execution["Number"] and stage in other["Stages"]:
            raise ServiceError(
                "NotLatestPipelineExecutionException",
                "The stage has failed in a later run of the pipeline and the pipelineExecutionId associated with the "
                f"request is out of date: {other['Id']} reached the stage {stage} after {execution['Id']}.",
            )


def approve(engine: Engine, name: str, parameters: dict[str, Any], who: str) -> float:
    """PutApprovalResult; return the moment at which it counted.

    Parameters
    ----------
    engine : Engine
    name : str
        Of the pipeline.
    parameters : dict
        Of the operation.
    who : str
        The ARN of the caller.

    Raises
    ------
    ServiceError
        For a token that is not that of an open request.
    """
    stage, wanted, token = parameters["stageName"], parameters["actionName"], parameters["token"]
    with engine.lock:
        found = [
            (execution, action)
            for execution in engine.records.executions(name)
            for action in execution["Actions"]
            if action["Stage"] == stage and action["Action"] == wanted and action["Token"] == token
        ]
        if not found:
            raise ServiceError(
                "InvalidApprovalTokenException", f"The token {token} is not that of a request for {wanted}."
            )
        execution, action = found[0]
        if action["Status"] != "InProgress":
            raise ServiceError(
                "ApprovalAlreadyCompletedException", f"The approval of {wanted} is already {action['Status']}."
            )
        summary = parameters["result"]["summary"]
        changes: dict[str, Any] = {"Status": "Succeeded", "Summary": summary, "By": who}
        if parameters["result"]["status"] == "Rejected":
            message = f"Rejected by {who}: {summary}" if summary else f"Rejected by {who}"
            changes |= {"Status": "Failed", "Error": {"code": "JobFailed", "message": message}}
        engine.finished(execution["Id"], action["Id"], changes)
    return time.time()
