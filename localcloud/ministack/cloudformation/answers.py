"""Answers in AWS's shape where MiniStack's have another: members that are empty, missing, or in another order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.cloudformation.requests import Requests
from localcloud.ministack.cloudformation.schemas import identifier
from localcloud.ministack.cloudformation.template import Template, refuse
from localcloud.rules import Call, Rulebook

Answer = dict[str, Any]
_PAGE = 100


class Answers:
    """Operations that are answered here, from what MiniStack keeps."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, requests: Requests) -> None:
        self._requests = requests
        self._cloudformation: Any = modules["cloudformation"]
        self._engine: Any = modules["engine"]
        self._handlers: Any = modules["handlers"]
        for operation, answer in (
            ("DescribeStacks", self._describe_stacks),
            ("DescribeChangeSet", self._describe_change_set),
            ("DescribeStackEvents", self._describe_stack_events),
            ("GetTemplateSummary", self._template_summary),
            ("ValidateTemplate", self._validate_template),
        ):
            rules.add("cloudformation", operation, answer)

    def _describe_stacks(self, call: Call) -> Answer:
        name = call.parameters.get("StackName")
        if name:
            stack = self._requests.stack(str(name))
            if stack is None:
                raise refuse(f"Stack with id {name} does not exist")
            return {"Stacks": [_stack(stack)]}
        alive = [
            stack for stack in list(self._cloudformation._stacks.values()) if stack["StackStatus"] != "DELETE_COMPLETE"
        ]
        page, more = _page(alive, call)
        return {"Stacks": [_stack(stack) for stack in page], **more}

    def _describe_change_set(self, call: Call) -> Answer:
        request = call.parameters
        found = self._requests.change_set(str(request["ChangeSetName"]), str(request.get("StackName", "")))
        secret = {
            name
            for name, definition in (found["_template"].get("Parameters") or {}).items()
            if str(definition.get("NoEcho", "")).lower() == "true"
        }
        answer: Answer = {
            "ChangeSetName": found["ChangeSetName"],
            "ChangeSetId": found["ChangeSetId"],
            "StackId": found["StackId"],
            "StackName": found["StackName"],
            "CreationTime": found["CreationTime"],
            "ExecutionStatus": found["ExecutionStatus"],
            "Status": found["Status"],
            "NotificationARNs": found.get("NotificationARNs", []),
            "RollbackConfiguration": found.get("RollbackConfiguration", {}),
            "Capabilities": found.get("Capabilities", []),
            "Changes": [_change(change) for change in found.get("Changes") or ()],
            "IncludeNestedStacks": found.get("IncludeNestedStacks", False),
        }
        for name in ("Description", "StatusReason", "OnStackFailure", "ImportExistingResources", "Tags"):
            if found.get(name):
                answer[name] = found[name]
        if found.get("Parameters"):
            answer["Parameters"] = [
                _value({**each, "NoEcho": each["ParameterKey"] in secret}, found) for each in found["Parameters"]
            ]
        if "Tags" in answer:
            answer["Tags"] = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in answer["Tags"]]
        return answer

    def _describe_stack_events(self, call: Call) -> Answer:
        stack = self._requests.stack(str(call.parameters["StackName"]))
        told = self._cloudformation._stack_events.get(stack["StackId"], []) if stack is not None else []
        newest_first = sorted(enumerate(told), key=lambda pair: (pair[1]["Timestamp"], pair[0]), reverse=True)
        page, more = _page([event for _, event in newest_first], call)
        optional = ("ResourceStatusReason", "ResourceProperties", "ClientRequestToken", "DetailedStatus")
        events = [{name: value for name, value in event.items() if value or name not in optional} for event in page]
        return {"StackEvents": events, **more}

    def _template_summary(self, call: Call) -> Answer:
        request = call.parameters
        template = self._requests.template(request)
        if template is None:
            stack = self._requests.stack(str(request["StackName"])) or {}
            template = self._engine._parse_template(stack.get("_template_body", "{}"))
        whole = template.get("Transform")
        resources = {} if whole else template["Resources"]
        kinds: dict[str, list[str]] = {}
        for name, resource in resources.items():
            kinds.setdefault(str(resource.get("Type")), []).append(name)
        answer: Answer = {
            "Parameters": [_declared(name, each, summary=True) for name, each in _parameters(template)],
            "ResourceTypes": [str(resource.get("Type")) for resource in resources.values()],
            "ResourceIdentifierSummaries": [_identified(kind, names) for kind, names in kinds.items()],
            "Version": str(template.get("AWSTemplateFormatVersion", "2010-09-09")),
            **self._common(template),
        }
        if "Metadata" in template:
            answer["Metadata"] = str(template["Metadata"])
        answer["ResourceTypes"] = list(dict.fromkeys(answer["ResourceTypes"]))
        return answer

    def _validate_template(self, call: Call) -> Answer | None:
        template = self._requests.template(call.parameters)
        if template is None:
            return None
        try:
            self._engine.validate_template_support(template, {})
        except ValueError as error:
            raise refuse(str(error)) from None
        parameters = [_declared(name, each, summary=False) for name, each in _parameters(template)]
        return {"Parameters": parameters, **self._common(template)}

    def _common(self, template: Template) -> Answer:
        capabilities, types = self._handlers._required_capabilities(template, strict=True)
        answer: Answer = {}
        if template.get("Description"):
            answer["Description"] = template["Description"]
        if capabilities:
            answer["Capabilities"] = capabilities
        if types:
            answer["CapabilitiesReason"] = f"The following resource(s) require capabilities: [{', '.join(types)}]"
        transforms = self._engine.declared_transforms(template)
        if transforms:
            answer["DeclaredTransforms"] = transforms
        return answer


