"""Patterns for unstructured events: terms that must occur, must not, or of which one is enough; or one regex."""

from __future__ import annotations

import re

from localcloud.cloudwatch.patterns.operands import InvalidPatternError, bad_characters, compiled, unquoted

_TERM = re.compile(r'\s*([-?]?)\s*(?:"((?:[^"\\]|\\.)*)"|(\w+))')
_OTHER = re.compile(r"[^\w\s]+")


class TermsPattern:
    """``ERROR "timed out" -retry``, ``?ERROR ?WARN``, ``%ERR.*%``; an empty pattern matches every event.

    A term is matched anywhere in the event, also within a word, and case matters. When optional terms stand beside
    others, "all question mark-prefixed terms will be ignored" (the guide).
    """

    structured = False

    def __init__(self, text: str) -> None:
        self._regex: re.Pattern[str] | None = None
        self._terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
        if text.startswith("%"):
            if len(text) < 3 or not text.endswith("%") or "%" in text[1:-1]:
                raise InvalidPatternError
            self._regex = compiled(text[1:-1])
            return
        if text != '" "':  # the guide's own way to say "every event"
            self._read(text)

    def _read(self, text: str) -> None:
        at = 0
        while at < len(text):
            found = _TERM.match(text, at)
            if found is None:
                other = _OTHER.search(text, at)
                raise bad_characters(other[0] if other else text[at:])
            at = found.end()
            if at < len(text) and not text[at].isspace():
                raise bad_characters(text[at])
            kind, quoted, word = found.groups()
            if quoted == "":
                raise bad_characters('""')
            self._terms[kind].append(unquoted(quoted) if quoted is not None else word)

    def matches(self, message: str) -> bool:
        """Whether the pattern finds ``message``."""
        if self._regex is not None:
            return self._regex.search(message) is not None
        required, excluded, optional = self._terms[""], self._terms["-"], self._terms["?"]
        if optional and not required and not excluded:
            return any(term in message for term in optional)
        return all(term in message for term in required) and not any(term in message for term in excluded)

    def extract(self, message: str) -> dict[str, str]:
        """Nothing: only structured patterns have fields."""
        return {}

    def value(self, message: str, selector: str) -> str | float | None:
        """None: there are no fields to select."""
        return None

    def has(self, selector: str) -> bool:
        """Whether a metric filter may use ``selector``: it may not."""
        return False
