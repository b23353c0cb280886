"""Amazon SNS: what arrives at queues, functions, HTTP endpoints and dead-letter queues."""

from __future__ import annotations

import http.server
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import active
from tests.conformance.notifications import attribute, bodies, open_queue, subscribed, topic
from tests.localcloud.conftest import wait_until

RECORDED = "localstack:tests/aws/services/sns/test_sns.py::{}".format


@behaviour(
    "sns",
    ("Publish", "Subscribe"),
    "A queue gets the notification as JSON, with attributes as Type and Value",
    RECORDED("TestSNSSubscriptionSQS::test_message_attributes_not_missing"),
)
def test_envelope(aws: Account) -> None:
    arn = topic(aws)
    url, subscription = subscribed(aws, arn)
    attributes = {"text": attribute("a"), "binary": attribute(b"\x02\x03\x04", "Binary")}
    sent = aws.client("sns").publish(TopicArn=arn, Message="hello", MessageAttributes=attributes)
    (body,) = bodies(aws, url)
    got = json.loads(body)
    assert set(got) == {
        *("Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature"),
        *("SigningCertURL", "UnsubscribeURL", "MessageAttributes"),
    }
    assert (got["Type"], got["MessageId"], got["Message"]) == ("Notification", sent["MessageId"], "hello")
    assert got["MessageAttributes"] == {
        "text": {"Type": "String", "Value": "a"},
        "binary": {"Type": "Binary", "Value": "AgME"},
    }
    assert got["UnsubscribeURL"].endswith(f"/?Action=Unsubscribe&SubscriptionArn={subscription}")


@behaviour("sns", "Publish", "Subject is there when it was given", "sns/latest/dg/sns-message-and-json-formats.html")
def test_subject(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn)
    aws.client("sns").publish(TopicArn=arn, Message="hello", Subject="Hi")
    (body,) = bodies(aws, url)
    assert json.loads(body)["Subject"] == "Hi"
    assert "MessageAttributes" not in json.loads(body)


@behaviour(
    "sns",
    "Publish",
    "Raw delivery hands over the message, and its attributes as the queue's",
    RECORDED("TestSNSSubscriptionSQS::test_attribute_raw_subscribe"),
)
def test_raw(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn, RawMessageDelivery="true")
    attributes = {"text": attribute("a"), "binary": attribute(b"\x02\x03\x04", "Binary")}
    aws.client("sns").publish(TopicArn=arn, Message="hello", MessageAttributes=attributes)
    message = aws.receive(url)
    assert message["Body"] == "hello"
    assert message["MessageAttributes"] == {
        "text": {"DataType": "String", "StringValue": "a"},
        "binary": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
    }


@behaviour(
    "sns",
    "Publish",
    "With MessageStructure json, a queue gets the text for sqs, or the default when that is not a text",
    RECORDED("TestSNSSubscriptionSQS::test_message_structure_json_to_sqs"),
)
def test_structure(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn, RawMessageDelivery="true")
    for texts in ({"default": "d", "sqs": "s"}, {"default": "e", "sqs": {"a": 1}}, {"default": "f", "lambda": "l"}):
        aws.client("sns").publish(TopicArn=arn, Message=json.dumps(texts), MessageStructure="json")
    assert sorted(bodies(aws, url)) == ["e", "f", "s"]


@behaviour(
    "sns", "Publish", "A message to a topic without subscriptions is lost", "sns/latest/dg/sns-create-topic.html"
)
def test_nobody(aws: Account) -> None:
    arn = topic(aws)
    aws.client("sns").publish(TopicArn=arn, Message="before")
    url, _ = subscribed(aws, arn, RawMessageDelivery="true")
    aws.client("sns").publish(TopicArn=arn, Message="after")
    assert bodies(aws, url) == ["after"]


@behaviour("sns", ("Unsubscribe", "Publish"), "Nothing comes after Unsubscribe", "sns/latest/api/API_Unsubscribe.html")
def test_unsubscribed(aws: Account) -> None:
    arn = topic(aws)
    url, subscription = subscribed(aws, arn)
    aws.client("sns").unsubscribe(SubscriptionArn=subscription)
    aws.client("sns").publish(TopicArn=arn, Message="hello")
    assert bodies(aws, url) == []