def _page(items: list[Any], call: Call) -> tuple[list[Any], Answer]:
    token = call.parameters.get("NextToken")
    tagged, _, offset = str(token or f"{call.operation}:0").partition(":")
    if tagged != call.operation or not offset.isdigit():
        raise refuse("Invalid NextToken")
    end = int(offset) + _PAGE
    return items[int(offset) : end], {"NextToken": f"{call.operation}:{end}"} if end < len(items) else {}


def _stack(stack: Mapping[str, Any]) -> Answer:
    template = stack.get("_template") or {}
    description = template.get("Description", "") if template else stack.get("Description", "")
    drift = stack.get("DriftInformation") or {"StackDriftStatus": "NOT_CHECKED"}
    answer: Answer = {
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "CreationTime": stack["CreationTime"],
        "RollbackConfiguration": stack.get("RollbackConfiguration", {}),
        "StackStatus": stack["StackStatus"],
        "DisableRollback": bool(stack.get("DisableRollback", False)),
        "NotificationARNs": stack.get("NotificationARNs", []),
        "Tags": [{"Key": tag["Key"], "Value": tag["Value"]} for tag in stack.get("Tags") or ()],
        "DriftInformation": drift,
        "Description": description,
    }
    if stack["StackStatus"] != "DELETE_COMPLETE":
        answer["EnableTerminationProtection"] = bool(stack.get("EnableTerminationProtection", False))
    for name in ("ChangeSetId", "DeletionTime", "LastUpdatedTime", "RoleARN", "TimeoutInMinutes", "DeletionMode"):
        answer[name] = stack.get(name)
    answer.update(StackStatusReason=stack.get("StackStatusReason"), Capabilities=stack.get("Capabilities"))
    for name in ("ParentId", "RootId"):
        answer[name] = stack.get(name)
    answer["Parameters"] = [_value(each, stack) for each in stack.get("Parameters") or ()]
    answer["Outputs"] = [_output(each) for each in stack.get("Outputs") or ()]
    kept = ("RollbackConfiguration", "NotificationARNs", "Tags", "DisableRollback", "EnableTerminationProtection")
    return {name: value for name, value in answer.items() if value or name in kept}


def _value(parameter: Mapping[str, Any], stack: Mapping[str, Any]) -> Answer:
    name = parameter["ParameterKey"]
    value = "****" if parameter.get("NoEcho") else str(parameter.get("ParameterValue", ""))
    resolved = (stack.get("_resolved_params") or {}).get(name) or {}
    if isinstance(resolved, Mapping) and "SsmName" in resolved:
        return {"ParameterKey": name, "ParameterValue": resolved["SsmName"], "ResolvedValue": value}
    return {"ParameterKey": name, "ParameterValue": value}


def _output(output: Mapping[str, Any]) -> Answer:
    return {name: str(value) for name, value in output.items() if value != "" or name == "OutputValue"}


def _change(change: Mapping[str, Any]) -> Answer:
    resource = change["ResourceChange"]
    known = (
        "Action",
        "LogicalResourceId",
        "PhysicalResourceId",
        "ResourceType",
        "Replacement",
        "PolicyAction",
    )
    kept = {name: resource[name] for name in known if resource.get(name)}
    details = sorted(resource.get("Details", []), key=lambda each: each.get("ChangeSource") == "DirectModification")
    return {
        "Type": "Resource",
        "ResourceChange": {**kept, "Scope": resource.get("Scope", []), "Details": details},
    }


def _parameters(template: Template) -> list[tuple[str, Mapping[str, Any]]]:
    return list((template.get("Parameters") or {}).items())


def _declared(name: str, definition: Mapping[str, Any], *, summary: bool) -> Answer:
    answer: Answer = {
        "ParameterKey": name,
        "NoEcho": str(definition.get("NoEcho", "false")).lower() == "true",
    }
    if "Default" in definition:
        default = definition["Default"]
        answer["DefaultValue"] = default if isinstance(default, str) else json.dumps(default)
    if definition.get("Description"):
        answer["Description"] = definition["Description"]
    if summary:
        allowed = definition.get("AllowedValues")
        answer["ParameterType"] = definition["Type"]
        answer["ParameterConstraints"] = {"AllowedValues": [str(each) for each in allowed]} if allowed else {}
    return answer


def _identified(kind: str, names: list[str]) -> Answer:
    answer: Answer = {"ResourceType": kind, "LogicalResourceIds": names}
    known = identifier(kind)
    if known:
        answer["ResourceIdentifiers"] = list(known)
    return answer
