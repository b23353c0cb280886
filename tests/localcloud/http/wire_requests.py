"""Requests and answers of every operation that MiniStack's half offers, as botocore writes and reads them."""

from __future__ import annotations

import datetime
import urllib.parse
from collections.abc import Iterator
from typing import Any

from botocore import awsrequest, parsers, serialize
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from localcloud.http.messages import Request, Response
from localcloud.http.protocol import service_model
from localcloud.http.wire import OFFERED

NOW = datetime.datetime(2026, 11, 22, 12, 0, 5, tzinfo=datetime.UTC)
TEXT = "a b&c=d+ä/é<€>%"
"""What protocols like to get wrong: blanks, separators, escapes, more than ASCII."""


def spoken() -> Iterator[tuple[str, str]]:
    """Every service with every protocol that it speaks, SQS's older one besides."""
    for service in OFFERED:
        metadata = service_model(service).metadata
        for protocol in metadata.get("protocols") or [metadata["protocol"]]:
            yield service, protocol
    yield "sqs", "query"


def operations(service: str) -> list[OperationModel]:
    """Every operation of ``service``."""
    model = service_model(service)
    return [model.operation_model(name) for name in model.operation_names]


def value(shape: Shape, inside: tuple[str, ...] = ()) -> Any:
    """A value with every member set, the same each time; None where a shape is inside itself."""
    if shape.name in inside or shape.metadata.get("eventstream") or getattr(shape, "is_document_type", False):
        return None
    within = (*inside, shape.name)
    if isinstance(shape, StructureShape):
        members = list(shape.members.items())[: 1 if shape.is_tagged_union else None]
        made = {name: value(member, within) for name, member in members}
        return {name: item for name, item in made.items() if item is not None} or None
    if isinstance(shape, ListShape):
        item = value(shape.member, within)
        return None if item is None else [item, item]
    if isinstance(shape, MapShape):
        item = value(shape.value, within)
        return None if item is None else {"key-1": item, "key-2": item}
    return _leaf(shape)


def _leaf(shape: Shape) -> Any:
    kind = shape.type_name
    if kind in ("integer", "long"):
        return 7
    if kind in ("float", "double"):
        return 2.5
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return NOW
    if kind == "blob":
        return b"\x00bytes\xff"
    enum = getattr(shape, "enum", None)
    return enum[0] if enum else TEXT


def parameters(model: OperationModel) -> dict[str, Any]:
    """Parameters of ``model``; what is carried in the path and the headers is plain enough for them."""
    shape = model.input_shape
    if shape is None:
        return {}
    made: dict[str, Any] = value(shape) or {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "uri" and member.type_name == "string":
            made[name] = "bucket" if member.serialization.get("name") == "Bucket" else "some key/with ä+&"
        elif location == "headers":
            made[name] = {"colour": "blue", "size": "two words"}
        elif location == "header" and member.type_name == "string" and not getattr(member, "enum", None):
            made[name] = "in a header"
    return made


def request(model: OperationModel, protocol: str, arguments: dict[str, Any]) -> Request:
    """What botocore sends for ``arguments``, as the front reads it."""
    made = serialize.create_serializer(protocol, include_validation=False).serialize_to_request(arguments, model)
    awsrequest.prepare_request_dict(made, "http://127.0.0.1:4566")
    prepared = awsrequest.create_request_object(made).prepare()
    url = urllib.parse.urlsplit(prepared.url)
    signed = f"AWS4-HMAC-SHA256 Credential=AKIAXXXXXXXXXXXXXXXX/20261122/us-east-1/{model.service_model.signing_name}"
    prepared.headers["authorization"] = f"{signed}/aws4_request, SignedHeaders=host, Signature=0"
    body = prepared.body or b""
    if not isinstance(body, bytes | bytearray | str):
        body = body.read()
    return Request(
        prepared.method,
        url.path,
        urllib.parse.parse_qs(url.query, keep_blank_values=True),
        {
            name.lower(): text.decode("latin-1") if isinstance(text, bytes) else text
            for name, text in prepared.headers.items()
        },
        body.encode() if isinstance(body, str) else bytes(body),
    )


def read(model: OperationModel, protocol: str, response: Response) -> dict[str, Any]:
    """What boto3 gives for ``response``; an object's bytes, which it would stream, as they are."""
    shape = model.output_shape
    if shape is not None and model.service_model.service_name == "sqs" and protocol == "query":
        shape.serialization["resultWrapper"] = f"{model.name}Result"  # as in models of that time
    payload = _bytes_in(shape)
    answer: dict[str, Any] = parsers.create_parser(protocol).parse(
        {
            "status_code": response.status,
            "headers": awsrequest.HeadersDict(response.headers),
            "body": b"" if payload and response.status < 300 else response.body,
        },
        shape,
    )
    if payload and response.status < 300:
        answer[payload] = response.body
    return answer


def _bytes_in(shape: StructureShape | None) -> str | None:
    """The member of an answer that is nothing but bytes."""
    payload = shape.serialization.get("payload") if shape is not None else None
    return payload if payload and shape is not None and shape.members[payload].type_name == "blob" else None


def answers(model: OperationModel) -> dict[str, Any]:
    """An answer of ``model``; what is carried in headers is plain enough for them."""
    if model.output_shape is None:
        return {}
    made: dict[str, Any] = value(model.output_shape) or {}
    for name, member in model.output_shape.members.items():
        location, kind = member.serialization.get("location"), member.type_name
        if location == "header" and kind == "string" and not getattr(member, "enum", None):
            made[name] = "in a header"
        elif location == "headers":
            made[name] = {"colour": "blue", "size": "two words"}
        elif location == "statusCode":
            made[name] = 200
    return made
