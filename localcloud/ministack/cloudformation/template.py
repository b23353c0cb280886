"""Whether a template is one that CloudFormation takes: its form, and what its parts refer to.

Wording: answers of AWS as LocalStack recorded them (test_validations.snapshot.json
and its neighbours), the user guide's "Template anatomy" (AWSCloudFormation/latest/UserGuide/template-anatomy.html), and
"Troubleshooting CloudFormation" (troubleshooting.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from localcloud.services import ServiceError

Template = dict[str, Any]

_ROOT = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Transform",
        "Resources",
        "Outputs",
        "Rules",
        "Hooks",
    ]
)
_RESOURCE = frozenset(
    [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "Metadata",
        "CreationPolicy",
        "DeletionPolicy",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    ]
)
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
_FUNCTIONS = frozenset(
    [
        "Base64",
        "Cidr",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "ImportValue",
        "Join",
        "Select",
        "Split",
        "Sub",
        "Transform",
        "If",
        "And",
        "Or",
        "Not",
        "Equals",
        "ForEach",
        "Length",
        "ToJsonString",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "RefAll",
        "ValueOf",
        "ValueOfAll",
    ]
)
PSEUDO = frozenset(
    f"AWS::{name}"
    for name in ["AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix"]
)
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def refuse(message: str) -> ServiceError:
    """The error with which CloudFormation refuses what it was sent."""
    return ServiceError("ValidationError", message)


def parsed(text: str, parse: Callable[[str], Any]) -> Template:
    """``text`` as ``parse`` (MiniStack's parser, which knows YAML's short functions) reads it.

    Raises
    ------
    ServiceError
        When it is neither JSON nor YAML, or not an object.
    """
    try:
        template = parse(text)
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno + 1})"
        raise refuse(f"Template format error: JSON not well-formed. {where}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise refuse(f"Template format error: YAML not well-formed.{where}") from None
    except (ValueError, yaml.YAMLError):
        raise refuse("Template format error: unsupported structure.") from None
    if not isinstance(template, dict):
        raise refuse("Template format error: unsupported structure.")
    return template


def check_form(template: Template) -> None:
    """Raise :class:`ServiceError` unless ``template``, as it was sent, has the sections and members of a template."""
    unknown = [str(name) for name in template if name not in _ROOT]
    if unknown:
        raise refuse(f"Invalid template property or properties [{', '.join(unknown)}]")
    if str(template.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        raise refuse("Template format error: unsupported value for AWSTemplateFormatVersion.")
    description = template.get("Description", "")
    if not isinstance(description, str):
        raise refuse("Template format error: every Description member must be a string.")
    resources = template.get("Resources")
    if resources is None or resources == {}:
        raise refuse("Template format error: At least one Resources member must be defined.")
    if not isinstance(resources, dict):
        raise refuse("Template format error: Any Resources member must be an object.")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs"):
        if not isinstance(template.get(section, {}), dict):
            raise refuse(f"Template format error: {section} must be an object.")
    null = _null(template, "")
    if null is not None:
        raise refuse(f"[{null}] 'null' values are not allowed in templates")


def _null(node: Any, path: str) -> str | None:
    if node is None:
        return path
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return next((found for key, child in children if (found := _null(child, f"{path}/{key}")) is not None), None)


def check_parts(template: Template) -> None:
    """Raise :class:`ServiceError` unless every resource, parameter and output of ``template`` is well formed.

    ``template`` has been through its transforms.
    """
    for section, noun in (("Parameters", "Parameter"), ("Resources", "Resource"), ("Outputs", "Output")):
        for name in template.get(section) or {}:
            if not re.fullmatch(r"[a-zA-Z0-9]+", str(name)):
                raise refuse(f"Template format error: {noun} name {name} is non alphanumeric.")
    for name, resource in template["Resources"].items():
        _check_resource(name, resource)
    for output in (template.get("Outputs") or {}).values():
        if not isinstance(output, dict) or "Value" not in output:
            raise refuse("Template format error: Every Outputs member must contain a Value object")
        unknown = output.keys() - {"Value", "Description", "Export", "Condition"}
        if unknown:
            raise refuse(f"Template format error: Invalid Outputs property : [{', '.join(sorted(unknown))}]")


def _check_resource(name: str, resource: Any) -> None:
    if not isinstance(resource, dict):
        raise refuse("Template format error: Any Resources member must be an object.")
    if not isinstance(resource.get("Type"), str):
        raise refuse(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.")
    unknown = next((key for key in resource if key not in _RESOURCE), None)
    if unknown is not None:
        raise refuse(f"Invalid template resource property '{unknown}'")
    if not isinstance(resource.get("Properties", {}), dict):
        raise refuse("Template format error: Every Properties member must be an object.")
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        value = resource.get(attribute)
        if isinstance(value, str) and value not in _POLICIES:
            raise refuse(f"Template format error: Unrecognized {attribute} {value} for resource {name}")


Reference = tuple[str, str, str | None]
"""How (``Ref``, ``Fn::GetAtt``, ``Fn::Sub``, ``Condition``, another function), to what, which attribute."""


def references(node: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[Reference]:
    """Every reference in ``node``; with ``conditions``, those in the branches of ``Fn::If`` that count."""
    if isinstance(node, list):
        for item in node:
            yield from references(item, conditions)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        alone = len(node) == 1
        if alone and key == "Ref" and isinstance(value, str):
            yield "Ref", value, None
        elif alone and key == "Fn::GetAtt":
            parts = value.split(".", 1) if isinstance(value, str) else value
            if isinstance(parts, list) and parts and isinstance(parts[0], str):
                attribute = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else None
                yield "Fn::GetAtt", parts[0], attribute
        elif alone and key == "Fn::Sub":
            yield from _substitutions(value, conditions)
        elif alone and key == "Fn::If" and isinstance(value, list) and len(value) == 3:
            yield "Condition", str(value[0]), None
            holds = None if conditions is None else conditions.get(str(value[0]))
            branches = value[1:] if holds is None else value[1:2] if holds else value[2:]
            yield from references(branches, conditions)
        else:
            if alone and isinstance(key, str) and key.startswith("Fn::"):
                yield key, "", None
            yield from references(value, conditions)


def _substitutions(value: Any, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    text, given = (value, {}) if not isinstance(value, list) else (*value, {})[:2]
    names = given if isinstance(given, dict) else {}
    for variable in _VARIABLE.findall(text) if isinstance(text, str) else ():
        name = variable.strip()
        if name not in names:
            base, _, attribute = name.partition(".")
            yield "Fn::Sub", base, attribute or None
    yield from references(list(names.values()), conditions)


def check_references(template: Template, conditions: Mapping[str, bool] | None = None) -> None:
    """Raise :class:`ServiceError` when something refers to what ``template`` does not have.

    Parameters
    ----------
    template : dict
        After its transforms.
    conditions : dict of bool, optional
        How the template's conditions came out. With it, what a false condition leaves out counts as missing.
    """
    declared = set(template.get("Conditions") or {})
    for name, expression in (template.get("Conditions") or {}).items():
        _check_condition(name, expression, template, declared)
    present = set(template["Resources"])
    if conditions is not None:
        present = {name for name, each in template["Resources"].items() if conditions.get(each.get("Condition"), True)}
    known = present | set(template.get("Parameters") or {}) | PSEUDO
    for name in present:
        condition = template["Resources"][name].get("Condition")
        if condition is not None and condition not in declared:
            raise refuse(
                f"Template format error: Unresolved condition dependency {condition} in the Resources block of the "
                "template"
            )
    parts = [
        (each.get("Properties"), each.get("Metadata"), each.get("UpdatePolicy"))
        for name, each in template["Resources"].items()
        if name in present
    ]
    _check_block([list(part) for part in parts], "Resources", known, present, declared, conditions)
    _check_dependencies(template, present)
    outputs = [
        [each.get("Value"), each.get("Export")]
        for each in (template.get("Outputs") or {}).values()
        if conditions is None or conditions.get(each.get("Condition"), True)
    ]
    for each in (template.get("Outputs") or {}).values():
        if each.get("Condition") is not None and each["Condition"] not in declared:
            raise refuse(
                f"Template format error: Unresolved condition dependency {each['Condition']} in the Outputs block of "
                "the template"
            )
    _check_block(outputs, "Outputs", known, present, declared, conditions)


def _check_condition(name: str, expression: Any, template: Template, declared: set[str]) -> None:
    parameters = set(template.get("Parameters") or {}) | PSEUDO
    unknown = [to for how, to, _ in references(expression) if how in ("Ref", "Fn::Sub") and to not in parameters]
    if unknown:
        raise refuse(
            f"Template format error: Unresolved dependencies [{', '.join(dict.fromkeys(unknown))}]. Cannot reference "
            "resources in the Conditions block of the template"
        )

    def named(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if len(node) == 1 and isinstance(node.get("Condition"), str):
                yield node["Condition"]
            for child in node.values():
                yield from named(child)
        elif isinstance(node, list):
            for child in node:
                yield from named(child)

    for other in named(expression):
        if other not in declared or other == name:
            raise refuse(
                f"Template format error: Unresolved condition dependency {other} in the Conditions block of the "
                "template"
            )


def _check_block(
    block: list[Any],
    title: str,
    known: set[str],
    resources: set[str],
    declared: set[str],
    conditions: Mapping[str, bool] | None,
) -> None:
    unresolved: dict[str, None] = {}
    for how, to, _ in references(block, conditions):
        if how == "Condition":
            if to not in declared:
                raise refuse(f"Template error: unresolved condition dependency {to} in Fn::If")
        elif how in ("Ref", "Fn::Sub"):
            if to not in known:
                unresolved[to] = None
        elif how == "Fn::GetAtt":
            if to not in resources:
                raise refuse(f"Template error: instance of Fn::GetAtt references undefined resource {to}")
        elif how.removeprefix("Fn::").partition("::")[0] not in _FUNCTIONS:
            raise refuse(f"Template format error: Unrecognized function {how}")
    if unresolved:
        prefix = "Template format error: " if title == "Resources" else ""
        names = ", ".join(unresolved)
        raise refuse(f"{prefix}Unresolved resource dependencies [{names}] in the {title} block of the template")


def _check_dependencies(template: Template, present: set[str]) -> None:
    """``DependsOn`` names resources of the template, and nothing waits for itself."""
    resources = template["Resources"]
    edges: dict[str, set[str]] = {}
    for name in present:
        raw = resources[name].get("DependsOn") or []
        listed = [raw] if isinstance(raw, str) else raw
        unknown = [each for each in listed if each not in resources]
        if unknown:
            raise refuse(
                f"Template format error: Unresolved resource dependencies [{', '.join(map(str, unknown))}] in the "
                "Resources block of the template"
            )
        used = {to for how, to, _ in references(resources[name].get("Properties")) if how != "Condition"}
        edges[name] = (used | set(listed)) & present
    while True:
        free = {name for name, needs in edges.items() if not needs & edges.keys()}
        if not free:
            break
        edges = {name: needs for name, needs in edges.items() if name not in free}
    if edges:
        raise refuse(f"Circular dependency between resources: [{', '.join(sorted(edges))}]")
