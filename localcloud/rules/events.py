"""Amazon EventBridge: what the request alone shows to be wrong, or to have no effect here.

Amazon EventBridge API Reference (docs.aws.amazon.com/eventbridge/latest/APIReference), the page of each operation, and
the user guide's "Creating an Amazon EventBridge rule that runs on a schedule" (eventbridge/latest/userguide/
eb-create-rule-schedule.html). Wording: answers of AWS that LocalStack recorded (tests/aws/services/events).
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.rules import Call, rule
from localcloud.services import ServiceError

OFFERED_TARGETS = ("codepipeline", "events", "lambda", "sns", "sqs")
"""Services to which this cloud delivers events."""
NEED_ROLE = ("batch", "codebuild", "codepipeline", "ecs", "firehose", "kinesis", "states")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
"""Minutes, hours, day of month, month, day of week, year."""
_UNIT = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")


def invalid(message: str) -> ServiceError:
    """EventBridge's error for almost all parameters."""
    return ServiceError("ValidationException", message)


@rule("events", "PutRule")
def put_rule(call: Call) -> None:
    """A rule needs a pattern or a schedule (API_PutRule); schedules only on the default bus, and of the right form."""
    given = call.parameters
    schedule = given.get("ScheduleExpression") or ""
    if not schedule and not given.get("EventPattern"):
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule and given.get("EventBusName", "default").rpartition("/")[2] != "default":
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    rate = _UNIT.fullmatch(schedule)
    if schedule.startswith("rate") and (rate is None or int(rate[1]) < 1 or (int(rate[1]) == 1) == bool(rate[3])):
        raise invalid("Parameter ScheduleExpression is not valid.")
    if schedule.startswith("cron") and not _is_cron(schedule):
        raise invalid("Parameter ScheduleExpression is not valid.")
    if given.get("State") == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS":
        raise invalid("The local cloud has no CloudTrail: the rule would match nothing. Use ENABLED.")


def _is_cron(schedule: str) -> bool:
    """Whether there are six fields with numbers in their ranges; MiniStack checks the rest."""
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    if len(fields) != len(_CRON_RANGES):
        return False
    for field, (low, high) in zip(fields, _CRON_RANGES, strict=True):
        if any(not low <= int(number) <= high for number in re.findall(r"(?<![#/\d])\d+", field)):
            return False
    return True


@rule("events", "PutTargets")
def put_targets(call: Call) -> None:
    """What a target needs (API_PutTargets, API_Target)."""
    for target in call.parameters["Targets"]:
        name, arn = target["Id"], target["Arn"]
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if not service:
            raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
        if service in NEED_ROLE and not target.get("RoleArn"):
            raise invalid(f"RoleArn is required for target {arn}.")
        if service not in OFFERED_TARGETS or (service == "events" and ":event-bus/" not in arn):
            offered = ", ".join(OFFERED_TARGETS)
            raise invalid(f"The local cloud delivers no events to {service} ({arn}), only to {offered}.")
        if sum(member in target for member in ("Input", "InputPath", "InputTransformer")) > 1:
            raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
        if "Input" in target and not _is_json(target["Input"]):
            raise invalid(f"JSON syntax error in input for target {name}.")
        if not target.get("InputPath", "$").startswith("$"):
            raise invalid(f"InputPath for target {name} is invalid.")
        if "InputTransformer" in target:
            _check_transformer(name, target["InputTransformer"])
        if (target.get("DeadLetterConfig") or {}).get("Arn"):
            raise invalid(f"The local cloud has no dead-letter queues of targets (target {name}): leave them out.")


def _check_transformer(name: str, transformer: dict[str, Any]) -> None:
    paths = transformer.get("InputPathsMap") or {}
    for placeholder in re.findall(r"<([^<>\s]+)>", transformer["InputTemplate"]):
        if placeholder not in paths and not placeholder.startswith("aws.events."):
            raise invalid(f"InputTemplate for target {name} contains invalid placeholder {placeholder}.")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@rule("events", "TestEventPattern")
def event(call: Call) -> None:
    """An event is an object with the members that events of AWS have (API_TestEventPattern)."""
    text = call.parameters["Event"]
    found = json.loads(text) if _is_json(text) else None
    if not isinstance(found, dict):
        raise invalid("Parameter Event is not valid.")
    needed = ("id", "account", "source", "time", "region", "resources", "detail-type")
    if missing := [member for member in needed if member not in found]:
        raise invalid(f"Parameter Event is not valid. Reason: it must have {', '.join(missing)}.")
