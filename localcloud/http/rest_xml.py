"""AWS's rest-xml protocol, server side, as S3 speaks it: which operation a request asks for, and with what.

Many of S3's operations share a method and a path and differ by a query argument (``?acl``) or a header
(``x-amz-copy-source``): the one that asks for most of what the request has is the one that is meant.
"""

from __future__ import annotations

import datetime
import email.utils
import functools
import uuid
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from localcloud.http.constraints import validation_message, violations
from localcloud.http.messages import Request, Response
from localcloud.http.shapes import ShapeError, from_text
from localcloud.http.xml import members, to_xml
from localcloud.services import ServiceError

_IGNORED = ("x-id",)  # only there for people who read logs
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
_REFUSED_INSIDE = {
    "at 'locationConstraint'": ("InvalidLocationConstraint", "The specified location-constraint is not valid"),
    ".filterRules.": ("InvalidArgument", "filter rule name must be either prefix or suffix"),
}
"""What S3 says to a document's member that its schema does not allow, by what is in our words for it."""
_REFUSED = {
    "x-amz-copy-source": ("InvalidArgument", "Invalid copy source object key"),
    "x-amz-storage-class": ("InvalidStorageClass", "The storage class you specified is not valid"),
    "x-amz-metadata-directive": ("InvalidArgument", "Unknown metadata directive."),
    "x-amz-tagging-directive": ("InvalidArgument", "Unknown tagging directive."),
    "x-amz-server-side-encryption": (
        "InvalidEncryptionAlgorithmError",
        "The encryption request that you specified is not valid. The valid value is AES256.",
    ),
    "encoding-type": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
}
"""What S3 calls values of some headers and query arguments that its model does not allow."""
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
        self.superseded = bool(model.deprecated)
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
        asked = 4 * (len(self.query) + len(self.arguments)) + 2 * len(self.headers)
        return asked - self.superseded  # PutBucketLifecycle and PutBucketLifecycleConfiguration look the same


def _location(member: Shape) -> str:
    return str(member.serialization.get("location", ""))


def _wire(member: Shape) -> str:
    return str(member.serialization.get("name", ""))


@functools.cache  # PutObject has fifty members, and few of them are in a request
def _outside(shape: StructureShape) -> list[tuple[str, Shape, str, str]]:
    """The members that a request carries outside its body: name, member, location, name there (headers: lower case)."""
    found = [(name, member, _location(member), _wire(member) or name) for name, member in shape.members.items()]
    return [
        (name, member, location, wire.lower() if location.startswith("header") else wire)
        for name, member, location, wire in found
        if location
    ]


@functools.cache
def _inside(shape: StructureShape) -> list[str]:
    """The members that a request carries in its body, an object's bytes excepted."""
    payload = shape.serialization.get("payload")
    return [
        name
        for name, member in shape.members.items()
        if not _location(member) and not (name == payload and member.type_name == "blob")
    ]


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
        """Whether the body of ``model`` is a document, and so small; else it is an object's bytes, or nothing."""
        shape = model.input_shape
        if shape is None:
            return False
        payload = shape.serialization.get("payload")
        if payload is not None:
            return shape.members[payload].type_name in ("structure", "string")
        return any(_location(member) == "" for member in shape.members.values())

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and parameters of ``request``, without an object's bytes; raises :class:`ServiceError`."""
        model = self.operation(request)
        if model is None:
            raise ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        shape = model.input_shape
        if shape is None:
            return model.name, {}
        bucket, key = place(request)
        out: dict[str, Any] = {}
        try:
            for name, member, location, wire in _outside(shape):
                if location == "header":
                    if wire in request.headers:
                        out[name] = _from_header(member, request.headers[wire], name)
                elif location == "uri":
                    out[name] = bucket if wire == "Bucket" else key
                elif location == "headers":
                    found = {k[len(wire) :]: v for k, v in request.headers.items() if k.startswith(wire)}
                    out.update({name: found} if found else {})
                elif location == "querystring" and wire in request.query:
                    texts = request.query[wire]
                    out[name] = (
                        _from_list(member, texts, name)
                        if isinstance(member, ListShape)
                        else _from_header(member, texts[-1], name)
                    )
        except ShapeError as error:
            raise ServiceError("InvalidArgument", str(error)) from None
        if request.body and self.has_document(model):
            out.update(_document(shape, request.body))
        _check(shape, out)
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
            member = shape.members.get(name)
            if member is None:
                raise ShapeError(f"{shape.name} has no member {name!r}")
            if value is None:
                continue
            if _location(member) == "header":
                headers[_wire(member).lower()] = _to_header(member, value)
            elif _location(member) == "headers":
                headers.update({f"{_wire(member).lower()}{key}": text for key, text in value.items()})
            elif _location(member) == "statusCode":
                status = int(value)
            else:
                inside[name] = value
        payload = shape.serialization.get("payload")
        if payload in inside:
            member, body = shape.members[payload], inside[payload]
            if member.type_name in ("blob", "string"):
                return Response(status, headers, body if isinstance(body, bytes) else body.encode())
            text = to_xml(member, body, str(member.serialization.get("name", payload)))
        elif payload is None and any(_location(member) == "" for member in shape.members.values()):
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
    path = request.decoded_path.removeprefix("/")
    if request.bucket_of_host:
        return request.bucket_of_host, path
    bucket, _, key = path.partition("/")
    return bucket, key


