"""AWS's query protocol, server side: a form with an ``Action``, answered in XML (SNS, CloudFormation, IAM, STS)."""

from __future__ import annotations

import re
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from localcloud.http.messages import Request, Response
from localcloud.http.protocol import checked
from localcloud.http.shapes import ShapeError, blob, from_text
from localcloud.http.xml import element, members
from localcloud.services import ServiceError

Tree = dict[str, Any]

_MAX_FIELDS = 100_000
_ENVELOPE = ("Action", "Version", "AWSAccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SecurityToken")
"""What a form has besides an operation's parameters."""


class QueryProtocol:
    """The ``query`` protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def matches(self, request: Request) -> bool:
        """Whether ``request``, which is signed for this service, speaks this protocol."""
        form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
        return (form or "Action" in request.query) and "x-amz-target" not in request.headers

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and parameters of ``request``; raises :class:`ServiceError`."""
        text = request.body.decode("utf-8", "replace")
        try:
            form = {**request.query, **urllib.parse.parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)}
        except ValueError as error:
            raise ServiceError("MalformedInput", str(error)) from None
        operation = form.get("Action", [""])[-1]
        if operation not in self.model.operation_names:
            version = form.get("Version", [self.model.api_version])[-1]
            raise ServiceError("InvalidAction", f"Could not find operation {operation} for version {version}")
        shape = self.model.operation_model(operation).input_shape
        if shape is None:
            return operation, {}
        tree: Tree = {}
        for name, values in form.items():
            if name not in _ENVELOPE and not name.startswith("X-Amz-"):
                _plant(tree, name.split("."), values[-1])
        try:
            parameters = _structure(shape, tree, "")
        except ShapeError as error:
            raise ServiceError("MalformedInput", str(error)) from None
        return operation, checked(self.model.operation_model(operation), parameters)

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The response for ``result``; raises :class:`ShapeError` when it does not fit the model."""
        shape = self.model.operation_model(operation).output_shape
        wrapper = shape.serialization.get("resultWrapper", f"{operation}Result") if shape else None
        inside = element(str(wrapper), members(shape, result)) if shape is not None else ""
        request_id = str(uuid.uuid4())
        metadata = element("ResponseMetadata", element("RequestId", request_id))
        name, space = f"{operation}Response", self.model.metadata.get("xmlNamespace", "")
        body = f'<{name} xmlns="{space}">{inside}{metadata}</{name}>'
        return Response(200, {"content-type": "text/xml", "x-amzn-requestid": request_id}, body.encode())

    def error(self, error: ServiceError) -> Response:
        """The response that boto3 raises as ``ClientError`` with ``error``'s code and message."""
        request_id = str(uuid.uuid4())
        kind = "Receiver" if error.status >= 500 else "Sender"
        message = f"<Message>{escape(error.message)}</Message>" if error.message else ""
        body = (
            f'<ErrorResponse xmlns="{self.model.metadata.get("xmlNamespace", "")}"><Error><Type>{kind}</Type>'
            f"<Code>{escape(error.code)}</Code>{message}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(error.status, {"content-type": "text/xml", "x-amzn-requestid": request_id}, body.encode())


def _plant(tree: Tree, path: list[str], value: str) -> None:
    """Put ``value`` at ``path``: ``Tags.member.1.Key`` into nested dictionaries."""
    for step in path[:-1]:
        branch = tree.setdefault(step, {})
        if not isinstance(branch, dict):  # "A=x&A.B=y"
            return
        tree = branch
    tree.setdefault(path[-1], value)


def _structure(shape: StructureShape, tree: Tree, where: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    known: set[str] = set()
    for name, member in shape.members.items():
        flattened = isinstance(member, ListShape) and member.serialization.get("flattened")
        wire = member.serialization.get("name", name)
        if flattened and isinstance(member, ListShape):
            wire = member.member.serialization.get("name") or wire
        if wire in tree:
            out[name] = _value(member, tree[wire], f"{where}.{name}".lstrip("."))
            known.add(wire)
    unknown = sorted(tree.keys() - known)
    if unknown:
        raise ShapeError(f"unknown parameter {f'{where}.{unknown[0]}'.lstrip('.')!r}")
    return out


def _value(shape: Shape, tree: Any, where: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, tree, where) if isinstance(tree, dict) else {}
    if isinstance(shape, ListShape):
        if tree == "":
            return []
        if not isinstance(tree, dict):
            raise ShapeError(f"{where}: must be a list")
        if not shape.serialization.get("flattened"):
            tree = tree.get(shape.member.serialization.get("name", "member"), tree.get("member", {}))
        return [_value(shape.member, item, f"{where}.{i}") for i, item in _numbered(tree)]
    if isinstance(shape, MapShape):
        if not isinstance(tree, dict):
            return {}
        if not shape.serialization.get("flattened"):
            tree = tree.get("entry", {})
        key, value = (str(s.serialization.get("name", n)) for s, n in ((shape.key, "key"), (shape.value, "value")))
        entries = [item for _, item in _numbered(tree) if isinstance(item, dict) and key in item]
        return {item[key]: _value(shape.value, item.get(value, ""), f"{where}.{item[key]}") for item in entries}
    if not isinstance(tree, str):
        raise ShapeError(f"{where}: must be a value")
    return blob(tree, where) if shape.type_name == "blob" else from_text(shape, tree, where)


def _numbered(tree: Any) -> list[tuple[int, Any]]:
    """The items of a list on the wire (``member.1``, ``member.2``), in the order of their numbers."""
    if not isinstance(tree, dict):
        return []
    return sorted((int(key), item) for key, item in tree.items() if re.fullmatch(r"\d+", key))
