"""Amazon SQS: what the request alone shows to be wrong.

Amazon SQS API Reference (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference), the page of each operation;
see :mod:`localcloud.sqs`.
"""

from __future__ import annotations

from localcloud.rules import Call, rule
from localcloud.services import ServiceError
from localcloud.sqs import attributes
from localcloud.sqs.messages import MAX_BATCH_BYTES, check_batch, check_message, invalid, size, value_refused

_MAX_VISIBILITY = 43_200
_MAX_TAGS = 50


@rule("sqs", "CreateQueue")
def create_queue(call: Call) -> None:
    """Name and attributes (API_CreateQueue)."""
    given = call.parameters.get("Attributes") or {}
    fifo = given.get("FifoQueue") == "true"
    attributes.check(given, fifo=fifo, creating=True)
    attributes.check_name(call.parameters["QueueName"], fifo=fifo)


@rule("sqs", "CreateQueue", "TagQueue")
def tags(call: Call) -> None:
    """Number and length of tags ("Amazon SQS cost allocation tags")."""
    given = call.parameters.get("tags") or call.parameters.get("Tags") or {}
    if len(given) > _MAX_TAGS:
        raise invalid(f"Too many tags added for queue. Maximum number of tags allowed: {_MAX_TAGS}.")
    for key, value in given.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise invalid(f"Tag key or value is invalid: {key}")


@rule("sqs", "GetQueueAttributes")
def get_queue_attributes(call: Call) -> None:
    """Names of attributes (API_GetQueueAttributes)."""
    for name in call.parameters.get("AttributeNames") or ():
        if name not in attributes.READABLE:
            raise attributes.unknown(name)


@rule("sqs", "SendMessage")
def send_message(call: Call) -> None:
    """The message (API_SendMessage)."""
    check_message(call.parameters)


@rule("sqs", "SendMessageBatch")
def send_message_batch(call: Call) -> None:
    """The batch as a whole (API_SendMessageBatch); each entry fails on its own, later."""
    entries = call.parameters["Entries"]
    check_batch(entries, "SendMessageBatchRequestEntry")
    total = sum(size(entry) for entry in entries)
    if total > MAX_BATCH_BYTES:
        message = f"Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {total} bytes."
        raise ServiceError("BatchRequestTooLong", message)


@rule("sqs", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
def other_batches(call: Call) -> None:
    """The batch as a whole."""
    check_batch(call.parameters["Entries"], f"{call.operation}RequestEntry")


@rule("sqs", "ReceiveMessage")
def receive_message(call: Call) -> None:
    """Numbers and names (API_ReceiveMessage)."""
    parameters = call.parameters
    number = parameters.get("MaxNumberOfMessages")
    if number is not None and not 1 <= number <= 10:
        raise value_refused(number, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
    for name, high in (("WaitTimeSeconds", 20), ("VisibilityTimeout", _MAX_VISIBILITY)):
        value = parameters.get(name)
        if value is not None and not 0 <= value <= high:
            raise value_refused(value, name, f"Must be >= 0 and <= {high}, if provided.")
    names = [*(parameters.get("AttributeNames") or ()), *(parameters.get("MessageSystemAttributeNames") or ())]
    for name in names:
        if name not in attributes.OF_MESSAGES:
            raise attributes.unknown(name)


@rule("sqs", "ChangeMessageVisibility")
def change_message_visibility(call: Call) -> None:
    """The new timeout (API_ChangeMessageVisibility)."""
    check_visibility(call.parameters["VisibilityTimeout"])


def check_visibility(value: int) -> None:
    """Raise :class:`ServiceError` for a visibility timeout out of range."""
    if not 0 <= value <= _MAX_VISIBILITY:
        reason = f"VisibilityTimeout must be an integer between 0 and {_MAX_VISIBILITY}."
        raise value_refused(value, "VisibilityTimeout", reason)


@rule("sqs", "ListQueues", "ListDeadLetterSourceQueues")
def list_queues(call: Call) -> None:
    """The size of a page (API_ListQueues)."""
    value = call.parameters.get("MaxResults")
    if value is not None and not 1 <= value <= 1000:
        raise value_refused(value, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
    if value is None and call.parameters.get("NextToken"):
        raise invalid("NextToken can only be used with MaxResults.")
