"""Amazon SNS: subscriptions and their attributes."""

from __future__ import annotations

import json

import pytest
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.notifications import open_queue, subscribed, topic

API = "sns/latest/api/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sns/test_sns.py::{}".format


def queue_arn(aws: Account, name: str = "nobody") -> str:
    return f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"


@behaviour(
    "sns",
    ("Subscribe", "GetSubscriptionAttributes"),
    "A queue's subscription is confirmed at once and has these attributes, and no others",
    RECORDED("TestSNSSubscriptionCrudV2::test_subscribe_attributes"),
)
def test_attributes(aws: Account) -> None:
    arn = topic(aws)
    url, subscription = subscribed(aws, arn)
    found = aws.client("sns").get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert found.pop("SubscriptionPrincipal").startswith("arn:aws:iam::")
    assert found == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": queue_arn(aws, url.rpartition("/")[2]),
        "Owner": aws.account,
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": subscription,
        "TopicArn": arn,
    }


ENDPOINTS = {
    "the protocol bogus": ("bogus", "x", "does not support this protocol string: bogus"),
    "a queue's URL": ("sqs", "https://sqs.us-east-1.amazonaws.com/1/q", "SQS endpoint ARN"),
    "no queue ARN": ("sqs", "queue", "SQS endpoint ARN"),
    "no function ARN": ("lambda", "function", "Lambda endpoint ARN"),
    "an http URL for https": ("https", "http://127.0.0.1/", "Endpoint must match the specified protocol"),
    "no e-mail address": ("email", "nobody", "Email address"),
    "the phone number +15--55": ("sms", "+15--551234567", "Invalid SMS endpoint: +15--551234567"),
    "the phone number NAA+1": ("sms", "NAA+15551234567", "Invalid SMS endpoint: NAA+15551234567"),
}


@pytest.mark.parametrize("case", ENDPOINTS)
@behaviour(
    "sns",
    "Subscribe",
    "Subscribing with {case} is refused",
    RECORDED("TestSNSSubscriptionCrudV2::test_subscribe_invalid_sms"),
)
def test_endpoints(aws: Account, case: str) -> None:
    protocol, endpoint, message = ENDPOINTS[case]
    with aws.refused("InvalidParameter", message, status=400):
        aws.client("sns").subscribe(TopicArn=topic(aws), Protocol=protocol, Endpoint=endpoint)


@behaviour("sns", "Subscribe", "Subscribing to a topic that does not exist is NotFound", API("Subscribe"))
def test_unknown_topic(aws: Account) -> None:
    with aws.refused("NotFound", "Topic does not exist", status=404):
        aws.client("sns").subscribe(TopicArn=f"{topic(aws)}-not", Protocol="sqs", Endpoint=queue_arn(aws))


@behaviour(
    "sns",
    "Subscribe",
    "A queue that does not exist may subscribe",
    RECORDED("TestSNSSubscriptionCrudV2::test_subscribe_unknown_sqs_queue"),
)
def test_unknown_queue(aws: Account) -> None:
    answer = aws.client("sns").subscribe(TopicArn=topic(aws), Protocol="sqs", Endpoint=queue_arn(aws))
    assert answer["SubscriptionArn"].startswith("arn:")


