"""How long until the workshop deletes itself, and more of it.

What deletes is a function in a stack of its own (infra/safety/expiry.py); here the deadline is only read and moved.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import NotDeployedError, ParameterError, WorkshopError
from helpers.delivery import expiry as deadlines
from helpers.target.handle import Handle

LONGEST_HOURS = 720


@dataclasses.dataclass(frozen=True)
class Expiry:
    """When everything of the workshop is deleted.

    Attributes
    ----------
    where : str
        The target, in words.
    deadline : datetime or None
        None when nothing expires, or nothing is deployed.
    hours_left : float or None
        On the target's clock, which the local cloud may let run faster; negative when the deadline has passed.
    said : str
        The same for people, in a sentence or two.
    """

    where: str
    deadline: dt.datetime | None
    hours_left: float | None
    said: str

    def __str__(self) -> str:
        return f"Connected to {self.where}. {self.said}"

    __repr__ = __str__  # what a notebook shows at the end of a cell


def expires(connection: Handle) -> Expiry:
    """How long until everything is deleted; never an error, whatever is deployed and whatever AWS says.

    Parameters
    ----------
    connection : Handle
        Where the workshop is, or will be.
    """
    where, settings = connection.target.described, connection.settings
    try:
        moment = deadlines.deadline(connection)
    except (WorkshopError, ClientError, BotoCoreError) as error:
        return Expiry(where, None, None, f"Whether the workshop expires could not be read: {error}")
    if moment is not None:
        hours = deadlines.hours_until(settings, moment)
        return Expiry(where, moment, hours, _countdown(moment, hours))
    if planned := settings.safety_of("expire_hours"):
        return Expiry(where, None, None, f"What you deploy is deleted {planned:g} hours later; extend() gives more.")
    if connection.target.name == "local":
        return Expiry(where, None, None, "Nothing expires on it, and nothing is billed.")
    return Expiry(where, None, None, "Nothing expires: what is deployed is billed until clean_up(connection).")


def _countdown(moment: dt.datetime, hours: float) -> str:
    if hours <= 0:
        return (
            f"The workshop expired at {moment:%Y-%m-%d %H:%M} UTC and is being deleted; "
            "helpers.operations.extend(connection, hours) keeps what is still there."
        )
    left = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
    return (
        f"Everything is deleted in {left} ({moment:%Y-%m-%d %H:%M} UTC); "
        "helpers.operations.extend(connection, hours) gives more."
    )


def extend(connection: Handle, hours: float) -> Expiry:
    """Let the workshop live longer: ``hours`` after the deadline, or from now when that has passed.

    When the deletion has begun it stops before the next stack; what is deleted already must be deployed again.

    Parameters
    ----------
    connection : Handle
        Where the workshop is deployed.
    hours : float
        More than 0, at most 720.

    Raises
    ------
    ParameterError
        ``hours`` is not such a number.
    NotDeployedError
        Nothing expires there.
    TargetError
        The deadline could not be read or written.
    """
    if isinstance(hours, bool) or not isinstance(hours, (int, float)) or not 0 < hours <= LONGEST_HOURS:
        raise ParameterError(f"hours = {hours!r}: must be a number of hours, more than 0 and at most {LONGEST_HOURS}.")
    present = deadlines.deadline(connection)
    if present is None:
        raise NotDeployedError(
            f"nothing expires on {connection.target.described}: there is no deadline to move. [safety] expire_hours in "
            "workshop.toml says after how many hours a deployment is deleted."
        )
    start = max(present, dt.datetime.now(dt.UTC))
    deadlines.set_deadline(connection, deadlines.moment_in(connection.settings, hours, start))
    return expires(connection)
