"""S3 of MiniStack for objects of gigabytes: bodies stay in files.

MiniStack handles a body as ``bytes``. Here a large one is a :class:`FileBody` instead, which MiniStack's own code
measures, cuts, stores and answers like ``bytes``; only where that code would look into the bytes is it given another
function. So metadata, versions, tags, encryption headers, conditions and notifications are MiniStack's, large or small.

What callers within MiniStack (Lambda's code, Step Functions, …) read of an object is ``bytes``, as ever: files are
handed out only inside the handling of a request for S3.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from localcloud.ministack.bodies import CHUNK, FileBody, Holding, PartStandIn, as_base64, read_at
from localcloud.ministack.multipart import LARGEST_UPLOAD, Answer, Multipart
from localcloud.ministack.s3.answers import DEFAULT_TYPE, Answers
from localcloud.ministack.s3.buckets import Buckets, May
from localcloud.ministack.s3.durability import Durability
from localcloud.ministack.s3.reads import Reads
from localcloud.ministack.uploads import DisconnectedError, FramingError, Unframing, receive_into
from localcloud.rules import Rulebook
from localcloud.services import Receive, Scope, Send

LARGE = 1024 * 1024
"""From this many bytes on a body stays in a file."""


@dataclass
class _Request:
    """One HTTP request for S3."""

    scope: Scope
    body: FileBody | None = None


_request: ContextVar[_Request | None] = ContextVar("s3_request", default=None)


class _RefusedError(Exception):
    """A request's body is not taken; the arguments are S3's code, the message and the status."""


class Objects:
    """MiniStack's S3.

    Attributes
    ----------
    app : ASGI application
        MiniStack's, with the bodies of large objects kept out of it.
    """

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, may: May) -> None:
        self._buckets = Buckets(modules, rules, may)
        self._s3: Any = modules["s3"]
        self._app: Any = modules["app"]
        self._responses: Any = modules["responses"]
        # The run's own folder below the state, which the janitor removes: nothing of it outlives the cloud.
        self._holding = Holding(Path(tempfile.gettempdir()) / "objects")
        self._multipart = Multipart(modules, self._holding)
        self._durability = Durability(modules, self._holding.place)
        self._reads, self._answers = Reads(modules), Answers(modules)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="objects")
        self._here = threading.local()
        self._ministack: Any = modules["app"].app
        self._take_over()

    def _take_over(self) -> None:
        self._app._read_request_body = functools.partial(self._receive, self._app._read_request_body)
        self._s3.hashlib = _Hashlib()
        replacements: dict[str, Callable[..., Any]] = {
            "handle_request": self._handle_request,
            "_dispatch": self._dispatch,
            "_read_body": self._read_body,
            "_version_body": self._version_body,
            "_version_entry_from_record": self._version_entry,
            "_compute_s3_checksum": self._checksum,
            "_check_copy_source_preconditions": self._source_refusal,
            "md5_hash": _md5_hash,
            **self._multipart.replacements(),
            **self._buckets.replacements(),
            **self._durability.replacements(),
            **self._reads.replacements(),
            **self._answers.replacements(),
        }
        for name, replacement in replacements.items():
            setattr(self._s3, name, functools.partial(replacement, getattr(self._s3, name)))

    # ---- requests and answers

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        token = _request.set(_Request(scope) if _is_signed_for_s3(scope) else None)
        try:
            await self._ministack(scope, receive, send)
        except _RefusedError as error:
            await self._app._send_response(send, *self._s3._error(*error.args))
        finally:
            _request.reset(token)

    async def _receive(self, original: Any, receive: Receive, method: str, headers: dict[str, str]) -> bytes:
        """Read a request's body; that of a large object goes to a file, and MiniStack's ``app`` sees none."""
        request = _request.get()
        if request is None or not _is_large_upload(request.scope, headers):
            body: bytes = await original(receive, method, headers)
            return body
        if _body_size(headers) > LARGEST_UPLOAD:
            raise _RefusedError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        unframing = Unframing() if _is_framed(headers) else None
        try:
            algorithms = self._algorithms(request.scope, headers)
            check = functools.partial(self._take_trailer, unframing, headers)
            request.body = await receive_into(self._holding.new(), receive, self._pool, algorithms, unframing, check)
        except DisconnectedError:
            raise self._app._RequestBodyDisconnected from None
        except FramingError as error:
            raise self._app._IncompleteRequestBody(str(error)) from error
        except OSError as error:
            raise _RefusedError("InternalError", f"The local cloud could not store the body: {error}", 500) from error
        return b""

    def _algorithms(self, scope: Scope, headers: Mapping[str, str]) -> set[str]:
        """Which checksums the request or its upload asks for; S3's ETag is an MD5."""
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"))
        names = [*headers, *headers.get("x-amz-trailer", "").lower().split(",")]
        names = [name.strip().removeprefix("x-amz-checksum-") for name in names if "x-amz-checksum-" in name]
        chosen = "x-amz-sdk-checksum-algorithm"
        names.append(headers.get(chosen) or query.get(chosen, [""])[0])  # the latter in a presigned URL
        upload = self._multipart.find(query.get("uploadId", [""])[0])
        names.append(upload["checksum_algorithm"] or "" if upload else "")
        return {"MD5", *(name.upper().replace("_", "") for name in names)}

    def _take_trailer(self, unframing: Unframing | None, headers: dict[str, str], size: int) -> None:
        """Let MiniStack read the end of an aws-chunked body, as if that were all: it puts trailers to the headers."""
        if unframing is None:
            return
        declared = headers.get("x-amz-decoded-content-length")
        if declared is not None and declared.strip() != str(size):
            raise FramingError(f"x-amz-decoded-content-length says {declared}, but {size} bytes came")
        if declared is not None:
            headers["x-amz-decoded-content-length"] = "0"
        # Without a last chunk there is no trailer; what stands for it then is refused there.
        self._app._decode_aws_chunked_body(unframing.trailer or b"?", headers)
        if declared is not None:
            headers["x-amz-decoded-content-length"] = declared

    async def _handle_request(
        self,
        original: Any,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Any,
        query_params: dict[str, list[str]],
        *arguments: Any,
        **options: Any,
    ) -> Answer:
        """Answer a request for S3, of HTTP or of another service in MiniStack (which gets ``bytes``)."""
        request = _request.get()
        _request.set(None)
        if request is not None and request.body is not None:
            body, request.body = request.body, None
        if "content-type" not in headers and (method == "PUT" or "uploads" in query_params):
            headers = {**headers, "content-type": DEFAULT_TYPE}
        try:
            completes = method == "POST" and "uploadId" in query_params
            preparation = self._multipart.prepared(query_params["uploadId"][0], body) if completes else nullcontext()
            async with preparation:
                answer = await original(method, path, headers, body, query_params, *arguments, **options)
        except OSError as error:
            answer = self._s3._error("InternalError", f"The local cloud could not store the object: {error}", 500)
        status, answer_headers, content = answer
        if isinstance(content, FileBody):
            content = self._streamed(content) if request is not None else content.read()
        return status, answer_headers, content

    def _dispatch(
        self, original: Any, method: str, bucket: str, key: str, headers: Any, body: Any, query: Any
    ) -> Answer:
        """Hand out files instead of ``bytes`` in here, on this thread alone: MiniStack starts others for events."""
        answered: Callable[[], Answer] = functools.partial(original, method, bucket, key, headers, body, query)
        self._here.files = True
        try:
            if method in ("GET", "HEAD"):
                return answered()
            return self._durability.carried_out(answered, bucket, key, query)
        finally:
            self._here.files = False

    def _streamed(self, body: FileBody) -> Any:
        file = body.open()  # now: another request may replace the object before the first byte is sent

        async def run(send: Send, receive: Receive) -> None:
            loop = asyncio.get_running_loop()
            gone = asyncio.create_task(_disconnected(receive))
            sizes = [(at, min(CHUNK, len(body) - at)) for at in range(0, len(body), CHUNK)]
            reading: asyncio.Future[bytes] | None = None
            try:
                for at, size in sizes:
                    following = loop.run_in_executor(self._pool, read_at, file, body.start + at, size)
                    if reading is not None:
                        await send({"type": "http.response.body", "body": await reading, "more_body": True})
                    reading = following
                    if gone.done():
                        return
                if reading is not None:
                    await send({"type": "http.response.body", "body": await reading, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                gone.cancel()
                if reading is not None:
                    await asyncio.wait([reading])
                file.close()

        return self._responses.StreamingResponse(run)

    # ---- where MiniStack would look into the bytes

    def _read_body(self, original: Any, bucket: str, key: str, record: dict[str, Any]) -> Any:
        if self._wants_file(record, record.get("body")):
            path = self._s3._object_disk_path(bucket, key)
            return FileBody(Path(path), 0, record["size"], source=record["etag"])
        return original(bucket, key, record)

    def _version_body(self, original: Any, bucket: Any, name: str, key: str, version: dict[str, Any]) -> Any:
        if self._wants_file(version, version.get("data")) and self._s3._version_file_exists(
            name, key, version["version_id"]
        ):
            path = self._s3._version_disk_path(name, key, version["version_id"])
            return FileBody(Path(path), 0, version["size"], source=version["etag"])
        return original(bucket, name, key, version)

    def _wants_file(self, record: Mapping[str, Any], body: object) -> bool:
        return getattr(self._here, "files", False) and body is None and record["size"] >= LARGE

    def _version_entry(self, original: Any, record: dict[str, Any], version_id: str, data: Any) -> Any:
        """The list of versions refers to the disk; its entry for a large object holds no body."""
        in_file = isinstance(data, FileBody) or isinstance(record.get("body"), FileBody)
        return original(record, version_id, None if in_file else data)

    def _checksum(self, original: Any, algorithm: str, body: Any) -> Any:
        if not isinstance(body, FileBody):
            return original(algorithm, body)
        checksum = body.checksum((algorithm or "").upper().replace("_", ""))
        return None if checksum is None else as_base64(checksum)

    def _source_refusal(self, original: Any, headers: Mapping[str, str], source: dict[str, Any]) -> Any:
        """CopyObject and UploadPartCopy: a source of more than 5 GiB is copied by ranges (S3 API Reference, both)."""
        if source["size"] > LARGEST_UPLOAD and "x-amz-copy-source-range" not in headers:
            message = "The specified copy source is larger than the maximum allowable size for a copy source: "
            return self._s3._error("InvalidRequest", f"{message}{LARGEST_UPLOAD}", 400)
        return original(headers, source)


class _Hashlib:
    """Stands in for ``hashlib`` in MiniStack's S3: the MD5 of a large body is known already."""

    def __getattr__(self, name: str) -> Any:
        return getattr(hashlib, name)

    def md5(self, data: Any = b"", **options: Any) -> Any:
        if isinstance(data, FileBody | PartStandIn):
            return _Known(data.md5())
        return hashlib.md5(data, **options)  # noqa: S324 - S3's ETag and Content-MD5


class _Known:
    def __init__(self, value: bytes) -> None:
        self._value = value

    def digest(self) -> bytes:
        return self._value

    def hexdigest(self) -> str:
        return self._value.hex()


def _md5_hash(original: Callable[[bytes], str], data: Any) -> str:
    return data.md5().hex() if isinstance(data, FileBody) else original(data)


def _is_signed_for_s3(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    query = urllib.parse.unquote_to_bytes(scope.get("query_string", b""))
    header = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
    # A presigned URL has it in the query; boto3 still signs those for us-east-1 in version 2 by default.
    return b"/s3/aws4_request" in header + query or b"AWSAccessKeyId=" in query


def _is_large_upload(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether this is PutObject or UploadPart with a large body."""
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    names = {name for name in query if not name.lower().startswith("x-amz-")}
    return (
        scope["method"] == "PUT"
        and scope["path"].strip("/").count("/") > 0
        and names <= {"x-id", "partNumber", "uploadId"}
        and "x-amz-copy-source" not in headers
        and _body_size(headers) >= LARGE
    )


def _is_framed(headers: Mapping[str, str]) -> bool:
    """Whether a body is aws-chunked, by any of the three signs that MiniStack knows."""
    return (
        headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        or "aws-chunked" in headers.get("content-encoding", "")
        or "x-amz-decoded-content-length" in headers
    )


def _body_size(headers: Mapping[str, str]) -> int:
    size = headers.get("x-amz-decoded-content-length") or headers.get("content-length") or "0"
    return int(size) if size.isdigit() else 0


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
