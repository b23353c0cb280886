"""Operations of MiniStack that take a role: it must exist, and trust the service that gets it."""

from __future__ import annotations

from localcloud.ministack.permissions import Permissions
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError


class RoleChecks:
    """Rules that look at roles."""

    def __init__(self, permissions: Permissions, rules: Rulebook) -> None:
        self._permissions = permissions
        for operation in ("CreateFunction", "UpdateFunctionConfiguration"):
            rules.add("lambda", operation, self._of_function)
        rules.add("sts", "AssumeRole", self._duration)

    def check_function(self, role: str) -> None:
        """Lambda Developer Guide, "Lambda execution role": it must trust ``lambda.amazonaws.com``.

        Raises
        ------
        ServiceError
            In AWS's words.
        """
        if not self._permissions.trusts(role, "lambda.amazonaws.com"):
            message = "The role defined for the function cannot be assumed by Lambda."
            raise ServiceError("InvalidParameterValueException", message)

    def _duration(self, call: Call) -> None:
        """STS API reference, AssumeRole, DurationSeconds."""
        seconds, role = call.parameters.get("DurationSeconds"), self._permissions.role(call.parameters["RoleArn"])
        if seconds is None or role is None:
            return
        if seconds > 3600 and ":assumed-role/" in self._permissions.identity(call.access_key):
            message = (
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            )
            raise ServiceError("ValidationError", message)
        if seconds > int(role.get("MaxSessionDuration") or 3600):
            message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise ServiceError("ValidationError", message)

    def _of_function(self, call: Call) -> None:
        if call.parameters.get("Role"):
            self.check_function(str(call.parameters["Role"]))
