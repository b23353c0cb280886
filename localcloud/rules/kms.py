"""What KMS refuses although its service model allows it."""

from __future__ import annotations

from localcloud.rules import Call, rule
from localcloud.services import ServiceError


@rule("kms", "ScheduleKeyDeletion")
def waiting_period(call: Call) -> None:
    """ScheduleKeyDeletion, PendingWindowInDays: "between 7 and 30, inclusive"."""
    days = call.parameters.get("PendingWindowInDays", 30)
    if not 7 <= days <= 30:
        raise ServiceError("ValidationException", "PendingWindowInDays must be between 7 and 30")
