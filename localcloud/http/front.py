"""The one door of the local cloud: an ASGI application that finds the service that answers.

:mod:`localcloud.http.gate` decides who may enter. The services of :mod:`localcloud.registry` are answered here, and the
rest is left to MiniStack.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from localcloud.http import wire
from localcloud.http.asgi import (
    MAX_EMULATED_BYTES,
    PayloadMismatchError,
    ending_if_unread,
    hashed,
    head_of,
    inflated,
    json_response,
    lifespan,
    read_body,
    replayed,
    send_response,
    without_cors,
)
from localcloud.http.gate import LIVENESS_PATH, Gate, refused
from localcloud.http.git_access import git_call
from localcloud.http.messages import CredentialScope, Request, Response, basic_credentials, credential_scope
from localcloud.http.protocol import JsonProtocol, RestJsonProtocol, protocol_for
from localcloud.http.rest_xml import RestXmlProtocol
from localcloud.http.shapes import ShapeError
from localcloud.http.strict import Strict
from localcloud.iam.authorizer import AUTHORIZED
from localcloud.rules import Call, Rulebook
from localcloud.services import ACCOUNT, DEFAULT_REGION, Application, Receive, Scope, Send, Service, ServiceError

logger = logging.getLogger(__name__)

STATUS_PATH = "/_localcloud/status"


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
        rules: Rulebook,
        strict: Strict,
        within: Callable[[str], contextlib.AbstractContextManager[None]],
        authorize: Callable[[Call], None],
        applications: Mapping[str, Application] | None = None,
        unsigned: Callable[[str], bool] = lambda path: False,
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
        rules : Rulebook
            What is refused or answered in MiniStack's place.
        strict : Strict
            Which operations MiniStack may be asked for.
        within : callable
            ``within(region)`` makes MiniStack's account and region those of a request.
        authorize : callable
            Raises :class:`ServiceError` when IAM does not let the caller make a call.
        applications : mapping, optional
            Other ASGI applications by the prefix of their paths.
        unsigned : callable
            Whether a path is a secret one of theirs that needs no signature: the application itself asks for a token.
        """
        self._gate = gate
        self._ministack = ministack
        self._pool = pool
        self._status = status
        self._ready = ready
        self._after_ministack = after_ministack
        self._rules = rules
        self._strict = strict
        self._within = within
        self._authorize = authorize
        self._applications = applications or {}
        self._unsigned = unsigned
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
            await lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        receive, send = ending_if_unread(scope, receive, send)
        request = head_of(scope)
        if self._unsigned(request.decoded_path):
            await self._dispatch(scope, request, receive, send)
            return
        refusal = self._gate.refusal(request)
        if refusal is None and self._gate.waits_for_body(request):
            body = await read_body(receive, MAX_EMULATED_BYTES)
            if body is None:
                refusal = refused(request, "RequestEntityTooLarge", "the request is too large", 413)
            else:
                request, receive = dataclasses.replace(request, body=body), replayed(body, receive)
                refusal = self._gate.body_refusal(request)
        if refusal is not None:
            await send_response(send, refusal)
            return
        stated = request.headers.get("x-amz-content-sha256", "")
        if not re.fullmatch("[0-9a-f]{64}", stated):
            await self._dispatch(scope, request, receive, send)
            return
        try:
            await self._dispatch(scope, request, hashed(receive, stated), send)
        except PayloadMismatchError:
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            await send_response(send, refused(request, "XAmzContentSHA256Mismatch", message, 400))

    async def _dispatch(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        """Have the service that a request is for answer it; its signature is verified."""
        if request.decoded_path == LIVENESS_PATH:
            body = {"localcloud": "ready" if self._ready() else "starting"}
            await send_response(send, json_response(200 if self._ready() else 503, body))
            return
        if request.decoded_path == STATUS_PATH:
            status = await asyncio.get_running_loop().run_in_executor(self._pool, self._status)
            await send_response(send, json_response(200, status))
            return
        for prefix, application in self._applications.items():
            if request.decoded_path.startswith(prefix):
                await application(scope, receive, send)
                return
        mounted = self.mount(request.decoded_path)
        if mounted is not None:
            refusal = self._git_refusal(request)
            await (mounted(scope, receive, send) if refusal is None else send_response(send, refusal))
            return
        for protocol, service in self._services:
            if protocol.matches(request):
                signed = credential_scope(request)
                if signed is None or signed.service != protocol.model.signing_name:
                    message = f"Credential should be scoped to correct service: '{protocol.model.signing_name}'."
                    await send_response(send, protocol.error(ServiceError("SignatureDoesNotMatch", message, 403)))
                    return
                await self._serve(protocol, service, request, signed, receive, send)
                return
        await self._emulated(scope, request, receive, send)

    def _git_refusal(self, request: Request) -> Response | None:
        """CodeCommit User Guide, "codecommit:GitPull" and "GitPush": the permissions that Git needs."""
        access_key, _ = basic_credentials(request) or ("", "")
        call = git_call(request, access_key)
        try:
            self._authorize(call)
        except ServiceError as error:
            return Response(403, {"content-type": "text/plain"}, f"{error.message}\n".encode())
        return None

    async def _emulated(self, scope: Scope, head: Request, receive: Receive, send: Send) -> None:
        """Have MiniStack answer, unless the service's model or a rule has something to say."""
        signed = credential_scope(head)
        service = wire.service_of(signed.service) if signed else None
        protocol = wire.find(service, head) if service else None
        if signed is not None and protocol is None:
            try:
                self._strict.check_service(signed.service, (*wire.OFFERED, *(each.name for _, each in self._services)))
            except ServiceError as error:
                await send_response(send, refused(head, error.code, error.message, error.status))
                return
        if signed is not None and service is not None and protocol is not None:
            request = head
            if not _is_object(protocol, head):
                body = await read_body(receive, MAX_EMULATED_BYTES)
                if body is None:
                    too_large = ServiceError("RequestEntityTooLarge", "the request is too large", 413)
                    await send_response(send, protocol.error(too_large))
                    return
                request, receive = dataclasses.replace(head, body=inflated(head, body)), replayed(body, receive)
            answer = await self._by_the_rules(service, protocol, request, signed)
            if answer is not None:
                await send_response(send, answer)
                self._after_ministack(request, signed)
                return
        try:
            # Policies that demand TLS (the CDK's buckets) must not shut out a cloud that no wire leads to.
            await self._ministack({**scope, "scheme": "https"}, receive, without_cors(send))
        finally:
            self._after_ministack(head, signed)

    async def _by_the_rules(
        self, service: str, protocol: wire.WireProtocol, request: Request, signed: CredentialScope
    ) -> Response | None:
        """The answer to ``request`` when it is not MiniStack that answers it."""
        operation = "?"
        try:
            operation, parameters = protocol.parse(request)
            self._strict.check(service, operation)
            call = _call(service, operation, parameters, signed)
            self._authorize(call)
            AUTHORIZED.set(True)
            with self._within(call.region):
                for rule in self._rules.of(service, operation):
                    answer = rule(call)
                    if inspect.isawaitable(answer):
                        answer = await answer
                    if answer is not None:
                        return protocol.response(operation, answer)
        except ServiceError as error:
            logger.info("%s.%s refused: %s: %s", service, operation, error.code, error.message)
            return protocol.error(error)
        except Exception as error:  # the boundary: a fault of ours must reach the caller as a 500
            logger.exception("%s.%s failed", service, operation)
            return protocol.error(
                ServiceError("InternalFailure", f"local cloud's fault in {operation}: {error!r}", 500)
            )
        return None

    async def _serve(
        self,
        protocol: JsonProtocol | RestJsonProtocol,
        service: Service,
        head: Request,
        signed: CredentialScope,
        receive: Receive,
        send: Send,
    ) -> None:
        body = await read_body(receive)
        if body is None:
            await send_response(
                send, protocol.error(ServiceError("RequestEntityTooLarge", "the request is too large", 413))
            )
            return
        request = Request(head.method, head.path, head.query, head.headers, body)

        def authorize(operation: str, parameters: dict[str, Any]) -> None:
            self._authorize(_call(service.name, operation, parameters, signed))

        answer = await asyncio.get_running_loop().run_in_executor(
            self._pool, answer_request, protocol, service, request, authorize
        )
        await send_response(send, answer)


def _call(service: str, operation: str, parameters: dict[str, Any], signed: CredentialScope) -> Call:
    return Call(service, operation, parameters, ACCOUNT, signed.region or DEFAULT_REGION, signed.access_key)


def answer_request(
    protocol: JsonProtocol | RestJsonProtocol,
    service: Service,
    request: Request,
    authorize: Callable[[str, dict[str, Any]], None],
) -> Response:
    """Carry out ``request``; whatever goes wrong becomes an error in the service's protocol.

    Parameters
    ----------
    protocol : JsonProtocol or RestJsonProtocol
    service : Service
    request : Request
        With its body.
    authorize : callable
        Gets operation and parameters; raises :class:`ServiceError` when the caller may not.
    """
    operation = "?"
    try:
        operation, parameters = protocol.parse(request)
        authorize(operation, parameters)
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


def _is_object(protocol: wire.WireProtocol, head: Request) -> bool:
    """Whether the body is not to be read here: it may be an object of gigabytes."""
    if not isinstance(protocol, RestXmlProtocol):
        return False
    operation = protocol.operation(head)
    return operation is None or not protocol.has_document(operation)
