"""Which filter policies SNS takes.

Rules and wording: Amazon SNS Developer Guide, "Filter policy constraints", "String value matching" and "Numeric value
matching", and the answers recorded on AWS in LocalStack's ``tests/aws/services/sns/test_sns_filter_policy.py``.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.sns.json_errors import complaint

MAX_KEYS = 5
MAX_COMBINATIONS = 150
MAX_BYTES = 262_144
_MAX_NUMBER = 1e9
_RESERVED = frozenset(
    {"anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"}
)


class FilterPolicyError(ValueError):
    """SNS does not take a filter policy. The message is AWS's, without what stands before it."""


def check(text: str, scope: str) -> None:
    """Whether SNS takes ``text`` as the filter policy of a subscription.

    Parameters
    ----------
    text : str
        The attribute ``FilterPolicy``.
    scope : str
        ``MessageAttributes`` or ``MessageBody``.

    Raises
    ------
    FilterPolicyError
        With AWS's words.
    """
    if len(text.encode()) > MAX_BYTES:
        raise FilterPolicyError("FilterPolicy: Filter policy is too large")
    try:
        policy = json.loads(text)
    except json.JSONDecodeError as error:
        raise FilterPolicyError(f"FilterPolicy: failed to parse JSON. {complaint(text, error)}") from None
    if not isinstance(policy, dict):
        raise FilterPolicyError("FilterPolicy: Filter is not an object")
    _check_object(policy)
    if scope == "MessageAttributes" and _nested(policy):
        raise FilterPolicyError("Filter policy scope MessageAttributes does not support nested filter policy")
    if len(set(_parents(policy))) > MAX_KEYS:
        raise FilterPolicyError(f"FilterPolicy: Filter policy can not have more than {MAX_KEYS} keys")
    combinations = sum(_product(alternative) for alternative in _alternatives(policy, 1))
    if combinations > MAX_COMBINATIONS:
        raise FilterPolicyError("FilterPolicy: Filter policy is too complex")


def is_or(key: str, value: Any) -> bool:
    """Whether ``key`` is the operator ``$or`` and not the name of a property.

    It is one when its value is an array of two or more objects that have no reserved word as a key ("OR operator across
    attributes").
    """
    return (
        key == "$or"
        and isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(each, dict) and not _RESERVED & each.keys() for each in value)
    )


def _check_object(policy: dict[str, Any]) -> None:
    for key, value in policy.items():
        if is_or(key, value):
            for each in value:
                _check_object(each)
        elif isinstance(value, dict):
            if not value:
                raise FilterPolicyError("FilterPolicy: Empty objects are not allowed")
            _check_object(value)
        elif isinstance(value, list):
            if not value:
                raise FilterPolicyError("FilterPolicy: Empty arrays are not allowed")
            for each in value:
                _check_rule(each)
        else:
            raise FilterPolicyError(f'FilterPolicy: "{key}" must be an object or an array')


def _check_rule(value: Any) -> None:
    if isinstance(value, list):
        raise FilterPolicyError("FilterPolicy: Match value must be String, number, true, false, or null")
    if not isinstance(value, dict):
        _check_number(value)
        return
    if len(value) != 1:
        raise FilterPolicyError("FilterPolicy: Only one key allowed in match expression")
    ((operator, operand),) = value.items()
    checks: dict[str, Callable[[Any], None]] = {
        "anything-but": _check_anything_but,
        "cidr": _check_cidr,
        "exists": _check_exists,
        "numeric": _check_numeric,
    }
    if operator in checks:
        checks[operator](operand)
    elif operator in _RESERVED:
        _check_string(operator, operand)
    else:
        raise FilterPolicyError(f"FilterPolicy: Unrecognized match type {operator}")


def _check_string(operator: str, operand: Any) -> None:
    if not isinstance(operand, str):
        raise FilterPolicyError(f"FilterPolicy: {operator} match pattern must be a string")


def _check_exists(operand: Any) -> None:
    if not isinstance(operand, bool):
        raise FilterPolicyError("FilterPolicy: exists match pattern must be either true or false.")


