"""What two recordings can be held against each other by: shapes, states, words without identifiers."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_PSEUDONYM = re.compile(r"<([a-z]+):[0-9a-f]{8}>")
_HEX = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32,64}\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)")
_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d+(?:\.\d+)?(?![A-Za-z0-9])")


def shape(value: Any, name: str = "") -> Any:
    """Members and types of a JSON value.

    Parameters
    ----------
    value : any
        As JSON holds it.
    name : str
        Of the member; the types of lists of one thing are merged.
    """
    if isinstance(value, Mapping):
        if not value:
            return {}
        return {plain(str(key)): shape(item, str(key)) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        merged: Any = None
        for item in value:
            if not (isinstance(item, str) and item.startswith("… ")):
                merged = merge(merged, shape(item, name))
        return [merged] if merged is not None else []
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, dt.datetime) or (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return "time"
    return "text"


def merge(left: Any, right: Any) -> Any:
    """A shape that both fit: the union of members; two kinds at one place are ``a|b``."""
    if left is None or left == right:
        return right
    if right is None:
        return left
    if isinstance(left, dict) and isinstance(right, dict):
        return {key: merge(left.get(key), right.get(key)) for key in sorted(left.keys() | right.keys())}
    if isinstance(left, list) and isinstance(right, list):
        return [merge(left[0], right[0])] if left and right else left or right
    kinds = {part for side in (left, right) for part in (side.split("|") if isinstance(side, str) else [_kind(side)])}
    return "|".join(sorted(kinds))


def _kind(side: Any) -> str:
    return "list" if isinstance(side, list) else "object"


def paths(found: Any, start: str = "") -> dict[str, str]:
    """A shape as ``{"Stacks[].StackName": "text"}``; of an empty list or object only that it is there."""
    if isinstance(found, dict):
        out = {start: "object"} if start else {}
        for key, item in found.items():
            out |= paths(item, f"{start}.{key}" if start else key)
        return out
    if isinstance(found, list):
        out = {start: "list"}
        return out | paths(found[0], f"{start}[]") if found else out
    return {start: str(found)}


def plain(text: str, names: Sequence[str] = ()) -> str:
    """``text`` without what differs from run to run: identifiers, times, numbers, the given names.

    Parameters
    ----------
    text : str
    names : sequence of str
        What the run's own resources are called, the longest first; each becomes ``<name>``.
    """
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = text.replace(name, "<name>")
    for pattern, instead in ((_MOMENT, "<time>"), (_HEX, "<id>"), (_PSEUDONYM, r"<\1>")):
        text = pattern.sub(instead, text)
    return text


def without_numbers(text: str) -> str:
    """The same text with ``#`` for each number that stands alone."""
    return _NUMBER.sub("#", text)


def collapsed(states: Sequence[str]) -> list[str]:
    """Each state once for as long as it lasts."""
    return [state for number, state in enumerate(states) if number == 0 or states[number - 1] != state]


def fields(value: Any) -> list[str]:
    """``path (type)`` of everything in a JSON value, sorted."""
    return [f"{path} ({kind})" for path, kind in sorted(paths(shape(value)).items()) if path]


def as_text(value: Any, longest: int = 160) -> str:
    """A value on one line, cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
