"""Patterns for events whose fields are delimited by spaces: ``[ip, user, ..., status_code = 4*, bytes > 1000]``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from localcloud.cloudwatch.patterns.operands import InvalidPatternError, Operand, Scanner

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|\[([^\]]*)\](?=\s|$)|(\S+)')


def fields_of(message: str) -> list[str]:
    """The fields of an event: what stands between brackets or quotation marks is one."""
    return [next(part for part in found.groups() if part is not None) for found in _TOKEN.finditer(message)]


@dataclasses.dataclass(frozen=True)
class _Test:
    comparison: str
    operand: Operand

    def holds(self, value: str) -> bool:
        return self.operand.holds(self.comparison, value)


@dataclasses.dataclass(frozen=True)
class _All:
    tests: tuple[_Test | _All | _Any, ...]

    def holds(self, value: str) -> bool:
        return all(test.holds(value) for test in self.tests)


@dataclasses.dataclass(frozen=True)
class _Any:
    tests: tuple[_Test | _All | _Any, ...]

    def holds(self, value: str) -> bool:
        return any(test.holds(value) for test in self.tests)


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    condition: _Test | _All | _Any | None


class DelimitedPattern:
    """One field pattern for each field of an event; ``...`` stands for any number of fields."""

    structured = True

    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text.replace("…", "..."))
        self._fields: list[_Field | None] = []  # None: the ellipsis
        while True:
            self._fields.append(self._field())
            if not self._scanner.take(","):
                break
        if not self._scanner.done():
            raise self._scanner.fail()
        names = [field.name for field in self._fields if field and field.name]
        if self._fields.count(None) > 1 or len(set(names)) < len(names):
            raise InvalidPatternError

    def _field(self) -> _Field | None:
        scanner = self._scanner
        if scanner.take("..."):
            return None
        start = scanner.at
        opened = 0
        while scanner.take("("):
            opened += 1
        name = scanner.match(_NAME)
        if name is None:
            if opened:
                raise InvalidPatternError
            return _Field("", None)
        if not opened and not scanner.peek("=", "!=", "<", ">", "&", "|"):
            return _Field(name[0], None)
        scanner.at = start
        return _Field(name[0], self._any(name[0]))

    def _any(self, name: str) -> _Test | _All | _Any:
        tests = [self._all(name)]
        while self._scanner.take("||"):
            tests.append(self._all(name))
        return tests[0] if len(tests) == 1 else _Any(tuple(tests))

    def _all(self, name: str) -> _Test | _All | _Any:
        tests = [self._test(name)]
        while self._scanner.take("&&"):
            tests.append(self._test(name))
        return tests[0] if len(tests) == 1 else _All(tuple(tests))

    def _test(self, name: str) -> _Test | _All | _Any:
        scanner = self._scanner
        if scanner.take("("):
            inner = self._any(name)
            if not scanner.take(")"):
                raise InvalidPatternError
            return inner
        found = scanner.match(_NAME)
        comparison = scanner.comparison()
        # A condition is on its own field: AWS answers "Invalid filter pattern" to its guide's former example
        # [..., status_code = 4* && bytes > 1000] (awsdocs/amazon-cloudwatch-logs-user-guide, issue 21).
        if found is None or found[0] != name or not comparison:
            raise InvalidPatternError
        if comparison == "=" and scanner.take("!"):  # the guide: [w1=!ERROR&&w1=!WARN, w2]
            comparison = "!="
        return _Test(comparison, scanner.operand(comparison))

    def _aligned(self, message: str) -> list[tuple[_Field | None, str]] | None:
        """Each field of ``message`` with its pattern; None when their numbers do not fit."""
        values = fields_of(message)
        if None not in self._fields:
            return list(zip(self._fields, values, strict=True)) if len(values) == len(self._fields) else None
        at = self._fields.index(None)
        rest = len(self._fields) - at - 1
        if len(values) < at + rest:
            return None
        free = len(values) - at - rest
        patterns: list[_Field | None] = [*self._fields[:at], *[None] * free, *self._fields[at + 1 :]]
        return list(zip(patterns, values, strict=True))

    def matches(self, message: str) -> bool:
        """Whether the pattern finds ``message``."""
        aligned = self._aligned(message)
        return aligned is not None and all(
            field is None or field.condition is None or field.condition.holds(value) for field, value in aligned
        )

    def extract(self, message: str) -> dict[str, str]:
        """``$name`` of each named field, ``$3`` of the third when it has no name."""
        aligned = self._aligned(message) or []
        return {
            f"${field.name if field and field.name else position}": value
            for position, (field, value) in enumerate(aligned, 1)
        }

    def value(self, message: str, selector: str) -> str | float | None:
        """What ``$bytes`` stands for in ``message``."""
        found: Mapping[str, str] = self.extract(message)
        return found.get(selector)

    def has(self, selector: str) -> bool:
        """Whether ``$bytes`` is a field of this pattern."""
        return selector in {f"${field.name}" for field in self._fields if field and field.name}
