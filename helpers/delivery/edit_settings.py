"""Change values in a settings file and nothing else of it: comments, order and quotes stay byte for byte."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import NonExistentKey, ParseError

from contract import settings
from contract.errors import SettingsError


def change(path: Path, **tables: Mapping[str, Any]) -> None:
    """Change values in a settings file, and nothing else of it.

    Parameters
    ----------
    path : Path
        The TOML file.
    **tables : mapping
        For each table the keys and their new values: ``change(path, endpoint={"max_capacity": 3})``.

    Raises
    ------
    SettingsError
        The file does not hold such a key, or the value is not allowed; the file stays as it was.
    """
    try:
        document = tomlkit.parse(path.read_bytes())
    except (ParseError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path}: not valid TOML: {problem}.") from None
    for table, values in tables.items():
        for key, value in values.items():
            _replace(document, path, table, key, value)
    text = document.as_string().encode()
    with tempfile.TemporaryDirectory() as scratch:
        changed = Path(scratch) / path.name
        changed.write_bytes(text)
        try:
            settings.load(changed, {})
        except SettingsError as error:
            raise SettingsError(str(error).replace(str(changed), str(path))) from None
    path.write_bytes(text)


def write(path: Path, chosen: settings.Settings) -> None:
    """Change every value in a settings file that differs from ``chosen``.

    Raises
    ------
    SettingsError
        As :func:`change`; or the file holds a value that is not allowed already.
    """
    present, tables = settings.load(path, {}), {}
    for table in dataclasses.fields(chosen):
        old, new = getattr(present, table.name), getattr(chosen, table.name)
        values = {key.name: getattr(new, key.name) for key in dataclasses.fields(new)}
        tables[table.metadata.get("table", table.name)] = {
            key: value for key, value in values.items() if value != getattr(old, key)
        }
    change(path, **tables)


def _replace(document: tomlkit.TOMLDocument, path: Path, table: str, key: str, value: Any) -> None:
    try:
        held: Any = document[table]
        _ = held[key]
    except (NonExistentKey, TypeError):
        raise SettingsError(f"{path}: there is no line for {key} in [{table}] to change.") from None
    held[key] = list(value) if isinstance(value, tuple) else value
