"""Names and ARNs of SNS: topics, subscriptions, and the endpoints that may subscribe."""

from __future__ import annotations

import re

from localcloud.services import ServiceError
from localcloud.sns.messages import invalid

PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SUBSCRIPTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PHONE = re.compile(r"\+?\d+(?:[/.-]\d+)*")
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]+)?")


def check_topic_name(name: str, *, fifo: bool) -> None:
    """Raise :class:`ServiceError` for a name that a topic cannot have (API reference, "CreateTopic")."""
    stem = name.removesuffix(".fifo") if fifo else name
    if not _TOPIC_NAME.fullmatch(stem) or len(name) > 256 or fifo != name.endswith(".fifo"):
        raise invalid("Topic Name")


def check_topic_arn(arn: str, region: str, parameter: str = "TopicArn") -> None:
    """Raise :class:`ServiceError` for what is not the ARN of a topic in ``region`` (any region when that is empty)."""
    parts = _parts(arn, parameter)
    if parts[0] != "arn" or parts[2] != "sns" or len(parts) != 6 or not parts[5] or (region and parts[3] != region):
        raise invalid(parameter)


def check_subscription_arn(arn: str, region: str) -> None:
    """Raise :class:`ServiceError` for what is not the ARN of a subscription in ``region``."""
    parts = _parts(arn, "SubscriptionArn")
    if len(parts) != 7 or not _SUBSCRIPTION_ID.fullmatch(parts[6]):
        raise invalid("SubscriptionId")
    if parts[0] != "arn" or parts[2] != "sns" or (region and parts[3] != region):
        raise invalid("SubscriptionArn")


def _parts(arn: str, parameter: str) -> list[str]:
    parts = arn.split(":")
    if len(parts) < 6:
        raise invalid(f"{parameter} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    return parts


def is_queue_arn(arn: str) -> bool:
    """Whether ``arn`` has the form of a queue's."""
    return _QUEUE.fullmatch(arn) is not None


def is_phone_number(number: str) -> bool:
    """Whether SNS sends text messages to ``number``: separators stand between digits, one at a time."""
    return _PHONE.fullmatch(number) is not None


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Raise :class:`ServiceError` unless ``endpoint`` has the form of ``protocol`` (API reference, "Subscribe").

    Whether a queue or function exists is not asked, as on AWS.
    """
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol == "firehose":
        raise invalid("Protocol Reason: The local cloud does not offer Amazon Data Firehose")
    if protocol == "application":
        raise invalid("Endpoint Reason: The local cloud does not offer mobile push: no application endpoint exists")
    if protocol == "sqs" and not is_queue_arn(endpoint):
        raise invalid("SQS endpoint ARN")
    if protocol == "lambda" and not _FUNCTION.fullmatch(endpoint):
        raise invalid("Lambda endpoint ARN")
    if protocol in ("http", "https") and not endpoint.startswith(f"{protocol}://"):
        raise invalid("Endpoint must match the specified protocol")
    if protocol in ("email", "email-json") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", endpoint):
        raise invalid("Email address")
    if protocol == "sms" and not is_phone_number(endpoint):
        raise ServiceError("InvalidParameter", f"Invalid SMS endpoint: {endpoint}")
