"""SQS of MiniStack: what depends on the queues that are there.

Amazon SQS API Reference, the page of each operation; wording as recorded on AWS in LocalStack's
``tests/aws/services/sqs/test_sqs.py``.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.clock import Clock
from localcloud.rules import Answer, Call, Rulebook
from localcloud.services import ServiceError
from localcloud.sqs import attributes
from localcloud.sqs.messages import invalid, value_refused

_PURGE_SECONDS = 60.0
_DELETED_SECONDS = 60.0
_HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Record = dict[str, Any]


class Queues:
    """MiniStack's queues.

    Attributes
    ----------
    clock : Clock
        On which a queue may be purged again, and created again, after a minute.
    """

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._sqs: Any = modules["sqs"]
        self._responses: Any = modules["responses"]
        self.clock = Clock()
        self._deleted: dict[tuple[str, str], float] = {}
        operations: dict[str, Callable[[Call], Answer]] = {
            "CreateQueue": self.create,
            "DeleteQueue": self.delete,
            "GetQueueAttributes": self.get_attributes,
            "SetQueueAttributes": self.set_attributes,
            "PurgeQueue": self.purge,
            "ListQueues": self.list_queues,
            "ListDeadLetterSourceQueues": self.list_sources,
            "ListQueueTags": self.list_tags,
            "RemovePermission": self.remove_permission,
        }
        for name, operation in operations.items():
            rules.add("sqs", name, operation)
        for name in ("AddPermission", "ReceiveMessage", "TagQueue", "UntagQueue"):
            rules.add("sqs", name, self._must_exist)

    # Finding -----------------------------------------------------------------------------------------------------

    def found(self, url: str) -> Record:
        """MiniStack's record of a queue; raises :class:`ServiceError` when there is none at ``url``."""
        name = url.rstrip("/").rpartition("/")[2]
        queue: Record | None = self._sqs._queues.get(self._sqs._queue_name_to_url.get(name, ""))
        if queue is None:
            raise ServiceError("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def by_arn(self, arn: str) -> Record | None:
        """MiniStack's record of a queue; None when there is none."""
        queue: Record | None = self._sqs._queue_by_arn(arn)
        return queue

    def all(self) -> list[Record]:
        """Every queue of this region."""
        return list(self._sqs._queues.values())

    def _must_exist(self, call: Call) -> Answer:
        self.found(call.parameters["QueueUrl"])
        return None

    def sources_of(self, arn: str) -> list[Record]:
        """The queues whose dead letters go to the queue ``arn``."""
        return [
            queue
            for queue in self.all()
            if json.loads(queue["attributes"].get("RedrivePolicy") or "{}").get("deadLetterTargetArn") == arn
        ]

    # Queues ------------------------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        """CreateQueue: what MiniStack lets pass."""
        name, given = call.parameters["QueueName"], call.parameters.get("Attributes") or {}
        self._check_redrive(given, f"arn:aws:sqs:{call.region}:{self._responses.get_account_id()}:{name}")
        existing = self._sqs._queues.get(self._sqs._queue_name_to_url.get(name, ""))
        if existing is not None:
            has = {**attributes.DEFAULTS, **existing["attributes"]}
            for key, value in given.items():
                if has.get(key) != value:
                    message = f"A queue already exists with the same name and a different value for attribute {key}"
                    raise ServiceError("QueueNameExists", message)
            return None
        deleted = self._deleted.pop((call.region, name), 0.0)
        if time.monotonic() - deleted < self.clock.real(_DELETED_SECONDS) and deleted:
            self._deleted[call.region, name] = deleted
            message = (
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."
            )
            raise ServiceError("QueueDeletedRecently", message)
        return None

    def delete(self, call: Call) -> Answer:
        """DeleteQueue: its name is free again after a minute."""
        queue = self.found(call.parameters["QueueUrl"])
        self._deleted[call.region, queue["name"]] = time.monotonic()
        return None

    def get_attributes(self, call: Call) -> Answer:
        """GetQueueAttributes: none when none is asked for."""
        self.found(call.parameters["QueueUrl"])
        return None if call.parameters.get("AttributeNames") else {}

    def set_attributes(self, call: Call) -> Answer:
        """SetQueueAttributes: what MiniStack lets pass."""
        queue = self.found(call.parameters["QueueUrl"])
        given = call.parameters["Attributes"]
        attributes.check(given, fifo=bool(queue["is_fifo"]))
        self._check_redrive(given, queue["attributes"]["QueueArn"])
        return None

    def _check_redrive(self, given: Mapping[str, str], source: str) -> None:
        """The dead-letter queue exists, is of the same type, and lets this queue use it ("SetQueueAttributes")."""
        text = given.get("RedrivePolicy")
        if not text:
            return
        target = self.by_arn(json.loads(text)["deadLetterTargetArn"])
        if target is None:
            raise value_refused(text, "RedrivePolicy", "Dead letter target does not exist.")
        if source.endswith(".fifo") != bool(target["is_fifo"]):
            raise value_refused(text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
        allow = json.loads(target["attributes"].get("RedriveAllowPolicy") or "{}")
        permission = allow.get("redrivePermission", "allowAll")
        if permission == "denyAll" or (permission == "byQueue" and source not in allow.get("sourceQueueArns", ())):
            raise value_refused(text, "RedrivePolicy", "The dead-letter queue does not allow this source queue.")

    def purge(self, call: Call) -> Answer:
        """PurgeQueue: once a minute."""
        queue = self.found(call.parameters["QueueUrl"])
        now = time.time()
        if now - queue.get("purged_at", 0.0) < self.clock.real(_PURGE_SECONDS):
            message = f"Only one PurgeQueue operation on {queue['name']} is allowed every 60 seconds."
            raise ServiceError("PurgeQueueInProgress", message, 403)
        queue["purged_at"] = now
        return None

    def list_queues(self, call: Call) -> Answer:
        """ListQueues."""
        prefix = call.parameters.get("QueueNamePrefix", "")
        urls = sorted(queue["url"] for queue in self.all() if queue["name"].startswith(prefix))
        return self._page(urls, "QueueUrls", call)

    def list_sources(self, call: Call) -> Answer:
        """ListDeadLetterSourceQueues."""
        queue = self.found(call.parameters["QueueUrl"])
        urls = sorted(each["url"] for each in self.sources_of(queue["attributes"]["QueueArn"]))
        return {"queueUrls": [], **(self._page(urls, "queueUrls", call) or {})}

    @staticmethod
    def _page(urls: list[str], name: str, call: Call) -> Answer:
        size_of_page = call.parameters.get("MaxResults") or 1000
        after = ""
        if call.parameters.get("NextToken"):
            try:
                after = base64.b64decode(call.parameters["NextToken"], validate=True).decode()
            except ValueError:
                raise invalid("Invalid NextToken value.") from None
        rest = [url for url in urls if url > after]
        out: dict[str, Any] = {name: rest[:size_of_page]} if rest else {}
        if call.parameters.get("MaxResults") and len(rest) > size_of_page:
            out["NextToken"] = base64.b64encode(rest[size_of_page - 1].encode()).decode()
        return out

    def list_tags(self, call: Call) -> Answer:
        """ListQueueTags: nothing when there are none."""
        tags = self.found(call.parameters["QueueUrl"]).get("tags")
        return {"Tags": dict(tags)} if tags else {}

    def remove_permission(self, call: Call) -> Answer:
        """RemovePermission: the label must be there."""
        queue = self.found(call.parameters["QueueUrl"])
        policy = json.loads(queue["attributes"].get("Policy") or "{}")
        label = call.parameters["Label"]
        if all(statement.get("Sid") != label for statement in policy.get("Statement", ())):
            raise value_refused(label, "Label", "can't find label.")
        return None