def _check_anything_but(operand: Any) -> None:
    if isinstance(operand, dict):
        operator = next(iter(operand), "")
        if operator not in ("prefix", "wildcard") or len(operand) != 1:
            raise FilterPolicyError(f"FilterPolicy: Unsupported anything-but pattern: {operator}")
        _check_string(operator, operand[operator])
        return
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise FilterPolicyError("FilterPolicy: Empty arrays are not allowed")
    strings = [isinstance(each, str) for each in values]
    if not all(strings) and (any(strings) or not all(is_number(each) for each in values)):
        raise FilterPolicyError(
            "FilterPolicy: Inside anything but list, either all values are number or string, "
            "mixed type is not supported"
        )
    for each in values:
        _check_number(each)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_number(value: Any) -> None:
    if is_number(value) and abs(value) > _MAX_NUMBER:
        raise FilterPolicyError(f"FilterPolicy: Value must be between -1.0E9 and 1.0E9, but is {value}")


def _check_cidr(operand: Any) -> None:
    if not isinstance(operand, str):
        raise FilterPolicyError("FilterPolicy: prefix match pattern must be a string")
    address, slash, bits = operand.partition("/")
    if not slash or "/" in bits:
        raise FilterPolicyError("FilterPolicy: Malformed CIDR, one '/' required")
    if not bits.isdecimal():
        raise FilterPolicyError("FilterPolicy: Malformed CIDR, mask bits must be an integer")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise FilterPolicyError(f"FilterPolicy: Nonstandard IP address: {address}") from None
    if int(bits) > (32 if version == 4 else 128):
        raise FilterPolicyError("FilterPolicy: Malformed CIDR, mask bits must not be greater than the address")


def _check_numeric(operand: Any) -> None:
    """``["=", 1]``, ``[">", 1]`` or ``[">", 1, "<=", 5]``, in the order in which AWS reads it."""
    if not isinstance(operand, list):
        raise FilterPolicyError("FilterPolicy: Value of numeric must be an array.")
    if not operand or not isinstance(operand[0], str):
        shown = json.dumps(operand[0]) if operand else "]"
        raise FilterPolicyError(f"FilterPolicy: Invalid member in numeric match: {shown}")
    operator = operand[0]
    if operator not in ("=", "<", "<=", ">", ">="):
        raise FilterPolicyError(f"FilterPolicy: Unrecognized numeric range operator: {operator}")
    bottom = _numeric_value(operand, 1, "equals" if operator == "=" else operator)
    if len(operand) == 2:
        return
    if operator in ("=", "<", "<="):
        raise FilterPolicyError("FilterPolicy: Too many elements in numeric expression")
    second = operand[2]
    if not isinstance(second, str):
        raise FilterPolicyError(f"FilterPolicy: Bad value in numeric range: {json.dumps(second)}")
    if second not in ("<", "<="):
        raise FilterPolicyError(f"FilterPolicy: Bad numeric range operator: {second}")
    if _numeric_value(operand, 3, second) <= bottom:
        raise FilterPolicyError("FilterPolicy: Bottom must be less than top")
    if len(operand) > 4:
        raise FilterPolicyError("FilterPolicy: Too many terms in numeric range expression")


def _numeric_value(operand: list[Any], at: int, operator: str) -> float:
    if len(operand) <= at or not is_number(operand[at]):
        raise FilterPolicyError(f"FilterPolicy: Value of {operator} must be numeric")
    _check_number(operand[at])
    return float(operand[at])


def _nested(policy: dict[str, Any]) -> bool:
    return any(
        any(_nested(each) for each in value) if is_or(key, value) else isinstance(value, dict)
        for key, value in policy.items()
    )


def _parents(policy: dict[str, Any]) -> Iterator[str]:
    """The names that count: for a nested policy, only its parent keys."""
    for key, value in policy.items():
        if is_or(key, value):
            for each in value:
                yield from _parents(each)
        else:
            yield key


def _alternatives(policy: dict[str, Any], depth: int) -> list[list[int]]:
    """For each way to choose among the ``$or``, how many combinations each key is worth: depth times values."""
    found: list[list[int]] = [[]]
    for key, value in policy.items():
        if is_or(key, value):
            these = [choice for each in value for choice in _alternatives(each, depth)]
        elif isinstance(value, dict):
            these = _alternatives(value, depth + 1)
        else:
            these = [[depth * len(value)]]
        found = [[*one, *other] for one in found for other in these]
        if len(found) > MAX_COMBINATIONS:
            raise FilterPolicyError("FilterPolicy: Filter policy is too complex")
    return found


def _product(factors: list[int]) -> int:
    result = 1
    for factor in factors:
        result *= factor
    return result
