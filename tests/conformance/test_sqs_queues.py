"""Amazon SQS: queues, their attributes, tags and permissions."""

from __future__ import annotations

import json

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AWSSimpleQueueService/latest/APIReference/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sqs/test_sqs.py::TestSqsProvider::{}".format
GONE = "AWS.SimpleQueueService.NonExistentQueue"


@behaviour("sqs", ("CreateQueue", "GetQueueUrl"), "GetQueueUrl answers what CreateQueue did", API("GetQueueUrl"))
def test_url(aws: Account) -> None:
    url, arn = aws.queue()
    assert aws.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"] == url


@pytest.mark.parametrize("name", ["a b", "a" * 81, "a.b", "a.fifo", "ü"])
@behaviour("sqs", "CreateQueue", "The queue name {name!r:.20} is refused", API("CreateQueue"))
def test_names(aws: Account, name: str) -> None:
    with aws.refused("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores."):
        aws.client("sqs").create_queue(QueueName=name)


@behaviour("sqs", "CreateQueue", "A FIFO queue's name ends in .fifo", API("CreateQueue"))
def test_fifo_name(aws: Account) -> None:
    with aws.refused("InvalidParameterValue", "must end with .fifo suffix"):
        aws.client("sqs").create_queue(QueueName=aws.name(), Attributes={"FifoQueue": "true"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DelaySeconds", "901"),
        ("DelaySeconds", "-1"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "1209601"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "soon"),
        ("Policy", "{nope"),
        ("SqsManagedSseEnabled", "maybe"),
    ],
)
@behaviour("sqs", ("CreateQueue", "SetQueueAttributes"), "{name} of {value} is refused", API("SetQueueAttributes"))
def test_values(aws: Account, name: str, value: str) -> None:
    sqs = aws.client("sqs")
    with aws.refused("InvalidAttributeValue", f"Invalid value for the parameter {name}."):
        sqs.create_queue(QueueName=aws.name(), Attributes={name: value})
    url, _ = aws.queue()
    with aws.refused("InvalidAttributeValue", f"Invalid value for the parameter {name}."):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Colour", "red", "Unknown Attribute Colour."),
        ("QueueArn", "x", "Unknown Attribute QueueArn."),
        ("FifoQueue", "false", "Unknown Attribute FifoQueue."),
        ("ContentBasedDeduplication", "true", "Unknown Attribute ContentBasedDeduplication."),
        ("DeduplicationScope", "queue", "only when FifoQueue is set to true."),
    ],
)
@behaviour(
    "sqs",
    "CreateQueue",
    "A standard queue cannot have the attribute {name}",
    RECORDED("test_create_standard_queue_with_fifo_attribute_raises_error"),
)
def test_attribute_names(aws: Account, name: str, value: str, message: str) -> None:
    with aws.refused("InvalidAttributeName", message):
        aws.client("sqs").create_queue(QueueName=aws.name(), Attributes={name: value})


@behaviour(
    "sqs", "SetQueueAttributes", "A queue's type cannot be changed", RECORDED("test_set_unsupported_attribute_fifo")
)
def test_type(aws: Account) -> None:
    sqs, (standard, _) = aws.client("sqs"), aws.queue()
    with aws.refused("InvalidAttributeName", "Unknown Attribute FifoQueue."):
        sqs.set_queue_attributes(QueueUrl=standard, Attributes={"FifoQueue": "true"})
    fifo = sqs.create_queue(QueueName=f"{aws.name()}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    aws.later(sqs.delete_queue, QueueUrl=fifo)
    with aws.refused("InvalidAttributeValue", "Modifying queue type is not supported."):
        sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"FifoQueue": "false"})


@behaviour(
    "sqs",
    "CreateQueue",
    "Creating a queue that exists answers its URL; with other attributes it is refused",
    RECORDED("test_create_queue_with_different_attributes_raises_exception"),
)
def test_again(aws: Account) -> None:
    sqs, (url, arn) = aws.client("sqs"), aws.queue(DelaySeconds="1")
    name = arn.rpartition(":")[2]
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})["QueueUrl"] == url
    message = "A queue already exists with the same name and a different value for attribute "
    with aws.refused("QueueAlreadyExists", f"{message}DelaySeconds"):
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "2"})
    with aws.refused("QueueAlreadyExists", f"{message}VisibilityTimeout"):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "31"})


@behaviour("sqs", "GetQueueAttributes", "A queue's limits are these unless it sets them", API("SetQueueAttributes"))
def test_defaults(aws: Account) -> None:
    url, _ = aws.queue()
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    expected = {
        "ApproximateNumberOfMessages": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
    }
    assert {name: found[name] for name in expected} == expected
    assert "RedrivePolicy" not in found


@behaviour("sqs", "GetQueueAttributes", "No attribute is answered unless it is asked for", API("GetQueueAttributes"))
def test_no_names(aws: Account) -> None:
    url, _ = aws.queue()
    assert "Attributes" not in aws.client("sqs").get_queue_attributes(QueueUrl=url)


@behaviour("sqs", "GetQueueAttributes", "An attribute that does not exist is refused", API("GetQueueAttributes"))
def test_unknown_name(aws: Account) -> None:
    url, _ = aws.queue()
    with aws.refused("InvalidAttributeName", "Unknown Attribute Colour."):
        aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"])


