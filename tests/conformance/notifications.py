"""What the tests of SNS have in common."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.conftest import Account


def topic(aws: Account, *, fifo: bool = False, **attributes: str) -> str:
    """A new topic, deleted after the test; its ARN."""
    name = aws.name("topic")
    if fifo:
        name, attributes = f"{name}.fifo", {"FifoTopic": "true", **attributes}
    arn = aws.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
    aws.later(aws.client("sns").delete_topic, TopicArn=arn)
    return str(arn)


def let_sns_send(aws: Account, url: str, arn: str, topic_arn: str) -> None:
    """Give a queue a policy that lets ``topic_arn`` send to it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def open_queue(aws: Account, topic_arn: str, *, fifo: bool = False, **attributes: str) -> tuple[str, str]:
    """A new queue that takes messages of ``topic_arn``; its URL and ARN."""
    sqs = aws.client("sqs")
    name = aws.name("queue")
    if fifo:
        name, attributes = f"{name}.fifo", {"FifoQueue": "true", **attributes}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    aws.later(sqs.delete_queue, QueueUrl=url)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_sns_send(aws, url, arn, topic_arn)
    return url, arn


def subscribed(aws: Account, topic_arn: str, *, fifo: bool = False, **attributes: str) -> tuple[str, str]:
    """A new queue that has subscribed to ``topic_arn``; its URL and the subscription's ARN."""
    url, arn = open_queue(aws, topic_arn, fifo=fifo)
    subscription = aws.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return url, subscription["SubscriptionArn"]


def bodies(aws: Account, url: str, seconds: int = 0) -> list[str]:
    """The bodies of the messages that are in a queue; on AWS, those that arrive within some seconds."""
    wait = seconds if aws.local else 5
    found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
    return [message["Body"] for message in found.get("Messages", [])]


def attribute(value: str | bytes, kind: str = "String") -> dict[str, Any]:
    """A message attribute."""
    return {"DataType": kind, "BinaryValue" if isinstance(value, bytes) else "StringValue": value}
