"""What to do next, from what is there: no AWS in here.

Each look decides again from the stacks alone and starts what can start, so it does not matter who else deletes or
deploys, how often the function runs, or whether a run died half-way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from expire.exceptions import SettingsError

NEVER = "never"
"""The deadline of a workshop that does not expire; as `contract.names.NEVER`."""


@dataclass(frozen=True)
class Plan:
    """What one look starts.

    Attributes
    ----------
    delete
        Stacks to delete now.
    waiting
        The stack that somebody is working on, with its status; empty when there is none.
    """

    delete: tuple[str, ...] = ()
    waiting: str = ""

    @property
    def finished(self) -> bool:
        """Whether no stack is left."""
        return not self.delete and not self.waiting


def parse_deadline(text: str) -> datetime | None:
    """Read the SSM parameter's value; None when nothing expires.

    Raises
    ------
    SettingsError
        It is not a moment with its time zone. Nothing is deleted then: a typing error must not cost anybody's work.

    Examples
    --------
    >>> parse_deadline("2026-11-28T18:00:00+00:00").hour
    18
    >>> parse_deadline("never") is None
    True
    """
    if text.strip() == NEVER:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            f'the deadline {text!r} must be "{NEVER}" or a moment such as 2026-11-28T18:00:00Z'
        ) from None
    if moment.tzinfo is None:
        raise SettingsError(f"the deadline {text!r} must have a time zone, such as 2026-11-28T18:00:00Z")
    return moment.astimezone(UTC)


def plan(order: Sequence[str], status: Mapping[str, str]) -> Plan:
    """Return what to start.

    One stack after the other, since what comes later is needed by what comes earlier: the pipeline could deploy the
    application again, the application reads the models' bucket. A stack that somebody is working on (a deployment, a
    roll-back, a deletion) is waited for: CloudFormation takes no deletion during an update. One that could not be
    deleted is tried again, but holds up nobody: an endpoint must not be billed because a bucket is not empty.

    Parameters
    ----------
    order
        All stacks, first to be deleted first.
    status
        The status of those that exist.

    Examples
    --------
    >>> plan(["pipeline", "app"], {"pipeline": "CREATE_COMPLETE", "app": "CREATE_COMPLETE"}).delete
    ('pipeline',)
    >>> plan(["pipeline", "app"], {"pipeline": "DELETE_FAILED", "app": "ROLLBACK_COMPLETE"}).delete
    ('pipeline', 'app')
    >>> plan(["app"], {"app": "UPDATE_IN_PROGRESS"}).waiting
    'app is UPDATE_IN_PROGRESS'
    """
    delete: list[str] = []
    for name in order:
        found = status.get(name)
        if found is None:
            continue
        if found.endswith("_IN_PROGRESS") and found != "REVIEW_IN_PROGRESS":  # a change set that nobody carried out
            return Plan(tuple(delete), f"{name} is {found}")
        delete.append(name)
        if found != "DELETE_FAILED":
            break
    return Plan(tuple(delete))
