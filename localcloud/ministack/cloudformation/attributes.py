"""``Fn::GetAtt`` with an attribute that a parameter names; MiniStack takes the reference for the attribute's name.

"For the Fn::GetAtt attribute name, you can use the Ref function":
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getatt.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def resolve_attribute_names(modules: Mapping[str, ModuleType]) -> None:
    """Have MiniStack see the names of attributes."""
    worker: Any = modules["stacks"]
    original: Callable[..., Any] = worker._resolve_refs

    def resolve(value: Any, resources: Any, parameters: Mapping[str, Any], *rest: Any) -> Any:
        return original(named(value, parameters), resources, parameters, *rest)

    worker._resolve_refs = resolve


def named(node: Any, parameters: Mapping[str, Any]) -> Any:
    """``node`` with the names of attributes in place of references to ``parameters``."""
    if isinstance(node, list):
        return [named(each, parameters) for each in node]
    if not isinstance(node, dict):
        return node
    wanted = node.get("Fn::GetAtt")
    if len(node) == 1 and isinstance(wanted, list) and len(wanted) == 2 and isinstance(wanted[1], dict):
        value = parameters.get(str(wanted[1].get("Ref")))
        return {"Fn::GetAtt": [wanted[0], value["Value"]]} if value else node
    return {key: named(each, parameters) for key, each in node.items()}
