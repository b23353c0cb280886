"""Functions inside a template's conditions: MiniStack compares ``Fn::Join`` and its like unresolved.

AWS CloudFormation User Guide, "Condition functions": ``Fn::FindInMap``, ``Fn::Join``, ``Fn::Select``, ``Fn::Sub`` and
others may be used in conditions. The CDK's own bootstrap template joins a list to see whether it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

_CONDITIONS = frozenset({"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition"})


def resolve_functions(modules: Mapping[str, ModuleType]) -> None:
    """Have MiniStack compare what functions in conditions come to."""
    engine: Any = modules["engine"]
    original = engine._evaluate_conditions

    def evaluate(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
        mappings = template.get("Mappings") or {}

        def plain(value: Any) -> Any:
            if isinstance(value, list):
                return [plain(each) for each in value]
            if not isinstance(value, dict):
                return value
            name = next(iter(value), "")
            if name in _CONDITIONS:
                return {name: plain(value[name])}
            if name.startswith("Fn::"):
                return engine._resolve_refs(value, {}, params, {}, mappings, "", "")
            return value

        definitions = {name: plain(each) for name, each in (template.get("Conditions") or {}).items()}
        evaluated: dict[str, bool] = original({**template, "Conditions": definitions}, params)
        return evaluated

    for name in ("engine", "changesets", "handlers", "stacks"):
        modules[name]._evaluate_conditions = evaluate  # type: ignore[attr-defined]  # given as ModuleType
