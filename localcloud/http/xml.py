"""boto3's values as XML, along a botocore shape: the answers of the query and rest-xml protocols."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.http.shapes import ShapeError

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def element(name: str, content: str) -> str:
    """``content``, which is XML already, inside ``name``."""
    return f"<{name}>{content}</{name}>"


def _text(shape: Shape, value: Any) -> str:
    if shape.type_name == "timestamp" and isinstance(value, datetime.datetime):
        stamp = value.astimezone(datetime.UTC)
        return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}Z"
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return escape(str(value))


def to_xml(shape: Shape, value: Any, name: str) -> str:
    """The elements that stand for ``value``: one called ``name``, or one for each item of a flattened list.

    Raises
    ------
    ShapeError
        When ``value`` has a member that the shape lacks.
    """
    if isinstance(shape, StructureShape):
        attributes = "".join(
            f' xmlns:xsi="{_INSTANCE}" {member.serialization["name"]}={quoteattr(value[key])}'
            for key, member in shape.members.items()
            if member.serialization.get("xmlAttribute") and key in value
        )
        return f"<{name}{attributes}>{members(shape, value)}</{name}>"
    if isinstance(shape, ListShape):
        flattened = shape.serialization.get("flattened")
        item = name if flattened else str(shape.member.serialization.get("name", "member"))
        inside = "".join(to_xml(shape.member, each, item) for each in value)
        return inside if flattened else element(name, inside)
    if isinstance(shape, MapShape):
        key = str(shape.key.serialization.get("name", "key"))
        val = str(shape.value.serialization.get("name", "value"))
        flattened = shape.serialization.get("flattened")
        wrap = name if flattened else "entry"
        inside = "".join(
            element(wrap, to_xml(shape.key, k, key) + to_xml(shape.value, each, val)) for k, each in value.items()
        )
        return inside if flattened else element(name, inside)
    return element(name, _text(shape, value))


def members(shape: StructureShape, value: Mapping[str, Any]) -> str:
    """The members of ``value`` one after the other, without an element around them."""
    out = []
    for key, item in value.items():
        if key not in shape.members:
            raise ShapeError(f"{shape.name} has no member {key!r}")
        member = shape.members[key]
        if item is not None and not member.serialization.get("xmlAttribute"):
            out.append(to_xml(member, item, str(member.serialization.get("name", key))))
    return "".join(out)