def _from_header(shape: Shape, text: str, name: str) -> Any:
    if isinstance(shape, ListShape):
        return _from_list(shape, [part.strip() for part in text.split(",")], name)
    if shape.type_name == "timestamp":
        try:
            return from_text(shape, text, name)
        except ShapeError:
            return None  # S3 ignores a date that it cannot read, as HTTP asks for
    return from_text(shape, text, name)


def _from_list(shape: ListShape, texts: list[str], name: str) -> list[Any]:
    return [from_text(shape.member, text, name) for text in texts]


def _to_header(shape: Shape, value: Any) -> str:
    if isinstance(shape, ListShape):
        return ", ".join(map(str, value))
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return email.utils.format_datetime(value.astimezone(datetime.UTC), usegmt=True)
    return str(value)


def _document(shape: StructureShape, body: bytes) -> dict[str, Any]:
    """The parameters that a request has in its body; raises :class:`ServiceError`."""
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name == "string":
        return {payload: body.decode("utf-8", "replace")}
    inside = shape if payload is None else shape.members[payload]
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat itself bounds entities
        content = _from_xml(inside, root)
    except (ElementTree.ParseError, ShapeError):
        raise ServiceError("MalformedXML", _MALFORMED) from None
    return dict(content) if payload is None else {payload: content}


def _check(shape: StructureShape, parameters: dict[str, Any]) -> None:
    """Refuse what the service model does not allow, in S3's words.

    Documents: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    for name in _inside(shape):
        if name not in parameters and name in shape.required_members:
            raise ServiceError("MissingRequestBodyError", "Request Body is empty")
        problem = validation_message(shape.members[name], parameters[name]) if name in parameters else None
        if problem:
            words = next((words for part, words in _REFUSED_INSIDE.items() if part in problem), None)
            raise ServiceError(*(words or ("MalformedXML", _MALFORMED)))
    for name, value in parameters.items():
        member = shape.members[name]
        problem = next(violations(member, value, name), None) if _location(member) and value is not None else None
        if problem is not None:
            raise ServiceError(*_REFUSED.get(_wire(member), ("InvalidArgument", problem)))


def _from_xml(shape: Shape, node: ElementTree.Element) -> Any:
    if isinstance(shape, StructureShape):
        return _structure_from_xml(shape, node)
    if isinstance(shape, ListShape):
        return [_from_xml(shape.member, child) for child in node]
    if isinstance(shape, MapShape):  # S3 has none
        return {}
    return from_text(shape, node.text or "", node.tag)


def _structure_from_xml(shape: StructureShape, node: ElementTree.Element) -> dict[str, Any]:
    children: dict[str, list[ElementTree.Element]] = {}
    for child in node:
        children.setdefault(child.tag.rpartition("}")[2], []).append(child)
    out: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = _wire(member) or name
        if member.serialization.get("xmlAttribute"):
            text = node.attrib.get(f"{{{_INSTANCE}}}{wire.rpartition(':')[2]}")
            out.update({} if text is None else {name: text})
        elif wire in children:
            found = children.pop(wire)
            if isinstance(member, ListShape) and member.serialization.get("flattened"):
                out[name] = [_from_xml(member.member, child) for child in found]
            else:
                out[name] = _from_xml(member, found[0])
    if children:
        raise ShapeError(f"{shape.name} has no {', '.join(sorted(children))}")
    return out
