"""From an SNS event to the completed inferences it tells of: no AWS calls, no clock, no environment.

The forms are AWS's: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html (event) and
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html (message). Reading records and
checking ids is the same thought as in save_status/core.py; each function's bundle is whole in itself, so it stands in
both, and tests/lambdas/test_both.py holds the two together.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from extract_images.exceptions import (
    ForeignBucketError,
    InvalidInferenceIdError,
    MalformedEventError,
    MalformedNotificationError,
)

_INFERENCE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_S3_LOCATION = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


@dataclass(frozen=True)
class Notification:
    """A completed inference.

    Attributes
    ----------
    inference_id
        The id that the client gave the request.
    event_time
        When SageMaker published it, ISO 8601, as it stood there.
    output_location
        `s3://<bucket>/<key>` of the response.
    output_bucket, output_key
        The parts of it.
    content_type
        Of the response; empty when the notification has none.
    """

    inference_id: str
    event_time: str
    output_location: str
    output_bucket: str
    output_key: str
    content_type: str

    def require_bucket(self, bucket_name: str) -> None:
        """Raise `ForeignBucketError` unless the output lies in that bucket."""
        if self.output_bucket != bucket_name:
            raise ForeignBucketError(
                f"the output {_excerpt(self.output_location)} is not in the workshop's bucket {bucket_name!r}: "
                "set the endpoint's S3OutputPath to that bucket"
            )


def records(event: object) -> list[Any]:
    """Return the event's records, still unchecked; raises `MalformedEventError` when it has none."""
    found = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(found, list) or not found:
        raise MalformedEventError(
            "the event has no list `Records` with at least one record: subscribe this function to an SNS topic"
        )
    return found


def message_of(record: object) -> str:
    """Return the `Message` of one record; raises `MalformedEventError` when it is not an SNS record."""
    if not isinstance(record, Mapping) or record.get("EventSource") != "aws:sns":
        raise MalformedEventError("the record's `EventSource` is not aws:sns: subscribe this function to SNS only")
    sns = record.get("Sns")
    message = sns.get("Message") if isinstance(sns, Mapping) else None
    if not isinstance(message, str):
        raise MalformedEventError("the record's `Sns.Message` is not a string")
    return message


def parse(message: str) -> Notification:
    """Read the notification of a completed inference.

    Parameters
    ----------
    message
        The SNS message: JSON, as SageMaker publishes it.

    Raises
    ------
    MalformedNotificationError
        It is not JSON, tells of no completed inference, or lacks a moment or an output location.
    InvalidInferenceIdError
        Its `inferenceId` must not become part of a key.
    """
    try:
        notification = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise MalformedNotificationError(f"the message is not JSON ({error}): {_excerpt(message)}") from error
    if not isinstance(notification, dict):
        raise MalformedNotificationError(f"the message is not a JSON object: {_excerpt(message)}")
    if notification.get("invocationStatus") != "Completed":
        raise MalformedNotificationError(
            f"`invocationStatus` is {_excerpt(notification.get('invocationStatus'))}, not 'Completed': "
            "subscribe this function to the endpoint's Success topic only"
        )
    inference_id = checked_inference_id(notification.get("inferenceId"))
    parameters = notification.get("responseParameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    location = parameters.get("outputLocation")
    parts = _S3_LOCATION.fullmatch(location) if isinstance(location, str) else None
    if parts is None:
        raise MalformedNotificationError(
            f"`responseParameters.outputLocation` of {inference_id} is {_excerpt(location)}, not s3://<bucket>/<key>"
        )
    content_type = parameters.get("contentType")
    return Notification(
        inference_id=inference_id,
        event_time=_checked_time(notification.get("eventTime"), inference_id),
        output_location=parts[0],
        output_bucket=parts[1],
        output_key=parts[2],
        content_type=content_type if isinstance(content_type, str) else "",
    )


def checked_inference_id(value: object) -> str:
    """Return `value` when it may become part of a key, else raise `InvalidInferenceIdError`."""
    # "." and ".." match the pattern, but many tools that copy a bucket to a disk take them for folders.
    if isinstance(value, str) and _INFERENCE_ID.fullmatch(value) and value not in (".", ".."):
        return value
    raise InvalidInferenceIdError(
        f"`inferenceId` is {_excerpt(value)}: it must match [A-Za-z0-9._-]{{1,64}} and be neither '.' nor '..'; "
        "give InvokeEndpointAsync an InferenceId of that form"
    )


def _checked_time(value: object, inference_id: str) -> str:
    try:
        if isinstance(value, str):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass  # raised below, as for a value of another type
    raise MalformedNotificationError(f"`eventTime` of {inference_id} is {_excerpt(value)}, not a moment in ISO 8601")


def _excerpt(value: object, limit: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
