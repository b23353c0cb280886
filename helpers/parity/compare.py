"""Where two recordings differ, by what a caller could notice: never by an identifier, a time or a number of looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from helpers.parity import forms
from helpers.parity.recording import Recording

HEADERS_APART = ("x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "x-amzn-trace-id", "etag")
"""Headers that are there or not without meaning anything to a caller."""
SAME_DURATION = 6.0
"""Durations on the target's clock that differ by less than this factor are the same; no clock here is exact."""
LEAST_DURATION = 5.0
"""Below that nothing is said about durations."""
MISSING = "(not recorded)"


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes
    ----------
    where : str
        A fact's name, or a call's label.
    what : str
        ``status``, ``error code``, ``words``, ``shape``, ``headers``, ``fact``, ``duration``.
    recorded, found : str
        In the recording, and here.
    """

    where: str
    what: str
    recorded: str
    found: str


def differences(recorded: Recording, found: Recording) -> list[Difference]:
    """Everything that differs between two recordings, in the parts that both have.

    Parameters
    ----------
    recorded, found : Recording
        What is taken for right, and what is held against it.
    """
    both = _steps(recorded) & _steps(found)
    return [
        *_facts(recorded, found, both),
        *_labelled(recorded, found, both),
        *_shapes(recorded, found),
        *_durations(recorded, found),
    ]


def not_compared(recorded: Recording, found: Recording) -> list[str]:
    """Steps that the recording has and the other one has not."""
    return sorted(_steps(recorded) - _steps(found))


def _steps(recording: Recording) -> set[str]:
    return {name for name, step in recording.steps.items() if step["outcome"] == "done"}


def _by_step(recording: Recording, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Lines of a kind with the step in which they were written."""
    step = ""
    for line in recording.lines:
        if line["kind"] == "step":
            step = "" if line.get("outcome") else str(line["name"])
        elif line["kind"] == kind:
            yield step, line


def _facts(recorded: Recording, found: Recording, both: set[str]) -> Iterator[Difference]:
    left = {line["name"]: line["value"] for step, line in _by_step(recorded, "fact") if step in both}
    right = {line["name"]: line["value"] for step, line in _by_step(found, "fact") if step in both}
    for name in sorted(left.keys() | right.keys()):
        sides = ((left, _names(recorded)), (right, _names(found)))
        one, other = (_comparable(side[name], own) if name in side else MISSING for side, own in sides)
        if one != other:
            yield Difference(name, "fact", forms.as_text(one), forms.as_text(other))


def _comparable(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, str):
        return forms.plain(value, names)
    if isinstance(value, list):
        return [_comparable(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item, names) for key, item in value.items()}
    return value


def _calls(recording: Recording, both: set[str]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for step, line in _by_step(recording, "call"):
        if line.get("label") and step in both:
            found.setdefault(f"{line['label']} ({line['service']}.{line['operation']})", []).append(line)
    return found


def _labelled(recorded: Recording, found: Recording, both: set[str]) -> Iterator[Difference]:
    """Calls that a step made by name: the same one is in both, and nothing about it should differ."""
    left, right = _calls(recorded, both), _calls(found, both)
    for label in sorted(left.keys() | right.keys()):
        if label not in left or label not in right:
            yield Difference(label, "call", *("made" if label in side else "not made" for side in (left, right)))
            continue
        for one, other in zip(left[label], right[label], strict=False):
            yield from _call(label, (one, other), (_names(recorded), _names(found)))


def _names(recording: Recording) -> Sequence[str]:
    """What the run's own resources are called, in messages."""
    return tuple(recording.header.get("names", ()))


def _call(label: str, sides: Sequence[Mapping[str, Any]], names: Sequence[Sequence[str]]) -> Iterator[Difference]:
    errors = [side.get("error") or {} for side in sides]
    said = [forms.plain(error.get("message", ""), own) for error, own in zip(errors, names, strict=True)]
    pairs = {
        "status": [side["status"] for side in sides],
        "error code": [error.get("code", "") for error in errors],
        "words": [forms.without_numbers(text) for text in said],
        "headers": [_headers(side["headers"]) for side in sides],
    }
    for what, (left, right) in pairs.items():
        if left != right:
            yield Difference(label, what, forms.as_text(left), forms.as_text(right))
    one, other = (forms.shape(side["response"]) for side in sides)
    yield from _shape_difference(label, one, other)


def _headers(headers: Mapping[str, str]) -> list[str]:
    kept = {name: value for name, value in headers.items() if name not in HEADERS_APART}
    return sorted(f"{name}: {value}" if name == "content-type" else name for name, value in kept.items())


def _shape_difference(label: str, left: Any, right: Any) -> Iterator[Difference]:
    """Members that only one has, and those with another type; lists that are empty on one side say nothing."""
    one, other = forms.paths(left), forms.paths(right)
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) == other.get(path) or _below_nothing(path, one) or _below_nothing(path, other):
            continue
        if ".Environment." in path:  # names that the workshop chose
            continue
        yield Difference(f"{label}: {path}", "shape", one.get(path, "not there"), other.get(path, "not there"))


def _below_nothing(path: str, side: Mapping[str, str]) -> bool:
    """Whether ``side`` has an empty list somewhere above ``path``, or does not have what is above it at all."""
    parent = path
    while "." in parent or parent.endswith("[]"):
        parent = parent.removesuffix("[]") if parent.endswith("[]") else parent.rpartition(".")[0]
        if parent and parent not in side:
            return True
        if side.get(parent) == "list" and f"{parent}[]" not in side:
            return True
    return False


def _shapes(recorded: Recording, found: Recording) -> Iterator[Difference]:
    """Answers of all calls together, by operation and outcome: types of the members that both have."""
    left, right = _unions(recorded), _unions(found)
    for key in sorted(left.keys() & right.keys()):
        one, other = forms.paths(left[key]), forms.paths(right[key])
        for path in sorted(one.keys() & other.keys()):
            kinds = [set(side[path].split("|")) - {"null"} for side in (one, other)]
            if path and kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
                yield Difference(f"{key}: {path}", "type", one[path], other[path])


def _unions(recording: Recording) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in recording.of("call"):
        code = (line.get("error") or {}).get("code") or line["status"]
        key = f"{line['service']}.{line['operation']} {code}"
        found[key] = forms.merge(found.get(key), forms.shape(line["response"]))
    return found


def _durations(recorded: Recording, found: Recording) -> Iterator[Difference]:
    """On the target's own clock, and only by their ratio."""
    left, right = ({line["name"]: line["value"] for line in side.of("duration")} for side in (recorded, found))
    for name in sorted(left.keys() & right.keys()):
        one, other = (max(LEAST_DURATION, float(side[name])) for side in (left, right))
        if max(one, other) / min(one, other) > SAME_DURATION:
            yield Difference(name, "duration", f"{left[name]:g}", f"{right[name]:g}")
