"""What IAM decided, written down: one JSON line for each new (caller, action, resource) that was asked for."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.clock import iso_timestamp

if TYPE_CHECKING:
    from localcloud.iam.checks import Check

_REMEMBERED = 50_000


@dataclasses.dataclass(frozen=True)
class Decision:
    """What IAM answered.

    Attributes
    ----------
    verdict : str
        ``Allow``, ``Deny`` (an explicit one) or ``ImplicitDeny``.
    principal : str
        The caller's ARN.
    check : Check
    statement : str
        The ``Sid`` of the statement that decided, if it has one.
    by_resource : bool
        Whether it is one of the resource's own policy.
    """

    verdict: str
    principal: str
    check: Check
    statement: str = ""
    by_resource: bool = False

    @property
    def allowed(self) -> bool:
        """Whether it is an allow."""
        return self.verdict == "Allow"


class DecisionLog:
    """The file ``iam-decisions.jsonl``; the same decision is written once in each run of the cloud."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def note(self, decision: Decision, via: str = "") -> None:
        """Write ``decision`` down.

        Parameters
        ----------
        decision : Decision
        via : str
            What was done when IAM was asked: ``sagemaker.CreateModel``.
        """
        line = json.dumps(_record(decision, via), sort_keys=True)
        with self._lock:
            if line in self._seen:
                return
            if len(self._seen) < _REMEMBERED:
                self._seen.add(line)
            stamped = json.dumps({"time": iso_timestamp(), **json.loads(line)})
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a") as file:
                file.write(f"{stamped}\n")


def _record(decision: Decision, via: str) -> Mapping[str, Any]:
    check = decision.check
    found: dict[str, Any] = {
        "verdict": decision.verdict,
        "principal": decision.principal,
        "action": check.action,
        "resource": check.resource,
    }
    for name, value in (("via", via), ("statement", decision.statement), ("context", dict(check.context))):
        if value:
            found[name] = value
    if decision.by_resource:
        found["by"] = "resource policy"
    return found
