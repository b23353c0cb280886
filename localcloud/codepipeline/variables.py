"""``#{namespace.name}`` in an action's configuration (CodePipeline User Guide, "Variables")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_REFERENCE = re.compile(r"#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)\}")


class UnresolvedVariableError(Exception):
    """A configuration names a variable that has no value."""


def references(text: str) -> Iterator[tuple[str, str]]:
    """Every (namespace, name) that ``text`` names."""
    for match in _REFERENCE.finditer(text):
        yield match[1], match[2]


def resolve(configuration: Mapping[str, str], known: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """``configuration`` with the value of every variable in its place.

    Parameters
    ----------
    configuration : mapping
        Of one action.
    known : mapping
        Namespace to the values of its variables.

    Raises
    ------
    UnresolvedVariableError
        When there is no such variable.
    """

    def value(match: re.Match[str]) -> str:
        values = known.get(match[1], {})
        if match[2] not in values:
            has = ", ".join(sorted(values)) or "none"
            raise UnresolvedVariableError(
                f"The variable {match[0]} has no value: the namespace {match[1]} has the variables {has}."
            )
        return values[match[2]]

    return {key: _REFERENCE.sub(value, text) for key, text in configuration.items()}
