"""Tokens and comparisons that the kinds of filter patterns share."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable

_REGEX_ALLOWED = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.]+")
"""The guide's list of what a regular expression may consist of: no parentheses, no spaces."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[\w.*-]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MOST_REGEXES = 2


class InvalidPatternError(ValueError):
    """CloudWatch Logs does not take the filter pattern."""

    def __init__(self, message: str = "Invalid filter pattern") -> None:
        super().__init__(message)


def bad_characters(text: str) -> InvalidPatternError:
    """The error for ``text`` in an unquoted term."""
    return InvalidPatternError(f"Invalid character(s) in term '{text}'")


def unquoted(quoted: str) -> str:
    r"""What stands between quotation marks, with ``\"`` and ``\\`` resolved."""
    return re.sub(r"\\(.)", r"\1", quoted)


def compiled(expression: str) -> re.Pattern[str]:
    """A regular expression of a pattern; raises :class:`InvalidPatternError` for what CloudWatch Logs does not take."""
    if not expression:
        raise InvalidPatternError
    allowed = _REGEX_ALLOWED.match(expression)
    if allowed is None or allowed.end() < len(expression):
        raise bad_characters(expression[allowed.end() if allowed else 0])
    try:
        return re.compile(expression, re.ASCII)
    except re.error:
        raise InvalidPatternError from None


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclasses.dataclass(frozen=True)
class Operand:
    """The right side of a comparison.

    Attributes
    ----------
    text : str
        Of a string, with its wildcards; of a number, as it was written.
    number : float, optional
        When it is an unquoted number.
    regex : re.Pattern, optional
        When it stood between ``%``.
    """

    text: str
    number: float | None = None
    regex: re.Pattern[str] | None = None

    def equals(self, value: str | float) -> bool:
        """Whether a value of an event is this one. ``*`` stands for any text, at the beginning and at the end."""
        if self.regex is not None:
            return self.regex.search(_text(value)) is not None
        if self.number is not None:
            found = as_number(value)
            return found is not None and found == self.number
        text, wanted = _text(value), self.text
        if wanted == "*":
            return True
        before, after = wanted.startswith("*"), wanted.endswith("*") and len(wanted) > 1
        core = wanted[before : len(wanted) - after]
        if before and after:
            return core in text
        if before:
            return text.endswith(core)
        return text.startswith(core) if after else text == core

    def holds(self, comparison: str, value: str | float) -> bool:
        """Whether ``value comparison this`` is true; ``comparison`` is one of ``= != < > <= >=``."""
        if comparison == "=":
            return self.equals(value)
        if comparison == "!=":
            return not self.equals(value)
        found = as_number(value)
        return found is not None and self.number is not None and _COMPARE[comparison](found, self.number)


def as_number(value: str | float) -> float | None:
    """``value`` as a number; None when it is none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return float(value)


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


class Scanner:
    """Reads a structured pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._regexes = 0

    def skip(self) -> None:
        """Go over white space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self, *tokens: str) -> str:
        """The first of ``tokens`` that comes next; an empty string when none does."""
        self.skip()
        return next((token for token in tokens if self.text.startswith(token, self.at)), "")

    def take(self, *tokens: str) -> str:
        """Like :meth:`peek`, and go over it."""
        found = self.peek(*tokens)
        self.at += len(found)
        return found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go over what ``pattern`` matches here."""
        self.skip()
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def done(self) -> bool:
        """Whether nothing is left."""
        self.skip()
        return self.at >= len(self.text)

    def fail(self) -> InvalidPatternError:
        """The error for what comes next."""
        self.skip()
        rest = self.text[self.at : self.at + 1]
        return (
            bad_characters(rest) if rest and not rest.isalnum() and rest not in "()&|=<>!,$" else InvalidPatternError()
        )

    def comparison(self) -> str:
        """``=``, ``!=``, ``<`` … when one comes next."""
        return self.take("!=", "<=", ">=", "=", "<", ">")

    def operand(self, comparison: str) -> Operand:
        """The right side of ``comparison``."""
        found = self._operand()
        if comparison in _COMPARE and found.number is None:
            raise InvalidPatternError
        return found

    def _operand(self) -> Operand:
        if self.take("%"):
            end = self.text.find("%", self.at)
            if end < 0:
                raise InvalidPatternError
            expression, self.at = self.text[self.at : end], end + 1
            self._regexes += 1
            if self._regexes > _MOST_REGEXES:
                raise InvalidPatternError
            return Operand(expression, regex=compiled(expression))
        quoted = self.match(_QUOTED)
        if quoted:
            return Operand(unquoted(quoted[1]))
        self.skip()
        sign = self.text[self.at : self.at + 1] == "+"
        word = self.match(re.compile(r"\+[\d.eE+-]+") if sign else _WORD)
        if word is None:
            raise self.fail()
        text = word[0]
        exponent = re.compile(r"\+\d+").match(self.text, self.at) if text[-1:] in "eE" else None
        if exponent:  # 10e+3: "+" is not a character of a word
            text, self.at = text + exponent[0], exponent.end()
        following = self.text[self.at : self.at + 1]
        if following and not following.isspace() and following not in ")&|,":
            raise bad_characters(following)
        return Operand(text, number=float(text) if _NUMBER.fullmatch(text) else None)
