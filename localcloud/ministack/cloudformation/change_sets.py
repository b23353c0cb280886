"""Change sets of MiniStack's CloudFormation: a change of outputs alone is a change.

MiniStack compares resources and nothing else, so it fails such a change set as empty. On AWS it is made, lists no
resource, and executing it brings the new outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.cloudformation.template import references

_EMPTY = "didn't contain changes"


def count_outputs(modules: Mapping[str, ModuleType]) -> None:
    """Let CreateChangeSet see outputs."""
    cloudformation: Any = modules["cloudformation"]
    actions: Any = modules["handlers"]
    original: Callable[[Any], Any] = actions._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        known = set(cloudformation._change_sets)
        answer = original(parameters)
        for change_set_id in set(cloudformation._change_sets) - known:
            _correct(cloudformation._change_sets[change_set_id], list(cloudformation._stacks.values()))
        return answer

    actions._ACTION_HANDLERS["CreateChangeSet"] = create


def _correct(change_set: dict[str, Any], stacks: list[dict[str, Any]]) -> None:
    if change_set["ChangeSetType"] != "UPDATE" or _EMPTY not in change_set["StatusReason"]:
        return
    stack = next((item for item in stacks if item.get("StackId") == change_set["StackId"]), None)
    if stack is not None and _outputs_differ(stack, change_set):
        change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")


def _outputs_differ(stack: Mapping[str, Any], change_set: Mapping[str, Any]) -> bool:
    outputs = change_set["_template"].get("Outputs", {})
    if outputs != stack["_template"].get("Outputs", {}):
        return True
    old, new = stack.get("_resolved_params", {}), change_set["_resolved_params"]
    changed = [name for name, value in new.items() if old.get(name, {}).get("Value") != value.get("Value")]
    text = json.dumps(outputs, default=str)
    return any(f'"Ref": "{name}"' in text or f"${{{name}}}" in text for name in changed)


def count_metadata(change_set: dict[str, Any], stack: Mapping[str, Any]) -> None:
    """Let ``change_set`` show the metadata of resources that change with a parameter.

    MiniStack compares metadata as it is written, not what it comes to.
    """
    old, new = stack.get("_resolved_params") or {}, change_set["_resolved_params"]
    changed = {name for name, value in new.items() if old.get(name, {}).get("Value") != value.get("Value")}
    for change in change_set["Changes"]:
        resource = change["ResourceChange"]
        definition = change_set["_template"]["Resources"].get(resource["LogicalResourceId"], {})
        used = [name for how, name, _ in references(definition.get("Metadata")) if how == "Ref" and name in changed]
        if resource["Action"] != "Modify" or not used or "Metadata" in resource["Scope"]:
            continue
        resource["Scope"].insert(0, "Metadata")
        target = {"Attribute": "Metadata", "RequiresRecreation": "Never"}
        causes = [
            {"Target": target, "Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": name}
            for name in dict.fromkeys(used)
        ]
        direct = {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"}
        resource["Details"][:0] = [*causes, direct]
