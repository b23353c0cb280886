"""Which of two notifications of one inference id is left: one rule for its status and for its pictures.

One id has one notification, unless a client uses an id twice. Amazon SNS delivers in any order, and more than once
(https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html), so the last to arrive says nothing.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.notification import COMPLETED

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def rank(fields: Mapping[str, Any]) -> str:
    """Return the place of a notification among those of its inference id, as ASCII text: the greatest is left.

    The later `eventTime` is greater; at the same moment `Completed` is greater than `Failed`; and last a digest of
    where the response is stored and of how the moment is spelled decides.

    Parameters
    ----------
    fields
        Of the notification; those that are missing or malformed count as the least.

    >>> earlier, later = {"eventTime": "2026-11-22T20:15:02Z"}, {"eventTime": "2026-11-22T15:15:03-05:00"}
    >>> rank(earlier) < rank(later)
    True
    """
    parameters = fields.get("responseParameters")
    location = parameters.get("outputLocation") if isinstance(parameters, Mapping) else None
    time = fields.get("eventTime")
    completed = int(fields.get("invocationStatus") == COMPLETED)
    digest = hashlib.sha256(repr((location, time)).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{_moment(time).isoformat(timespec='microseconds')} {completed} {digest}"


def _moment(value: object) -> datetime:
    """Return the moment in UTC, or long ago when it is not one: a notification without it is still kept."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else _LONG_AGO
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return _LONG_AGO
