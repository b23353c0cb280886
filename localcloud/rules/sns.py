"""Amazon SNS: what the request alone shows to be wrong.

Amazon SNS API Reference (docs.aws.amazon.com/sns/latest/api), the page of each operation; see :mod:`localcloud.sns`.
"""

from __future__ import annotations

import re

from localcloud.rules import Call, rule
from localcloud.services import ServiceError
from localcloud.sns.attributes import DEFAULTS, check_topic_attribute, checked_subscription_attribute
from localcloud.sns.messages import MAX_BYTES, check_message, invalid, size
from localcloud.sns.names import (
    check_endpoint,
    check_subscription_arn,
    check_topic_arn,
    check_topic_name,
    is_phone_number,
)

MAX_TAGS = 50


@rule("sns", "CreateTopic")
def create_topic(call: Call) -> None:
    """The name's form and the attributes (API_CreateTopic)."""
    attributes = call.parameters.get("Attributes") or {}
    fifo = attributes.get("FifoTopic") == "true"
    check_topic_name(call.parameters["Name"], fifo=fifo)
    for name, value in attributes.items():
        check_topic_attribute(name, value, fifo=fifo, creating=True)


@rule("sns", "CreateTopic", "TagResource")
def tags(call: Call) -> None:
    """Keys once each, 50 at most (API_TagResource)."""
    keys = [tag["Key"] for tag in call.parameters.get("Tags") or ()]
    if len(set(keys)) < len(keys):
        raise invalid("Duplicated keys are not allowed.")
    if len(keys) > MAX_TAGS:
        raise ServiceError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    if any(key.lower().startswith("aws:") for key in keys):
        raise invalid("Tag keys must not start with aws:")


@rule(
    "sns",
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "PublishBatch",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
)
def topic_arn(call: Call) -> None:
    """The form of the topic's ARN, and that it is of this region."""
    check_topic_arn(call.parameters["TopicArn"], call.region)


@rule("sns", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe")
def subscription_arn(call: Call) -> None:
    """The form of the subscription's ARN."""
    check_subscription_arn(call.parameters["SubscriptionArn"], call.region)


@rule("sns", "Subscribe")
def subscribe(call: Call) -> None:
    """Protocol, endpoint and attributes (API_Subscribe)."""
    protocol, endpoint = call.parameters["Protocol"], call.parameters.get("Endpoint", "")
    check_endpoint(protocol, endpoint)
    fifo = call.parameters["TopicArn"].endswith(".fifo")
    if protocol == "sqs" and endpoint.endswith(".fifo") and not fifo:
        raise invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )
    if fifo and protocol != "sqs":
        raise invalid("Invalid parameter: Endpoint Reason: Only SQS queues can be subscribed to FIFO SNS topics")
    attributes = call.parameters.get("Attributes") or {}
    scope = attributes.get("FilterPolicyScope", DEFAULTS["FilterPolicyScope"])
    for name, value in attributes.items():
        checked_subscription_attribute(
            name, value, protocol, scope=scope, fifo=endpoint.endswith(".fifo"), where="Attributes Reason: "
        )


@rule("sns", "Publish")
def publish(call: Call) -> None:
    """Where a message goes, and what is in it (API_Publish)."""
    topic, target, phone = (call.parameters.get(name) for name in ("TopicArn", "TargetArn", "PhoneNumber"))
    if topic is None and target is None and phone is None:
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
    check_message(call.parameters)
    if size(call.parameters) > MAX_BYTES:
        raise invalid("Message too long")
    if phone is not None:
        if not re.fullmatch(r"\+\d[\d/.-]*", phone) or not is_phone_number(phone):
            raise invalid(f"PhoneNumber Reason: {phone} is not valid to publish to")
        raise invalid("PhoneNumber Reason: The local cloud does not send text messages")
    if target is not None and ":endpoint/" in target:
        raise invalid("TargetArn Reason: No endpoint found for the target arn specified")
    if topic is not None:
        check_topic_arn(topic, call.region)
    elif target is not None:
        check_topic_arn(target, call.region, "TargetArn")


@rule("sns", "PublishBatch")
def publish_batch(call: Call) -> None:
    """The batch as a whole, then its entries: one that is wrong fails all (API_PublishBatch)."""
    entries = call.parameters["PublishBatchRequestEntries"]
    if not entries:
        raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > 10:
        raise ServiceError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
    ids = [entry["Id"] for entry in entries]
    for each in ids:
        _check_entry_id(each)
    if len(set(ids)) < len(ids):
        raise ServiceError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    for entry in entries:
        check_message(entry)
    if sum(size(entry) for entry in entries) > MAX_BYTES:
        raise ServiceError("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")


def _check_entry_id(entry_id: str) -> None:
    if len(entry_id) > 80:
        raise ServiceError(
            "InvalidBatchEntryId", f"The Id of a batch entry in the batch request is too long: {entry_id}"
        )
    if not re.fullmatch("[A-Za-z0-9_-]+", entry_id):
        message = f"The Id of a batch entry in the batch request contains an impermissible character: {entry_id}"
        raise ServiceError("InvalidBatchEntryId", message)


@rule("sns", "ConfirmSubscription")
def confirm_subscription(call: Call) -> None:
    """The topic's ARN and the token's form (API_ConfirmSubscription)."""
    check_topic_arn(call.parameters["TopicArn"], call.region, "Topic")
    if not re.fullmatch("[0-9a-f]{200,400}", call.parameters["Token"]):
        raise ServiceError("InvalidParameter", "Invalid token")
