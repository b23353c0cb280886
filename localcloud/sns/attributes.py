"""Attributes of topics and subscriptions: which exist, which values they take, and what they are when nobody set them.

Amazon SNS API Reference, "CreateTopic", "SetTopicAttributes", "Subscribe", "SetSubscriptionAttributes"; wording as
recorded on AWS in LocalStack's ``tests/aws/services/sns/test_sns.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localcloud.sns import filter_policies
from localcloud.sns.json_errors import complaint
from localcloud.sns.messages import invalid
from localcloud.sns.names import is_queue_arn

_NOT_OFFERED = {
    "ArchivePolicy": "message archives",
    "DeliveryPolicy": "retries of deliveries to HTTP endpoints",
    "KmsMasterKeyId": "encryption of topics",
    "ReplayPolicy": "replays of archived messages",
}
_CHOICES = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "FifoTopic": ("true", "false"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}
_FIFO_ONLY = ("ContentBasedDeduplication", "FifoThroughputScope")
TOPIC = (*_CHOICES, "DisplayName", "Policy")
"""What a topic can have, and this cloud offers."""
SUBSCRIPTION = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn")
DEFAULTS = {"FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false"}
"""What a subscription has when nobody set it."""


def check_topic_attribute(name: str, value: str, *, fifo: bool, creating: bool = False) -> None:
    """Raise :class:`ServiceError` when a topic cannot have ``name`` with ``value``.

    Parameters
    ----------
    name, value : str
    fifo : bool
        Whether it is a FIFO topic.
    creating : bool
        Whether the topic is being created: ``FifoTopic`` cannot be changed later.
    """
    unknown = invalid(f"Attributes Reason: Unknown attribute: {name}" if creating else "AttributeName")
    what = _NOT_OFFERED.get(name) or ("delivery status logs" if "Feedback" in name else None)
    if what and value:
        raise invalid(f"{name} Reason: The local cloud does not offer {what}: leave it out")
    if name not in TOPIC and not what:
        raise unknown
    if (name == "FifoTopic" and not creating) or (name in _FIFO_ONLY and not fifo):
        raise unknown
    if name in _CHOICES and value not in _CHOICES[name]:
        raise invalid(f"{name} Reason: Invalid value [{value}]. Must be one of {', '.join(_CHOICES[name])}")
    if name == "TracingConfig" and value == "Active":
        raise invalid("TracingConfig Reason: The local cloud does not offer AWS X-Ray: use PassThrough")
    if name == "DisplayName" and len(value) > 100:
        raise invalid("DisplayName Reason: must be 100 characters or less")
    if name == "Policy" and value:
        _check_policy(value)


def _check_policy(value: str) -> None:
    try:
        policy = json.loads(value)
    except ValueError:
        raise invalid("Policy Error: null") from None
    if not isinstance(policy, dict) or not policy.get("Statement"):
        raise invalid("Policy statement must be specified!")


def default_policy(topic_arn: str) -> str:
    """The policy of a topic that nobody gave one: its account may do everything."""
    actions = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic_arn.split(":")[4]}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


EFFECTIVE_DELIVERY_POLICY = json.dumps(
    {
        "http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20,
                "maxDelayTarget": 20,
                "numRetries": 3,
                "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0,
                "numMinDelayRetries": 0,
                "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }
)


def topic_attributes(topic: Mapping[str, Any], subscriptions: tuple[int, int]) -> dict[str, str]:
    """What GetTopicAttributes answers.

    Parameters
    ----------
    topic : mapping
        MiniStack's record.
    subscriptions : tuple of int
        How many are confirmed, and how many wait for that.
    """
    kept = {name: str(value) for name, value in topic["attributes"].items() if name in TOPIC and value != ""}
    if kept.get("FifoTopic") != "true":
        kept.pop("FifoTopic", None)
        kept.pop("ContentBasedDeduplication", None)
    else:
        kept.setdefault("ContentBasedDeduplication", "false")
    kept.setdefault("DisplayName", "")
    kept.setdefault("Policy", default_policy(topic["arn"]))
    return {
        **kept,
        "EffectiveDeliveryPolicy": EFFECTIVE_DELIVERY_POLICY,
        "Owner": topic["arn"].split(":")[4],
        "SubscriptionsConfirmed": str(subscriptions[0]),
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": str(subscriptions[1]),
        "TopicArn": topic["arn"],
    }


def checked_subscription_attribute(
    name: str, value: str, protocol: str, *, scope: str, fifo: bool, where: str = ""
) -> str:
    """``value`` as SNS keeps it.

    Parameters
    ----------
    name, value, protocol : str
    scope : str
        The subscription's ``FilterPolicyScope``.
    fifo : bool
        Whether it is the subscription of a FIFO queue to a FIFO topic.
    where : str
        What stands before the reason in AWS's message: ``Attributes Reason: `` for Subscribe.

    Raises
    ------
    ServiceError
    """
    if name == "DeliveryPolicy" and not value:
        return ""
    what = _NOT_OFFERED.get(name)
    if what:
        raise invalid(f"{where}{name}: The local cloud does not offer {what}: leave it out")
    if name not in SUBSCRIPTION:
        raise invalid(f"{where}Unknown attribute: {name}" if where else "AttributeName")
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise invalid(f"{where}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol not in ("sqs", "http", "https"):
            raise invalid(f"{where}Delivery protocol [{protocol}] does not support raw message delivery.")
        return value.lower()
    if name == "FilterPolicyScope" and value not in ("MessageBody", "MessageAttributes"):
        raise invalid(
            f"{where}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )
    if name == "FilterPolicy" and value:
        try:
            filter_policies.check(value, scope)
        except filter_policies.FilterPolicyError as error:
            raise invalid(f"{where}{error}") from None
    if name == "RedrivePolicy" and value:
        _check_redrive_policy(value, where, fifo=fifo)
    return value


def _check_redrive_policy(value: str, where: str, *, fifo: bool) -> None:
    try:
        policy = json.loads(value)
    except json.JSONDecodeError as error:
        raise invalid(f"{where}RedrivePolicy: failed to parse JSON. {complaint(value, error)}") from None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    if not isinstance(target, str) or not is_queue_arn(target):
        raise invalid(f"{where}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if fifo and not target.endswith(".fifo"):
        raise invalid(f"{where}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
