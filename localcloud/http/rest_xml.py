"""AWS's rest-xml protocol, server side, as S3 speaks it: which operation a request asks for, and with what.

Many of S3's operations share a method and a path and differ by a query argument (``?acl``) or a header
(``x-amz-copy-source``): the one that asks for most of what the request has is the one that is meant.
"""

from __future__ import annotations

import re
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from localcloud.http.messages import Request, Response
from localcloud.http.shapes import ShapeError, from_text
from localcloud.http.xml import members, to_xml
from localcloud.services import ServiceError

_IGNORED = ("x-id",)  # only there for people who read logs
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class _Route:
    def __init__(self, model: OperationModel) -> None:
        self.model = model
        path, _, query = str(model.http["requestUri"]).partition("?")
        self.method = str(model.http["method"])
        self.depth = path.count("{")
        self.query = {key: value for key, _, value in (arg.partition("=") for arg in query.split("&") if query)}
        for name in _IGNORED:
            self.query.pop(name, None)
        shape = model.input_shape
        required = [shape.members[name] for name in shape.required_members] if shape is not None else []
        self.arguments = [_wire(member) for member in required if _location(member) == "querystring"]
        self.headers = [_wire(member).lower() for member in required if _location(member) == "header"]

    def score(self, request: Request) -> int | None:
        """How much of ``request`` this operation asks for; None when the request lacks some of it."""
        for name, value in self.query.items():
            if name not in request.query or (value and request.query[name] != [value]):
                return None
        if any(name not in request.query for name in self.arguments):
            return None
        if any(name not in request.headers for name in self.headers):
            return None
        return 2 * (len(self.query) + len(self.arguments)) + len(self.headers)


def _location(member: Shape) -> str:
    return str(member.serialization.get("location", ""))


def _wire(member: Shape) -> str:
    return str(member.serialization.get("name", ""))


class RestXmlProtocol:
    """The ``rest-xml`` protocol of S3."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._routes: dict[tuple[str, int], list[_Route]] = {}
        for name in model.operation_names:
            route = _Route(model.operation_model(name))
            self._routes.setdefault((route.method, route.depth), []).append(route)

    def matches(self, request: Request) -> bool:
        """Whether ``request``, which is signed for this service, speaks this protocol."""
        return True

    def operation(self, request: Request) -> OperationModel | None:
        """The operation that ``request`` asks for; None when there is none. The body is not looked at."""
        bucket, key = place(request)
        depth = (bucket != "") + (key != "")
        scored = [
            (score, route)
            for route in self._routes.get((request.method, depth), [])
            if (score := route.score(request)) is not None
        ]
        return max(scored, key=lambda pair: pair[0])[1].model if scored else None

    def has_document(self, model: OperationModel) -> bool:
        """Whether the body of ``model`` is XML, and so small; else it is an object's bytes, or nothing."""
        shape = model.input_shape
        payload = shape.serialization.get("payload") if shape is not None else None
        return shape is not None and payload is not None and shape.members[payload].type_name == "structure"

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and parameters of ``request``, without a streamed body; raises :class:`ServiceError`."""
        model = self.operation(request)
        if model is None:
            raise ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        shape = model.input_shape
        if shape is None:
            return model.name, {}
        bucket, key = place(request)
        out: dict[str, Any] = {}
        try:
            for name, member in shape.members.items():
                location, wire = _location(member), _wire(member) or name
                if location == "uri":
                    out[name] = bucket if wire == "Bucket" else key
                elif location == "header" and wire.lower() in request.headers:
                    out[name] = _from_header(member, request.headers[wire.lower()], name)
                elif location == "headers":
                    found = {k[len(wire) :]: v for k, v in request.headers.items() if k.startswith(wire.lower())}
                    out.update({name: found} if found else {})
                elif location == "querystring" and wire in request.query:
                    out[name] = from_text(member, request.query[wire][-1], name)
        except ShapeError as error:
            raise ServiceError("InvalidArgument", str(error)) from None
        if request.body and self.has_document(model):
            payload = str(shape.serialization["payload"])
            try:
                root = ElementTree.fromstring(request.body)  # noqa: S314 - expat itself bounds entities
                out[payload] = _from_xml(shape.members[payload], root)
            except (ElementTree.ParseError, ShapeError):
                message = "The XML you provided was not well-formed or did not validate against our published schema"
                raise ServiceError("MalformedXML", message) from None
        return model.name, out

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The response for ``result``; raises :class:`ShapeError` when it does not fit the model."""
        model = self.model.operation_model(operation)
        shape = model.output_shape
        headers = {"x-amz-request-id": uuid.uuid4().hex[:16].upper()}
        status = int(model.http.get("responseCode", 200))
        if shape is None:
            return Response(status, headers, b"")
        inside = {}
        for name, value in result.items():
            member = shape.members[name]
            if _location(member) == "header":
                headers[_wire(member).lower()] = str(value)
            else:
                inside[name] = value
        payload = shape.serialization.get("payload")
        if payload in inside:
            member = shape.members[payload]
            if member.type_name == "blob":
                return Response(status, headers, inside[payload])
            text = to_xml(member, inside[payload], str(member.serialization.get("name", payload)))
        elif any(_location(member) == "" for member in shape.members.values()):
            text = f'<{shape.name} xmlns="{_NAMESPACE}">{members(shape, inside)}</{shape.name}>'
        else:
            return Response(status, headers, b"")
        return Response(status, {**headers, "content-type": "application/xml"}, (_DECLARATION + text).encode())

    def error(self, error: ServiceError) -> Response:
        """The response that boto3 raises as ``ClientError`` with ``error``'s code and message."""
        request_id = uuid.uuid4().hex[:16].upper()
        body = (
            f"{_DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        )
        return Response(
            error.status, {"content-type": "application/xml", "x-amz-request-id": request_id}, body.encode()
        )


def place(request: Request) -> tuple[str, str]:
    """Bucket and key of a request, from its path or, in virtual-hosted style, its host; empty when absent."""
    path = urllib.parse.unquote(request.path).removeprefix("/")
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    match = re.fullmatch(r"(.+?)(?:\.s3(?:[.-][a-z0-9-]+)?)?\.localhost", host)
    if match and match[1] != "s3":
        return match[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _from_header(shape: Shape, text: str, name: str) -> Any:
    if isinstance(shape, ListShape):
        return [from_text(shape.member, part.strip(), name) for part in text.split(",")]
    return from_text(shape, text, name)


def _from_xml(shape: Shape, node: ElementTree.Element) -> Any:
    if isinstance(shape, StructureShape):
        out: dict[str, Any] = {}
        for name, member in shape.members.items():
            wire = _wire(member) or name
            if member.serialization.get("xmlAttribute"):
                continue
            found = [child for child in node if child.tag.rpartition("}")[2] == wire]
            if not found:
                continue
            if isinstance(member, ListShape) and member.serialization.get("flattened"):
                out[name] = [_from_xml(member.member, child) for child in found]
            else:
                out[name] = _from_xml(member, found[0])
        return out
    if isinstance(shape, ListShape):
        return [_from_xml(shape.member, child) for child in node]
    if isinstance(shape, MapShape):
        return {}
    return from_text(shape, node.text or "", node.tag)
