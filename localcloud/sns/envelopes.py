"""Notifications in the forms in which SNS delivers them.

Amazon SNS Developer Guide, "Message formats" (queues and HTTP); AWS Lambda Developer Guide, "Using Lambda with Amazon
SNS" (functions, whose form spells some keys otherwise).
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

Attributes = Mapping[str, Mapping[str, Any]]
Sign = Callable[[str, str], str]
"""``sign(text, version)``: the signature of ``text``, in base64; version 1 is SHA1, 2 is SHA256."""


@dataclasses.dataclass(frozen=True)
class Notification:
    """One message on its way to one subscription.

    Attributes
    ----------
    topic_arn, message_id, timestamp : str
    text : str
        What this subscription's protocol gets.
    subject : str
        Empty when there is none.
    attributes : mapping
        As Publish takes them.
    unsubscribe_url : str
    sequence : str
        Of a FIFO topic; empty for a standard one.
    version : str
        The topic's ``SignatureVersion``.
    certificate_url : str
        Where the certificate is that proves the signature.
    """

    topic_arn: str
    message_id: str
    timestamp: str
    text: str
    subject: str
    attributes: Attributes
    unsubscribe_url: str
    sequence: str
    version: str
    certificate_url: str

    def signed_text(self) -> str:
        """What is signed ("Verifying the signatures of Amazon SNS messages")."""
        values = {
            "Message": self.text,
            "MessageId": self.message_id,
            "Subject": self.subject,
            "Timestamp": self.timestamp,
            "TopicArn": self.topic_arn,
            "Type": "Notification",
        }
        return "".join(f"{key}\n{value}\n" for key, value in values.items() if value or key != "Subject")

    def for_queue(self, sign: Sign) -> str:
        """The JSON text that queues and HTTP endpoints get. That of a FIFO topic is not signed."""
        out: dict[str, Any] = {"Type": "Notification", "MessageId": self.message_id}
        if self.sequence:
            out["SequenceNumber"] = self.sequence
        out["TopicArn"] = self.topic_arn
        if self.subject:
            out["Subject"] = self.subject
        out["Message"] = self.text
        out["Timestamp"] = self.timestamp
        if not self.sequence:
            out["SignatureVersion"] = self.version
            out["Signature"] = sign(self.signed_text(), self.version)
            out["SigningCertURL"] = self.certificate_url
        out["UnsubscribeURL"] = self.unsubscribe_url
        if self.attributes:
            out["MessageAttributes"] = attributes_in_json(self.attributes)
        return json.dumps(out, indent=2, ensure_ascii=False)

    def for_function(self, sign: Sign) -> dict[str, Any]:
        """``Sns`` of a record in a Lambda event. Its ``SignatureVersion`` is always 1, whatever the topic's is."""
        return {
            "Type": "Notification",
            "MessageId": self.message_id,
            "TopicArn": self.topic_arn,
            "Subject": self.subject or None,
            "Message": self.text,
            "Timestamp": self.timestamp,
            "SignatureVersion": "1",
            "Signature": sign(self.signed_text(), self.version),
            "SigningCertUrl": self.certificate_url,
            "UnsubscribeUrl": self.unsubscribe_url,
            "MessageAttributes": attributes_in_json(self.attributes),
        }


def attributes_in_json(attributes: Attributes) -> dict[str, dict[str, str]]:
    """``MessageAttributes`` of a notification: a binary value is base64 text."""
    return {name: {"Type": attribute["DataType"], "Value": _text(attribute)} for name, attribute in attributes.items()}


def _text(attribute: Mapping[str, Any]) -> str:
    binary = attribute.get("BinaryValue")
    return base64.b64encode(binary).decode() if binary else str(attribute.get("StringValue", ""))


def queue_form(notification: Mapping[str, Any]) -> str:
    """What a dead-letter queue gets of a notification in a function's form."""
    names = {"SigningCertUrl": "SigningCertURL", "UnsubscribeUrl": "UnsubscribeURL"}
    out = {names.get(key, key): value for key, value in notification.items() if value is not None and value != {}}
    return json.dumps(out, indent=2, ensure_ascii=False)
