"""What Secrets Manager refuses although its service model allows it."""

from __future__ import annotations

import re

from localcloud.rules import Call, rule
from localcloud.services import ServiceError


@rule("secretsmanager", "CreateSecret")
def name_of_a_secret(call: Call) -> None:
    """CreateSecret, Name: "ASCII letters, numbers, and the following characters: /_+=.@-"."""
    if not re.fullmatch(r"[A-Za-z0-9/_+=.@-]+", str(call.parameters["Name"])):
        raise ServiceError(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        )
