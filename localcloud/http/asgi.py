"""Requests and responses of the ASGI interface: read, replayed, checked against their hash, and sent."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
import zlib
from collections.abc import MutableMapping
from typing import Any

from localcloud.http.messages import Request, Response
from localcloud.services import Receive, Scope, Send

# A request for one of our services is small: the largest is InvokeEndpointAsync's body (128 kB) and, in the JSON
# services, a CodeCommit file (6 MB, base64).
MAX_BODY_BYTES = 16 * 1024 * 1024
# And for one of MiniStack's, S3's objects excepted: a function's code (50 MB, base64).
MAX_EMULATED_BYTES = 72 * 1024 * 1024
_REQUEST_ID = b"x-localcloud-requestid"
"""The id of a request to MiniStack, where it is ours that counts."""


def head_of(scope: Scope) -> Request:
    """The request without its body."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", []):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    path = (scope.get("raw_path") or urllib.parse.quote(scope["path"]).encode()).decode("latin-1")
    return Request(scope["method"], path.partition("?")[0], query, headers, b"")


class PayloadMismatchError(Exception):
    """The body is not the one whose hash was signed."""


def hashed(receive: Receive, stated: str) -> Receive:
    """``receive`` that keeps back the end of a body that does not have the hash ``stated``."""
    digest = hashlib.sha256()
    whole = False

    async def check() -> MutableMapping[str, Any]:
        nonlocal whole
        message = await receive()
        if message["type"] == "http.request" and not whole:
            digest.update(message.get("body", b""))
            whole = not message.get("more_body")
            if whole and digest.hexdigest() != stated:
                raise PayloadMismatchError
        return message

    return check


def inflated(head: Request, body: bytes) -> bytes:
    """``body`` without the compression that SDKs apply to large requests (Smithy's ``requestCompression``)."""
    if head.headers.get("content-encoding", "").lower() != "gzip":
        return body
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, MAX_EMULATED_BYTES)
    except zlib.error:
        return body


def replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` of a request whose body has been read already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return replay


async def read_body(receive: Receive, limit: int = MAX_BODY_BYTES) -> bytes | None:
    """The whole body; None when it has more than ``limit`` bytes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


def ending_if_unread(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """``receive`` and ``send`` that announce the end of a connection whose request was answered before it was read.

    The server closes such a connection in any case (the rest of the body cannot be the next request). A client that is
    not told would send its next request into it, and lose that one.
    """
    headers = dict(scope.get("headers", ()))
    unread = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
    if not unread or scope.get("http_version") != "1.1":
        return receive, send

    async def watched() -> MutableMapping[str, Any]:
        nonlocal unread
        message = await receive()
        unread = unread and bool(message.get("more_body"))
        return message

    async def announcing(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and unread:
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return watched, announcing


def json_response(status: int, body: object) -> Response:
    """A response of the cloud's own pages."""
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


async def send_response(send: Send, response: Response) -> None:
    """Send ``response``, whole."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def without_cors(send: Send) -> Send:
    """MiniStack tells browsers that every origin may read its answers; this cloud tells them nothing."""

    async def send_without(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            ours = next((value for name, value in headers if name.lower() == _REQUEST_ID), None)
            if ours is not None:  # an invocation's log names it: MiniStack would answer another one
                kept = [pair for pair in headers if pair[0].lower() not in (b"x-amzn-requestid", _REQUEST_ID)]
                headers = [*kept, (b"x-amzn-requestid", ours)]
            message = {**message, "headers": headers}
        await send(message)

    return send_without


async def lifespan(receive: Receive, send: Send) -> None:
    """Say yes to start and stop: :mod:`localcloud.process.server` does the work of both, in its own order."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
