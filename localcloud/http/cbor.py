"""AWS's ``smithy-rpc-v2-cbor`` protocol, server side: what newer SDKs speak with CloudWatch."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Mapping
from typing import Any

import cbor2
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from localcloud.http.messages import Request, Response
from localcloud.http.protocol import checked, error_names
from localcloud.http.shapes import ShapeError, from_json
from localcloud.services import ServiceError

_PATH = re.compile(r"/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")
_HEADERS = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


class CborProtocol:
    """The ``smithy-rpc-v2-cbor`` protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def matches(self, request: Request) -> bool:
        """Whether ``request``, which is signed for this service, speaks this protocol."""
        return request.headers.get("smithy-protocol") == "rpc-v2-cbor"

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and parameters of ``request``; raises :class:`ServiceError`."""
        match = _PATH.fullmatch(request.path)
        operation = match["operation"] if match else request.path
        if operation not in self.model.operation_names:
            raise ServiceError("UnknownOperationException", f"{self.model.service_name} has no operation {operation!r}")
        shape = self.model.operation_model(operation).input_shape
        if shape is None:
            return operation, {}
        try:
            parameters = from_json(shape, _plain(cbor2.loads(request.body)) if request.body else {})
        except (ShapeError, ValueError, cbor2.CBORDecodeError) as error:
            raise ServiceError("SerializationException", str(error)) from None
        return operation, checked(self.model.operation_model(operation), parameters)

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The response for ``result``; raises :class:`ShapeError` when it does not fit the model."""
        shape = self.model.operation_model(operation).output_shape
        body = cbor2.dumps(_tagged(shape, result) if shape is not None else {})
        return Response(200, {**_HEADERS, "x-amzn-requestid": str(uuid.uuid4())}, body)

    def error(self, error: ServiceError) -> Response:
        """The response that boto3 raises as ``ClientError`` with ``error``'s code and message."""
        kind, named = error_names(self.model, error)
        headers = {**_HEADERS, **named, "x-amzn-requestid": str(uuid.uuid4())}
        message = {"message": error.message} if error.message else {}
        return Response(error.status, headers, cbor2.dumps({"__type": kind, **message}))


def _plain(value: Any) -> Any:
    """``value`` as JSON would have carried it."""
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _tagged(shape: Shape, value: Any) -> Any:
    """``value`` as CBOR carries it: a timestamp is seconds under tag 1."""
    if isinstance(shape, StructureShape):
        unknown = sorted(value.keys() - shape.members.keys())
        if unknown:
            raise ShapeError(f"{shape.name} has no member {unknown[0]!r}")
        return {key: _tagged(shape.members[key], item) for key, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        return [_tagged(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _tagged(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return cbor2.CBORTag(1, value.timestamp())
    return float(value) if shape.type_name in ("double", "float") else value
