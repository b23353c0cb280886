"""From an SNS event to the notifications in it: no AWS calls, no clock, no environment.

The forms are AWS's: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html (event) and
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html (message).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from shared.exceptions import InvalidInferenceIdError, MalformedEventError, MalformedNotificationError
from shared.names import INFERENCE_ID

COMPLETED = "Completed"
FAILED = "Failed"
"""Values of a notification's `invocationStatus`."""

_INFERENCE_ID = re.compile(INFERENCE_ID)


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


def fields_of(message: str) -> dict[str, Any]:
    """Return the fields of a notification; raises `MalformedNotificationError` when it is not a JSON object."""
    try:
        fields = json.loads(message.encode())
    except (ValueError, RecursionError) as error:
        raise MalformedNotificationError(f"the message is not JSON ({error}): {excerpt(message)}") from error
    if not isinstance(fields, dict):
        raise MalformedNotificationError(f"the message is not a JSON object: {excerpt(message)}")
    return fields


def checked_inference_id(value: object) -> str:
    """Return `value` when it may become part of a key, else raise `InvalidInferenceIdError`.

    >>> checked_inference_id("20261122T201501-9f2c")
    '20261122T201501-9f2c'
    """
    # "." and ".." match the pattern, but many tools that copy a bucket to a disk take them for folders.
    if isinstance(value, str) and _INFERENCE_ID.fullmatch(value) and value not in (".", ".."):
        return value
    raise InvalidInferenceIdError(
        f"`inferenceId` is {excerpt(value)}: it must match {INFERENCE_ID} and be neither '.' nor '..'; "
        "give InvokeEndpointAsync an InferenceId of that form"
    )


def excerpt(value: object, limit: int = 100) -> str:
    """Return `repr(value)` for an error's message, cut to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
