"""CloudFormation of MiniStack: more resource types, and properties that it drops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.alarms import check_supported
from localcloud.ministack.cloudformation.answers import Answers
from localcloud.ministack.cloudformation.attributes import resolve_attribute_names
from localcloud.ministack.cloudformation.change_sets import count_outputs
from localcloud.ministack.cloudformation.conditions import resolve_functions
from localcloud.ministack.cloudformation.events import StackEvents
from localcloud.ministack.cloudformation.operations import Operations
from localcloud.ministack.cloudformation.requests import Requests
from localcloud.ministack.cloudformation.resources import Resources
from localcloud.rules import Rulebook
from localcloud.services import ResourceType, ServiceError


class Stacks:
    """MiniStack's CloudFormation."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._provisioners: Any = modules["provisioners"]
        self._worker: Any = modules["stacks"]
        self._stacks: Any = modules["cloudformation"]
        self._pending_callbacks: Any = modules["custom_resource"]
        self._functions: Any = modules["lambda_svc"]
        self._buckets: Any = modules["s3"]
        for action in ("create", "update"):
            self._after("AWS::Lambda::Function", action, self._keep_function_settings)
            self._after("AWS::S3::Bucket", action, self._keep_bucket_tags)
            self._after("AWS::CloudWatch::Alarm", action, lambda result, properties: check_supported(properties))

        self._provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = self._delete_bucket
        count_outputs(modules)
        resolve_functions(modules)
        resolve_attribute_names(modules)
        self._update_failed_updates(modules["handlers"])
        events = StackEvents(modules)
        self.permissions = Resources(modules, rules, events).permissions
        operations = Operations(modules, events)
        self.requests = Requests(modules, rules, operations)
        Answers(modules, rules, self.requests)

    def is_callback(self, path: str) -> bool:
        """Whether ``path`` is a ResponseURL on which CloudFormation waits: unsigned, with a secret in it, as on AWS."""
        prefix = "/_ministack/cfn-response/"
        return path.startswith(prefix) and path.removeprefix(prefix) in self._pending_callbacks._pending

    def busy(self) -> bool:
        """Whether CloudFormation is at work."""
        return any(_working(stack) for stack in list(self._stacks._stacks._data.values()))

    def fail_interrupted(self) -> None:
        """Mark stacks as failed whose operation ended with the previous run."""
        for stack in self._stacks._stacks._data.values():
            if _working(stack):
                status = stack["StackStatus"]
                ended = "COMPLETE" if "CLEANUP" in status else "FAILED"
                stack["StackStatus"] = status.replace("_COMPLETE_CLEANUP", "").replace("IN_PROGRESS", ended)
                stack["StackStatusReason"] = f"The local cloud ended during {status}"

    def _update_failed_updates(self, handlers: Any) -> None:
        """Let UpdateStack take a stack in UPDATE_FAILED, as on AWS ("Stack failure options").

        Such is a stack whose update the end of the cloud interrupted.
        """
        original = handlers._ACTION_HANDLERS["UpdateStack"]

        def update(parameters: Any) -> Any:
            stack = handlers._resolve_stack(handlers._p(parameters, "StackName"))
            failed = stack is not None and stack.get("StackStatus") == "UPDATE_FAILED"
            if failed:
                stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
            answer = original(parameters)
            if failed and stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":  # refused
                stack["StackStatus"] = "UPDATE_FAILED"
            return answer

        handlers._ACTION_HANDLERS["UpdateStack"] = update

    def register(self, types: Iterable[ResourceType]) -> None:
        """Teach CloudFormation ``types``; their work runs on worker threads."""
        ours = set()
        for resource_type in types:
            self._provisioners._RESOURCE_HANDLERS[resource_type.name] = _handlers(resource_type)
            self._provisioners._REPLACING_PROPERTIES[resource_type.name] = tuple(resource_type.replacing)
            ours.add(resource_type.name)
        self.requests.own_types |= ours
        original = self._worker._runs_on_worker_thread
        self._worker._runs_on_worker_thread = lambda name: name in ours or original(name)

    def _after(self, type_name: str, action: str, then: Callable[[tuple[str, Any], Mapping[str, Any]], None]) -> None:
        """Call ``then(result, properties)`` after MiniStack's own create or update of ``type_name``."""
        handlers = self._provisioners._RESOURCE_HANDLERS[type_name]
        original = handlers[action]
        properties_at = {"create": 1, "update": 2}[action]

        def handler(*arguments: Any) -> Any:
            result = original(*arguments)
            then(result, arguments[properties_at])
            return result

        handlers[action] = handler

    def _keep_function_settings(self, result: tuple[str, Any], properties: Mapping[str, Any]) -> None:
        """MiniStack drops these properties of a function."""
        record = self._functions._functions.get(result[0])
        if record is None:
            return
        record["config"].pop("DeadLetterConfig", None)
        if properties.get("DeadLetterConfig", {}).get("TargetArn"):
            record["config"]["DeadLetterConfig"] = dict(properties["DeadLetterConfig"])
        reserved = properties.get("ReservedConcurrentExecutions")
        record["concurrency"] = None if reserved is None else int(reserved)

    def _delete_bucket(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        """Delete a bucket as S3's own API does: not when it holds objects, and from the disk, too."""
        status, _, _ = self._buckets._delete_bucket(physical_id)
        if status not in (204, 404):
            raise ValueError(
                'Resource handler returned message: "The bucket you tried to delete is not empty. You must delete all '
                f'versions in the bucket. (Service: S3, Status Code: {status})" (HandlerErrorCode: Conflict)'
            )

    def _keep_bucket_tags(self, result: tuple[str, Any], properties: Mapping[str, Any]) -> None:
        """MiniStack drops the tags of a bucket."""
        tags = {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or ()}
        if tags:
            self._buckets._bucket_tags[result[0]] = tags
        else:
            self._buckets._bucket_tags.pop(result[0], None)


def _working(stack: Mapping[str, Any]) -> bool:
    status = str(stack.get("StackStatus"))
    return status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _handlers(resource_type: ResourceType) -> dict[str, Callable[..., Any]]:
    """``resource_type`` as MiniStack's CloudFormation calls it; errors get AWS's words in the stack's events."""

    def guarded(action: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return action(*arguments)
            except ServiceError as error:
                raise ValueError(
                    f'Resource handler returned message: "{error.message}" (HandlerErrorCode: {error.code})'
                ) from error

        return call

    return {
        "create": guarded(resource_type.create),
        "update": guarded(resource_type.update),
        "delete": guarded(resource_type.delete),
    }
