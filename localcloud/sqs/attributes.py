"""Attributes of queues: which exist, and which values they take.

Amazon SQS API Reference, "CreateQueue" and "SetQueueAttributes"; wording as recorded on AWS in LocalStack's
``tests/aws/services/sqs/test_sqs.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localcloud.services import ServiceError
from localcloud.sqs.messages import invalid, value_refused

RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_CHOICES = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoQueue": ("true",),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}
_DOCUMENTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
SETTABLE = (*RANGES, *_CHOICES, *_DOCUMENTS, "KmsMasterKeyId")
READABLE = (
    *SETTABLE,
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
OF_MESSAGES = (
    "All",
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
)
DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DelaySeconds": "0",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
}


def unknown(name: str) -> ServiceError:
    """SQS's ``InvalidAttributeName``."""
    return ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _value(name: str, reason: str = "") -> ServiceError:
    return ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{reason}")


def check_name(name: str, *, fifo: bool) -> None:
    """Raise :class:`ServiceError` for a name that a queue cannot have."""
    if fifo:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,75}\.fifo", name):
            raise invalid(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
                "must end with .fifo suffix and be 1 to 80 in length."
            )
    elif not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def check(attributes: Mapping[str, str], *, fifo: bool, creating: bool = False) -> None:
    """Raise :class:`ServiceError` when a queue cannot have ``attributes``.

    Parameters
    ----------
    attributes : mapping
    fifo : bool
        Whether it is a FIFO queue.
    creating : bool
        Whether it is being created; its type cannot be changed later.
    """
    for name, value in attributes.items():
        if name not in SETTABLE:
            raise unknown(name)
        if name == "FifoQueue" and not creating:
            if not fifo:
                raise unknown(name)
            if value != "true":
                raise _value(name, " Reason: Modifying queue type is not supported.")
        elif name in ("FifoQueue", "ContentBasedDeduplication") and not fifo:
            raise unknown(name)
        elif name in ("DeduplicationScope", "FifoThroughputLimit") and not fifo:
            message = f"You can specify the {name} only when FifoQueue is set to true."
            raise ServiceError("InvalidAttributeName", message)
        _check_value(name, value)
    if attributes.get("FifoThroughputLimit") == "perMessageGroupId" and attributes.get("DeduplicationScope") == "queue":
        raise _value("FifoThroughputLimit", " It needs the DeduplicationScope messageGroup.")


def _check_value(name: str, value: str) -> None:
    if name == "KmsMasterKeyId" and value:
        raise _value(name, " Reason: The local cloud does not encrypt queues with keys: leave it out.")
    if name in RANGES:
        low, high = RANGES[name]
        if not re.fullmatch("[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise _value(name)
    elif name in _CHOICES and value not in _CHOICES[name]:
        raise _value(name)
    elif name in _DOCUMENTS and value:
        document = _document(name, value)
        if name == "RedrivePolicy":
            _check_redrive_policy(value, document)
        elif name == "RedriveAllowPolicy":
            _check_redrive_allow_policy(value, document)
        elif not document.get("Statement"):
            raise _value(name)


def _document(name: str, value: str) -> dict[str, Any]:
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        if name == "Policy":
            raise _value(name)
        raise value_refused(value, name, f"{name} is not a valid JSON map.")
    return document


def _check_redrive_policy(value: str, policy: Mapping[str, Any]) -> None:
    def refused(reason: str) -> ServiceError:
        return value_refused(value, "RedrivePolicy", reason)

    for name in ("maxReceiveCount", "deadLetterTargetArn"):
        if name not in policy:
            raise refused(f"Redrive policy does not contain mandatory attribute: {name}.")
    if set(policy) - {"maxReceiveCount", "deadLetterTargetArn"}:
        raise refused("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
    count = policy["maxReceiveCount"]
    if isinstance(count, bool) or not re.fullmatch("[0-9]+", str(count)) or not 1 <= int(count) <= 1000:
        reason = f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        raise refused(reason)
    if not is_queue_arn(policy["deadLetterTargetArn"]):
        raise refused("Invalid value for deadLetterTargetArn.")


def _check_redrive_allow_policy(value: str, policy: Mapping[str, Any]) -> None:
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    by_queue = permission == "byQueue"
    good = isinstance(sources, list) and 1 <= len(sources) <= 10 and all(is_queue_arn(each) for each in sources)
    if permission not in ("allowAll", "denyAll", "byQueue") or (by_queue and not good) or (not by_queue and sources):
        reason = (
            "Amazon SQS can't create the redrive allow policy. Verify that redrivePermission is allowAll, denyAll or "
            "byQueue, and that byQueue comes with 1 to 10 sourceQueueArns."
        )
        raise value_refused(value, "RedriveAllowPolicy", reason)


def is_queue_arn(value: object) -> bool:
    """Whether ``value`` has the form of a queue's ARN."""
    form = r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?"
    return isinstance(value, str) and re.fullmatch(form, value) is not None
