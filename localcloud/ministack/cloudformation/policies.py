"""Stack policies: which resources an update may touch.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from __future__ import annotations

import fnmatch
import json
from typing import Any

from localcloud.ministack.cloudformation.template import refuse


def check_policy(body: str) -> None:
    """Raise :class:`ServiceError` unless ``body`` is a stack policy."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    statements = document.get("Statement") if isinstance(document, dict) else None
    listed = [statements] if isinstance(statements, dict) else statements
    if not isinstance(listed, list) or not all(_is_statement(each) for each in listed):
        raise refuse("Error validating stack policy: Invalid stack policy")


def _is_statement(statement: Any) -> bool:
    return (
        isinstance(statement, dict)
        and statement.get("Effect") in ("Allow", "Deny")
        and ("Action" in statement) != ("NotAction" in statement)
        and ("Resource" in statement) != ("NotResource" in statement)
        and statement.get("Principal") == "*"
        and all(
            each == "*" or each.startswith("Update:")
            for each in _texts(statement.get("Action", statement.get("NotAction")))
        )
        and all(
            each == "*" or each.startswith("LogicalResourceId/")
            for each in _texts(statement.get("Resource", statement.get("NotResource")))
        )
    )


def denial(body: str, action: str, logical_id: str, resource_type: str) -> str | None:
    """Why the policy ``body`` does not let ``action`` (``Update:Modify``) happen to a resource; None when it does.

    Without a statement that allows an action, it is denied.
    """
    if not body:
        return None
    statements = json.loads(body).get("Statement") or []
    allowed = False
    for number, statement in enumerate([statements] if isinstance(statements, dict) else statements, start=1):
        if not _applies(statement, action, logical_id, resource_type):
            continue
        if statement["Effect"] == "Deny":
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for resource "
                f"[LogicalResourceId/{logical_id}]"
            )
        allowed = True
    if allowed:
        return None
    return f"Action denied by stack policy: [{action}] is not allowed for resource [LogicalResourceId/{logical_id}]"


def _applies(statement: dict[str, Any], action: str, logical_id: str, resource_type: str) -> bool:
    resource = f"LogicalResourceId/{logical_id}"
    if "Action" in statement:
        matches = any(fnmatch.fnmatchcase(action, each) for each in _texts(statement["Action"]))
    else:
        matches = not any(fnmatch.fnmatchcase(action, each) for each in _texts(statement["NotAction"]))
    if "Resource" in statement:
        matches = matches and any(fnmatch.fnmatchcase(resource, each) for each in _texts(statement["Resource"]))
    else:
        matches = matches and not any(fnmatch.fnmatchcase(resource, each) for each in _texts(statement["NotResource"]))
    for operator, tests in (statement.get("Condition") or {}).items():
        for key, values in tests.items():
            found = resource_type if key == "ResourceType" else ""
            like = operator in ("StringLike", "StringNotLike")
            hit = any(fnmatch.fnmatchcase(found, each) if like else found == each for each in _texts(values))
            matches = matches and (not hit if "Not" in operator else hit)
    return matches


def _texts(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value])]
