"""The events of a stack as AWS reports them.

MiniStack has events for every resource in every update; AWS for those that change. MiniStack leaves out the properties,
the creation that was initiated, and the removal of what an update drops. It also sends them to nobody, where AWS
publishes them to the stack's topics.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import datetime
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

_STACK = "AWS::CloudFormation::Stack"
_ROLLED_BACK = "Rollback requested by user."
_MISSING_EXPORT = re.compile(r"^Export '(.*)' not found$")
REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."


@dataclasses.dataclass
class Operation:
    """What a running creation or update has told so far."""

    stack_id: str
    previous: Mapping[str, Any]
    """The resources that the stack had before."""
    is_update: bool
    keeps_failure: bool
    """Whether a failure is left as it is (``DisableRollback``)."""
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    waiting: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    """The first event of a resource, while it is open whether the resource changes."""
    failure: str = ""
    """Why the stack itself failed."""


_operation: contextvars.ContextVar[Operation | None] = contextvars.ContextVar("operation", default=None)


class StackEvents:
    """Stands before MiniStack's record of events."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._cloudformation: Any = modules["cloudformation"]
        self._topics: Any = modules["sns"]
        self._record: Callable[..., None] = modules["stacks"]._add_event
        for name in ("stacks", "handlers", "changesets"):
            modules[name]._add_event = self.add  # type: ignore[attr-defined]  # modules are given as ModuleType

    @contextlib.contextmanager
    def of(self, operation: Operation) -> Iterator[None]:
        """Tell the events of ``operation`` inside the block."""
        token = _operation.set(operation)
        try:
            yield
        finally:
            _operation.reset(token)

    def changes(self, stack_id: str, logical_id: str, properties: Any) -> None:
        """The resource is about to be created or changed, so its first event is due."""
        operation = _operation.get()
        if operation is None or operation.stack_id != stack_id:
            return
        operation.properties[logical_id] = _written(properties)
        self._flush(operation, logical_id)

    def add(
        self,
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> None:
        """Take an event from MiniStack: keep it, change it, or leave it out."""
        reason = _MISSING_EXPORT.sub(r"No export named \1 found", reason)
        event = (stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)
        operation = _operation.get()
        if operation is None or operation.stack_id != stack_id:
            self._store(event, None)
        elif logical_id == stack_name and resource_type == _STACK:
            self._stack_event(operation, event)
        else:
            self._resource_event(operation, event)

    def _stack_event(self, operation: Operation, event: tuple[Any, ...]) -> None:
        status, reason = event[4], event[5]
        if status in ("CREATE_FAILED", "UPDATE_FAILED") and not operation.keeps_failure and not event[7]:
            operation.failure = reason  # AWS gives it as the reason of the rollback
            return
        if status in ("ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS") and operation.failure:
            event = (*event[:5], f"{operation.failure.rstrip('.')}. {_ROLLED_BACK}", *event[6:])
        if status == "ROLLBACK_COMPLETE":
            event = (*event[:5], "", *event[6:])
        self._store(event, operation)

    def _resource_event(self, operation: Operation, event: tuple[Any, ...]) -> None:
        logical_id, status, reason = event[2], event[4], event[5]
        before = operation.previous.get(logical_id)
        stack = self._stack(event[0])
        rolling_back = "ROLLBACK" in str(stack.get("StackStatus"))
        if not operation.is_update or rolling_back or status.startswith(("DELETE", "IMPORT")):
            if status.endswith("_IN_PROGRESS") and status.startswith("CREATE") and not reason:
                operation.waiting[logical_id] = event
                return
            self._flush(operation, logical_id)
            self._store(event, operation)
            return
        if before is None and status.startswith("UPDATE"):
            event = (*event[:4], status.replace("UPDATE", "CREATE"), *event[5:])
            resource = (stack.get("_resources") or {}).get(logical_id)
            if resource is not None and status == "UPDATE_COMPLETE":
                resource["ResourceStatus"] = "CREATE_COMPLETE"
        elif before is not None and not event[6]:
            event = (*event[:6], before.get("PhysicalResourceId", ""), *event[7:])
        if status == "UPDATE_IN_PROGRESS" and not reason:
            operation.waiting[logical_id] = event
            return
        if status == "UPDATE_COMPLETE" and logical_id in operation.waiting:  # nothing of it has changed
            del operation.waiting[logical_id]
            resource = (stack.get("_resources") or {}).get(logical_id)
            if resource is not None and before is not None:
                for name in ("ResourceStatus", "Timestamp"):
                    resource[name] = before.get(name, resource[name])
            return
        if status.endswith("_FAILED") and logical_id in (stack.get("_resources") or {}):
            stack["_resources"][logical_id].update(ResourceStatus=status, ResourceStatusReason=reason)
        if reason == REPLACED:
            operation.waiting.pop(logical_id, None)
        self._flush(operation, logical_id)
        self._store(event, operation)

    def _flush(self, operation: Operation, logical_id: str) -> None:
        waiting = operation.waiting.pop(logical_id, None)
        if waiting is not None:
            self._store(waiting, operation)

    def _store(self, event: tuple[Any, ...], operation: Operation | None) -> None:
        stack_id, _, logical_id, resource_type, status = event[:5]
        self._record(*event)
        stored = self._cloudformation._stack_events[stack_id][-1]
        stored["Timestamp"] = _later(stored["Timestamp"], self._cloudformation._stack_events[stack_id][-2:-1])
        stack = self._stack(stack_id)
        if resource_type == _STACK and event[6] == stack_id:
            if status in ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS") and stack:
                stack["DeletionTime"] = stored["Timestamp"]
        else:
            stored["EventId"] = f"{logical_id}-{status}-{stored['Timestamp']}"
            known = operation.properties.get(logical_id) if operation is not None else None
            resource = (stack.get("_resources") or {}).get(logical_id)
            if known is None and resource is not None:
                known = _written(resource.get("Properties") or {})
            stored["ResourceProperties"] = known or "{}"
        for topic in stack.get("NotificationARNs") or ():
            self._topics.publish_internal(topic, _notification(stored), "AWS CloudFormation Notification")

    def _stack(self, stack_id: str) -> dict[str, Any]:
        stacks = self._cloudformation._stacks.values()
        return next((stack for stack in list(stacks) if stack.get("StackId") == stack_id), {})


def _written(properties: Any) -> str:
    """``properties`` as events give them: without the tags that CloudFormation adds."""
    shown = dict(properties)
    tags = shown.get("Tags")
    if isinstance(tags, list):
        shown["Tags"] = [tag for tag in tags if not str(tag.get("Key", "")).startswith("aws:")]
    elif isinstance(tags, Mapping):
        shown["Tags"] = {key: value for key, value in tags.items() if not str(key).startswith("aws:")}
    if "Tags" in shown and not shown["Tags"]:
        del shown["Tags"]
    return json.dumps(shown, default=str, separators=(",", ":"))


def _later(stamp: str, before: list[dict[str, Any]]) -> str:
    """``stamp``, or the millisecond after the last event's: their order must be readable from their times."""
    if not before or stamp > before[0]["Timestamp"]:
        return stamp
    last = datetime.datetime.fromisoformat(before[0]["Timestamp"]) + datetime.timedelta(milliseconds=1)
    return last.strftime("%Y-%m-%dT%H:%M:%S.") + f"{last.microsecond // 1000:03d}Z"


def _notification(event: Mapping[str, Any]) -> str:
    """``event`` as CloudFormation writes it to a topic."""
    lines = {
        "StackId": event["StackId"],
        "Timestamp": event["Timestamp"],
        "EventId": event["EventId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Namespace": event["StackId"].split(":")[4],
        "PhysicalResourceId": event["PhysicalResourceId"],
        "ResourceProperties": event.get("ResourceProperties", "null"),
        "ResourceStatus": event["ResourceStatus"],
        "ResourceStatusReason": event["ResourceStatusReason"],
        "ResourceType": event["ResourceType"],
        "StackName": event["StackName"],
        "ClientRequestToken": event.get("ClientRequestToken", "null"),
    }
    return "".join(f"{name}='{value}'\n" for name, value in lines.items())
