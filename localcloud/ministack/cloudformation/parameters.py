"""Whether the parameters of a request fit a template's.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html; wording from answers
recorded on AWS (LocalStack: test_no_parameters_given) and from AWS re:Post.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.ministack.cloudformation.template import Template, refuse

_MEMBERS = frozenset(
    [
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    ]
)
_PLAIN = ("String", "Number", "List<Number>", "List<String>", "CommaDelimitedList")
_OF_AWS = re.compile(r"(List<)?AWS::[A-Za-z0-9]+::[A-Za-z0-9:]+(<.+>)?>?")
Given = list[dict[str, Any]]


def check_definitions(template: Template) -> None:
    """Raise :class:`ServiceError` unless the parameters of ``template`` are declared as AWS wants it."""
    for name, definition in (template.get("Parameters") or {}).items():
        if not isinstance(definition, dict) or "Type" not in definition:
            raise refuse("Template format error: Every Parameters object must contain a Type member.")
        unknown = next((key for key in definition if key not in _MEMBERS), None)
        if unknown is not None:
            raise refuse(f"Invalid template parameter property '{unknown}'")
        kind = str(definition["Type"])
        if kind not in _PLAIN and not _OF_AWS.fullmatch(kind):
            raise refuse(f"Template format error: Unrecognized parameter type: {kind}")
        if "AllowedPattern" in definition:
            try:
                re.compile(str(definition["AllowedPattern"]))
            except re.error:
                raise refuse(f"Template format error: Parameter '{name}' has an invalid AllowedPattern") from None


def check_values(template: Template, given: Given, previous: Mapping[str, Any] | None = None) -> None:
    """Raise :class:`ServiceError` unless ``given`` are values for the parameters of ``template``.

    Parameters
    ----------
    template : dict
    given : list of dict
        The request's ``Parameters``.
    previous : dict, optional
        The parameters of the stack that is updated, by name.
    """
    definitions = template.get("Parameters") or {}
    by_name = {str(each.get("ParameterKey")): each for each in given}
    unknown = [name for name in by_name if name not in definitions]
    if unknown:
        raise refuse(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for name, each in by_name.items():
        if each.get("UsePreviousValue") and name not in (previous or {}):
            raise refuse(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key "
                "not in the previous template"
            )
    missing = [
        name
        for name, definition in definitions.items()
        if "Default" not in definition
        and not by_name.get(name, {}).get("UsePreviousValue")
        and by_name.get(name, {}).get("ParameterValue") is None
    ]
    if missing:
        raise refuse(f"Parameters: [{', '.join(missing)}] must have values")
    for name, definition in definitions.items():
        if by_name.get(name, {}).get("UsePreviousValue"):
            continue
        value = by_name.get(name, {}).get("ParameterValue")
        _check_value(name, definition, str(definition.get("Default") if value is None else value))


def _check_value(name: str, definition: Mapping[str, Any], value: str) -> None:
    kind = str(definition["Type"])
    many = kind.startswith("List<") or kind == "CommaDelimitedList"
    members = [member.strip() for member in value.split(",")] if many else [value]
    problem = _constraint(definition, kind, members)
    if problem is None:
        return
    if definition.get("ConstraintDescription"):
        problem = f"failed to satisfy constraint: {definition['ConstraintDescription']}"
    raise refuse(f"Parameter '{name}' {problem}")


def _constraint(definition: Mapping[str, Any], kind: str, members: list[str]) -> str | None:
    """What the first member that does not fit must be."""
    numeric = kind in ("Number", "List<Number>")
    if numeric and not all(_is_number(member) for member in members):
        return "must be a number" if kind == "Number" else "must be a list of numbers"
    allowed = definition.get("AllowedValues")
    if allowed and any(member not in [str(each) for each in allowed] for member in members):
        return "must be one of AllowedValues"
    pattern = definition.get("AllowedPattern")
    if pattern is not None and not numeric and not all(re.fullmatch(str(pattern), member) for member in members):
        return f"must match pattern {pattern}"
    if numeric:
        low, high = definition.get("MinValue"), definition.get("MaxValue")
        if low is not None and any(float(member) < float(low) for member in members):
            return f"must be a number not less than {low}"
        if high is not None and any(float(member) > float(high) for member in members):
            return f"must be a number not greater than {high}"
    elif kind == "String":
        shortest, longest = definition.get("MinLength"), definition.get("MaxLength")
        if shortest is not None and len(members[0]) < int(shortest):
            return f"must contain at least {shortest} characters"
        if longest is not None and len(members[0]) > int(longest):
            return f"must contain at most {longest} characters"
    return None


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", text))
