"""From an SNS event to the objects that keep its notifications: no AWS calls, no clock, no environment.

The forms are AWS's: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html (event) and
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html (message).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from save_status.exceptions import InvalidInferenceIdError, MalformedEventError, MalformedNotificationError

COMPLETED = "Completed"
FAILED = "Failed"

_INFERENCE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StatusObject:
    """One notification, as it will lie in the bucket.

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
        return f"status/{self.inference_id}.json"


def records(event: object) -> list[Any]:
    """Return the event's records, still unchecked; raises `MalformedEventError` when it has none.

    >>> len(records({"Records": [{}, {}]}))
    2
    """
    found = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(found, list) or not found:
        raise MalformedEventError(
            "the event has no list `Records` with at least one record: subscribe this function to an SNS topic"
        )
    return found


def message_of(record: object) -> str:
    """Return the `Message` of one record; raises `MalformedEventError` when it is not an SNS record."""
    if not isinstance(record, Mapping) or record.get("EventSource") != "aws:sns":
        raise MalformedEventError(
            "the record's `EventSource` is not aws:sns: subscribe this function to SNS topics only"
        )
    sns = record.get("Sns")
    message = sns.get("Message") if isinstance(sns, Mapping) else None
    if not isinstance(message, str):
        raise MalformedEventError("the record's `Sns.Message` is not a string")
    return message


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
    try:
        body = message.encode()
        notification = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedNotificationError(f"the message is not JSON ({error}): {_excerpt(message)}") from error
    if not isinstance(notification, dict):
        raise MalformedNotificationError(f"the message is not a JSON object: {_excerpt(message)}")
    state = notification.get("invocationStatus")
    if state not in (COMPLETED, FAILED):
        raise MalformedNotificationError(
            f"`invocationStatus` is {_excerpt(state)}, neither {COMPLETED!r} nor {FAILED!r}: "
            "is something else publishing to the endpoint's topics?"
        )
    return StatusObject(inference_id=checked_inference_id(notification.get("inferenceId")), state=state, body=body)


def checked_inference_id(value: object) -> str:
    """Return `value` when it may become part of a key, else raise `InvalidInferenceIdError`.

    >>> checked_inference_id("20261122T201501-9f2c")
    '20261122T201501-9f2c'
    """
    # "." and ".." match the pattern, but many tools that copy a bucket to a disk take them for folders.
    if isinstance(value, str) and _INFERENCE_ID.fullmatch(value) and value not in (".", ".."):
        return value
    raise InvalidInferenceIdError(
        f"`inferenceId` is {_excerpt(value)}: it must match [A-Za-z0-9._-]{{1,64}} and be neither '.' nor '..'; "
        "give InvokeEndpointAsync an InferenceId of that form"
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
    """Return the moment, or long ago for what is none: a notification without it is still kept."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else _LONG_AGO
    except ValueError:
        return _LONG_AGO
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _excerpt(value: object, limit: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
