"""Which messages SNS takes.

Amazon SNS API Reference, "Publish", "PublishBatch" and "MessageAttributeValue"; codes and wording as recorded on AWS in
LocalStack's ``tests/aws/services/sns/test_sns.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localcloud.services import ServiceError

MAX_BYTES = 262_144
MAX_SUBJECT = 100
MAX_ATTRIBUTE_NAME = 256
_KINDS = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_NAME_CHARACTERS = re.compile(r"[A-Za-z0-9_.-]")


def invalid(message: str) -> ServiceError:
    """SNS's ``InvalidParameter``."""
    return ServiceError("InvalidParameter", f"Invalid parameter: {message}")


def check_message(message: Mapping[str, Any]) -> None:
    """Raise :class:`ServiceError` when SNS does not take ``message``: Publish's parameters, or an entry of a batch."""
    if not message["Message"]:
        raise invalid("Empty message")
    subject = message.get("Subject")
    if subject is not None and (
        not 0 < len(subject) <= MAX_SUBJECT
        or any(ord(character) < 32 or ord(character) == 127 for character in subject)
    ):
        raise invalid("Subject")
    if message.get("MessageStructure"):
        _check_structure(message)
    for name, attribute in (message.get("MessageAttributes") or {}).items():
        check_attribute(name, attribute)


def _check_structure(message: Mapping[str, Any]) -> None:
    if message["MessageStructure"] != "json":
        raise invalid("MessageStructure")
    try:
        texts = json.loads(message["Message"])
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")


def text_for(message: Mapping[str, Any], protocol: str) -> str:
    """What subscribers of ``protocol`` get of ``message``; what is not a string in its JSON is ignored."""
    text = str(message["Message"])
    if message.get("MessageStructure") != "json":
        return text
    texts = json.loads(text)
    chosen = texts.get(protocol)
    return chosen if isinstance(chosen, str) else str(texts["default"])


def check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    """Raise :class:`ServiceError` when ``name`` or its value cannot be an attribute of a message."""
    _check_name(name)
    kind = str(attribute.get("DataType", ""))
    found = _KINDS.fullmatch(kind)
    if found is None:
        raise _refused(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    base = found[1]
    field = "Binary" if base == "Binary" else "String"
    other = "StringValue" if field == "Binary" else "BinaryValue"
    value = attribute.get(f"{field}Value")
    if not value:
        if attribute.get(other):
            raise _refused(f"The message attribute '{name}' with type '{kind}' must use field '{field}'.")
        raise _refused(
            f"The message attribute '{name}' must contain non-empty message attribute value "
            f"for message attribute type '{kind}'."
        )
    if base == "Number":
        try:
            float(value)
        except ValueError:
            raise _refused(f"Could not cast message attribute '{name}' value to number.") from None


def _check_name(name: str) -> None:
    if len(name.encode()) > MAX_ATTRIBUTE_NAME:
        raise _refused("Length of message attribute name must be less than 256 bytes.")
    for character in name:
        if not _NAME_CHARACTERS.fullmatch(character):
            raise _refused(
                f"Invalid non-alphanumeric character '#x{ord(character):X}' was found in the message attribute name. "
                "Can only include alphanumeric characters, hyphens, underscores, or dots."
            )
    if name.startswith("."):
        raise _refused("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise _refused("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise _refused("Message attribute name can not have successive '.' character.")


def _refused(message: str) -> ServiceError:
    return ServiceError("ParameterValueInvalid", message)


def size(message: Mapping[str, Any]) -> int:
    """The bytes that count against :data:`MAX_BYTES`: message and attributes, and not the subject."""
    total = len(message["Message"].encode())
    for name, attribute in (message.get("MessageAttributes") or {}).items():
        value = attribute.get("BinaryValue") or attribute.get("StringValue", "").encode()
        total += len(name.encode()) + len(attribute.get("DataType", "").encode()) + len(value)
    return total
