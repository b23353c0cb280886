"""Which permissions of the synthesised roles are needed: each without which some request of a run would be denied.

The local cloud writes down every decision of IAM (``iam-decisions.jsonl``). A permission is proven when one of the
requests that were allowed in the run would be denied without it, by the same evaluation.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ACCOUNT, REGION = "000000000000", "us-east-1"
SHORT = 10
"""A statement with no more actions than this is taken apart."""

Documents = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Permission:
    """One action of one statement of a role's policy, or all of them (``*``) of a long statement."""

    role: str
    policy: str
    statement: int
    action: str

    def __str__(self) -> str:
        return f"{self.role} / {self.policy} [{self.statement}] / {self.action}"


@dataclasses.dataclass(frozen=True)
class Request:
    """A request that IAM allowed: who, what, and the operation in which it was asked."""

    role: str
    session: str
    action: str
    resource: str
    context: tuple[tuple[str, Any], ...]
    via: str

    def __str__(self) -> str:
        return f"{self.role}/{self.session}: {self.action} on {self.resource} ({self.via})"


def listed(value: Any) -> list[Any]:
    """``value``, or a list of it."""
    return value if isinstance(value, list) else [value]


def decisions(log: Path) -> list[dict[str, Any]]:
    """All that IAM decided, read from the cloud's log."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def requests(log: Path) -> list[Request]:
    """What roles were allowed by their own policies."""
    found = []
    for row in decisions(log):
        parts = row["principal"].split("/")
        if row["verdict"] == "Allow" and "by" not in row and ":assumed-role/" in row["principal"]:
            context = tuple(sorted((row.get("context") or {}).items()))
            context = tuple((key, tuple(each) if isinstance(each, list) else each) for key, each in context)
            found.append(Request(parts[1], parts[2], row["action"], row["resource"], context, row.get("via", "")))
    return list(dict.fromkeys(found))


def policies(iam: Any, role: str) -> dict[str, dict[str, Any]]:
    """The policies of a role, by name: its own, and AWS's managed ones that are attached to it."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    for each in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
        answer = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)
        found[each["PolicyName"]] = answer["PolicyVersion"]["Document"]
    return found


def permissions(role: str, documents: Documents) -> list[Permission]:
    """Every action of every statement that allows."""
    return [
        Permission(role, name, position, action)
        for name, document in documents.items()
        for position, statement in enumerate(listed(document["Statement"]))
        if statement["Effect"] == "Allow"
        for action in (listed(statement["Action"]) if len(listed(statement["Action"])) <= SHORT else ["*"])
    ]


def without(documents: Documents, permission: Permission) -> dict[str, dict[str, Any]]:
    """``documents`` less one permission."""
    left: dict[str, dict[str, Any]] = copy.deepcopy({name: dict(each) for name, each in documents.items()})
    document = left[permission.policy]
    statements = listed(document["Statement"])
    statement = dict(statements[permission.statement])
    gone = permission.action
    statement["Action"] = [each for each in listed(statement["Action"]) if gone not in (each, "*")]
    kept = [statement] if statement["Action"] else []
    document["Statement"] = statements[: permission.statement] + kept + statements[permission.statement + 1 :]
    return left


def without_resources(documents: Documents, permission: Permission, part: str) -> dict[str, dict[str, Any]]:
    """``documents`` less one permission on the resources with ``part`` in their ARN."""
    left = without(documents, permission)
    statement = listed(documents[permission.policy]["Statement"])[permission.statement]
    others = [each for each in listed(statement["Resource"]) if part not in each]
    if others:
        document = left[permission.policy]
        document["Statement"] = [*document["Statement"], {**statement, "Action": permission.action, "Resource": others}]
    return left


class Evaluation:
    """What some policies allow."""

    def __init__(self, documents: Documents) -> None:
        self._evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
        self._parsed = [self._evaluator.parse_policy_document(document) for document in documents.values()]

    def allows(self, request: Request) -> bool:
        """Whether they allow a request."""
        context = {key.lower(): list(each) if isinstance(each, tuple) else each for key, each in request.context}
        asked = self._evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{request.role}/{request.session}",
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=request.action,
            resource_arn=request.resource,
            region=REGION,
            source_ip="127.0.0.1",
            secure_transport=True,
            service_context={"aws:tagkeys": None, **context},
        )
        return bool(self._evaluator.evaluate(asked, self._parsed).decision == "Allow")


def proofs(documents: Documents, asked: Iterable[Request], role: str) -> dict[Permission, list[Request]]:
    """For each permission of a role the requests that would be denied without it."""
    own = [request for request in asked if request.role == role]
    now = Evaluation(documents)
    granted = [request for request in own if now.allows(request)]
    found = {}
    for permission in permissions(role, documents):
        left = Evaluation(without(documents, permission))
        found[permission] = [request for request in granted if not left.allows(request)]
    return found