@behaviour(
    "sns",
    ("Subscribe", "ListSubscriptionsByTopic", "GetSubscriptionAttributes"),
    "An e-mail address waits for confirmation",
    RECORDED("TestSNSPublishCrud::test_publish_no_confirm_subscription"),
)
def test_pending(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    given = {"TopicArn": arn, "Protocol": "email", "Endpoint": "nobody@example.com"}
    assert sns.subscribe(**given)["SubscriptionArn"] == "pending confirmation"
    subscription = sns.subscribe(**given, ReturnSubscriptionArn=True)["SubscriptionArn"]
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert [each["SubscriptionArn"] for each in listed] == ["PendingConfirmation"]
    found = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("true", "false")


@behaviour(
    "sns",
    "Subscribe",
    "Subscribing again with the same attributes, or none, answers the same subscription; with others it is refused",
    RECORDED("TestSNSSubscriptionCrud::test_subscribe_idempotency"),
)
def test_again(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    given = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": queue_arn(aws)}
    first = sns.subscribe(**given, Attributes={"RawMessageDelivery": "True"})["SubscriptionArn"]
    assert sns.subscribe(**given)["SubscriptionArn"] == first
    assert sns.subscribe(**given, Attributes={"RawMessageDelivery": "true"})["SubscriptionArn"] == first
    message = "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
    with aws.refused("InvalidParameter", message):
        sns.subscribe(**given, Attributes={"RawMessageDelivery": "false"})
    with aws.refused("InvalidParameter", message):
        sns.subscribe(**given, Attributes={"FilterPolicy": '{"a": ["b"]}'})


ATTRIBUTES = {
    "RawMessageDelivery maybe": ("RawMessageDelivery", "maybe", "Invalid value [maybe]. Must be true or false."),
    "FilterPolicyScope Body": ("FilterPolicyScope", "Body", "Please use either MessageBody or MessageAttributes"),
    "a FilterPolicy that is not JSON": ("FilterPolicy", "{not json", "FilterPolicy: failed to parse JSON."),
    "a RedrivePolicy that is not JSON": ("RedrivePolicy", "{not json", "RedrivePolicy: failed to parse JSON."),
    "a dead-letter queue nope": (
        "RedrivePolicy",
        '{"deadLetterTargetArn": "nope"}',
        "RedrivePolicy: deadLetterTargetArn is an invalid arn",
    ),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
@behaviour(
    "sns",
    ("Subscribe", "SetSubscriptionAttributes"),
    "A subscription with {case} is refused",
    RECORDED("TestSNSSubscriptionCrud::test_validate_set_sub_attributes"),
)
def test_wrong_attributes(aws: Account, case: str) -> None:
    name, value, message = ATTRIBUTES[case]
    sns, arn = aws.client("sns"), topic(aws)
    given = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": queue_arn(aws)}
    with aws.refused("InvalidParameter", "Invalid parameter: Attributes Reason: ", message):
        sns.subscribe(**given, Attributes={name: value})
    subscription = sns.subscribe(**given)["SubscriptionArn"]
    with aws.refused("InvalidParameter", f"Invalid parameter: {name}: ", message):
        sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name, AttributeValue=value)


@behaviour(
    "sns",
    "SetSubscriptionAttributes",
    "An attribute that does not exist is refused",
    RECORDED("TestSNSSubscriptionCrud::test_validate_set_sub_attributes"),
)
def test_unknown_attribute(aws: Account) -> None:
    _, subscription = subscribed(aws, topic(aws))
    with aws.refused("InvalidParameter", "Invalid parameter: AttributeName"):
        aws.client("sns").set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName="Colour", AttributeValue="red"
        )


@behaviour(
    "sns",
    "Subscribe",
    "A function cannot ask for raw messages",
    "sns/latest/dg/sns-large-payload-raw-message-delivery.html",
)
def test_raw_function(aws: Account) -> None:
    function = f"arn:aws:lambda:{aws.region}:{aws.account}:function:nobody"
    with aws.refused("InvalidParameter", "Delivery protocol [lambda] does not support raw message delivery."):
        aws.client("sns").subscribe(
            TopicArn=topic(aws), Protocol="lambda", Endpoint=function, Attributes={"RawMessageDelivery": "true"}
        )


@behaviour(
    "sns",
    ("SetSubscriptionAttributes", "GetSubscriptionAttributes"),
    "The scope of a filter policy shows once there is a policy, and an empty policy removes both",
    "localstack:tests/aws/services/sns/test_sns_filter_policy.py::TestSNSFilterPolicyCrud",
)
def test_scope(aws: Account) -> None:
    sns = aws.client("sns")
    _, arn = subscribed(aws, topic(aws))

    def put(name: str, value: str) -> dict[str, str]:
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
        found: dict[str, str] = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return found

    assert "FilterPolicyScope" not in put("FilterPolicyScope", "MessageBody")
    found = put("FilterPolicy", '{"a": {"b": ["c"]}}')
    assert (found["FilterPolicyScope"], json.loads(found["FilterPolicy"])) == ("MessageBody", {"a": {"b": ["c"]}})
    assert not {"FilterPolicy", "FilterPolicyScope"} & put("FilterPolicy", "").keys()


@behaviour("sns", "GetSubscriptionAttributes", "What does not exist is NotFound", API("GetSubscriptionAttributes"))
def test_not_found(aws: Account) -> None:
    arn = f"{topic(aws)}:00000000-0000-4000-8000-000000000000"
    with aws.refused("NotFound", "Subscription does not exist", status=404):
        aws.client("sns").get_subscription_attributes(SubscriptionArn=arn)


@behaviour("sns", "SetSubscriptionAttributes", "What does not exist is NotFound", API("SetSubscriptionAttributes"))
def test_set_not_found(aws: Account) -> None:
    arn = f"{topic(aws)}:00000000-0000-4000-8000-000000000000"
    with aws.refused("NotFound", "Subscription does not exist", status=404):
        aws.client("sns").set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery")


@behaviour("sns", "Unsubscribe", "A subscription that does not exist (any more) is not an error", API("Unsubscribe"))
def test_unsubscribe(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    _, subscription = subscribed(aws, arn)
    sns.unsubscribe(SubscriptionArn=subscription)
    sns.unsubscribe(SubscriptionArn=subscription)
    assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] == []


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("nope", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:000000000000:nope", "SubscriptionId"),
        (None, "SubscriptionArn Reason: no value for required parameter"),
    ],
)
@behaviour(
    "sns",
    "Unsubscribe",
    "The subscription ARN {arn} is refused",
    RECORDED("TestSNSSubscriptionCrud::test_unsubscribe_wrong_arn_format"),
)
def test_unsubscribe_arns(aws: Account, arn: str | None, message: str) -> None:
    sns = aws.client("sns", config=Config(parameter_validation=False))
    with aws.refused("InvalidParameter", f"Invalid parameter: {message}"):
        sns.unsubscribe(**({"SubscriptionArn": arn} if arn else {}))


