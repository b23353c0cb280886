"""Reads a query's text, and its conditions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from localcloud.cloudwatch.insights.records import Record, number

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<regex>/(?:[^/\\]|\\.)+/)
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<field>`[^`]+`|@?[A-Za-z_][\w.]*)
    | (?P<sign>=~|!=|<=|>=|[=<>()\[\],|*])
    )""",
    re.VERBOSE,
)
_BIN = re.compile(r"\s*bin\(\s*(\d+)\s*(ms|s|m|h|d)[a-z]*\s*\)")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Condition = Callable[[Record], bool]
Token = tuple[str, str]


class MalformedQueryError(ValueError):
    """The query is not one, or uses what the local cloud does not offer."""


class Reader:
    """Reads a query from left to right."""

    def __init__(self, text: str) -> None:
        self.text = re.sub(r"(?m)^\s*#.*$", "", text)
        self.at = 0

    def peek(self) -> Token:
        """Kind and text of the next token; ``end`` when nothing is left."""
        if not self.text[self.at :].strip():
            return "end", ""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise self.fail()
        return str(found.lastgroup), str(found[found.lastgroup or 0])

    def next(self) -> Token:
        """Like :meth:`peek`, and go over it."""
        token = self.peek()
        found = _TOKEN.match(self.text, self.at)
        self.at = found.end() if found else len(self.text)
        return token

    def word(self, *words: str) -> str:
        """Go over one of ``words`` when it is next; an empty string when none is."""
        kind, text = self.peek()
        if kind in ("field", "sign") and text.lower() in words:
            self.next()
            return text.lower()
        return ""

    def need(self, *words: str) -> str:
        """Like :meth:`word`; raises :class:`MalformedQueryError` when none is next."""
        found = self.word(*words)
        if not found:
            raise self.fail()
        return found

    def fail(self, why: str = "") -> MalformedQueryError:
        """The error for what comes next."""
        rest = self.text[self.at :].strip().split(None, 1)
        seen = f"unexpected symbol found {rest[0]}" if rest else "unexpected end of the query"
        return MalformedQueryError(f"{why or seen} at position {self.at}")

    def bin(self) -> tuple[str, int] | None:
        """``bin(5m)``, as it is written and in milliseconds, when it is next."""
        found = _BIN.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return f"bin({found[1]}{found[2]})", int(found[1]) * _UNITS[found[2]]

    def field(self) -> str:
        """The name of a field."""
        kind, text = self.next()
        if kind != "field":
            raise self.fail()
        return text.strip("`")


def _literal(reader: Reader) -> Any:
    kind, text = reader.next()
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "number":
        return float(text)
    raise reader.fail()


def condition(reader: Reader) -> Condition:
    """``a = 1 and (b like /x/ or not c in ["y"])``."""
    parts = [_conjunction(reader)]
    while reader.word("or"):
        parts.append(_conjunction(reader))
    return lambda record: any(part(record) for part in parts)


def _conjunction(reader: Reader) -> Condition:
    parts = [_negation(reader)]
    while reader.word("and"):
        parts.append(_negation(reader))
    return lambda record: all(part(record) for part in parts)


def _negation(reader: Reader) -> Condition:
    if reader.word("not"):
        inner = _negation(reader)
        return lambda record: not inner(record)
    if reader.word("("):
        nested = condition(reader)
        reader.need(")")
        return nested
    return _test(reader)


def _test(reader: Reader) -> Condition:
    name = reader.field()
    if name.lower() in ("ispresent", "isempty", "isblank") and reader.word("("):
        field = reader.field()
        reader.need(")")
        if name.lower() == "ispresent":
            return lambda record: field in record
        return lambda record: not str(record.get(field, "")).strip()
    if reader.word("not"):
        inverse = _like_or_in(reader, name, reader.need("like", "in"))
        return lambda record: not inverse(record)
    sign = reader.word("=", "!=", "<", ">", "<=", ">=", "=~", "like", "in")
    if not sign:
        raise reader.fail()
    if sign in ("like", "=~", "in"):
        return _like_or_in(reader, name, sign)
    return _comparison(name, sign, _literal(reader))


def _comparison(name: str, sign: str, wanted: Any) -> Condition:
    def holds(record: Record) -> bool:
        found = record.get(name)
        if found is None:
            return sign == "!="
        if isinstance(wanted, float):
            value = number(found)
            if value is None:
                return sign == "!="
            return _ordered(sign, value, wanted)
        return _ordered(sign, str(found), str(wanted))

    return holds


def _ordered(sign: str, left: Any, right: Any) -> bool:
    if sign in ("=", "!="):
        return bool((left == right) == (sign == "="))
    if sign in ("<", "<="):
        return bool(left < right or (sign == "<=" and left == right))
    return bool(left > right or (sign == ">=" and left == right))


def _like_or_in(reader: Reader, name: str, sign: str) -> Condition:
    if sign == "in":
        reader.need("[")
        choices = [_literal(reader)]
        while reader.word(","):
            choices.append(_literal(reader))
        reader.need("]")
        tests = [_comparison(name, "=", choice) for choice in choices]
        return lambda record: any(test(record) for test in tests)
    kind, text = reader.peek()
    if kind == "regex":
        reader.next()
        try:
            expression = re.compile(text[1:-1].replace("\\/", "/"))
        except re.error as error:
            raise MalformedQueryError(f"invalid regular expression {text}: {error}") from None
        return lambda record: name in record and expression.search(str(record[name])) is not None
    part = str(_literal(reader))
    return lambda record: part in str(record.get(name, ""))
