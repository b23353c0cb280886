"""Amazon SQS: messages sent, received, hidden and deleted."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import unchecked
from tests.conformance.notifications import attribute
from tests.localcloud.conftest import wait_until

API = "AWSSimpleQueueService/latest/APIReference/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sqs/test_sqs.py::TestSqsProvider::{}".format
BATCH = "AWS.SimpleQueueService.{}".format


def fifo_queue(aws: Account, **attributes: str) -> str:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=f"{aws.name()}.fifo", Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]
    aws.later(sqs.delete_queue, QueueUrl=url)
    return str(url)


@behaviour("sqs", ("SendMessage", "ReceiveMessage"), "A message arrives with its attributes", API("ReceiveMessage"))
def test_round_trip(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    attributes = {"a": attribute("1", "Number"), "b": attribute(b"\x01", "Binary"), "c": attribute("x", "String.y")}
    sent = sqs.send_message(QueueUrl=url, MessageBody="hellö", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("hellö".encode(), usedforsecurity=False).hexdigest()
    got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"][0]
    assert (got["Body"], got["MessageId"], got["MessageAttributes"]) == ("hellö", sent["MessageId"], attributes)
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert {"SenderId", "SentTimestamp", "ApproximateFirstReceiveTimestamp"} < set(got["Attributes"])


MESSAGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no body": ({"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
    "the character U+0000": ({"MessageBody": "a\0"}, "InvalidMessageContents", "#x9 | #xA | #xD"),
    "the character U+FFFF": ({"MessageBody": "a\uffff"}, "InvalidMessageContents", "#x9 | #xA | #xD"),
    "DelaySeconds 901": ({"DelaySeconds": 901}, "InvalidParameterValue", "Value 901 for parameter DelaySeconds"),
    "DelaySeconds -1": ({"DelaySeconds": -1}, "InvalidParameterValue", "Value -1 for parameter DelaySeconds"),
    "1 MiB and a byte": ({"MessageBody": "a" * 1_048_577}, "InvalidParameterValue", "shorter than 1048576 bytes."),
    "an empty attribute": (
        {"MessageAttributes": {"a": attribute("")}},
        "InvalidParameterValue",
        "Message (user) attribute 'a' must contain a non-empty value of type 'String'.",
    ),
    "the attribute type Colour": (
        {"MessageAttributes": {"a": attribute("x", "Colour")}},
        "InvalidParameterValue",
        "You must use only the following supported type prefixes: Binary, Number, String.",
    ),
    "a number that is none": (
        {"MessageAttributes": {"a": attribute("x", "Number")}},
        "InvalidParameterValue",
        "Can't cast the value of message (user) attribute 'a' to a number.",
    ),
    "the attribute name a..b": (
        {"MessageAttributes": {"a..b": attribute("x")}},
        "InvalidParameterValue",
        "Message (user) attribute name 'a..b' is invalid",
    ),
    "11 attributes": (
        {"MessageAttributes": {f"a{index}": attribute("x") for index in range(11)}},
        "InvalidParameterValue",
        "Number of message attributes [11] exceeds the allowed maximum [10].",
    ),
    "a group with a space": (
        {"MessageGroupId": "a b"},
        "InvalidParameterValue",
        "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
    ),
    "a deduplication id, in a standard queue": (
        {"MessageDeduplicationId": "a"},
        "InvalidParameterValue",
        "The request includes a parameter that is not valid for this queue type",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
@behaviour("sqs", "SendMessage", "A message with {case} is refused", API("SendMessage"))
def test_refused(aws: Account, case: str) -> None:
    parameters, code, message = MESSAGES[case]
    url, _ = aws.queue()
    with aws.refused(code, message, status=400):
        aws.client("sqs").send_message(QueueUrl=url, **{"MessageBody": "x", **parameters})


@behaviour(
    "sqs",
    "SendMessage",
    "A queue's MaximumMessageSize counts attributes",
    RECORDED("test_send_message_with_updated_maximum_message_size"),
)
def test_size(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue(MaximumMessageSize="1024")
    sqs.send_message(QueueUrl=url, MessageBody="a" * 1024)
    with aws.refused("InvalidParameterValue", "Message must be shorter than 1024 bytes."):
        sqs.send_message(QueueUrl=url, MessageBody="a" * 1024, MessageAttributes={"a": attribute("x")})


@behaviour("sqs", "SendMessage", "A request without body is refused", RECORDED("test_send_empty_message"))
def test_no_body(aws: Account) -> None:
    with aws.refused("MissingParameter", "The request must contain the parameter MessageBody."):
        unchecked(aws, "sqs").send_message(QueueUrl=aws.queue()[0])


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MaxNumberOfMessages", 0, "Must be between 1 and 10, if provided."),
        ("MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", 43_201, "Must be >= 0 and <= 43200, if provided."),
    ],
)
@behaviour("sqs", "ReceiveMessage", "{name} of {value} is refused", API("ReceiveMessage"))
def test_receive_limits(aws: Account, name: str, value: int, reason: str) -> None:
    url, _ = aws.queue()
    with aws.refused("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}"):
        aws.client("sqs").receive_message(QueueUrl=url, **{name: value})


@behaviour("sqs", "ReceiveMessage", "A system attribute that does not exist is refused", API("ReceiveMessage"))
def test_receive_names(aws: Account) -> None:
    with aws.refused("InvalidAttributeName", "Unknown Attribute Colour."):
        aws.client("sqs").receive_message(QueueUrl=aws.queue()[0], AttributeNames=["Colour"])


@behaviour(
    "sqs",
    ("ReceiveMessage", "DeleteMessage"),
    "A received message is hidden; it is deleted with its handle, and again is not an error",
    API("DeleteMessage"),
)
def test_delete(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"}


@behaviour(
    "sqs",
    "DeleteMessage",
    "A message that was received again is deleted with the handle of before, too",
    "localstack:tests/aws/services/sns/test_sns_filter_policy.py::TestSNSFilterPolicyAttributes::test_filter_policy",
)
def test_older_handle(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    older = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"] != older
    sqs.delete_message(QueueUrl=url, ReceiptHandle=older)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


@behaviour("sqs", "DeleteMessage", "A handle that SQS did not make is refused", API("DeleteMessage"))
def test_bad_handle(aws: Account) -> None:
    with aws.refused("ReceiptHandleIsInvalid", "is not a valid receipt handle", status=404):
        aws.client("sqs").delete_message(QueueUrl=aws.queue()[0], ReceiptHandle="garbage")


@behaviour(
    "sqs", "ChangeMessageVisibility", "With a timeout of 0, a message is there again", API("ChangeMessageVisibility")
)
def test_visibility(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"][0]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


@behaviour(
    "sqs",
    "ChangeMessageVisibility",
    "Timeouts out of range and deleted messages are refused",
    API("ChangeMessageVisibility"),
)
def test_visibility_limits(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    with aws.refused("InvalidParameterValue", "Value 43201 for parameter VisibilityTimeout is invalid."):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43_201)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    with aws.refused("InvalidParameterValue", "Message does not exist or is not available"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1)


@behaviour(
    "sqs", "ChangeMessageVisibility", "A message that is not in flight is refused", API("ChangeMessageVisibility")
)
def test_not_in_flight(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    with aws.refused("AWS.SimpleQueueService.MessageNotInflight"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1)


def entries(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"Id": each, "MessageBody": "x", **more} for each in ids]


BATCHES = {
    "no entries": (
        [],
        "EmptyBatchRequest",
        "There should be at least one SendMessageBatchRequestEntry in the request.",
    ),
    "11 entries": (entries(*"abcdefghijk"), "TooManyEntriesInBatchRequest", "You have sent 11."),
    "an id twice": (entries("a", "a"), "BatchEntryIdsNotDistinct", "Id a repeated."),
    "the id a.b": (entries("a.b"), "InvalidBatchEntryId", "can only contain alphanumeric characters"),
    "an id of 81": (entries("a" * 81), "InvalidBatchEntryId", "at most 80 letters long."),
    "more than 1 MiB": (
        entries("a", "b", MessageBody="a" * 600_000),
        "BatchRequestTooLong",
        "You have sent 1200000 bytes.",
    ),
}


@pytest.mark.parametrize("case", BATCHES)
@behaviour("sqs", "SendMessageBatch", "A batch with {case} is refused", API("SendMessageBatch"))
def test_batches(aws: Account, case: str) -> None:
    batch, code, message = BATCHES[case]
    with aws.refused(BATCH(code), message, status=400):
        aws.client("sqs").send_message_batch(QueueUrl=aws.queue()[0], Entries=batch)


@behaviour(
    "sqs", "SendMessageBatch", "One wrong entry of a batch fails alone", RECORDED("test_send_batch_message_size")
)
def test_entry_fails(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue(MaximumMessageSize="1024")
    batch = [*entries("good"), *entries("long", MessageBody="a" * 1025), *entries("late", DelaySeconds=901)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=batch)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    failed = {each["Id"]: (each["Code"], each["SenderFault"]) for each in answer["Failed"]}
    assert failed == {"long": ("InvalidParameterValue", True), "late": ("InvalidParameterValue", True)}


@behaviour(
    "sqs",
    ("ChangeMessageVisibilityBatch", "DeleteMessageBatch"),
    "Batches of handles: each entry succeeds or fails alone",
    API("DeleteMessageBatch"),
)
def test_handle_batches(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    good, bad = {"Id": "good", "ReceiptHandle": handle}, {"Id": "bad", "ReceiptHandle": "garbage"}
    change = [{**good, "VisibilityTimeout": 0}, {**bad, "VisibilityTimeout": 0}]
    for answer in (
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=change),
        sqs.delete_message_batch(QueueUrl=url, Entries=[good, bad]),
    ):
        assert [each["Id"] for each in answer["Successful"]] == ["good"]
        assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]
    with aws.refused(BATCH("EmptyBatchRequest"), "There should be at least one DeleteMessageBatchRequestEntry"):
        sqs.delete_message_batch(QueueUrl=url, Entries=[])


@behaviour("sqs", "PurgeQueue", "A queue is purged once a minute", RECORDED("test_successive_purge_calls_fail"))
def test_purge(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    with aws.refused("AWS.SimpleQueueService.PurgeQueueInProgress", "is allowed every 60 seconds.", status=403):
        sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


@behaviour(
    "sqs",
    ("SendMessage", "ReceiveMessage"),
    "A FIFO queue keeps the order of a group, and takes a message once",
    "AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html",
)
def test_fifo(aws: Account) -> None:
    sqs, url = aws.client("sqs"), fifo_queue(aws, ContentBasedDeduplication="true")
    sent = [
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g") for body in ("one", "two", "one", "three")
    ]
    assert sent[0]["MessageId"] == sent[2]["MessageId"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in got] == ["one", "two", "three"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


FIFO: dict[str, tuple[dict[str, Any], str, str]] = {
    "a group": ({"MessageDeduplicationId": "d"}, "MissingParameter", "must contain the parameter MessageGroupId."),
    "a deduplication id": ({"MessageGroupId": "g"}, "InvalidParameterValue", "ContentBasedDeduplication enabled or"),
    "a delay of its own": (
        {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2},
        "InvalidParameterValue",
        "The request include parameter that is not valid for this queue type.",
    ),
}


@pytest.mark.parametrize("case", FIFO)
@behaviour(
    "sqs", "SendMessage", "FIFO queues and {case}", RECORDED("test_posting_to_fifo_requires_deduplicationid_group_id")
)
def test_fifo_refused(aws: Account, case: str) -> None:
    parameters, code, message = FIFO[case]
    with aws.refused(code, message):
        aws.client("sqs").send_message(QueueUrl=fifo_queue(aws), MessageBody="x", **parameters)


@behaviour(
    "sqs",
    "DeleteMessage",
    "The handle of a FIFO queue's message expires with its visibility timeout",
    RECORDED("test_fifo_delete_after_visibility_timeout"),
)
def test_fifo_handle(aws: Account) -> None:
    sqs, url = aws.client("sqs"), fifo_queue(aws)
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId=str(uuid.uuid4()))
    handle = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    with aws.refused("InvalidParameterValue", "Reason: The receipt handle has expired."):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


@behaviour("sqs", ("SendMessage", "ReceiveMessage"), "A delayed message arrives after its delay", API("SendMessage"))
def test_delay(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert wait_until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"), 10)
