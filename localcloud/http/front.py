"""The one door of the local cloud: who may enter, and which service answers.

An ASGI application. It refuses what a browser or another machine's name could send (a request with an ``Origin``, a
foreign ``Host``) and any access key that this cloud did not issue; it answers the services of ``localcloud.registry``
itself and leaves the rest to MiniStack.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import urllib.parse
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import Executor
from typing import Any
from xml.sax.saxutils import escape

from localcloud.http.protocol import (
    CredentialScope,
    JsonProtocol,
    Request,
    Response,
    RestJsonProtocol,
    credential_scope,
    protocol_for,
)
from localcloud.http.shapes import ShapeError
from localcloud.services import Application, Receive, Scope, Send, Service, ServiceError

logger = logging.getLogger("localcloud.http.front")

LIVENESS_PATH = "/_localcloud/health"
STATUS_PATH = "/_localcloud/status"
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
# A request for one of our services is small: the largest is InvokeEndpointAsync's body (128 kB) and, in the JSON
# services, a CodeCommit file (6 MB, base64).
_MAX_BODY_BYTES = 16 * 1024 * 1024


class Gate:
    """Decides whether a request may enter."""

    def __init__(
        self,
        access_key: str,
        *,
        issued: Callable[[str], bool],
        callback: Callable[[str], bool],
        mounted: Callable[[str], bool] = lambda path: False,
    ) -> None:
        """Admit ``access_key``.

        Parameters
        ----------
        access_key : str
            The access key of this cloud.
        issued : callable
            Whether this cloud itself issued a key (STS sessions, which the CDK works with; IAM users).
        callback : callable
            Whether a path is one that this cloud gave out unsigned, with a secret in it (CloudFormation's ResponseURL).
        mounted : callable
            Whether a path is for clients that know HTTP Basic authentication and no AWS signature (Git).
        """
        self._access_key = access_key
        self._issued = issued
        self._callback = callback
        self._mounted = mounted

    def refusal(self, request: Request) -> Response | None:
        """The refusal, or None when the request may enter."""
        if "origin" in request.headers:
            return _refused(request, "AccessDenied", "The local cloud answers no browser: this request has an Origin.")
        if not _is_local(request.headers.get("host", "")):
            host = request.headers.get("host", "")
            return _refused(request, "AccessDenied", f"The local cloud is not {host!r}; it answers to 127.0.0.1 only.")
        if request.path == LIVENESS_PATH or self._callback(request.path):
            return None
        if self._mounted(request.path):
            return self._challenge(request)
        scope = credential_scope(request)
        if scope is None:
            return _refused(request, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if not self._known(scope.access_key):
            return _refused(request, "InvalidClientTokenId", _foreign(scope.access_key))
        if request.path.startswith(("/_ministack/", "/_localstack/", "/_aws/")):
            return _refused(request, "AccessDenied", f"{request.path} is MiniStack's own and not part of this cloud.")
        return None

    def _known(self, access_key: str) -> bool:
        return access_key == self._access_key or self._issued(access_key)

    def _challenge(self, request: Request) -> Response | None:
        """Ask for HTTP Basic credentials; the password is a signature, which is not verified here either."""
        access_key = basic_user(request)
        if access_key is None:
            challenge = {"www-authenticate": 'Basic realm="local cloud"', "content-type": "text/plain"}
            return Response(401, challenge, b"The local cloud asks for an access key as user name.\n")
        if not self._known(access_key):
            return Response(403, {"content-type": "text/plain"}, _foreign(access_key).encode() + b"\n")
        return None


def _foreign(access_key: str) -> str:
    return (
        f"The access key {access_key!r} is not the one of this local cloud: "
        'take it from `eval "$(python -m localcloud env)"`.'
    )


def basic_user(request: Request) -> str | None:
    """The access key in HTTP Basic credentials, without the session token that ``%`` may join to it; None if absent."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except ValueError:
        return None
    return user.partition("%")[0]


def _is_local(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def _refused(request: Request, code: str, message: str) -> Response:
    """403 in the protocol that the client speaks, so that it shows the message and not a parser's complaint."""
    scope = credential_scope(request)
    if scope is not None and scope.service == "s3":
        body = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        return Response(403, {"content-type": "application/xml"}, body.encode())
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
        )
        return Response(403, {"content-type": "text/xml"}, body.encode())
    body = json.dumps({"__type": code, "message": message})
    return Response(403, {"content-type": "application/json", "x-amzn-errortype": code}, body.encode())


class Front:
    """The ASGI application."""

    def __init__(
        self,
        *,
        gate: Gate,
        ministack: Application,
        pool: Executor,
        status: Callable[[], dict[str, Any]],
        ready: Callable[[], bool],
        after_ministack: Callable[[Request, CredentialScope | None], None],
    ) -> None:
        """Join gate, services and MiniStack.

        Parameters
        ----------
        gate : Gate
        ministack : ASGI application
            Answers what no service of ours answers.
        pool : Executor
            Where services' operations run.
        status : callable
            What ``python -m localcloud status`` shows; called in ``pool``.
        ready : callable
            Whether every service has started.
        after_ministack : callable
            Called after MiniStack has answered a request: its state may have changed.
        """
        self._gate = gate
        self._ministack = ministack
        self._pool = pool
        self._status = status
        self._ready = ready
        self._after_ministack = after_ministack
        self._services: list[tuple[JsonProtocol | RestJsonProtocol, Service]] = []
        self._mounts: dict[str, Application] = {}

    def add(self, services: Iterable[Service]) -> None:
        """Answer requests for ``services`` from now on."""
        for service in services:
            self._services.append((protocol_for(service.name), service))
            self._mounts.update(getattr(service, "mounts", {}))

    def mount(self, path: str) -> Application | None:
        """What a service of ours has mounted above ``path``."""
        return next((app for prefix, app in self._mounts.items() if path.startswith(prefix)), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _head(scope)
        refusal = self._gate.refusal(request)
        if refusal is not None:
            await _send(send, refusal)
            return
        if request.path == LIVENESS_PATH:
            body = {"localcloud": "ready" if self._ready() else "starting"}
            await _send(send, _json_response(200 if self._ready() else 503, body))
            return
        if request.path == STATUS_PATH:
            status = await asyncio.get_running_loop().run_in_executor(self._pool, self._status)
            await _send(send, _json_response(200, status))
            return
        mounted = self.mount(request.path)
        if mounted is not None:
            await mounted(scope, receive, send)
            return
        for protocol, service in self._services:
            if protocol.matches(request):
                await self._serve(protocol, service, request, receive, send)
                return
        try:
            await self._ministack(scope, receive, _without_cors(send))
        finally:
            self._after_ministack(request, credential_scope(request))

    async def _serve(
        self, protocol: JsonProtocol | RestJsonProtocol, service: Service, head: Request, receive: Receive, send: Send
    ) -> None:
        body = await _read_body(receive)
        if body is None:
            await _send(send, protocol.error(ServiceError("RequestEntityTooLarge", "the request is too large", 413)))
            return
        request = Request(head.method, head.path, head.query, head.headers, body)
        answer = await asyncio.get_running_loop().run_in_executor(
            self._pool, answer_request, protocol, service, request
        )
        await _send(send, answer)


def answer_request(protocol: JsonProtocol | RestJsonProtocol, service: Service, request: Request) -> Response:
    """Carry out ``request``; whatever goes wrong becomes an error in the service's protocol."""
    operation = "?"
    try:
        operation, parameters = protocol.parse(request)
        return protocol.response(operation, service.call(operation, parameters))
    except ServiceError as error:
        logger.info("%s.%s refused: %s: %s", service.name, operation, error.code, error.message)
        return protocol.error(error)
    except ShapeError as error:
        logger.exception("%s.%s: the answer does not fit the service model", service.name, operation)
        return protocol.error(ServiceError("InternalFailure", f"local cloud's fault in {operation}: {error}", 500))
    except Exception as error:  # the boundary: a fault of ours must reach the caller as a 500
        logger.exception("%s.%s failed", service.name, operation)
        return protocol.error(ServiceError("InternalFailure", f"local cloud's fault in {operation}: {error!r}", 500))


def _head(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", []):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    path = (scope.get("raw_path") or urllib.parse.quote(scope["path"]).encode()).decode("latin-1")
    return Request(scope["method"], path.partition("?")[0], query, headers, b"")


async def _read_body(receive: Receive) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > _MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


def _json_response(status: int, body: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


async def _send(send: Send, response: Response) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _without_cors(send: Send) -> Send:
    """MiniStack tells browsers that every origin may read its answers; this cloud tells them nothing."""

    async def send_without(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": headers}
        await send(message)

    return send_without


async def _lifespan(receive: Receive, send: Send) -> None:
    """Say yes to the server's start and stop: ``localcloud.process.server`` does the work of both itself, in its order."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
