"""JSON and HTTP text to the Python values that boto3 documents, and back, along a botocore shape."""

from __future__ import annotations

import base64
import binascii
import datetime
import email.utils
import math
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


class ShapeError(ValueError):
    """A value does not have the type that the service model gives; the message says where."""


def parse_timestamp(value: Any, where: str) -> datetime.datetime:
    """Read a timestamp in any form that AWS's protocols use: epoch seconds, ISO 8601 or RFC 822.

    Raises
    ------
    ShapeError
        When it is none of these; the message names ``where``.
    """
    try:
        if isinstance(value, str):
            try:
                parsed = datetime.datetime.fromisoformat(value)
            except ValueError:
                try:
                    return datetime.datetime.fromtimestamp(float(value), datetime.UTC)
                except ValueError:
                    parsed = email.utils.parsedate_to_datetime(value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        pass  # reported below, with the place
    raise ShapeError(f"{where}: {value!r} is not a timestamp")


def _number(shape: Shape, value: Any, where: str) -> int | float:
    wanted_integer = shape.type_name in ("integer", "long")
    if value in ("NaN", "Infinity", "-Infinity") and not wanted_integer:  # as JSON writes what it has no number for
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = "STRING_VALUE" if isinstance(value, str) else type(value).__name__
        target = {"integer": "an Integer", "long": "a Long"}.get(shape.type_name, "a Double")
        raise ShapeError(f"{kind} can not be converted to {target}: {where}")
    if wanted_integer:
        if isinstance(value, float) and not value.is_integer():
            raise ShapeError(f"DECIMAL_VALUE can not be converted to an Integer: {where}")
        return int(value)
    return value


def from_json(shape: Shape, value: Any, where: str = "") -> Any:
    """The boto3 value of JSON ``value``. Nulls in structures count as absent.

    Parameters
    ----------
    shape : Shape
    value : any
        As ``json.loads`` gives it.
    where : str
        The place of the value, for messages.

    Raises
    ------
    ShapeError
        When the value does not have the shape's type.
    """
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            raise ShapeError(f"{where or 'body'}: must be an object, not {type(value).__name__}")
        names = {str(member.serialization.get("name", name)): name for name, member in shape.members.items()}
        out = {}
        for key, item in value.items():
            if key == "__type":
                continue
            if key not in names:
                raise ShapeError(f"unknown parameter {key!r}{' in ' + where if where else ''}")
            if item is not None:
                out[names[key]] = from_json(shape.members[names[key]], item, f"{where}.{key}".lstrip("."))
        return out
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise ShapeError(f"Expected list or null: {where}")
        return [from_json(shape.member, item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise ShapeError(f"Expected map or null: {where}")
        return {key: from_json(shape.value, item, f"{where}.{key}") for key, item in value.items()}
    return _scalar(shape, value, where)


def _scalar(shape: Shape, value: Any, where: str) -> Any:
    if shape.type_name in ("integer", "long", "float", "double"):
        return _number(shape, value, where)
    if shape.type_name == "boolean":
        if not isinstance(value, bool):
            raise ShapeError(f"{where}: {value!r} can not be converted to a Boolean")
        return value
    if shape.type_name == "timestamp":
        return parse_timestamp(value, where)
    if not isinstance(value, str):
        raise ShapeError(f"{where}: {type(value).__name__} can not be converted to a String")
    return blob(value, where) if shape.type_name == "blob" else value


def blob(text: str, where: str) -> bytes:
    """The bytes of base64 ``text``; raises :class:`ShapeError`, which names ``where``."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ShapeError(f"{where}: not base64") from None


def from_text(shape: Shape, text: str, where: str) -> Any:
    """The boto3 value of a header, a query parameter or a part of the path.

    Parameters
    ----------
    shape : Shape
    text : str
    where : str
        The parameter's name, for messages.

    Raises
    ------
    ShapeError
        When the text cannot be read as the shape's type.
    """
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        raise ShapeError(f"STRING_VALUE can not be converted to an Integer: {where}") from None
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise ShapeError(f"{where}: {text!r} can not be converted to a Boolean")
        return text.lower() == "true"
    if kind == "timestamp":
        return parse_timestamp(text, where)
    if kind == "blob":
        return base64.b64decode(text)
    return text


def to_json(shape: Shape, value: Any, where: str = "") -> Any:
    """JSON of a service's answer.

    Parameters
    ----------
    shape : Shape
    value : any
        In boto3's types.
    where : str
        The place of the value, for messages.

    Raises
    ------
    ShapeError
        When it has a key, a type or an enumeration value that the model lacks, or lacks what the model requires.
    """
    if isinstance(shape, StructureShape):
        return _structure_to_json(shape, value, where)
    if isinstance(shape, ListShape):
        if not isinstance(value, list | tuple):
            raise ShapeError(f"{where}: must be a list, not {type(value).__name__}")
        return [to_json(shape.member, item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            raise ShapeError(f"{where}: must be a map, not {type(value).__name__}")
        return {str(key): to_json(shape.value, item, f"{where}.{key}") for key, item in value.items()}
    if shape.type_name == "timestamp":
        stamp = value if isinstance(value, datetime.datetime) else parse_timestamp(value, where)
        return stamp.timestamp()
    if shape.type_name == "blob":
        if not isinstance(value, bytes | bytearray):
            raise ShapeError(f"{where}: must be bytes, not {type(value).__name__}")
        return base64.b64encode(value).decode("ascii")
    checked = _scalar(shape, value, where)
    if isinstance(checked, float) and not math.isfinite(checked):
        raise ShapeError(f"{where}: {checked} is not a number that JSON has")
    enum = getattr(shape, "enum", None)
    if enum and checked not in enum:
        raise ShapeError(f"{where}: {checked!r} is none of {', '.join(enum)}")
    return checked


def _structure_to_json(shape: StructureShape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ShapeError(f"{where or 'answer'}: must be a dictionary, not {type(value).__name__}")
    missing = [name for name in shape.required_members if value.get(name) is None]
    if missing:
        raise ShapeError(f"{where or 'answer'} lacks {', '.join(missing)}, which {shape.name} requires")
    out = {}
    for name, item in value.items():
        if name not in shape.members:
            raise ShapeError(f"{where or 'answer'}: {shape.name} has no member {name!r}")
        if item is not None:
            member = shape.members[name]
            out[str(member.serialization.get("name", name))] = to_json(member, item, f"{where}.{name}".lstrip("."))
    return out
