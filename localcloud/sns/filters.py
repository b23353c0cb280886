"""Which messages a filter policy lets pass.

Amazon SNS Developer Guide, "Message filtering": "String value matching", "Numeric value matching", "AND/OR logic", "Key
matching". A message body is read as AWS's own example for S3 events is (the blog "Introducing payload-based message
filtering for Amazon SNS"): arrays are looked into, and the properties that match must be those of one element.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.sns.filter_policies import is_number, is_or

Place = frozenset[tuple[int, int]]
Fields = Mapping[str, list[tuple[Any, Place]]]
"""The leaves of a message by their path, each with the elements of arrays in which it is: (array, index)."""
Condition = tuple[str, list[Any]]


def passes(policy: str, scope: str, message: str, attributes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a subscription with ``policy`` gets a message.

    Parameters
    ----------
    policy : str
        The attribute ``FilterPolicy``; empty when there is none.
    scope : str
        ``MessageAttributes`` or ``MessageBody``.
    message : str
        As this subscription would get it.
    attributes : mapping
        The message's attributes, as Publish takes them.
    """
    rules = json.loads(policy) if policy else {}
    if not rules:
        return True
    if scope == "MessageBody":
        try:
            body = json.loads(message)
        except ValueError:
            return False
        if not isinstance(body, dict):
            return False
        fields = _fields_of_body(body)
    else:
        fields = _fields_of_attributes(attributes)
    if not fields:  # even {"exists": false} needs a property to be there
        return False
    return any(_all_met(conditions, fields) for conditions in _alternatives(rules, ""))


def _alternatives(policy: Mapping[str, Any], path: str) -> list[list[Condition]]:
    """The ways to meet ``policy``: for each way to choose among its ``$or``, the conditions to be met together."""
    found: list[list[Condition]] = [[]]
    for key, value in policy.items():
        if is_or(key, value):
            these = [choice for each in value for choice in _alternatives(each, path)]
        elif isinstance(value, dict):
            these = _alternatives(value, f"{path}{key}.")
        else:
            these = [[(f"{path}{key}", value)]]
        found = [[*one, *other] for one, other in itertools.product(found, these)]
    return found


def _fields_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Fields:
    """String, String.Array and Number: SNS compares no others ("Filter policy constraints")."""
    fields: dict[str, list[tuple[Any, Place]]] = {}
    for name, attribute in attributes.items():
        kind, text = str(attribute.get("DataType")), attribute.get("StringValue", "")
        if kind.startswith("Binary"):
            continue
        values: list[Any] = [text]
        if kind == "String.Array":
            values = _array(text)
        elif kind.startswith("Number"):
            values = [float(text)]
        fields[name] = [(value, frozenset()) for value in values]
    return fields


def _array(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError:
        return [text]
    return values if isinstance(values, list) else [text]


def _fields_of_body(body: Mapping[str, Any]) -> Fields:
    fields: dict[str, list[tuple[Any, Place]]] = defaultdict(list)
    arrays = itertools.count()

    def walk(value: Any, path: str, place: Place) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}.{key}" if path else key, place)
        elif isinstance(value, list):
            array = next(arrays)
            for index, item in enumerate(value):
                walk(item, path, place | {(array, index)})
        else:
            fields[path].append((value, place))

    walk(body, "", frozenset())
    return fields


def _all_met(conditions: list[Condition], fields: Fields, within: Place = frozenset()) -> bool:
    """Whether all conditions are met by leaves that do not stand in different elements of one array."""
    if not conditions:
        return True
    (path, rules), rest = conditions[0], conditions[1:]
    for place in _matching_places(rules, fields.get(path, [])):
        if _together(within, place) and _all_met(rest, fields, within | place):
            return True
    return False


def _matching_places(rules: list[Any], leaves: list[tuple[Any, Place]]) -> Iterator[Place]:
    if not leaves and any(isinstance(rule, dict) and rule.get("exists") is False for rule in rules):
        yield frozenset()
    for value, place in leaves:
        if any(_matches(value, rule) for rule in rules):
            yield place


def _together(one: Place, other: Place) -> bool:
    indexes = dict(one)
    return all(indexes.get(array, index) == index for array, index in other)


def _matches(value: Any, rule: Any) -> bool:
    if not isinstance(rule, dict):
        return _same(value, rule)
    ((operator, operand),) = rule.items()
    if operator == "exists":
        return bool(operand) and value not in ("", None)
    if operator == "anything-but":
        if isinstance(operand, dict):
            return isinstance(value, str) and not _matches(value, operand)
        excluded = operand if isinstance(operand, list) else [operand]
        return not any(_same(value, each) for each in excluded)
    if operator == "numeric":
        return is_number(value) and _in_range(float(value), operand)
    return isinstance(value, str) and _string_matches(value, operator, operand)


def _same(value: Any, wanted: Any) -> bool:
    if is_number(value) and is_number(wanted):
        return round(float(value), 5) == round(float(wanted), 5)
    return type(value) is type(wanted) and bool(value == wanted)


def _in_range(value: float, terms: list[Any]) -> bool:
    met: dict[str, Callable[[float], bool]] = {
        "=": lambda bound: round(value, 5) == round(float(bound), 5),
        "<": lambda bound: value < bound,
        "<=": lambda bound: value <= bound,
        ">": lambda bound: value > bound,
        ">=": lambda bound: value >= bound,
    }
    return all(met[operator](bound) for operator, bound in zip(terms[::2], terms[1::2], strict=True))


def _string_matches(value: str, operator: str, operand: str) -> bool:
    if operator == "prefix":
        return value.startswith(operand)
    if operator == "suffix":
        return value.endswith(operand)
    if operator == "equals-ignore-case":
        return value.casefold() == operand.casefold()
    if operator == "wildcard":
        return re.fullmatch(".*".join(re.escape(part) for part in operand.split("*")), value, re.DOTALL) is not None
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    except ValueError:
        return False
