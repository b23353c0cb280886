"""What a stack and its change sets have to remember, and how an operation on them runs.

Stands around MiniStack's handlers and its deployment: settings that those drop, names of stacks that are deleted and
made again, stacks in review, exports, stack policies for a single update.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.cloudformation.change_sets import count_metadata
from localcloud.ministack.cloudformation.events import Operation, StackEvents
from localcloud.ministack.cloudformation.policies import denial
from localcloud.ministack.cloudformation.schemas import recreation

Parameters = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

_REMEMBERED = ("NotificationARNs", "RoleARN", "RollbackConfiguration")


class Operations:
    """Stands around MiniStack's stack operations."""

    def __init__(self, modules: Mapping[str, ModuleType], events: StackEvents) -> None:
        self._events = events
        self._cloudformation: Any = modules["cloudformation"]
        self._handlers: Any = modules["handlers"]
        self._change_sets: Any = modules["changesets"]
        self._worker: Any = modules["stacks"]
        self._deploy: Callable[..., Any] = self._worker._deploy_stack_async
        self._outputs: Callable[..., Any] = self._worker._resolve_stack_outputs
        self._roll_back: Callable[..., Any] = self._worker._roll_back_operation
        self._delete: Callable[..., Any] = self._worker._delete_resource
        self._with_tags: Callable[..., dict[str, Any]] = self._worker._with_stack_tags
        self._tag_properties: Mapping[str, tuple[str, str]] = modules["provisioners"]._STACK_TAG_PROPERTY
        self._install()

    def _install(self) -> None:
        self._handlers._capabilities_enforced = lambda: True
        known = self._worker._property_recreation
        self._worker._property_recreation = lambda kind, name: recreation(kind, name) or known(kind, name)
        self._handlers._deploy_stack_async = self._change_sets._deploy_stack_async = self.deploy
        self._worker._with_stack_tags = self._tagged
        self._worker._resolve_stack_outputs = self.outputs
        self._worker._roll_back_operation = self._handlers._roll_back_operation = self.roll_back
        self._worker._delete_resource = self.delete_resource
        actions = self._handlers._ACTION_HANDLERS
        for name, around in (
            ("CreateStack", self.create_stack),
            ("UpdateStack", self.update_stack),
            ("DeleteStack", self.delete_stack),
            ("CreateChangeSet", self.create_change_set),
            ("ExecuteChangeSet", self.execute_change_set),
        ):
            actions[name] = _around(around, actions[name])
        for name in ("DeleteChangeSet", "DescribeChangeSet", "ListChangeSets"):
            actions[name] = _around(self.addressed_by_name, actions[name])

    def _tagged(self, type_name: str, properties: dict[str, Any], *rest: Any) -> dict[str, Any]:
        """``properties`` with the stack's tags; MiniStack puts right what is not a list of tags, AWS refuses it."""
        name, shape = self._tag_properties.get(type_name, ("", ""))
        own = properties.get(name)
        if own is not None and not isinstance(own, dict if shape == "map" else list):
            return properties
        return self._with_tags(type_name, properties, *rest)

    def addressed_by_name(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """Change sets are kept under the stack's name; callers may give its ARN."""
        self._name_for_arn(parameters)
        return original(parameters)

    def _name_for_arn(self, parameters: Parameters) -> None:
        given = self._handlers._p(parameters, "StackName")
        if given.startswith("arn:"):
            stack = self._handlers._resolve_stack(given)
            if stack is not None and stack.get("StackStatus") != "DELETE_COMPLETE":
                parameters["StackName"] = [stack["StackName"]]

    def create_stack(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """CreateStack keeps what a deleted stack of that name was, and takes over one in review."""
        name = self._handlers._p(parameters, "StackName")
        stacks = self._cloudformation._stacks
        with self._taking_over(name, self._handlers) as reviewed:
            response = original(parameters)
        if response[0] == 200:
            self._remember(stacks[name], parameters)
            stacks[name].pop("LastUpdatedTime", None)
            if reviewed is not None:
                for change_set in self._cloudformation._change_sets.values():
                    if change_set["StackId"] == reviewed["StackId"]:
                        change_set["ExecutionStatus"] = "OBSOLETE"
        return response

    @contextlib.contextmanager
    def _taking_over(self, name: str, module: Any) -> Iterator[dict[str, Any] | None]:
        """What is created inside the block gets the id of the stack ``name`` that is in review, which is yielded."""
        stacks, events = self._cloudformation._stacks, self._cloudformation._stack_events
        found = stacks.get(name)
        if found is not None and found["StackStatus"] == "DELETE_COMPLETE":
            stacks[found["StackId"]] = found  # it stays known by its id
            del stacks[name]
        if found is None or found["StackStatus"] != "REVIEW_IN_PROGRESS":
            yield None
            return
        stack_id = found["StackId"]
        told = list(events.get(stack_id) or ())
        ids, made = [stack_id.rpartition("/")[2]], module.new_uuid
        module.new_uuid = lambda: ids.pop() if ids else made()
        del stacks[name]
        try:
            yield found
        finally:
            module.new_uuid = made
            new = stacks.get(name)
            if new is None:
                stacks[name] = found
                events[stack_id] = told
            else:
                later = events.get(stack_id) or []
                if new["StackStatus"] == "REVIEW_IN_PROGRESS":
                    new["CreationTime"], later = found["CreationTime"], []
                events[stack_id] = told + later

    def _remember(self, record: dict[str, Any], parameters: Parameters) -> None:
        given = self._handlers._p
        topics = self._worker_members(parameters, "NotificationARNs")
        if topics or "NotificationARNs" in parameters:
            record["NotificationARNs"] = topics
        if given(parameters, "RoleARN"):
            record["RoleARN"] = given(parameters, "RoleARN")
        if given(parameters, "TimeoutInMinutes"):
            record["TimeoutInMinutes"] = int(given(parameters, "TimeoutInMinutes"))

    def _worker_members(self, parameters: Parameters, name: str) -> list[str]:
        found, position = [], 1
        while self._handlers._p(parameters, f"{name}.member.{position}"):
            found.append(self._handlers._p(parameters, f"{name}.member.{position}"))
            position += 1
        return found

    def update_stack(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """UpdateStack remembers its settings, and the policy that holds for this update alone."""
        stack = self._handlers._resolve_stack(self._handlers._p(parameters, "StackName"))
        acknowledged = list((stack or {}).get("Capabilities") or ())
        response = original(parameters)
        if response[0] == 200 and stack is not None:
            self._remember(stack, parameters)
            stack["Capabilities"] = stack["Capabilities"] or acknowledged
            stack.pop("ChangeSetId", None)
            during = self._handlers._p(parameters, "StackPolicyDuringUpdateBody")
            if during:
                stack["_policy_of_update"] = during
        return response

    def delete_stack(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """DeleteStack keeps the stack's change sets, which stay known by their ids."""
        change_sets = self._cloudformation._change_sets
        before = dict(change_sets.items())
        stack = self._handlers._resolve_stack(self._handlers._p(parameters, "StackName"))
        response = original(parameters)
        gone = {key: each for key, each in before.items() if key not in change_sets}
        if stack is not None and gone:
            stack.setdefault("_gone_change_sets", {}).update(gone)
        if stack is not None:
            stack.pop("ChangeSetId", None)
        return response

    def create_change_set(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """CreateChangeSet remembers its settings; several of type CREATE are of one stack in review."""
        self._name_for_arn(parameters)
        given = self._handlers._p
        name, change_sets = given(parameters, "StackName"), self._cloudformation._change_sets
        before = set(change_sets)
        self._forget_executed(name, given(parameters, "ChangeSetName"))
        creating = given(parameters, "ChangeSetType") == "CREATE"
        scope = self._taking_over(name, self._change_sets) if creating else contextlib.nullcontext()
        with scope:
            response = original(parameters)
        stack = self._cloudformation._stacks.get(name)
        for key in set(change_sets) - before:
            self._remember(change_sets[key], parameters)
            if not creating and stack is not None:
                count_metadata(change_sets[key], stack)
            nested = given(parameters, "IncludeNestedStacks").lower() == "true"
            change_sets[key]["IncludeNestedStacks"] = nested
        if creating and response[0] == 200 and stack is not None:
            stack.update(StackStatusReason="User Initiated", Tags=[])
            stack.pop("LastUpdatedTime", None)
            told = self._cloudformation._stack_events[stack["StackId"]]
            told[0]["ResourceStatusReason"] = "User Initiated"
        return response

    def _forget_executed(self, stack_name: str, name: str) -> None:
        """The name of a change set is free again when the change set has been executed."""
        key, found = self._change_sets._find_change_set(name, stack_name)
        stack = self._cloudformation._stacks.get(stack_name)
        if found is not None and stack is not None and found["ExecutionStatus"].startswith("EXECUTE_"):
            stack.setdefault("_gone_change_sets", {})[key] = self._cloudformation._change_sets.pop(key)

    def execute_change_set(self, original: Callable[[Parameters], Response], parameters: Parameters) -> Response:
        """ExecuteChangeSet leaves its mark on the stack."""
        self._name_for_arn(parameters)
        given = self._handlers._p
        _, found = self._change_sets._find_change_set(
            given(parameters, "ChangeSetName"), given(parameters, "StackName")
        )
        response = original(parameters)
        if response[0] == 200 and found is not None:
            stack = self._cloudformation._stacks.get(found["StackName"])
            if stack is not None:
                stack["ChangeSetId"] = found["ChangeSetId"]
                stack["StackStatusReason"] = ""
                stack.update({name: found[name] for name in _REMEMBERED if name in found})
                told = self._cloudformation._stack_events[stack["StackId"]]
                told[-1]["ResourceStatusReason"] = told[-1]["ResourceStatusReason"] or "User Initiated"
        return response

    async def deploy(
        self,
        stack_name: str,
        stack_id: str,
        template: dict[str, Any],
        values: dict[str, Any],
        disable_rollback: bool,
        tags: list[Any],
        is_update: bool = False,
        previous_stack: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """Create or update the resources of a stack."""
        stack = self._cloudformation._stacks[stack_name]
        stack["Description"] = template.get("Description", "")
        previous = (previous_stack or {}).get("_resources", {}) if is_update else {}
        if is_update:
            stack["DisableRollback"] = disable_rollback
        operation = Operation(stack_id, previous, is_update, disable_rollback)
        try:
            with self._events.of(operation):
                await self._deploy(
                    stack_name,
                    stack_id,
                    template,
                    values,
                    disable_rollback,
                    tags,
                    is_update=is_update,
                    previous_stack=previous_stack,
                    **settings,
                )
        finally:
            stack.pop("_policy_of_update", None)
            if stack["StackStatus"] == "UPDATE_COMPLETE":
                kept = {output.get("ExportName") for output in stack.get("Outputs", ())}
                exports = self._cloudformation._exports
                for name, export in list(exports.items()):
                    if export["StackId"] == stack_id and name not in kept:
                        del exports[name]

    def outputs(
        self,
        definitions: dict[str, Any],
        conditions: dict[str, bool],
        resources: dict[str, Any],
        values: dict[str, Any],
        mappings: dict[str, Any],
        stack_name: str,
        stack_id: str,
    ) -> tuple[list[Any], dict[str, Any]]:
        """The outputs of a stack; ValueError fails the operation after its resources, before anything is deleted."""
        listed, exports = self._outputs(definitions, conditions, resources, values, mappings, stack_name, stack_id)
        known, stacks = self._cloudformation._exports, self._cloudformation._stacks
        names = {stack["StackId"]: stack["StackName"] for stack in stacks.values()}
        for name in exports:
            owner = known.get(name)
            if owner is not None and owner["StackId"] != stack_id:
                raise ValueError(
                    f"Export with name {name} is already exported by stack {names.get(owner['StackId'], '')}"
                )
        for name, export in list(known.items()):
            if export["StackId"] == stack_id:
                new = exports.get(name)
                verb = "deleted" if new is None else "updated" if new["Value"] != export["Value"] else None
                importers = self.importers(name, stack_name) if verb else []
                if importers:
                    raise ValueError(f"Export {name} cannot be {verb} as it is in use by {' and '.join(importers)}")
        stack = stacks.get(stack_name)
        if stack is not None and stack["StackStatus"] == "UPDATE_IN_PROGRESS":
            self._start_cleanup(stack, resources)
        return listed, exports

    def importers(self, export: str, exporter: str) -> list[str]:
        """The stacks, apart from ``exporter``, that import ``export``."""
        return [
            stack["StackName"]
            for stack in list(self._cloudformation._stacks.values())
            if stack["StackName"] != exporter
            and stack["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
            and export in self._handlers._imported_export_names(stack, stack["StackName"])
        ]

    def _start_cleanup(self, stack: dict[str, Any], surviving: Mapping[str, Any]) -> None:
        """An update has done its work; what it drops is deleted now, if the stack's policy lets it."""
        policy = stack.get("_policy_of_update") or stack.get("_stack_policy") or ""
        for logical_id, resource in stack["_resources"].items():
            if logical_id not in surviving:
                denied = denial(policy, "Update:Delete", logical_id, resource["ResourceType"])
                if denied is not None:
                    event = (stack["StackId"], stack["StackName"], logical_id, resource["ResourceType"])
                    self._events.add(*event, "DELETE_FAILED", denied, resource["PhysicalResourceId"])
                    raise ValueError(denied)
        stack["StackStatus"] = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        self._events.add(
            stack["StackId"],
            stack["StackName"],
            stack["StackName"],
            "AWS::CloudFormation::Stack",
            stack["StackStatus"],
            physical_id=stack["StackId"],
        )

    def delete_resource(
        self,
        type_name: str,
        physical_id: str,
        properties: dict[str, Any],
        stack_name: str | None = None,
        logical_id: str | None = None,
    ) -> None:
        """Delete a resource; when an update drops it, its events are told, too."""
        stack = self._cloudformation._stacks.get(stack_name) or {}
        told = stack.get("StackStatus") == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" and logical_id is not None
        event = (stack.get("StackId", ""), stack_name, logical_id, type_name)
        if told:
            self._events.add(*event, "DELETE_IN_PROGRESS", "", physical_id)  # type: ignore[arg-type]  # told: not None
        self._delete(type_name, physical_id, properties, stack_name, logical_id)
        if told:
            self._events.add(*event, "DELETE_COMPLETE", "", physical_id)  # type: ignore[arg-type]

    async def roll_back(
        self,
        stack_name: str,
        stack_id: str,
        stack: dict[str, Any],
        operation: dict[str, Any],
        reason_override: str = "",
    ) -> None:
        """Undo a failed operation, with AWS's reason for it."""
        failed = operation.get("failed_logical_id")
        if not reason_override and not operation.get("cancelled") and not operation.get("is_update") and failed:
            reason_override = f"The following resource(s) failed to create: [{failed}]. Rollback requested by user."
        await self._roll_back(stack_name, stack_id, stack, operation, reason_override=reason_override)


def _around(
    around: Callable[[Callable[[Parameters], Response], Parameters], Response],
    original: Callable[[Parameters], Response],
) -> Callable[[Parameters], Response]:
    return lambda parameters: around(original, parameters)
