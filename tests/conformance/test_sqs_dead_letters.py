"""Amazon SQS: dead-letter queues, and the tasks that move messages back."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AWSSimpleQueueService/latest/APIReference/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sqs/test_sqs_move_task.py::{}".format
GUIDE = "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"


def redrive(target: str, count: int = 1) -> str:
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": count})


def pair(aws: Account) -> tuple[str, str, str, str]:
    """A queue and its dead-letter queue: URL and ARN of each."""
    letters, target = aws.queue()
    source, arn = aws.queue(RedrivePolicy=redrive(target))
    return source, arn, letters, target


def dead_letters(aws: Account, source: str, letters: str, number: int) -> None:
    """Have ``number`` messages of ``source`` end as dead letters."""
    sqs = aws.client("sqs")
    entries = [{"Id": str(index), "MessageBody": f"letter {index}"} for index in range(number)]
    sqs.send_message_batch(QueueUrl=source, Entries=entries)

    def arrived() -> bool:
        sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, VisibilityTimeout=0)
        found = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["ApproximateNumberOfMessages"])
        return bool(found["Attributes"]["ApproximateNumberOfMessages"] == str(number))

    wait_until(arrived)


@behaviour("sqs", ("ReceiveMessage", "SetQueueAttributes"), "After maxReceiveCount a message is a dead letter", GUIDE)
def test_dead_letter(aws: Account) -> None:
    sqs, (letters, target) = aws.client("sqs"), aws.queue()
    source, arn = aws.queue()
    sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": redrive(target, 2)})
    sent = sqs.send_message(QueueUrl=source, MessageBody="x")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=source, VisibilityTimeout=0)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=source)
    found = sqs.receive_message(QueueUrl=letters, AttributeNames=["DeadLetterQueueSourceArn"])["Messages"][0]
    assert found["MessageId"] == sent["MessageId"]
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == arn


POLICIES: dict[str, tuple[str, str]] = {
    "text": ("nope", "is not a valid JSON map"),
    "no target": ('{"maxReceiveCount": 1}', "does not contain mandatory attribute: deadLetterTargetArn."),
    "no count": ('{"deadLetterTargetArn": "x"}', "does not contain mandatory attribute: maxReceiveCount."),
    "a count of 0": ('{"deadLetterTargetArn": "x", "maxReceiveCount": 0}', "valid values are from 1 to 1000"),
    "a count of 1001": ('{"deadLetterTargetArn": "x", "maxReceiveCount": 1001}', "valid values are from 1 to 1000"),
    "a target that is not an ARN": (redrive("x"), "Invalid value for deadLetterTargetArn."),
    "a target that does not exist": (
        redrive("arn:aws:sqs:us-east-1:000000000000:nobody"),
        "Dead letter target does not exist.",
    ),
}


@pytest.mark.parametrize("case", POLICIES)
@behaviour(
    "sqs", ("CreateQueue", "SetQueueAttributes"), "A RedrivePolicy with {case} is refused", API("SetQueueAttributes")
)
def test_policies(aws: Account, case: str) -> None:
    policy, reason = POLICIES[case]
    sqs = aws.client("sqs")
    with aws.refused("InvalidParameterValue", "for parameter RedrivePolicy is invalid. Reason: ", reason):
        sqs.create_queue(QueueName=aws.name(), Attributes={"RedrivePolicy": policy})
    with aws.refused("InvalidParameterValue", "for parameter RedrivePolicy is invalid. Reason: ", reason):
        sqs.set_queue_attributes(QueueUrl=aws.queue()[0], Attributes={"RedrivePolicy": policy})


@behaviour("sqs", "CreateQueue", "The dead-letter queue of a FIFO queue is a FIFO queue", GUIDE)
def test_types(aws: Account) -> None:
    _, target = aws.queue()
    with aws.refused("InvalidParameterValue", "Dead-letter queue must be same type of queue as the source."):
        aws.client("sqs").create_queue(
            QueueName=f"{aws.name()}.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": redrive(target)}
        )


@pytest.mark.parametrize("permission", ["denyAll", "byQueue"])
@behaviour(
    "sqs", "SetQueueAttributes", "RedriveAllowPolicy {permission} keeps other queues away", API("SetQueueAttributes")
)
def test_allow(aws: Account, permission: str) -> None:
    sqs, (letters, target) = aws.client("sqs"), aws.queue()
    friend, friend_arn = aws.queue()
    stranger, _ = aws.queue()
    policy: dict[str, Any] = {"redrivePermission": permission}
    if permission == "byQueue":
        policy["sourceQueueArns"] = [friend_arn]
    sqs.set_queue_attributes(QueueUrl=letters, Attributes={"RedriveAllowPolicy": json.dumps(policy)})
    with aws.refused("InvalidParameterValue", "RedrivePolicy"):
        sqs.set_queue_attributes(QueueUrl=stranger, Attributes={"RedrivePolicy": redrive(target)})
    if permission == "byQueue":
        sqs.set_queue_attributes(QueueUrl=friend, Attributes={"RedrivePolicy": redrive(target)})


@pytest.mark.parametrize("policy", ['{"redrivePermission": "x"}', '{"redrivePermission": "byQueue"}', "x"])
@behaviour("sqs", "SetQueueAttributes", "The RedriveAllowPolicy {policy} is refused", API("SetQueueAttributes"))
def test_allow_policies(aws: Account, policy: str) -> None:
    with aws.refused("InvalidParameterValue", "for parameter RedriveAllowPolicy is invalid."):
        aws.client("sqs").set_queue_attributes(QueueUrl=aws.queue()[0], Attributes={"RedriveAllowPolicy": policy})


@behaviour("sqs", "ListDeadLetterSourceQueues", "The sources of a dead-letter queue", API("ListDeadLetterSourceQueues"))
def test_sources(aws: Account) -> None:
    sqs, (source, _, letters, target) = aws.client("sqs"), pair(aws)
    other, _ = aws.queue(RedrivePolicy=redrive(target))
    assert sorted(sqs.list_dead_letter_source_queues(QueueUrl=letters)["queueUrls"]) == sorted([source, other])
    first = sqs.list_dead_letter_source_queues(QueueUrl=letters, MaxResults=1)
    second = sqs.list_dead_letter_source_queues(QueueUrl=letters, MaxResults=1, NextToken=first["NextToken"])
    assert sorted(first["queueUrls"] + second["queueUrls"]) == sorted([source, other])
    assert sqs.list_dead_letter_source_queues(QueueUrl=source)["queueUrls"] == []


def finished(aws: Account, target: str) -> dict[str, Any]:
    sqs = aws.client("sqs")

    def done() -> Any:
        (task,) = sqs.list_message_move_tasks(SourceArn=target)["Results"]
        return None if task["Status"] in ("RUNNING", "CANCELLING") else task

    found: dict[str, Any] = wait_until(done)
    return found


@behaviour(
    "sqs",
    ("StartMessageMoveTask", "ListMessageMoveTasks"),
    "A task moves dead letters back to where they came from",
    RECORDED("test_move_task_workflow_no_destination"),
)
def test_move(aws: Account) -> None:
    sqs, (source, _, letters, target) = aws.client("sqs"), pair(aws)
    dead_letters(aws, source, letters, 2)
    sqs.start_message_move_task(SourceArn=target)
    task = finished(aws, target)
    assert (task["Status"], task["SourceArn"]) == ("COMPLETED", target)
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (2, 2)
    assert "TaskHandle" not in task
    got = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in got) == ["letter 0", "letter 1"]


@behaviour(
    "sqs",
    "StartMessageMoveTask",
    "A task moves dead letters to another queue",
    RECORDED("test_move_task_workflow_with_default_destination"),
)
def test_move_elsewhere(aws: Account) -> None:
    sqs, (source, _, letters, target) = aws.client("sqs"), pair(aws)
    elsewhere, destination = aws.queue()
    dead_letters(aws, source, letters, 1)
    sqs.start_message_move_task(SourceArn=target, DestinationArn=destination)
    assert finished(aws, target)["DestinationArn"] == destination
    assert aws.receive(elsewhere)["Body"] == "letter 0"


@behaviour(
    "sqs",
    ("StartMessageMoveTask", "CancelMessageMoveTask"),
    "A running task has a handle, is the only one, and can be cancelled",
    RECORDED("test_move_message_with_throttling"),
)
def test_cancel(aws: Account) -> None:
    sqs, (source, _, letters, target) = aws.client("sqs"), pair(aws)
    dead_letters(aws, source, letters, 3)
    handle = sqs.start_message_move_task(SourceArn=target, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    (task,) = sqs.list_message_move_tasks(SourceArn=target)["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    with aws.refused("InvalidParameterValue", "There is already a task running."):
        sqs.start_message_move_task(SourceArn=target)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] <= 1
    assert finished(aws, target)["Status"] == "CANCELLED"


@behaviour(
    "sqs",
    ("StartMessageMoveTask", "ListMessageMoveTasks"),
    "A task fails when a message did not come from another queue",
    API("ListMessageMoveTasks"),
    verdict="ours",
)
def test_no_origin(aws: Account) -> None:
    sqs, (_, _, letters, target) = aws.client("sqs"), pair(aws)
    sqs.send_message(QueueUrl=letters, MessageBody="x")
    sqs.start_message_move_task(SourceArn=target)
    task = finished(aws, target)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")


@behaviour(
    "sqs",
    "StartMessageMoveTask",
    "The source must be a dead-letter queue",
    RECORDED("test_source_needs_redrive_policy"),
)
def test_no_dead_letter_queue(aws: Account) -> None:
    with aws.refused("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue."):
        aws.client("sqs").start_message_move_task(SourceArn=aws.queue()[1])


@pytest.mark.parametrize("parameter", ["SourceArn", "DestinationArn"])
@behaviour("sqs", "StartMessageMoveTask", "{parameter} must exist", RECORDED("test_destination_needs_to_exist"))
def test_must_exist(aws: Account, parameter: str) -> None:
    _, _, _, target = pair(aws)
    message = f"The resource that you specified for the {parameter} parameter doesn't exist."
    with aws.refused("ResourceNotFoundException", message, status=404):
        aws.client("sqs").start_message_move_task(**{"SourceArn": target, parameter: f"{target}-not"})


@behaviour(
    "sqs", "CancelMessageMoveTask", "A handle must be a task's", RECORDED("test_cancel_with_invalid_task_handle")
)
def test_bad_handles(aws: Account) -> None:
    sqs, (_, _, _, target) = aws.client("sqs"), pair(aws)
    with aws.refused("InvalidParameterValue", "Value for parameter TaskHandle is invalid."):
        sqs.cancel_message_move_task(TaskHandle="foobared")
    handle = base64.b64encode(json.dumps({"taskId": "nobody", "sourceArn": target}).encode()).decode()
    with aws.refused("ResourceNotFoundException", "Task does not exist.", status=404):
        sqs.cancel_message_move_task(TaskHandle=handle)
