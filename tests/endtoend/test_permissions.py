"""Every permission of every role in ``infra/``: what would be denied without it, or why it stays all the same.

The deployment by a push is in the log of IAM's decisions already; here the rest of the flow is added. Then each
permission is taken away in turn, and the requests are asked about again; some are taken away for real.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import ids
from contract.errors import JobFailed
from contract.settings import ROOT
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from tests.clouds import NAME, deployed_copy, until
from tests.endtoend.permissions import (
    Permission,
    Request,
    decisions,
    permissions,
    policies,
    proofs,
    requests,
    without_resources,
)
from tests.endtoend.test_request_path import SMALL, connection_job, invoke, objects, publish, read
from tests.endtoend.unproven import UNPROVEN

SECONDS = 120
REPORT = ROOT / "build" / "permissions.txt"
"""Each permission with its proof or its reason, for people."""

Policies = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's copy of the workshop is."""
    return tmp_path_factory.mktemp("permissions") / "workshop"


@pytest.fixture(scope="module")
def connection(place: Path) -> Iterator[Connection]:
    """A copy of its own: permissions are taken away from it."""
    with deployed_copy(place) as made:
        yield made


@pytest.fixture(scope="module")
def log(place: Path) -> Path:
    """IAM's decisions."""
    return place / ".localcloud" / "iam-decisions.jsonl"


@pytest.fixture(scope="module")
def roles(connection: Connection) -> Policies:
    """The policies of each role of the workshop's stacks, by the role's name."""
    iam = connection.client("iam")
    names = [each["RoleName"] for page in iam.get_paginator("list_roles").paginate() for each in page["Roles"]]
    return {name: policies(iam, name) for name in names if name.startswith(f"{NAME}-")}


@pytest.fixture(scope="module")
def flow(connection: Connection, log: Path) -> list[Request]:
    """What roles were allowed from the first push to a request that failed, in this workshop."""
    job = connection.generate("a red circle on a blue background", seed=1, **SMALL)
    bad = Job(connection, ids.new_id(), {"prompt": "a star", "width": 13}).submit()
    absent = ids.new_id()
    invoke(connection, absent, f"s3://{connection.names.bucket}/requests/none.json")
    job.wait(SECONDS)
    status = f"status/{job.id}.json"
    until(lambda: status in objects(connection))
    publish(connection, json.loads(read(connection, status)))  # once more: both functions look at what is there
    publish(connection, {"not": "a notification"})  # nobody understands it: two dead letters
    for failed in (bad, connection_job(connection, absent)):
        with pytest.raises(JobFailed):
            failed.wait(SECONDS)
    until(lambda: _asked(log, "sqs:SendMessage", SaveStatus="DeadLetters", ExtractImages="DeadLetters"))
    until(lambda: _asked(log, "s3:GetObject", SaveStatus="/status/", ExtractImages="/images/"))
    return requests(log)


def _asked(log: Path, action: str, **resources: str) -> bool:
    """Whether each of these roles has asked for ``action`` on its resource."""
    asked = [each for each in requests(log) if each.action == action]
    return all(any(role in each.role and part in each.resource for each in asked) for role, part in resources.items())


def test_every_permission_is_needed_or_has_its_reason(roles: Policies, flow: list[Request]) -> None:
    proven: dict[Permission, list[Request]] = {}
    for role, documents in roles.items():
        proven |= proofs(documents, flow, role)
    excused = {permission: _reasons(roles, permission) for permission, found in proven.items() if not found}
    statements = {(each.role, each.policy, each.statement): False for each in proven}
    for permission, found in proven.items():
        statements[permission.role, permission.policy, permission.statement] |= bool(found)
    lines = [
        f"{len(roles)} roles, {len(statements)} statements ({sum(statements.values())} proven), {len(proven)} actions: "
        f"{len(proven) - len(excused)} proven, {len(excused)} with a reason"
    ]
    for permission, found in proven.items():
        because = found or [UNPROVEN[index].why for index in excused[permission]] or ["NOTHING NEEDS IT"]
        lines.append(f"{permission}: {because[0]}")
    REPORT.write_text("\n".join(lines) + "\n")
    assert not [str(permission) for permission, reasons in excused.items() if not reasons]
    used = {index for reasons in excused.values() for index in reasons}
    assert not [reason for index, reason in enumerate(UNPROVEN) if index not in used and not reason.sometimes]


