"""Amazon SNS: which messages are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.notifications import attribute, topic

API = "sns/latest/api/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sns/test_sns.py::{}".format
LIMIT = 262_144


@behaviour("sns", "Publish", "Publish answers the message's id", API("Publish"))
def test_publish(aws: Account) -> None:
    assert len(aws.client("sns").publish(TopicArn=topic(aws), Message="hello")["MessageId"]) == 36


@behaviour("sns", "Publish", "TargetArn may name a topic, too", API("Publish"))
def test_target(aws: Account) -> None:
    assert aws.client("sns").publish(TargetArn=topic(aws), Message="hello")["MessageId"]


@behaviour("sns", "Publish", "An empty message is refused", RECORDED("TestSNSPublishCrud::test_empty_sns_message"))
def test_empty_message(aws: Account) -> None:
    with aws.refused("InvalidParameter", "Invalid parameter: Empty message", status=400):
        aws.client("sns").publish(TopicArn=topic(aws), Message="")


@pytest.mark.parametrize("subject", ["", "a" * 101, "two\nlines", "bell\a"])
@behaviour("sns", "Publish", "The subject {subject!r:.12} is refused", API("Publish"))
def test_subjects(aws: Account, subject: str) -> None:
    with aws.refused("InvalidParameter", "Invalid parameter: Subject"):
        aws.client("sns").publish(TopicArn=topic(aws), Message="hello", Subject=subject)


@behaviour("sns", "Publish", "A subject of 100 characters is taken", API("Publish"))
def test_long_subject(aws: Account) -> None:
    assert aws.client("sns").publish(TopicArn=topic(aws), Message="hello", Subject="a" * 100)["MessageId"]


@behaviour("sns", "Publish", "A message of more than 256 KB is refused", API("Publish"))
def test_long_message(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    with aws.refused("InvalidParameter", "Invalid parameter: Message too long"):
        sns.publish(TopicArn=arn, Message="é" * (LIMIT // 2) + "a")
    sns.publish(TopicArn=arn, Message="a" * LIMIT)


@behaviour(
    "sns",
    "Publish",
    "Attributes count against the 256 KB: name, type and value",
    RECORDED("TestSNSPublishCrud::test_publish_too_long_message"),
)
def test_long_attributes(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    attributes = {"attr1": attribute("1", "Number")}
    rest = LIMIT - len("attr1" + "Number" + "1")
    with aws.refused("InvalidParameter", "Message too long"):
        sns.publish(TopicArn=arn, Message="a" * (rest + 1), MessageAttributes=attributes)
    sns.publish(TopicArn=arn, Message="a" * rest, MessageAttributes=attributes)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("plain text", "JSON message body failed to parse"),
        ('{"default": "x"} }', "JSON message body failed to parse"),
        ('{"sqs": "x"}', "No default entry in JSON message body"),
        ('{"default": {"a": 1}}', "No default entry in JSON message body"),
        ('["default"]', "No default entry in JSON message body"),
    ],
)
@behaviour(
    "sns",
    "Publish",
    "With MessageStructure json, the message {message} is refused",
    RECORDED("TestSNSPublishCrud::test_message_structure_json_exc"),
)
def test_structures(aws: Account, message: str, reason: str) -> None:
    with aws.refused("InvalidParameter", f"Invalid parameter: Message Structure - {reason}"):
        aws.client("sns").publish(TopicArn=topic(aws), Message=message, MessageStructure="json")


@behaviour("sns", "Publish", "MessageStructure must be json", API("Publish"))
def test_other_structure(aws: Account) -> None:
    with aws.refused("InvalidParameter", "MessageStructure"):
        aws.client("sns").publish(TopicArn=topic(aws), Message="x", MessageStructure="xml")


WRONG_ATTRIBUTES = {
    "an empty string": ({"a": attribute("")}, "must contain non-empty message attribute value"),
    "no value": ({"a": {"DataType": "String"}}, "must contain non-empty message attribute value"),
    "an empty binary": ({"a": attribute(b"", "Binary")}, "for message attribute type 'Binary'."),
    "a string with a binary value": ({"a": attribute(b"1")}, "with type 'String' must use field 'String'."),
    "a binary with a string value": ({"a": attribute("1", "Binary")}, "with type 'Binary' must use field 'Binary'."),
    "the type Colour": ({"a": attribute("1", "Colour")}, "has an invalid message attribute type"),
    "the type String.": ({"a": attribute("1", "String.")}, "has an invalid message attribute type"),
    "a number that is none": ({"a": attribute("one", "Number")}, "value to number"),
    "the name a^b": ({"a^b": attribute("1")}, "Invalid non-alphanumeric character '#x5E'"),
    "the name .a": ({".a": attribute("1")}, "starting with character '.'"),
    "the name a.": ({"a.": attribute("1")}, "ending with character '.'"),
    "the name a..b": ({"a..b": attribute("1")}, "can not have successive '.'"),
    "a name of 257 bytes": ({"a" * 257: attribute("1")}, "must be less than 256 bytes"),
}


@pytest.mark.parametrize("case", WRONG_ATTRIBUTES)
@behaviour(
    "sns",
    ("Publish", "PublishBatch"),
    "A message attribute with {case} is refused, and with it the whole batch",
    RECORDED("TestSNSSubscriptionSQS::test_empty_or_wrong_message_attributes"),
)
def test_wrong_attributes(aws: Account, case: str) -> None:
    attributes, reason = WRONG_ATTRIBUTES[case]
    sns, arn = aws.client("sns"), topic(aws)
    with aws.refused("ParameterValueInvalid", reason):
        sns.publish(TopicArn=arn, Message="x", MessageAttributes=attributes)
    entries = [{"Id": "1", "Message": "x", "MessageAttributes": attributes}, {"Id": "2", "Message": "y"}]
    with aws.refused("ParameterValueInvalid", reason):
        sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)


@behaviour(
    "sns",
    "Publish",
    "A message attribute without type is refused",
    RECORDED("TestSNSSubscriptionSQS::test_empty_or_wrong_message_attributes"),
)
def test_no_type(aws: Account) -> None:
    sns = aws.client("sns", config=Config(parameter_validation=False))
    with aws.refused("ValidationError", "'messageAttributes.a.member.dataType'", "Member must not be null"):
        sns.publish(TopicArn=topic(aws), Message="x", MessageAttributes={"a": {"StringValue": "1"}})


@behaviour("sns", "Publish", "Publish needs a topic, a target or a phone number", API("Publish"))
def test_nowhere(aws: Account) -> None:
    with aws.refused("InvalidParameter", "TopicArn or TargetArn Reason: no value for required parameter"):
        aws.client("sns").publish(Message="x")


@behaviour("sns", "Publish", "A topic that does not exist is NotFound", API("Publish"))
def test_unknown_topic(aws: Account) -> None:
    with aws.refused("NotFound", "Topic does not exist", status=404):
        aws.client("sns").publish(TopicArn=f"{topic(aws)}-not", Message="x")


@behaviour(
    "sns",
    "Publish",
    "An application endpoint that does not exist is refused",
    RECORDED("TestSNSPublishCrud::test_publish_non_existent_target"),
)
def test_unknown_endpoint(aws: Account) -> None:
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:endpoint/APNS/app/0f7d5971-aa8b-4bd5-b585-0826e9f93a66"
    with aws.refused("InvalidParameter", "TargetArn Reason: No endpoint found for the target arn specified"):
        aws.client("sns").publish(TargetArn=arn, Message="x")


@behaviour(
    "sns", "Publish", "A malformed phone number is refused", RECORDED("TestSNSSMS::test_publish_wrong_phone_format")
)
def test_bad_phone(aws: Account) -> None:
    with aws.refused("InvalidParameter", "PhoneNumber Reason: +1a234 is not valid to publish to"):
        aws.client("sns").publish(PhoneNumber="+1a234", Message="x")


@behaviour("sns", "Publish", "Text messages are not sent", API("Publish"), verdict="refused")
def test_phone(aws: Account) -> None:
    with aws.refused("InvalidParameter", "The local cloud does not send text messages"):
        aws.client("sns").publish(PhoneNumber="+15555550100", Message="x")


def entries(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"Id": each, "Message": "x", **more} for each in ids]


@behaviour("sns", "PublishBatch", "PublishBatch answers an id for each entry", API("PublishBatch"))
def test_batch(aws: Account) -> None:
    answer = aws.client("sns").publish_batch(
        TopicArn=topic(aws), PublishBatchRequestEntries=entries("a", "b-_1", "c" * 80)
    )
    assert [each["Id"] for each in answer["Successful"]] == ["a", "b-_1", "c" * 80]
    assert len({each["MessageId"] for each in answer["Successful"]}) == 3
    assert answer["Failed"] == []


BATCHES = {
    "no entries": ([], "EmptyBatchRequest", "doesn't contain any entries"),
    "11 entries": (entries(*"abcdefghijk"), "TooManyEntriesInBatchRequest", "more entries than permissible."),
    "an id twice": (entries("a", "a"), "BatchEntryIdsNotDistinct", "have the same Id."),
    "the id a.b": (entries("a.b"), "InvalidBatchEntryId", "contains an impermissible character: a.b"),
    "an id of 81": (entries("a" * 81), "InvalidBatchEntryId", "is too long: aaa"),
    "an empty message": ([{"Id": "a", "Message": ""}], "InvalidParameter", "Empty message"),
    "an empty subject": (entries("a", Subject=""), "InvalidParameter", "Subject"),
    "bad JSON": (entries("a", MessageStructure="json"), "InvalidParameter", "Message Structure"),
}


@pytest.mark.parametrize("case", BATCHES)
@behaviour(
    "sns",
    "PublishBatch",
    "A batch with {case} is refused",
    RECORDED("TestSNSSubscriptionSQS::test_publish_batch_exceptions"),
)
def test_batches(aws: Account, case: str) -> None:
    batch, code, message = BATCHES[case]
    with aws.refused(code, message, status=400):
        aws.client("sns").publish_batch(TopicArn=topic(aws), PublishBatchRequestEntries=batch)


@behaviour(
    "sns",
    "PublishBatch",
    "All messages of a batch together have 256 KB at most",
    RECORDED("TestSNSPublishCrud::test_publish_batch_too_long_message"),
)
def test_long_batch(aws: Account) -> None:
    batch = [{"Id": "a", "Message": "a" * (LIMIT // 2)}, {"Id": "b", "Message": "b" * (LIMIT // 2 + 1)}]
    with aws.refused("BatchRequestTooLong", "The length of all the messages put together is more than the limit."):
        aws.client("sns").publish_batch(TopicArn=topic(aws), PublishBatchRequestEntries=batch)


@behaviour(
    "sns",
    "Publish",
    "A FIFO topic needs a message group",
    RECORDED("TestSNSSubscriptionSQSFifo::test_validations_for_fifo"),
)
def test_fifo_group(aws: Account) -> None:
    with aws.refused("InvalidParameter", "The MessageGroupId parameter is required for FIFO topics"):
        aws.client("sns").publish(TopicArn=topic(aws, fifo=True), Message="x")


@behaviour(
    "sns",
    "Publish",
    "A FIFO topic needs a deduplication id, unless it makes one of the content",
    RECORDED("TestSNSSubscriptionSQSFifo::test_validations_for_fifo"),
)
def test_fifo_deduplication(aws: Account) -> None:
    sns = aws.client("sns")
    with aws.refused("InvalidParameter", "ContentBasedDeduplication enabled or MessageDeduplicationId provided"):
        sns.publish(TopicArn=topic(aws, fifo=True), Message="x", MessageGroupId="g")
    arn = topic(aws, fifo=True, ContentBasedDeduplication="true")
    assert sns.publish(TopicArn=arn, Message="x", MessageGroupId="g")["SequenceNumber"]


@behaviour(
    "sns",
    "Publish",
    "A standard topic takes no deduplication id",
    RECORDED("TestSNSSubscriptionSQSFifo::test_validations_for_fifo"),
)
def test_standard_deduplication(aws: Account) -> None:
    with aws.refused("InvalidParameter", "MessageDeduplicationId Reason:", "not valid for this topic type"):
        aws.client("sns").publish(TopicArn=topic(aws), Message="x", MessageDeduplicationId="d")


@behaviour(
    "sns",
    ("Publish", "PublishBatch"),
    "A message that a FIFO topic had within five minutes is answered with its first id",
    "sns/latest/dg/fifo-message-dedup.html",
)
def test_duplicates(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws, fifo=True)
    message = {"Message": json.dumps({}), "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sns.publish(TopicArn=arn, **message)
    again = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=[{"Id": "a", **message}])["Successful"][0]
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    other = sns.publish(TopicArn=arn, **{**message, "MessageDeduplicationId": "e"})
    assert int(other["SequenceNumber"]) > int(first["SequenceNumber"])
    assert len(other["SequenceNumber"]) == 20
