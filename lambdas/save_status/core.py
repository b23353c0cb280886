"""From a notification to the object that keeps it: no AWS calls, no clock, no environment."""

import json
from dataclasses import dataclass

from shared.exceptions import MalformedNotificationError
from shared.names import STATUS
from shared.notification import COMPLETED, FAILED, checked_inference_id, excerpt, fields_of
from shared.order import rank


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

    :func:`shared.order.rank` decides, and last the greater body. That is a total order, so whatever order
    notifications arrive in, and however often, the same one is left, and it is the one whose pictures are left.
    """
    return _place(body) > _place(stored)


def _place(body: bytes) -> tuple[str, bytes]:
    try:
        notification = json.loads(body)
    except (ValueError, RecursionError):
        notification = None
    return rank(notification if isinstance(notification, dict) else {}), body
