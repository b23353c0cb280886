"""SQS's dead-letter queue redrive: tasks that move messages back to where they came from.

Amazon SQS API Reference, "StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"; wording as recorded
on AWS in LocalStack's ``tests/aws/services/sqs/test_sqs_move_task.py``. A task is kept with its source queue.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from localcloud.ministack.sqs.messages import Messages
from localcloud.ministack.sqs.queues import Queues
from localcloud.rules import Answer, Call, Rulebook
from localcloud.services import ServiceError
from localcloud.sqs.messages import invalid, value_refused

_MAX_RATE = 500
_KEPT = 10
_ACTIVE = ("RUNNING", "CANCELLING")
Record = dict[str, Any]


class MoveTasks:
    """Starts, lists and cancels the tasks."""

    def __init__(self, rules: Rulebook, queues: Queues, messages: Messages) -> None:
        self._queues = queues
        self._messages = messages
        self._running: dict[str, asyncio.Task[None]] = {}
        operations: dict[str, Callable[[Call], Answer]] = {
            "StartMessageMoveTask": self.start,
            "ListMessageMoveTasks": self.list_tasks,
            "CancelMessageMoveTask": self.cancel,
        }
        for name, operation in operations.items():
            rules.add("sqs", name, operation)

    def _queue(self, arn: str, parameter: str) -> Record:
        queue = self._queues.by_arn(arn)
        if queue is None:
            message = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise ServiceError("ResourceNotFoundException", message, 404)
        return queue

    def start(self, call: Call) -> Answer:
        """StartMessageMoveTask."""
        source = self._queue(call.parameters["SourceArn"], "SourceArn")
        if not self._queues.sources_of(source["attributes"]["QueueArn"]):
            raise invalid("Source queue must be configured as a Dead Letter Queue.")
        destination = call.parameters.get("DestinationArn")
        if destination:
            target = self._queue(destination, "DestinationArn")
            if target is source:
                raise invalid("Source queue arn and destination queue arn cannot be the same.")
            if target["is_fifo"] != source["is_fifo"]:
                raise invalid("Source and destination queues must be of the same type.")
        rate = call.parameters.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= _MAX_RATE:
            reason = f"You must enter a value between 1 and {_MAX_RATE}."
            raise value_refused(rate, "MaxNumberOfMessagesPerSecond", reason)
        tasks = self._tasks(source)
        if any(task["Status"] in _ACTIVE for task in tasks):
            raise invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn "
                "at a given time."
            )
        task = {
            "id": str(uuid.uuid4()),
            "Status": "RUNNING",
            "SourceArn": source["attributes"]["QueueArn"],
            "ApproximateNumberOfMessagesMoved": 0,
            "ApproximateNumberOfMessagesToMove": len(source["messages"]),
            "StartedTimestamp": int(time.time() * 1000),
        }
        if destination:
            task["DestinationArn"] = destination
        if rate is not None:
            task["MaxNumberOfMessagesPerSecond"] = rate
        tasks.insert(0, task)
        del tasks[_KEPT:]
        work = asyncio.get_running_loop().create_task(self._run(source, task, 1 / (rate or _MAX_RATE)))
        self._running[task["id"]] = work
        work.add_done_callback(lambda _: self._running.pop(task["id"], None))
        return {"TaskHandle": _handle(task)}

    def _tasks(self, source: Record) -> list[Record]:
        """The tasks of a queue; those that the end of the cloud interrupted have failed."""
        tasks: list[Record] = source.setdefault("move_tasks", [])
        for task in tasks:
            if task["Status"] in _ACTIVE and task["id"] not in self._running:
                task.update(Status="FAILED", FailureReason="The local cloud ended while the task was running.")
        return tasks

    async def _run(self, source: Record, task: Record, pause: float) -> None:
        """Move what is in the queue, one message after the other, until it is empty or the task is cancelled."""
        while task["Status"] == "RUNNING":
            now = time.time()
            message = next((each for each in source["messages"] if each["visible_at"] <= now), None)
            if message is None:
                task["Status"] = "COMPLETED"
                return
            origin = task.get("DestinationArn") or message.get("sys", {}).get("DeadLetterQueueSourceArn")
            target = self._queues.by_arn(origin) if origin else None
            if target is None:
                task["Status"] = "FAILED"
                task["FailureReason"] = (
                    "AWS.SimpleQueueService.NonExistentQueue" if origin else "CouldNotDetermineMessageSource"
                )
                return
            self._messages.move(source, message, target)
            task["ApproximateNumberOfMessagesMoved"] += 1
            await asyncio.sleep(pause)
        task["Status"] = "CANCELLED"

    def list_tasks(self, call: Call) -> Answer:
        """ListMessageMoveTasks: the latest first, one unless more are asked for."""
        source = self._queue(call.parameters["SourceArn"], "SourceArn")
        number = call.parameters.get("MaxResults", 1)
        if not 1 <= number <= _KEPT:
            raise value_refused(number, "MaxResults", f"You must enter a value between 1 and {_KEPT}.")
        return {"Results": [_shown(task) for task in self._tasks(source)[:number]]}

    def cancel(self, call: Call) -> Answer:
        """CancelMessageMoveTask: what has moved stays where it is."""
        try:
            handle = json.loads(base64.b64decode(call.parameters["TaskHandle"], validate=True))
            task_id, arn = handle["taskId"], handle["sourceArn"]
        except (ValueError, KeyError, TypeError):
            raise invalid("Value for parameter TaskHandle is invalid.") from None
        source = self._queue(arn, "SourceArn")
        task: Record | None = next((each for each in self._tasks(source) if each["id"] == task_id), None)
        if task is None:
            raise ServiceError("ResourceNotFoundException", "Task does not exist.", 404)
        if task["Status"] != "RUNNING":
            raise invalid(f"Only active tasks can be cancelled. The task is {task['Status']}.")
        task["Status"] = "CANCELLING"
        return {"ApproximateNumberOfMessagesMoved": task["ApproximateNumberOfMessagesMoved"]}


def _handle(task: Record) -> str:
    return base64.b64encode(json.dumps({"taskId": task["id"], "sourceArn": task["SourceArn"]}).encode()).decode()


def _shown(task: Record) -> Record:
    out = {key: value for key, value in task.items() if key != "id"}
    if task["Status"] == "RUNNING":
        out["TaskHandle"] = _handle(task)
    return out
