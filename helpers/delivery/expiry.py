"""When the workshop deletes itself: the deadline in the SSM parameter of the safety stack, read and moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from botocore.exceptions import ClientError

from contract.errors import DeploymentError, NotDeployedError, WorkshopError
from contract.names import EXPIRES_AT, EXPIRES_AT_PARAMETER, NEVER, ssm_parameter
from contract.settings import Settings
from helpers.target.explain import code_of, explained
from helpers.target.handle import Handle
from helpers.target.stacks import delete_stack, stack_status

NEAR_HOURS = 1
"""A deployment takes up to half an hour on AWS: one that begins with less than this left gets the hours again."""
GONE = (None, "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")
"""States of a safety stack that could not keep a deadline."""


def clock_speed(settings: Settings) -> float:
    """How much faster than the wall's the target's clock runs: on the local cloud six hours may take six minutes."""
    return settings.local.speed if settings.workshop.target == "local" else 1.0


def hours_until(settings: Settings, moment: dt.datetime) -> float:
    """Hours on the target's clock from now until ``moment``; negative when it has passed."""
    return (moment - dt.datetime.now(dt.UTC)).total_seconds() / 3600 * clock_speed(settings)


def moment_in(settings: Settings, hours: float, start: dt.datetime | None = None) -> dt.datetime:
    """The moment ``hours`` of the target's clock after ``start``, by default now, in full seconds."""
    begin = start or dt.datetime.now(dt.UTC)
    return (begin + dt.timedelta(hours=hours / clock_speed(settings))).replace(microsecond=0)


def deadline(connection: Handle) -> dt.datetime | None:
    """When everything is deleted; None when nothing expires, or nothing is deployed.

    Raises
    ------
    TargetError
        The parameter could not be read.
    WorkshopError
        It holds something else.
    """
    path = ssm_parameter(connection.settings.workshop.name, EXPIRES_AT)
    with explained(f"reading the SSM parameter {path}", connection.target):
        try:
            text = str(connection.client("ssm").get_parameter(Name=path)["Parameter"]["Value"])
        except ClientError as error:
            if code_of(error) == "ParameterNotFound":
                return None
            raise
    try:
        return None if text == NEVER else dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except ValueError:
        raise WorkshopError(
            f'the SSM parameter {path} is {text!r}, and must be "{NEVER}" or a moment such as '
            "2026-11-28T18:00:00+00:00: until then nothing expires."
        ) from None


def set_deadline(connection: Handle, moment: dt.datetime | None) -> None:
    """Move the deadline; with None nothing expires any more.

    Raises
    ------
    NotDeployedError
        There is none: the workshop is not deployed, or does not expire.
    """
    name = connection.settings.workshop.name
    path, stack = ssm_parameter(name, EXPIRES_AT), connection.settings.safety_stack
    if stack_status(connection, stack) in GONE:
        raise NotDeployedError(
            f"nothing of the workshop {name!r} expires on {connection.target.described}: there is no stack {stack}. "
            "[safety] expire_hours in workshop.toml says after how many hours a deployment is deleted."
        )
    value = NEVER if moment is None else moment.isoformat(timespec="seconds")
    with explained(f"writing the SSM parameter {path}", connection.target):
        connection.client("ssm").put_parameter(Name=path, Value=value, Type="String", Overwrite=True)


def stack_parameters(connection: Handle) -> dict[str, str]:
    """Parameters of the safety stack: the deadline of a new one; none for one that is there, which keeps its own.

    A deadline that has passed, or is so near that this deployment would be deleted before it is of use, is moved.
    """
    settings = connection.settings
    hours = settings.safety_of("expire_hours")
    fresh = moment_in(settings, hours).isoformat(timespec="seconds") if hours else NEVER
    if stack_status(connection, settings.safety_stack) in GONE:
        return {EXPIRES_AT_PARAMETER: fresh}
    present = deadline(connection)
    if not hours and present is not None:
        set_deadline(connection, None)
    elif hours and (present is None or hours_until(settings, present) < min(NEAR_HOURS, hours)):
        set_deadline(connection, moment_in(settings, hours))
    return {}


def remove(connection: Handle, progress: Callable[[str], None]) -> None:
    """Delete the safety stack of a workshop whose settings do not ask for one any more.

    Without the CDK, whose app does not have the stack now.

    Raises
    ------
    DeploymentError
        CloudFormation could not delete it.
    """
    stack = connection.settings.safety_stack
    if stack_status(connection, stack) is None:
        return
    progress(f"deleting {stack}")
    delay = 5 if connection.target.name == "aws" else 1
    if problem := delete_stack(connection, stack, delay=delay, seconds=120 * delay):
        raise DeploymentError(f"the stack {stack} was not deleted: {problem}") from problem


def told(connection: Handle) -> list[str]:
    """What a deployment says of the expiry and the other limits."""
    settings, lines = connection.settings, []
    moment = deadline(connection)
    if moment is not None:
        lines.append(
            f"everything is deleted in {hours_until(settings, moment):.1f} hours ({moment:%Y-%m-%d %H:%M} UTC); "
            "helpers.operations.extend(connection, hours) gives more"
        )
    elif settings.workshop.target == "aws":
        lines.append("nothing expires ([safety] expire_hours = 0): it is billed until clean_up(connection)")
    if settings.safety_of("budget_usd") and not settings.safety_email:
        lines.append("no budget is made, and no alarm sends an e-mail: [safety] notify_email is empty")
    elif settings.safety_of("budget_usd") and not settings.has_budget:
        lines.append(f"no budget is made: CloudFormation has none in {settings.workshop.region}")
    return lines