@behaviour(
    "sqs",
    ("SetQueueAttributes", "GetQueueAttributes"),
    "An attribute is changed, and an empty policy removes it",
    API("SetQueueAttributes"),
)
def test_set(aws: Account) -> None:
    sqs, (url, arn) = aws.client("sqs"), aws.queue()
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5", "Policy": policy})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout", "Policy"])["Attributes"]
    assert (found["VisibilityTimeout"], json.loads(found["Policy"])) == ("5", json.loads(policy))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_queue_attributes", {"AttributeNames": ["All"]}),
        ("send_message", {"MessageBody": "x"}),
        ("receive_message", {}),
        ("delete_queue", {}),
        ("purge_queue", {}),
        ("list_queue_tags", {}),
    ],
)
@behaviour("sqs", (), "{operation} of a queue that does not exist is refused", RECORDED("test_non_existent_queue"))
def test_gone(aws: Account, operation: str, parameters: dict[str, object]) -> None:
    url = aws.queue()[0] + "-not"
    with aws.refused(GONE, "The specified queue does not exist.", status=400):
        getattr(aws.client("sqs"), operation)(QueueUrl=url, **parameters)


@behaviour("sqs", "GetQueueUrl", "The URL of a queue that does not exist is refused", API("GetQueueUrl"))
def test_no_url(aws: Account) -> None:
    with aws.refused(GONE, "The specified queue does not exist."):
        aws.client("sqs").get_queue_url(QueueName=aws.name())


@behaviour("sqs", "DeleteQueue", "A deleted queue is gone, and its name is free after a minute", API("DeleteQueue"))
def test_delete(aws: Account) -> None:
    sqs, (url, arn) = aws.client("sqs"), aws.queue()
    sqs.delete_queue(QueueUrl=url)
    name = arn.rpartition(":")[2]
    with aws.refused("AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds"):
        sqs.create_queue(QueueName=name)
    if aws.local:

        def created() -> bool:
            try:
                return bool(sqs.create_queue(QueueName=name))
            except sqs.exceptions.QueueDeletedRecently:
                return False

        assert wait_until(created, 10)


@behaviour("sqs", "ListQueues", "Queues are listed by prefix, in pages that MaxResults asks for", API("ListQueues"))
def test_list(aws: Account) -> None:
    sqs, prefix = aws.client("sqs"), aws.name("list")
    urls = [sqs.create_queue(QueueName=f"{prefix}-{index}")["QueueUrl"] for index in range(3)]
    for url in urls:
        aws.later(sqs.delete_queue, QueueUrl=url)
    assert sorted(sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]) == urls
    first = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
    assert len(first["QueueUrls"]) == 2
    second = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, NextToken=first["NextToken"])
    assert sorted(first["QueueUrls"] + second["QueueUrls"]) == urls
    assert "NextToken" not in second
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 1})
    assert sorted(url for page in pages for url in page.get("QueueUrls", [])) == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=aws.name())


@pytest.mark.parametrize("number", [0, 1001])
@behaviour("sqs", "ListQueues", "A page of {number} queues is refused", API("ListQueues"))
def test_list_limits(aws: Account, number: int) -> None:
    with aws.refused("InvalidParameterValue", f"Value {number} for parameter MaxResults is invalid."):
        aws.client("sqs").list_queues(MaxResults=number)


@behaviour("sqs", ("TagQueue", "UntagQueue", "ListQueueTags"), "Tags are added, replaced and removed", API("TagQueue"))
def test_tags(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.tag_queue(QueueUrl=url, Tags={"b": "3"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "3"}


@behaviour("sqs", "TagQueue", "A queue has 50 tags at most", API("TagQueue"))
def test_too_many_tags(aws: Account) -> None:
    with aws.refused("InvalidParameterValue", "Too many tags added for queue"):
        aws.client("sqs").tag_queue(QueueUrl=aws.queue()[0], Tags={f"k{index}": "" for index in range(51)})


@behaviour(
    "sqs",
    ("AddPermission", "RemovePermission"),
    "A permission is a statement of the queue's policy; a label is used once, and must be there to be removed",
    RECORDED("test_sqs_permission_lifecycle"),
)
def test_permissions(aws: Account) -> None:
    sqs, (url, _) = aws.client("sqs"), aws.queue()
    grant = {"QueueUrl": url, "Label": "one", "AWSAccountIds": [aws.account], "Actions": ["ReceiveMessage"]}
    sqs.add_permission(**grant)
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["one"]
    with aws.refused("InvalidParameterValue", "Value one for parameter Label is invalid. Reason: Already exists."):
        sqs.add_permission(**grant)
    with aws.refused("InvalidParameterValue", "Value two for parameter Label is invalid. Reason: can't find label."):
        sqs.remove_permission(QueueUrl=url, Label="two")
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


@behaviour("sqs", "CreateQueue", "Queues are not encrypted with keys", API("CreateQueue"), verdict="refused")
def test_encryption(aws: Account) -> None:
    with aws.refused("InvalidAttributeValue", "The local cloud does not encrypt queues with keys"):
        aws.client("sqs").create_queue(QueueName=aws.name(), Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