@behaviour(
    "sns",
    ("ListSubscriptionsByTopic", "ListSubscriptions"),
    "Subscriptions are listed 100 a page, with a token for more",
    RECORDED("TestSNSSubscriptionCrud::test_list_subscriptions_by_topic_pagination"),
)
def test_pages(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    for number in range(101):
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn(aws, f"nobody-{number}"))
    first = sns.list_subscriptions_by_topic(TopicArn=arn)
    assert len(first["Subscriptions"]) == 100
    second = sns.list_subscriptions_by_topic(TopicArn=arn, NextToken=first["NextToken"])
    assert len(second["Subscriptions"]) == 1
    assert "NextToken" not in second
    every = sns.get_paginator("list_subscriptions").paginate().build_full_result()["Subscriptions"]
    assert sum(each["TopicArn"] == arn for each in every) == 101


@behaviour(
    "sns",
    ("DeleteTopic", "GetSubscriptionAttributes"),
    "Deleting a topic deletes its subscriptions",
    API("DeleteTopic"),
)
def test_deleted_topic(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    _, subscription = subscribed(aws, arn)
    sns.delete_topic(TopicArn=arn)
    with aws.refused("NotFound"):
        sns.get_subscription_attributes(SubscriptionArn=subscription)


@behaviour(
    "sns",
    "ConfirmSubscription",
    "A token that SNS did not send is refused",
    RECORDED("TestSNSSubscriptionCrud::test_sns_confirm_subscription_wrong_token"),
)
def test_tokens(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    with aws.refused("InvalidParameter", "Invalid token"):
        sns.confirm_subscription(TopicArn=arn, Token="randomtoken")
    with aws.refused("InvalidParameter", "Invalid parameter: Token"):
        sns.confirm_subscription(TopicArn=arn, Token="0" * 288)


@behaviour(
    "sns",
    "Subscribe",
    "A FIFO queue cannot subscribe to a standard topic",
    RECORDED("TestSNSSubscriptionSQSFifo::test_validations_for_fifo"),
)
def test_fifo_queue(aws: Account) -> None:
    arn = topic(aws)
    _, queue = open_queue(aws, arn, fifo=True)
    with aws.refused("InvalidParameter", "FIFO SQS Queues can not be subscribed to standard SNS topics"):
        aws.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)


@behaviour(
    "sns",
    "SetSubscriptionAttributes",
    "The dead-letter queue of a FIFO queue's subscription is a FIFO queue",
    RECORDED("TestSNSSubscriptionSQSFifo::test_validations_for_fifo"),
)
def test_fifo_dead_letters(aws: Account) -> None:
    _, subscription = subscribed(aws, topic(aws, fifo=True), fifo=True)
    policy = json.dumps({"deadLetterTargetArn": queue_arn(aws)})
    with aws.refused("InvalidParameter", "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."):
        aws.client("sns").set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName="RedrivePolicy", AttributeValue=policy
        )
