"""A pipeline's variables, and ``#{namespace.name}`` in an action's configuration.

CodePipeline User Guide, "Variables".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.services import ServiceError

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


def values_of(declaration: Mapping[str, Any], given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The variables of a pipeline: ``given`` values, else the declaration's defaults.

    Raises
    ------
    ServiceError
        For a variable that is not declared, and for one without a value.
    """
    declared = {item["name"]: item.get("defaultValue") for item in declaration.get("variables", [])}
    for item in given:
        if item["name"] not in declared:
            message = f"Pipeline '{declaration['name']}' declares no variable {item['name']}"
            raise ServiceError("ValidationException", message)
        declared[item["name"]] = item["value"]
    missing = sorted(name for name, value in declared.items() if value is None)
    if missing:
        message = (
            f"Pipeline '{declaration['name']}': the variables {', '.join(missing)} have no default, so give values"
        )
        raise ServiceError("ValidationException", message)
    return {name: str(value) for name, value in declared.items()}