@pytest.mark.parametrize("raw", ["true", "false"])
@behaviour(
    "sns",
    ("Subscribe", "Publish"),
    "What a queue that is gone does not take goes to the subscription's dead-letter queue, raw: {raw}",
    RECORDED("TestSNSSubscriptionSQS::test_redrive_policy_sqs_queue_subscription"),
)
def test_redrive(aws: Account, raw: str) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    letters, target = open_queue(aws, arn)
    gone, _ = subscribed(aws, arn, RawMessageDelivery=raw, RedrivePolicy=json.dumps({"deadLetterTargetArn": target}))
    aws.client("sqs").delete_queue(QueueUrl=gone)
    sns.publish(TopicArn=arn, Message="hello", MessageAttributes={"a": attribute("1", "Number")})
    message = aws.receive(letters)
    if raw == "true":
        assert message["Body"] == "hello"
        assert message["MessageAttributes"] == {"a": {"DataType": "Number", "StringValue": "1"}}
    else:
        body = json.loads(message["Body"])
        assert (body["Message"], body["MessageAttributes"]["a"]["Value"]) == ("hello", "1")


@behaviour(
    "sns",
    "Publish",
    "What a queue whose policy does not let SNS send does not take goes to the dead-letter queue",
    "sns/latest/dg/sns-dead-letter-queues.html",
)
def test_redrive_of_a_refusal(aws: Account) -> None:
    arn = topic(aws)
    letters, target = open_queue(aws, arn)
    closed, _ = subscribed(aws, arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": target}))
    aws.client("sqs").set_queue_attributes(QueueUrl=closed, Attributes={"Policy": ""})
    aws.client("sns").publish(TopicArn=arn, Message="hello")
    assert json.loads(aws.receive(letters)["Body"])["Message"] == "hello"
    assert bodies(aws, closed) == []


@behaviour(
    "sns",
    "Publish",
    "What a function that is gone does not take goes to the dead-letter queue, in a queue's form",
    RECORDED("TestSNSSubscriptionLambda::test_redrive_policy_lambda_subscription"),
)
def test_redrive_of_a_function(aws: Account) -> None:
    arn = topic(aws)
    letters, target = open_queue(aws, arn)
    aws.client("sns").subscribe(
        TopicArn=arn,
        Protocol="lambda",
        Endpoint=f"arn:aws:lambda:{aws.region}:{aws.account}:function:{aws.name()}",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": target})},
    )
    aws.client("sns").publish(TopicArn=arn, Message="hello")
    got = json.loads(aws.receive(letters)["Body"])
    assert (got["Message"], got["Type"]) == ("hello", "Notification")
    assert {"SigningCertURL", "UnsubscribeURL"} < set(got)
    assert not {"Subject", "MessageAttributes"} & set(got)


@behaviour(
    "sns",
    ("Publish", "Subscribe"),
    "A function gets this event, with Subject null and SigningCertUrl",
    RECORDED("TestSNSSubscriptionLambda::test_python_lambda_subscribe_sns_topic"),
)
def test_function(aws: Account) -> None:
    arn = topic(aws)
    url, target = aws.queue()
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": target}
    function = aws.function(
        "import boto3, json, os\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['QUEUE'], MessageBody=json.dumps(event))\n",
        Environment={"Variables": {"QUEUE": url}},
        Role=aws.role("lambda.amazonaws.com", send),
        Timeout=30,
    )
    name = active(aws, function.rpartition(":")[2])
    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=arn,
    )
    subscription = aws.client("sns").subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    aws.client("sns").publish(TopicArn=arn, Message="hello", MessageAttributes={"a": attribute("1", "Number")})
    (record,) = json.loads(aws.receive(url, 30)["Body"])["Records"]
    notification = record.pop("Sns")
    assert record == {"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": subscription}
    assert set(notification) == {
        *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"),
        *("SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"),
    }
    assert (notification["Type"], notification["Subject"], notification["Message"]) == ("Notification", None, "hello")
    assert notification["MessageAttributes"] == {"a": {"Type": "Number", "Value": "1"}}


