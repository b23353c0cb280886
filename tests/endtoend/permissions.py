"""Which permissions of the synthesised roles a run has used: each without which some recorded request is denied.

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


@dataclasses.dataclass(frozen=True)
class Permission:
    """One action of one statement of a role's policy."""

    role: str
    policy: str
    statement: int
    action: str


@dataclasses.dataclass(frozen=True)
class Request:
    """A request that IAM allowed: who, what, and the operation in which it was asked."""

    role: str
    session: str
    action: str
    resource: str
    context: tuple[tuple[str, Any], ...]
    via: str


def listed(value: Any) -> list[Any]:
    """``value``, or a list of it."""
    return value if isinstance(value, list) else [value]


def requests(log: Path) -> list[Request]:
    """What roles were allowed by their own policies, read from the cloud's log of decisions."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        parts = row["principal"].split("/")
        if row["verdict"] == "Allow" and "by" not in row and ":assumed-role/" in row["principal"]:
            context = tuple(sorted((row.get("context") or {}).items()))
            context = tuple((key, tuple(each) if isinstance(each, list) else each) for key, each in context)
            found.append(Request(parts[1], parts[2], row["action"], row["resource"], context, row.get("via", "")))
    return list(dict.fromkeys(found))


def policies(iam: Any, role: str) -> dict[str, dict[str, Any]]:
    """The inline policies of a role, by name."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def permissions(role: str, documents: Mapping[str, Mapping[str, Any]]) -> list[Permission]:
    """Every action of every statement that allows."""
    return [
        Permission(role, name, position, action)
        for name, document in documents.items()
        for position, statement in enumerate(listed(document["Statement"]))
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    ]


def without(documents: Mapping[str, Mapping[str, Any]], permission: Permission) -> dict[str, dict[str, Any]]:
    """``documents`` less one permission."""
    left: dict[str, dict[str, Any]] = copy.deepcopy({name: dict(each) for name, each in documents.items()})
    document = left[permission.policy]
    statements = listed(document["Statement"])
    statement = dict(statements[permission.statement])
    statement["Action"] = [each for each in listed(statement["Action"]) if each != permission.action]
    kept = [statement] if statement["Action"] else []
    document["Statement"] = statements[: permission.statement] + kept + statements[permission.statement + 1 :]
    return left


def allowed(documents: Iterable[Mapping[str, Any]], request: Request) -> bool:
    """Whether policies allow a request."""
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::000000000000:assumed-role/{request.role}/{request.session}",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action=request.action,
        resource_arn=request.resource,
        region="us-east-1",
        source_ip="127.0.0.1",
        secure_transport=True,
        service_context={key.lower(): list(each) if isinstance(each, tuple) else each for key, each in request.context},
    )
    parsed = [evaluator.parse_policy_document(document) for document in documents]
    return bool(evaluator.evaluate(context, parsed).decision == "Allow")


def proofs(documents: Mapping[str, Mapping[str, Any]], permission: Permission, asked: Iterable[Request]) -> list[str]:
    """The operations that would be denied without ``permission``."""
    left = without(documents, permission)
    return sorted(
        {
            request.via
            for request in asked
            if request.role == permission.role
            and allowed(documents.values(), request)
            and not allowed(left.values(), request)
        }
    )
