"""The notification of a completed inference: no AWS calls, no clock, no environment.

Its form is AWS's: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
"""

import re
from dataclasses import dataclass
from datetime import datetime

from shared.exceptions import MalformedNotificationError
from shared.notification import COMPLETED, checked_inference_id, excerpt, fields_of
from shared.order import rank

from extract_images.exceptions import ForeignBucketError

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

    @property
    def rank(self) -> str:
        """Its place among the notifications of its inference id, as :func:`shared.order.rank` has it."""
        return rank(
            {
                "eventTime": self.event_time,
                "invocationStatus": COMPLETED,
                "responseParameters": {"outputLocation": self.output_location},
            }
        )

    def require_bucket(self, bucket_name: str) -> None:
        """Raise `ForeignBucketError` unless the output is in that bucket."""
        if self.output_bucket != bucket_name:
            raise ForeignBucketError(
                f"the output {excerpt(self.output_location)} is not in the workshop's bucket {bucket_name!r}: "
                "set the endpoint's S3OutputPath to that bucket"
            )


def parse(message: str) -> Notification:
    """Read the notification of a completed inference.

    Parameters
    ----------
    message
        The SNS message: JSON, as SageMaker publishes it.

    Raises
    ------
    MalformedNotificationError
        It is not JSON, does not report a completed inference, or lacks a moment or an output location.
    InvalidInferenceIdError
        Its `inferenceId` must not become part of a key.
    """
    notification = fields_of(message)
    if notification.get("invocationStatus") != COMPLETED:
        raise MalformedNotificationError(
            f"`invocationStatus` is {excerpt(notification.get('invocationStatus'))}, not {COMPLETED!r}: "
            "subscribe this function to the endpoint's Success topic only"
        )
    inference_id = checked_inference_id(notification.get("inferenceId"))
    parameters = notification.get("responseParameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    location = parameters.get("outputLocation")
    parts = _S3_LOCATION.fullmatch(location) if isinstance(location, str) else None
    if parts is None:
        raise MalformedNotificationError(
            f"`responseParameters.outputLocation` of {inference_id} is {excerpt(location)}, not s3://<bucket>/<key>"
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


def _checked_time(value: object, inference_id: str) -> str:
    try:
        if isinstance(value, str):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass  # raised below, as for a value of another type
    raise MalformedNotificationError(f"`eventTime` of {inference_id} is {excerpt(value)}, not a moment in ISO 8601")