@behaviour(
    "sns",
    "Publish",
    "A FIFO queue gets messages of a FIFO topic in order, with group, deduplication id and sequence number",
    RECORDED("TestSNSSubscriptionSQSFifo::test_message_to_fifo_sqs"),
)
def test_fifo(aws: Account) -> None:
    arn = topic(aws, fifo=True, ContentBasedDeduplication="true")
    url, _ = subscribed(aws, arn, fifo=True)
    for text in ("one", "two", "one"):
        aws.client("sns").publish(TopicArn=arn, Message=text, MessageGroupId="g")
    sqs = aws.client("sqs")
    got = wait_until(
        lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages")
    )
    assert [json.loads(message["Body"])["Message"] for message in got] == ["one", "two"]
    assert {message["Attributes"]["MessageGroupId"] for message in got} == {"g"}
    assert all(len(message["Attributes"]["MessageDeduplicationId"]) == 64 for message in got)
    body = json.loads(got[0]["Body"])
    assert len(body["SequenceNumber"]) == 20
    assert "Signature" not in body


@behaviour(
    "sns",
    ("Publish", "Subscribe"),
    "A standard queue may subscribe to a FIFO topic, and gets no group",
    RECORDED("TestSNSSubscriptionSQSFifo::test_fifo_topic_to_regular_sqs"),
)
def test_fifo_to_standard(aws: Account) -> None:
    arn = topic(aws, fifo=True, ContentBasedDeduplication="true")
    url, _ = subscribed(aws, arn)
    aws.client("sns").publish(TopicArn=arn, Message="one", MessageGroupId="g")
    found = aws.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=1)["Messages"]
    assert "MessageGroupId" not in found[0]["Attributes"]


@behaviour(
    "sns",
    "Publish",
    "The group of a standard topic's message reaches a standard queue (fair queues)",
    RECORDED("TestSNSSubscriptionSQS::test_publish_message_group_id"),
)
def test_fair_queue(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn)
    aws.client("sns").publish(TopicArn=arn, Message="one", MessageGroupId="g")
    found = aws.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=1)["Messages"]
    assert found[0]["Attributes"]["MessageGroupId"] == "g"


@behaviour(
    "sns",
    "Publish",
    "A notification is signed with a key of AWS's; here its Signature says that it is not signed",
    "sns/latest/dg/sns-verify-signature-of-message.html",
    verdict="differs",
)
def test_signature(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn)
    aws.client("sns").publish(TopicArn=arn, Message="one")
    (body,) = bodies(aws, url)
    got = json.loads(body)
    assert got["SignatureVersion"] == "1"
    assert "SimpleNotificationService-" in got["SigningCertURL"]
    assert aws.local == (got["Signature"] == "bm90IHNpZ25lZCBieSB0aGUgbG9jYWwgY2xvdWQ=")


@contextmanager
def endpoint() -> Iterator[tuple[str, queue.Queue[tuple[dict[str, str], Any]]]]:
    """An HTTP endpoint on this machine, and what it was sent: headers and JSON."""
    got: queue.Queue[tuple[dict[str, str], Any]] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put(({key.lower(): value for key, value in self.headers.items()}, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@behaviour(
    "sns",
    ("Subscribe", "ConfirmSubscription", "Publish"),
    "An HTTP endpoint confirms with the token it was sent, and then gets notifications; here it is asked once",
    "sns/latest/dg/sns-http-https-endpoint-as-subscriber.html",
    verdict="differs",
)
def test_http(aws: Account) -> None:
    if not aws.local:
        pytest.skip("AWS cannot reach an endpoint on this machine")
    sns, arn = aws.client("sns"), topic(aws)
    with endpoint() as (url, got):
        assert sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=url)["SubscriptionArn"] == "pending confirmation"
        headers, message = got.get(timeout=10)
        assert (headers["x-amz-sns-message-type"], message["Type"]) == ("SubscriptionConfirmation",) * 2
        sns.publish(TopicArn=arn, Message="too early")
        subscription = sns.confirm_subscription(TopicArn=arn, Token=message["Token"])["SubscriptionArn"]
        sns.publish(TopicArn=arn, Message="hello")
        headers, message = got.get(timeout=10)
        assert headers["x-amz-sns-message-type"] == "Notification"
        assert headers["x-amz-sns-subscription-arn"] == subscription
        assert message["Message"] == "hello"
