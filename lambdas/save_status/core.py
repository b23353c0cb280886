"""From a notification to the object that keeps it: no AWS calls, no clock, no environment."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.exceptions import MalformedNotificationError
from shared.names import STATUS
from shared.notification import COMPLETED, FAILED, checked_inference_id, excerpt, fields_of

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StatusObject:
    """One notification, as the bucket keeps it.

    Attributes
    ----------
    inference_id
        The id that the client gave the request.
    state
        `Completed` or `Failed`.
    body
        The notification exactly as received, UTF-8.
    """

    inference_id: str
    state: str
    body: bytes

    @property
    def key(self) -> str:
        """Key of the object: `status/<inference id>.json`."""
        return f"{STATUS}/{self.inference_id}.json"


def status_object(message: str) -> StatusObject:
    """Turn a notification into the object that keeps it.

    Parameters
    ----------
    message
        The SNS message: JSON, as SageMaker publishes it.

    Raises
    ------
    MalformedNotificationError
        It is not a JSON object, or its `invocationStatus` is neither `Completed` nor `Failed`.
    InvalidInferenceIdError
        Its `inferenceId` must not become part of a key.
    """
    notification = fields_of(message)
    state = notification.get("invocationStatus")
    if state not in (COMPLETED, FAILED):
        raise MalformedNotificationError(
            f"`invocationStatus` is {excerpt(state)}, neither {COMPLETED!r} nor {FAILED!r}: "
            "is something else publishing to the endpoint's topics?"
        )
    return StatusObject(
        inference_id=checked_inference_id(notification.get("inferenceId")), state=state, body=message.encode()
    )


def supersedes(body: bytes, stored: bytes) -> bool:
    """Tell whether a notification replaces the one that is stored for the same inference id.

    One id has one notification, unless a client uses an id twice. Then the later `eventTime` stays; at the same time
    `Completed` before `Failed`; and last the greater body. That is a total order, so whatever order notifications
    arrive in, and however often, the same one is left.
    """
    return _rank(body) > _rank(stored)


def _rank(body: bytes) -> tuple[datetime, bool, bytes]:
    try:
        notification = json.loads(body)
    except (ValueError, RecursionError):
        return _LONG_AGO, False, body
    if not isinstance(notification, dict):
        return _LONG_AGO, False, body
    return _event_time(notification.get("eventTime")), notification.get("invocationStatus") == COMPLETED, body


def _event_time(value: object) -> datetime:
    """Return the moment, or long ago when it is not one: a notification without it is still kept."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else _LONG_AGO
    except ValueError:
        return _LONG_AGO
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
