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

    def _of_function(self, call: Call) -> None:
        if call.parameters.get("Role"):
            self.check_function(str(call.parameters["Role"]))
