"""AWS's JSON protocols, server side: a request becomes (operation, parameters), an answer becomes a response.

Both follow botocore's service models: ``json`` (an ``X-Amz-Target`` header and a JSON body: SageMaker, Application
Auto Scaling, CodeCommit, CodePipeline, CodeBuild) and ``rest-json`` (method, path, headers: sagemaker-runtime).
"""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from localcloud.http.constraints import validation_message
from localcloud.http.messages import Request, Response, credential_scope
from localcloud.http.refusals import sns_refusal, sqs_refusal
from localcloud.http.shapes import ShapeError, from_json, from_text, to_json
from localcloud.services import ServiceError


@functools.lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def service_model(name: str) -> ServiceModel:
    """The botocore model of service ``name`` (``sagemaker-runtime``)."""
    return _session().get_service_model(name)


def protocol_for(name: str) -> JsonProtocol | RestJsonProtocol:
    """The protocol of service ``name``, ready to read its requests; raises ValueError for one that is not JSON."""
    model = service_model(name)
    kind = str(model.metadata["protocol"])
    if kind == "json":
        return JsonProtocol(model)
    if kind == "rest-json":
        return RestJsonProtocol(model)
    raise ValueError(f"{name} speaks {kind!r}; the local cloud's own services can speak json and rest-json")


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON, although Python's own parser takes it for a number")


def _load_json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", f"the request's body is not JSON: {error}") from None


_CODES = {
    "cloudformation": "ValidationError",
    "cloudwatch": "ValidationError",
    "codebuild": "InvalidInputException",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sagemaker-runtime": "ValidationError",
    "sts": "ValidationError",
}
"""What a service calls parameters that its model does not allow; the others say ``ValidationException``."""
_REFUSALS = {"sns": sns_refusal, "sqs": sqs_refusal}
"""Services that say it in words of their own."""


_RUNTIME = re.compile(r"1 validation error detected: Value '(.*)' at 'runtime' (failed to satisfy constraint: .*)")


def checked(model: OperationModel, parameters: dict[str, Any]) -> dict[str, Any]:
    """``parameters``; raises :class:`ServiceError` when the service model does not allow them."""
    service = model.service_model.service_name
    if model.input_shape is not None and service in _REFUSALS:
        refusal = _REFUSALS[service](model.input_shape, parameters)
        if refusal is not None:
            raise refusal
    elif model.input_shape is not None:
        message = validation_message(model.input_shape, parameters)
        if message:
            runtime = _RUNTIME.fullmatch(message) if model.service_model.service_name == "lambda" else None
            if runtime:  # Lambda checks this one itself
                words = f"Value {runtime[1]} at 'runtime' {runtime[2]} or be a valid ARN"
                raise ServiceError("InvalidParameterValueException", words)
            raise ServiceError(_CODES.get(service, "ValidationException"), message)
    return parameters


_OLDER_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    **{
        name: f"AWS.SimpleQueueService.{name}"
        for name in (
            *("BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId"),
            *("MessageNotInflight", "PurgeQueueInProgress", "QueueDeletedRecently", "TooManyEntriesInBatchRequest"),
            "UnsupportedOperation",
        )
    },
}
"""SQS's codes in the query protocol, where they differ: botocore's model lost them with that protocol."""


_NEWER_CODES = {
    "InvalidParameterValue": "InvalidParameterValueException",
    "MissingParameter": "MissingRequiredParameterException",
}
"""What SQS calls these in its JSON protocol, as recorded on AWS in LocalStack's ``sqs/test_sqs.snapshot.json``."""


def error_names(model: ServiceModel, error: ServiceError) -> tuple[str, dict[str, str]]:
    """What the service calls ``error``, and the header that tells its older name.

    SQS and CloudWatch spoke the query protocol once, where some errors had another code; clients of today show that
    one still, when ``x-amzn-query-error`` has it: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
    """
    if "awsQueryCompatible" not in model.metadata:
        return error.code, {}
    fault = "Receiver" if error.status >= 500 else "Sender"
    for shape in sorted(model.error_shapes, key=lambda each: each.name != error.code):  # several may share one code
        older = shape.metadata.get("error", {}).get("code") or _OLDER_CODES.get(shape.name, shape.name)
        if error.code in (shape.name, older):
            return str(shape.name), {"x-amzn-query-error": f"{older};{fault}"}
    newer = _NEWER_CODES.get(error.code, error.code) if model.service_name == "sqs" else error.code
    return newer, {"x-amzn-query-error": f"{error.code};{fault}"}


def _new_request_id() -> str:
    return str(uuid.uuid4())


class JsonProtocol:
    """The ``json`` protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.target_prefix = str(model.metadata["targetPrefix"])
        self.content_type = f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"

    def matches(self, request: Request) -> bool:
        """Whether ``request`` is for this service."""
        return request.headers.get("x-amz-target", "").rpartition(".")[0] == self.target_prefix

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and validated parameters of ``request``; raises :class:`ServiceError`."""
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        if operation not in self.model.operation_names:
            raise ServiceError("UnknownOperationException", f"{self.model.service_name} has no operation {operation!r}")
        model = self.model.operation_model(operation)
        body = _load_json(request.body)
        try:
            parameters = from_json(model.input_shape, body) if model.input_shape is not None else {}
        except ShapeError as error:
            raise ServiceError("SerializationException", str(error)) from None
        return operation, checked(model, parameters)

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The response for ``result``; raises :class:`ShapeError` when it does not fit the model."""
        shape = self.model.operation_model(operation).output_shape
        body = b"{}"
        if shape is not None:
            body = json.dumps(to_json(shape, result)).encode()
        elif result:
            raise ShapeError(f"{operation} answers nothing, not {sorted(result)}")
        return Response(200, self._headers(), body)

    def error(self, error: ServiceError) -> Response:
        """The response that boto3 raises as ``ClientError`` with ``error``'s code and message."""
        kind, headers = error_names(self.model, error)
        message = {"message": error.message} if error.message else {}
        body = json.dumps({"__type": kind, **message}).encode()
        return Response(error.status, {**self._headers(), **headers, "x-amzn-errortype": kind}, body)

    def _headers(self) -> dict[str, str]:
        return {"content-type": self.content_type, "x-amzn-requestid": _new_request_id()}


