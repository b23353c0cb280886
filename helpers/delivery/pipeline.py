"""Watch the pipeline: a live table, and at the end what failed and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contract.errors import NotDeployedError, PipelineError
from contract.names import PIPELINE_NAME, ssm_parameter
from helpers.show.pipeline_view import Action, Execution, live_view
from helpers.target.explain import code_of, explained
from helpers.target.handle import Handle

START_SECONDS = 180
"""Within which a push must have started the pipeline: EventBridge needs seconds, CodePipeline starts at once."""
EXCERPT_LINES = 20
ENDED = frozenset(("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"))


def pipeline_name(connection: Handle) -> str:
    """Name of the workshop's pipeline, from its SSM parameter; NotDeployedError when there is none."""
    path = ssm_parameter(connection.settings.workshop.name, PIPELINE_NAME)
    try:
        with explained(f"reading the SSM parameter {path}", connection.target):
            return str(connection.client("ssm").get_parameter(Name=path)["Parameter"]["Value"])
    except Exception as error:
        if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == "ParameterNotFound":
            raise NotDeployedError(
                f"the pipeline of workshop {connection.settings.workshop.name!r} is not deployed on "
                f"{connection.target.described}: run helpers.delivery.deploy_pipeline(connection) first."
            ) from error
        raise


def executions(connection: Handle, limit: int = 20) -> list[Execution]:
    """The newest executions, newest first, without their actions."""
    name = pipeline_name(connection)
    with explained(f"listing executions of {name}", connection.target):
        answer = connection.client("codepipeline").list_pipeline_executions(pipelineName=name, maxResults=limit)
    return [
        Execution(name, row["pipelineExecutionId"], row["status"], _revision(row.get("sourceRevisions", ())), ())
        for row in answer["pipelineExecutionSummaries"]
    ]


def _revision(revisions: Any) -> str:
    return next((str(item["revisionId"]) for item in revisions if item.get("revisionId")), "")


def describe(connection: Handle, execution_id: str) -> Execution:
    """One execution with all its actions, as it stands."""
    name, client = pipeline_name(connection), connection.client("codepipeline")
    with explained(f"describing execution {execution_id} of {name}", connection.target):
        found = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id)["pipelineExecution"]
        declared = client.get_pipeline(name=name)["pipeline"]["stages"]
        pages = client.get_paginator("list_action_executions").paginate(
            pipelineName=name, filter={"pipelineExecutionId": execution_id}
        )
        details = [detail for page in pages for detail in page["actionExecutionDetails"]]
    ran: dict[tuple[str, str], Action] = {}
    for detail in sorted(details, key=lambda detail: detail["startTime"]):  # of a retried action the last one counts
        ran[detail["stageName"], detail["actionName"]] = _action(detail)
    order = {
        (stage["name"], action["name"]): None
        for stage in declared
        for action in sorted(stage["actions"], key=lambda action: action.get("runOrder", 1))
    }
    # The pipeline may have been another one when this execution ran.
    places = list(order) + [place for place in ran if place not in order]
    actions = tuple(ran.get(place, Action(*place)) for place in places)
    return Execution(name, execution_id, found["status"], _revision(found.get("artifactRevisions", ())), actions)


def _action(detail: dict[str, Any]) -> Action:
    result = detail.get("output", {}).get("executionResult", {})
    end = detail.get("lastUpdateTime") if detail["status"] != "InProgress" else None
    started: dt.datetime = detail["startTime"]
    seconds = ((end or dt.datetime.now(dt.UTC)) - started).total_seconds()
    provider = detail.get("input", {}).get("actionTypeId", {}).get("provider")
    return Action(
        stage=detail["stageName"],
        name=detail["actionName"],
        status=detail["status"],
        seconds=max(seconds, 0.0),
        message=result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or "",
        build=result.get("externalExecutionId", "") if provider == "CodeBuild" else "",
        url=result.get("externalExecutionUrl", ""),
    )