def _reasons(roles: Policies, permission: Permission) -> list[int]:
    documents = roles[permission.role]
    statements = documents[permission.policy]["Statement"]
    statement = (statements if isinstance(statements, list) else [statements])[permission.statement]
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    return [
        index
        for index, reason in enumerate(UNPROVEN)
        if reason.covers(permission.role, permission.action, [str(each) for each in resources])
    ]


@contextlib.contextmanager
def taken(connection: Connection, roles: Policies, role: str, action: str, resource: str) -> Iterator[None]:
    """A role of the running cloud may not do ``action`` to ``resource``, a part of its ARN, while the block runs."""
    (name,) = (each for each in roles if role in each)
    documents = roles[name]
    permission = next(
        each
        for each in permissions(name, documents)
        if each.action == action and resource in json.dumps(documents[each.policy]["Statement"][each.statement])
    )
    left = without_resources(documents, permission, resource)[permission.policy]
    iam = connection.client("iam")
    iam.put_role_policy(RoleName=name, PolicyName=permission.policy, PolicyDocument=json.dumps(left))
    try:
        yield
    finally:
        whole = json.dumps(documents[permission.policy])
        iam.put_role_policy(RoleName=name, PolicyName=permission.policy, PolicyDocument=whole)


def denied(log: Path, role: str, action: str) -> list[dict[str, Any]]:
    """What IAM has refused to a role."""
    return [
        row
        for row in decisions(log)
        if row["verdict"] == "ImplicitDeny" and row["action"] == action and role in row["principal"]
    ]


def told(connection: Connection, function: str, *words: str) -> bool:
    """Whether one event of a function's log has all ``words``."""
    logs = connection.client("logs")
    groups = [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]
    pages = [
        page
        for group in groups
        if function in group
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    ]
    return any(all(word in event["message"] for word in words) for page in pages for event in page["events"])


def a_request_cannot_be_read(connection: Connection) -> None:
    with pytest.raises(JobFailed, match="not authorized to perform: s3:GetObject"):
        connection.generate("a blue star", **SMALL).wait(SECONDS)


def a_status_cannot_be_written(connection: Connection) -> None:
    connection.generate("a green star", **SMALL).wait(SECONDS)
    until(lambda: told(connection, "SaveStatus", "AccessDenied", "s3:PutObject", "/status/"), SECONDS)


def an_answer_cannot_be_read(connection: Connection) -> None:
    connection.generate("a yellow star", **SMALL)
    until(lambda: told(connection, "ExtractImages", "AccessDenied", "s3:GetObject", "/output/"), SECONDS)


def the_branch_cannot_be_read(connection: Connection) -> None:
    pipelines = connection.client("codepipeline")
    (name,) = (each["name"] for each in pipelines.list_pipelines()["pipelines"])
    execution = pipelines.start_pipeline_execution(name=name)["pipelineExecutionId"]

    def failed() -> list[dict[str, Any]]:
        found = pipelines.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution})[
            "actionExecutionDetails"
        ]
        return [each for each in found if each["status"] == "Failed"]

    until(lambda: failed())
    (source,) = failed()
    assert source["actionName"] == "Source"
    summary = json.dumps(source["output"]["executionResult"])
    assert "AccessDenied" in summary
    assert "not authorized to perform: codecommit:GetBranch" in summary


@pytest.mark.usefixtures("flow")  # afterwards: what is denied here proves nothing there
@pytest.mark.parametrize(
    ("role", "action", "resource", "step"),
    [
        ("ImageModelExecutionRole", "s3:GetObject", "/requests/", a_request_cannot_be_read),
        ("SaveStatusRole", "s3:PutObject", "/status/", a_status_cannot_be_written),
        ("ExtractImagesRole", "s3:GetObject", "/output/", an_answer_cannot_be_read),
        ("PipelineSource", "codecommit:GetBranch", ":codecommit:", the_branch_cannot_be_read),
    ],
)
def test_without_its_permission_a_step_is_denied(
    connection: Connection,
    roles: Policies,
    log: Path,
    role: str,
    action: str,
    resource: str,
    step: Callable[[Connection], None],
) -> None:
    assert not denied(log, role, action)
    with taken(connection, roles, role, action, resource):
        step(connection)
    assert denied(log, role, action)