class RestJsonProtocol:
    """The ``rest-json`` protocol of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._routes = [self._route(name) for name in model.operation_names]

    def _route(self, operation: str) -> tuple[str, str, re.Pattern[str], dict[str, list[str]]]:
        http = self.model.operation_model(operation).http
        template, _, query = str(http["requestUri"]).partition("?")
        pieces = re.split(r"\{([^}]+)\}", template.rstrip("/"))
        pattern = "".join(
            re.escape(piece) if i % 2 == 0 else f"(?P<{piece.rstrip('+')}>{'.+' if piece.endswith('+') else '[^/]+'})"
            for i, piece in enumerate(pieces)
        )
        # Older clients end some paths with a slash, newer ones do not.
        return operation, str(http["method"]), re.compile(f"{pattern}/?"), urllib.parse.parse_qs(query)

    def _find(self, request: Request) -> tuple[str, re.Match[str]] | None:
        found = None
        for operation, method, pattern, query in self._routes:
            match = pattern.fullmatch(request.path) if method == request.method else None
            # GET …/layers lists them, GET …/layers?find=LayerVersion finds one.
            if match and query.items() <= dict(request.query).items() and (query or found is None):
                found = operation, match
        return found

    def matches(self, request: Request) -> bool:
        """Whether ``request`` is for this service: signed for it, with a path that it has."""
        scope = credential_scope(request)
        signed_for = scope.service if scope else ""
        return signed_for == self.model.signing_name and self._find(request) is not None

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and validated parameters of ``request``; raises :class:`ServiceError`."""
        found = self._find(request)
        if found is None:
            raise ServiceError("UnknownOperationException", f"{request.method} {request.path} is not an operation", 404)
        operation, match = found
        model = self.model.operation_model(operation)
        shape = model.input_shape
        if shape is None:
            return operation, {}
        try:
            parameters = self._located(shape, request, match)
            parameters.update(self._body(shape, request))
        except ShapeError as error:
            raise ServiceError("SerializationException", str(error)) from None
        return operation, checked(model, parameters)

    def _located(self, shape: StructureShape, request: Request, match: re.Match[str]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire = str(member.serialization.get("name", name))
            if location == "uri":
                out[name] = from_text(member, urllib.parse.unquote(match[wire]), name)
            elif location == "header" and wire.lower() in request.headers:
                out[name] = from_text(member, request.headers[wire.lower()], name)
            elif location == "headers":
                prefix = wire.lower()
                out[name] = {k[len(prefix) :]: v for k, v in request.headers.items() if k.startswith(prefix)}
            elif location == "querystring" and wire in request.query:
                values = request.query[wire]
                out[name] = (
                    [from_text(member.member, text, name) for text in values]
                    if isinstance(member, ListShape)
                    else from_text(member, values[-1], name)
                )
        return out

    @staticmethod
    def _body(shape: StructureShape, request: Request) -> dict[str, Any]:
        payload = shape.serialization.get("payload")
        if payload:
            member = shape.members[payload]
            if member.type_name in ("blob", "string"):
                value: Any = request.body if member.type_name == "blob" else request.body.decode()
                return {payload: value} if request.body else {}
            return {payload: from_json(member, _load_json(request.body))}
        unlocated = [name for name, member in shape.members.items() if "location" not in member.serialization]
        if not unlocated:
            return {}
        body: dict[str, Any] = from_json(shape, _load_json(request.body))
        return body

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The response for ``result``; raises :class:`ShapeError` when it does not fit the model."""
        model = self.model.operation_model(operation)
        status = int(model.http.get("responseCode", 200))
        headers = {"content-type": "application/json", "x-amzn-requestid": _new_request_id()}
        shape = model.output_shape
        if shape is None:
            return Response(status, headers, b"")
        document = to_json(shape, result)
        payload = shape.serialization.get("payload")
        body: dict[str, Any] = {}
        for name in result:
            member = shape.members[name]
            wire = str(member.serialization.get("name", name))
            if result[name] is None:
                continue
            if member.serialization.get("location") == "header":
                headers[wire.lower()] = _header_text(member, document[wire])
            elif name != payload:
                body[wire] = document[wire]
        if payload and payload in result:
            raw = result[payload]
            if isinstance(raw, bytes):
                return Response(status, headers, raw)
            text = raw if isinstance(raw, str) else json.dumps(document[payload])
            return Response(status, headers, text.encode())
        return Response(status, headers, json.dumps(body).encode())

    def error(self, error: ServiceError) -> Response:
        """The response that boto3 raises as ``ClientError`` with ``error``'s code and message."""
        headers = {
            "content-type": "application/json",
            "x-amzn-requestid": _new_request_id(),
            "x-amzn-errortype": error.code,
        }
        return Response(error.status, headers, json.dumps({"message": error.message}).encode())


def _header_text(shape: Shape, value: Any) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return str(value)