def watch(
    connection: Handle,
    commit: str | None = None,
    *,
    timeout: float = 5400.0,
    view: Callable[[Execution], None] | None = None,
) -> Execution:
    """Follow the pipeline until it ends, with a live table in a notebook and in a terminal.

    Parameters
    ----------
    connection : Handle
        Where the pipeline is.
    commit : str, optional
        Follow the execution of this commit (``push(connection).commit``); without it the newest execution.
    timeout : float
        Seconds; a first deployment with a GPU model takes half an hour on AWS.
    view : callable, optional
        Called with the :class:`Execution` whenever something changed, instead of the table.

    Returns
    -------
    Execution
        It succeeded.

    Raises
    ------
    PipelineError
        It failed (with the failed action, its reason, and the end of its log), was stopped or superseded, did not
        start, or has not ended in time.
    """
    show = view or live_view()
    deadline = connection.timer.now() + timeout
    current = _find(connection, commit, set())
    seen = {current}
    shown: Execution | None = None
    while True:
        execution = describe(connection, current)
        if execution != shown:
            show(execution)
            shown = execution
        if execution.status == "Cancelled":
            # The pipeline updated itself: what it became started again on the same commit.
            current = _find(connection, commit or execution.commit or None, seen)
            seen.add(current)
            continue
        if execution.status == "Succeeded":
            connection.refresh()  # another instance type is another endpoint
            return execution
        if execution.status in ENDED:
            raise PipelineError(explain(connection, execution), execution)
        if connection.timer.now() > deadline:
            raise PipelineError(
                f"the pipeline has not ended within {timeout:g} s and goes on: call watch() again.", execution
            )
        connection.timer.sleep(2 if connection.target.name == "aws" else 0.3)


def _find(connection: Handle, commit: str | None, known: set[str]) -> str:
    """Id of the newest execution (of a commit) that is not in ``known``, waiting for it to start."""
    deadline = connection.timer.now() + START_SECONDS
    while True:
        for execution in executions(connection):
            if execution.id not in known and commit in (None, execution.commit):
                return execution.id
        if connection.timer.now() > deadline:
            what = f"for commit {commit[:12]}" if commit else "at all"
            raise PipelineError(
                f"the pipeline {pipeline_name(connection)} has not started {what} within {START_SECONDS} s. A push to "
                f"the branch {connection.settings.pipeline.branch} starts it: look at [pipeline] in workshop.toml."
            )
        connection.timer.sleep(2 if connection.target.name == "aws" else 0.2)


def explain(connection: Handle, execution: Execution) -> str:
    """Why an execution did not succeed: the action, its reason, where to look, and the end of its log."""
    failed = execution.failed
    if failed is None:
        why = {
            "Superseded": "a newer push has taken its place: call watch() again",
            "Stopped": "somebody stopped it",
        }.get(execution.status, f"its status is {execution.status}")
        return f"the pipeline's execution {execution.id} did not succeed: {why}."
    lines = [f"{failed.stage} / {failed.name} failed: {failed.message or 'no reason was given'}"]
    if failed.url and connection.target.name == "aws":
        lines.append(f"See {failed.url}")
    if failed.build:
        lines += ["The end of its log:", *(f"    {line}" for line in log_excerpt(connection, failed.build))]
    return "\n".join(lines)


def log_excerpt(connection: Handle, build_id: str, lines: int = EXCERPT_LINES) -> list[str]:
    """The last commands of a build and what they printed.

    Parameters
    ----------
    connection : Handle
        Where it ran.
    build_id : str
        CodeBuild's.
    lines : int
        At most so many.
    """
    with explained(f"reading the log of build {build_id}", connection.target):
        builds = connection.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
        place = builds[0].get("logs", {}) if builds else {}
        if not place.get("groupName"):
            return [f"(build {build_id} wrote no log)"]
        logs = connection.client("logs")
        try:
            events = logs.get_log_events(
                logGroupName=place["groupName"], logStreamName=place["streamName"], limit=200, startFromHead=False
            )["events"]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            # The build ended before it could write.
            return [f"(build {build_id} wrote no log)", *_reasons(builds[0])][:lines]
    told = [event["message"].rstrip() for event in events if event["message"].strip()]
    # Of what CodeBuild itself says only the commands help here.
    return [line for line in told if not line.startswith("[Container]") or "Running command" in line][-lines:]


def _reasons(build: Mapping[str, Any]) -> list[str]:
    """Why phases of a build failed."""
    contexts = [(phase["phaseType"], each) for phase in build.get("phases", []) for each in phase.get("contexts", [])]
    return [f"{phase}: {each.get('statusCode')}: {each['message']}" for phase, each in contexts if each.get("message")]
