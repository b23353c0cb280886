"""Which messages SQS takes.

Amazon SQS API Reference, "SendMessage", "SendMessageBatch", "MessageAttributeValue"; Developer Guide, "Amazon SQS
message quotas". Wording as recorded on AWS in LocalStack's ``tests/aws/services/sqs/test_sqs.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.services import ServiceError

MAX_BATCH_BYTES = 1_048_576
MAX_ENTRIES = 10
MAX_ATTRIBUTES = 10
_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOKEN = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")
_KINDS = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")


def invalid(message: str) -> ServiceError:
    """SQS's ``InvalidParameterValue``."""
    return ServiceError("InvalidParameterValue", message)


def value_refused(value: object, parameter: str, reason: str) -> ServiceError:
    """``InvalidParameterValue`` in the form in which SQS names the value."""
    return invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> ServiceError:
    """SQS's ``MissingParameter``."""
    return ServiceError("MissingParameter", f"The request must contain the parameter {parameter}.")


def check_message(message: Mapping[str, Any]) -> None:
    """Raise :class:`ServiceError` when SQS does not take ``message``: of SendMessage, or an entry of a batch."""
    if not message["MessageBody"]:
        raise missing("MessageBody")
    if _CHARACTERS.search(message["MessageBody"]):
        text = (
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
            "#xE000 to #xFFFD | #x10000 to #x10FFFF"
        )
        raise ServiceError("InvalidMessageContents", text)
    delay = message.get("DelaySeconds")
    if delay is not None and not 0 <= delay <= 900:
        raise value_refused(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        token = message.get(name)
        if token is not None and not _TOKEN.fullmatch(token):
            reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise value_refused(token, name, reason)
    attributes = message.get("MessageAttributes") or {}
    if len(attributes) > MAX_ATTRIBUTES:
        raise invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    for name, attribute in attributes.items():
        _check_attribute(name, attribute)
    for name, attribute in (message.get("MessageSystemAttributes") or {}).items():
        if name != "AWSTraceHeader":
            raise invalid(f"Message system attribute '{name}' is invalid.")
        if attribute.get("DataType") != "String":
            raise invalid(f"Message (system) attribute '{name}' must be of type 'String'.")


def _check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise invalid(
            f"Message (user) attribute name '{name}' is invalid: it can have 256 alphanumeric characters, underscores, "
            "hyphens and periods, must not start or end with a period or have successive ones, and not start with "
            "AWS. or Amazon."
        )
    found = _KINDS.fullmatch(attribute.get("DataType", ""))
    if found is None:
        raise invalid(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    kind = found[1]
    value = attribute.get("BinaryValue" if kind == "Binary" else "StringValue")
    if not value:
        raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
    if kind == "Number":
        try:
            float(value)
        except ValueError:
            raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.") from None


def size(message: Mapping[str, Any]) -> int:
    """The bytes that count: the body, and names, types and values of attributes."""
    total = len(message["MessageBody"].encode("utf-8", "surrogatepass"))
    for name, attribute in (message.get("MessageAttributes") or {}).items():
        value = attribute.get("BinaryValue") or attribute.get("StringValue", "").encode()
        total += len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
    return total


def check_batch(entries: Sequence[Mapping[str, Any]], kind: str) -> None:
    """Raise :class:`ServiceError` for what makes a whole batch fail.

    Parameters
    ----------
    entries : sequence of mapping
    kind : str
        What SQS calls an entry: ``SendMessageBatchRequestEntry``.
    """
    if not entries:
        raise ServiceError("EmptyBatchRequest", f"There should be at least one {kind} in the request.")
    if len(entries) > MAX_ENTRIES:
        message = f"Maximum number of entries per request are {MAX_ENTRIES}. You have sent {len(entries)}."
        raise ServiceError("TooManyEntriesInBatchRequest", message)
    seen = set()
    for entry in entries:
        if not re.fullmatch("[A-Za-z0-9_-]{1,80}", entry["Id"]):
            message = (
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long."
            )
            raise ServiceError("InvalidBatchEntryId", message)
        if entry["Id"] in seen:
            raise ServiceError("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])
