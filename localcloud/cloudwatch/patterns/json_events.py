"""Patterns for JSON events: ``{ $.level = "ERROR" && ($.latency > 4 || $.retry NOT EXISTS) }``."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.cloudwatch.patterns.operands import InvalidPatternError, Operand, Scanner

_STEP = re.compile(r"\.([\w-]+)|\.(\*)|\[(\d+)\]|\[(\*)\]|\.?\['([^']+)'\]|\.?\[\"([^\"]+)\"\]", re.ASCII)
_KEYWORDS = re.compile(r"(IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS)(?![\w.])")
_MOST_WILDCARDS = 3
"""In one pattern; one selector may have one."""
_WILDCARD = object()


def _values(node: Any, steps: tuple[Any, ...]) -> Iterator[Any]:
    """What a selector points to in ``node``: nothing, one value, or several by a wildcard."""
    if not steps:
        yield node
        return
    step, rest = steps[0], steps[1:]
    if step is _WILDCARD:
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from _values(child, rest)
    elif isinstance(step, int):
        if isinstance(node, list) and step < len(node):
            yield from _values(node[step], rest)
    elif isinstance(node, dict) and step in node:
        yield from _values(node[step], rest)


@dataclasses.dataclass(frozen=True)
class _Selector:
    steps: tuple[Any, ...]

    @classmethod
    def read(cls, scanner: Scanner) -> _Selector:
        if not scanner.take("$"):
            raise scanner.fail()
        steps: list[Any] = []
        while found := _STEP.match(scanner.text, scanner.at):
            scanner.at = found.end()
            name, any_key, position, any_item, single, double = found.groups()
            if any_key or any_item:
                steps.append(_WILDCARD)
            else:
                steps.append(int(position) if position is not None else name or single or double)
        if not steps:
            rest = re.compile(r"[^\w\s]+").match(scanner.text, scanner.at)
            raise InvalidPatternError(
                f"Invalid character(s) in term '${rest[0]}'" if rest else "Invalid filter pattern"
            )
        if steps.count(_WILDCARD) > 1:
            raise InvalidPatternError
        return cls(tuple(steps))

    def of(self, event: Any) -> list[Any]:
        return list(_values(event, self.steps))


@dataclasses.dataclass(frozen=True)
class _Comparison:
    selector: _Selector
    comparison: str
    operand: Operand

    def holds(self, event: Any) -> bool:
        return any(self._one(value) for value in self.selector.of(event))

    def _one(self, value: Any) -> bool:
        """An array or an object is not a value: "the filter will not be applied", neither for = nor for !=."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        return isinstance(value, str | int | float) and self._compare(value)

    def _compare(self, value: str | float) -> bool:
        if isinstance(value, str) and self.comparison not in ("=", "!="):
            return False  # a string is not a number, whatever it looks like
        return self.operand.holds(self.comparison, value)


@dataclasses.dataclass(frozen=True)
class _Is:
    selector: _Selector
    wanted: bool | None

    def holds(self, event: Any) -> bool:
        return any(value is self.wanted for value in self.selector.of(event))


@dataclasses.dataclass(frozen=True)
class _NotExists:
    selector: _Selector

    def holds(self, event: Any) -> bool:
        return not self.selector.of(event)


@dataclasses.dataclass(frozen=True)
class _Both:
    parts: tuple[Any, ...]

    def holds(self, event: Any) -> bool:
        return all(part.holds(event) for part in self.parts)


@dataclasses.dataclass(frozen=True)
class _Either:
    parts: tuple[Any, ...]

    def holds(self, event: Any) -> bool:
        return any(part.holds(event) for part in self.parts)


def _parsed(message: str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return None


class JsonPattern:
    """Conditions on properties of an event that is a JSON object; ``&&`` binds more tightly than ``||``."""

    structured = True

    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text)
        self._selectors: dict[str, _Selector] = {}
        self._wildcards = 0
        self._condition = self._either()
        if not self._scanner.done():
            raise self._scanner.fail()

    def _either(self) -> Any:
        parts = [self._both()]
        while self._scanner.take("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _Either(tuple(parts))

    def _both(self) -> Any:
        parts = [self._one()]
        while self._scanner.take("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _Both(tuple(parts))

    def _one(self) -> Any:
        scanner = self._scanner
        if scanner.take("("):
            inner = self._either()
            if not scanner.take(")"):
                raise scanner.fail()
            return inner
        scanner.skip()
        start = scanner.at
        selector = _Selector.read(scanner)
        self._wildcards += selector.steps.count(_WILDCARD)
        if self._wildcards > _MOST_WILDCARDS:
            raise InvalidPatternError
        self._selectors[scanner.text[start : scanner.at]] = selector
        keyword = scanner.match(_KEYWORDS)
        if keyword:
            words = keyword[1].split()
            if words[0] == "NOT":
                return _NotExists(selector)
            return _Is(selector, {"NULL": None, "TRUE": True, "FALSE": False}[words[1]])
        comparison = scanner.comparison()
        if not comparison:
            raise scanner.fail()
        return _Comparison(selector, comparison, scanner.operand(comparison))

    def matches(self, message: str) -> bool:
        """Whether the pattern finds ``message``; what is not a JSON object or array is never found."""
        event = _parsed(message)
        return isinstance(event, dict | list) and bool(self._condition.holds(event))

    def extract(self, message: str) -> dict[str, str]:
        """The value of each selector of the pattern that ``message`` has."""
        found: dict[str, str] = {}
        for selector in self._selectors:
            value = self.value(message, selector)
            if value is not None:
                found[selector] = value if isinstance(value, str) else json.dumps(value)
        return found

    def value(self, message: str, selector: str) -> str | float | None:
        """What ``$.latency`` stands for in ``message``; None when it is neither a string nor a number."""
        scanner = Scanner(selector)
        try:
            read = _Selector.read(scanner)
        except InvalidPatternError:
            return None
        values = [value for value in read.of(_parsed(message)) if isinstance(value, str | int | float)]
        return values[0] if values else None

    def has(self, selector: str) -> bool:
        """Whether a metric filter may use ``selector``: any that reads as one, on whatever property."""
        scanner = Scanner(selector)
        try:
            _Selector.read(scanner)
        except InvalidPatternError:
            return False
        return scanner.done()
