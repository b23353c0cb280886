"""SQS of MiniStack: messages on their way in and out.

Amazon SQS API Reference, the page of each operation; wording as recorded on AWS in LocalStack's
``tests/aws/services/sqs/test_sqs.py``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.sqs.queues import Queues, Record
from localcloud.rules import Answer, Call, Rulebook
from localcloud.rules.sqs import check_visibility
from localcloud.services import ServiceError
from localcloud.sqs import attributes
from localcloud.sqs.messages import check_message, invalid, missing, size, value_refused

_HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_HANDLES = 100


class Undeliverable(Exception):  # noqa: N818  # what a queue does to a message, and no fault of ours
    """A queue does not take a message. The message says why."""


class Messages:
    """Messages of MiniStack's queues."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, queues: Queues) -> None:
        self._sqs: Any = modules["sqs"]
        self._responses: Any = modules["responses"]
        self._queues = queues
        self._remember_handles()
        operations: dict[str, Callable[[Call], Answer]] = {
            "SendMessage": self.send,
            "SendMessageBatch": self.send_batch,
            "DeleteMessage": self.delete_message,
            "DeleteMessageBatch": self.delete_batch,
            "ChangeMessageVisibility": self.change_visibility,
            "ChangeMessageVisibilityBatch": self.change_batch,
        }
        for name, operation in operations.items():
            rules.add("sqs", name, operation)

    def _remember_handles(self) -> None:
        """Keep every handle with which a message was received: each of them deletes it ("DeleteMessage").

        MiniStack knows the last one. LocalStack's ``test_filter_policy``, recorded on AWS, deletes with an earlier one.
        """
        original = self._sqs._collect_msgs

        def collect(queue: Record, number: int, timeout: int) -> list[Record]:
            received: list[Record] = original(queue, number, timeout)
            for message in received:
                message.setdefault("handles", []).append(message["receipt_handle"])
                del message["handles"][:-_MAX_HANDLES]
            return received

        self._sqs._collect_msgs = collect

    def send(self, call: Call) -> Answer:
        """SendMessage: what MiniStack lets pass."""
        self._check_for(self._queues.found(call.parameters["QueueUrl"]), call.parameters)
        return None

    @staticmethod
    def _check_for(queue: Record, message: Mapping[str, Any], *, entry: bool = False) -> None:
        """What this queue asks of a message."""
        limit = int(queue["attributes"].get("MaximumMessageSize", attributes.DEFAULTS["MaximumMessageSize"]))
        if size(message) > limit:
            problem = "cannot be validated" if entry else "are invalid"
            raise invalid(f"One or more parameters {problem}. Reason: Message must be shorter than {limit} bytes.")
        if not queue["is_fifo"]:
            if message.get("MessageDeduplicationId"):
                reason = "The request includes a parameter that is not valid for this queue type."
                raise value_refused(message["MessageDeduplicationId"], "MessageDeduplicationId", reason)
            return
        if message.get("DelaySeconds"):
            reason = "The request include parameter that is not valid for this queue type."
            raise value_refused(message["DelaySeconds"], "DelaySeconds", reason)
        if not message.get("MessageGroupId"):
            raise missing("MessageGroupId")
        content_based = queue["attributes"].get("ContentBasedDeduplication") == "true"
        if not content_based and not message.get("MessageDeduplicationId"):
            raise invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )

    def send_batch(self, call: Call) -> Answer:
        """SendMessageBatch: what a FIFO queue misses fails the whole batch; every other fault, its entry."""
        queue = self._queues.found(call.parameters["QueueUrl"])
        entries = call.parameters["Entries"]
        for entry in entries if queue["is_fifo"] else ():
            content_based = queue["attributes"].get("ContentBasedDeduplication") == "true"
            if not entry.get("MessageGroupId") or not (content_based or entry.get("MessageDeduplicationId")):
                try:
                    self._check_for(queue, {**entry, "MessageBody": "-", "MessageAttributes": {}, "DelaySeconds": 0})
                except ServiceError as error:
                    raise invalid(error.message) from None
        successful, failed = [], []
        for entry in entries:
            try:
                check_message(entry)
                self._check_for(queue, entry, entry=True)
                sent = self._sqs._act_send_message(_on_the_wire(entry, queue["url"]), queue["url"])
                successful.append({"Id": entry["Id"], **sent})
            except ServiceError as error:
                failed.append(_failure(entry["Id"], error))
        return {"Successful": successful, "Failed": failed}

    def deliver(
        self,
        arn: str,
        body: str,
        message_attributes: dict[str, dict[str, str]],
        *,
        group: str,
        deduplication: str,
    ) -> None:
        """Put a message of SNS into the queue ``arn``.

        Parameters
        ----------
        arn, body : str
        message_attributes : dict
            As MiniStack keeps them.
        group, deduplication : str
            Of FIFO queues; ``group`` also of others (fair queues). Empty when there are none.

        Raises
        ------
        Undeliverable
            When there is no such queue, or it does not take the message.
        """
        queue = self._queues.by_arn(arn)
        if queue is None:
            raise Undeliverable(f"{arn} does not exist")
        request: dict[str, Any] = {"QueueUrl": queue["url"], "MessageBody": body}
        if message_attributes:
            request["MessageAttributes"] = message_attributes
        if group:
            request["MessageGroupId"] = group
        if queue["is_fifo"]:
            request["MessageDeduplicationId"] = deduplication or hashlib.sha256(body.encode()).hexdigest()
        try:
            check_message({**request, "MessageAttributes": {}})
            self._check_for(queue, {"MessageBody": body, **request, "MessageAttributes": {}})
            with self._responses.request_scope(arn.split(":")[4], arn.split(":")[3]):
                self._sqs._act_send_message(request, queue["url"])
        except ServiceError as error:
            raise Undeliverable(f"{arn}: {error.message}") from error
        except self._sqs._Err as error:
            raise Undeliverable(f"{arn}: {error.message}") from error

    def _with_handle(self, queue: Record, handle: str) -> Record | None:
        """The message that was received with ``handle``; None when it has gone."""
        if not _HANDLE.fullmatch(handle):
            raise ServiceError(
                "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.', 404
            )
        return next((each for each in queue["messages"] if handle in each.get("handles", ())), None)

    def _delete(self, queue: Record, handle: str) -> None:
        """Delete a message: again is not an error ("DeleteMessage")."""
        message = self._with_handle(queue, handle)
        if message is None:
            return
        expired = message["visible_at"] <= time.time() or message["receipt_handle"] != handle
        if queue["is_fifo"] and expired:
            raise value_refused(handle, "ReceiptHandle", "The receipt handle has expired.")
        queue["messages"] = [each for each in queue["messages"] if each is not message]

    def delete_message(self, call: Call) -> Answer:
        """DeleteMessage."""
        self._delete(self._queues.found(call.parameters["QueueUrl"]), call.parameters["ReceiptHandle"])
        return {}

    def delete_batch(self, call: Call) -> Answer:
        """DeleteMessageBatch."""
        queue = self._queues.found(call.parameters["QueueUrl"])
        return _each(call.parameters["Entries"], lambda entry: self._delete(queue, entry["ReceiptHandle"]))

    def _change(self, queue: Record, handle: str, timeout: int) -> None:
        check_visibility(timeout)
        message = self._with_handle(queue, handle)
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise value_refused(handle, "ReceiptHandle", reason)
        if message["visible_at"] <= time.time():
            message_text = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message is not in flight."
            raise ServiceError("MessageNotInflight", message_text)
        message["visible_at"] = time.time() + timeout
        if timeout == 0:
            self._sqs.esm_wake.set()

    def change_visibility(self, call: Call) -> Answer:
        """ChangeMessageVisibility."""
        parameters = call.parameters
        self._change(
            self._queues.found(parameters["QueueUrl"]), parameters["ReceiptHandle"], parameters["VisibilityTimeout"]
        )
        return {}

    def change_batch(self, call: Call) -> Answer:
        """ChangeMessageVisibilityBatch."""
        queue = self._queues.found(call.parameters["QueueUrl"])
        return _each(
            call.parameters["Entries"],
            lambda entry: self._change(queue, entry["ReceiptHandle"], entry.get("VisibilityTimeout", 30)),
        )

    def move(self, queue: Record, message: Record, target: Record) -> None:
        """Move a dead letter to ``target``: a new message ("dead-letter queue redrive")."""
        queue["messages"] = [each for each in queue["messages"] if each is not message]
        now = time.time()
        system = {key: value for key, value in message["sys"].items() if key != "DeadLetterQueueSourceArn"}
        target["messages"].append(
            {
                **message,
                "id": str(uuid.uuid4()),
                "sys": {**system, "SentTimestamp": str(int(now * 1000))},
                "receipt_handle": None,
                "sent_at": now,
                "enqueued_at": now,
                "visible_at": now,
                "receive_count": 0,
                "first_receive_at": None,
                "handles": [],
            }
        )
        self._sqs.esm_wake.set()


def _on_the_wire(entry: Mapping[str, Any], url: str) -> Record:
    """An entry of a batch as MiniStack's SendMessage takes it: binary values are base64 text."""
    request = {**entry, "QueueUrl": url}
    request["MessageAttributes"] = {
        name: {
            key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for key, value in attribute.items()
        }
        for name, attribute in (entry.get("MessageAttributes") or {}).items()
    }
    return request


def _failure(entry_id: str, error: ServiceError) -> dict[str, Any]:
    return {"Id": entry_id, "Code": error.code, "Message": error.message, "SenderFault": True}


def _each(entries: list[dict[str, Any]], work: Callable[[dict[str, Any]], None]) -> Answer:
    successful, failed = [], []
    for entry in entries:
        try:
            work(entry)
            successful.append({"Id": entry["Id"]})
        except ServiceError as error:
            failed.append(_failure(entry["Id"], error))
    return {"Successful": successful, "Failed": failed}
