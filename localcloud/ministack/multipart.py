"""Multipart uploads of MiniStack's S3 whose parts are files, and what MiniStack does not check or know about them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from localcloud.ministack.bodies import FileBody, Holding, PartStandIn, as_base64, joined, write_together
from localcloud.ministack.checksums import can_be_full, combined, new_digest

# S3 User Guide, "Amazon S3 multipart upload limits": a part has 5 MiB to 5 GiB, the last may be smaller.
SMALLEST_PART = 5 * 1024**2
LARGEST_UPLOAD = 5 * 1024**3
Answer = tuple[int, dict[str, str], Any]


@dataclass(frozen=True)
class Assembly:
    """The parts of an upload, put together.

    Attributes
    ----------
    parts : list of dict
        MiniStack's records of them.
    whole : FileBody
    full_checksum : str, optional
        The checksum of the whole, where the client asked for ``FULL_OBJECT``.
    """

    parts: list[Mapping[str, Any]]
    whole: FileBody
    full_checksum: str | None


class Multipart:
    """MiniStack's multipart uploads. Its methods belong on the event loop."""

    def __init__(self, modules: Mapping[str, ModuleType], holding: Holding) -> None:
        self._s3: Any = modules["s3"]
        self._holding = holding
        self._prepared: ContextVar[Assembly | None] = ContextVar("s3_assembly", default=None)
        self._completing = threading.local()

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Functions to put in place of MiniStack's; each gets the one that it replaces as its first argument."""
        return {
            "_complete_multipart_upload": self._complete,
            "_composite_checksum": self._checksum_of_whole,
            "_create_multipart_upload": self._create,
            "_maybe_replicate": self._before_replication,
            "_upload_part_copy": self._upload_part_copy,
        }

    def find(self, upload_id: str) -> Any:
        """MiniStack's record of an upload in progress, in any account (ids are random); None if unknown."""
        uploads = self._s3._multipart_uploads._data.items()
        return next((upload for (_, name), upload in uploads if name == upload_id), None)

    @contextlib.asynccontextmanager
    async def prepared(self, upload_id: str, body: bytes) -> AsyncIterator[None]:
        """Put the parts that CompleteMultipartUpload's ``body`` names together, on a thread, for use in the block."""
        token = self._prepared.set(await self._assemble(upload_id, body))
        try:
            yield
        finally:
            self._prepared.reset(token)

    async def _assemble(self, upload_id: str, body: bytes) -> Assembly | None:
        upload, numbers = self.find(upload_id), self._named_parts(body)
        if upload is None or self._refusal(upload, numbers) or not set(numbers) <= upload["parts"].keys():
            return None
        parts = [upload["parts"][number] for number in numbers]
        return await asyncio.to_thread(self._put_together, upload, parts) if _needs_assembly(upload, parts) else None

    def _put_together(self, upload: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> Assembly:
        bodies = joined(part["body"] for part in parts)
        if len(bodies) == 1 and isinstance(bodies[0], FileBody) and bodies[0].is_whole_file():
            whole = bodies[0]
        else:
            held = self._holding.new()
            write_together(bodies, held.path)
            whole = FileBody(held.path, 0, sum(map(len, bodies)), held=held)
        full = _full_checksum(upload["checksum_algorithm"], parts) if _wants_full(upload) else None
        return Assembly(parts, whole, full)

    # ---- in place of MiniStack's

    def _create(self, original: Any, bucket: str, key: str, headers: Mapping[str, str]) -> Answer:
        """Obey x-amz-checksum-type: MiniStack knows only COMPOSITE."""
        algorithm = headers.get("x-amz-checksum-algorithm") or headers.get("x-amz-sdk-checksum-algorithm") or ""
        algorithm = algorithm.upper().replace("_", "")
        kind = headers.get("x-amz-checksum-type", "").upper()
        # S3 User Guide, "Checking object integrity": which type goes with which algorithm, and CRC64NVME's default.
        if kind == "FULL_OBJECT" and algorithm and not can_be_full(algorithm):
            return self._mismatch(kind, algorithm, bucket, key)
        if kind == "COMPOSITE" and algorithm == "CRC64NVME":
            return self._mismatch(kind, algorithm, bucket, key)
        if kind and (not algorithm or kind not in ("FULL_OBJECT", "COMPOSITE")):
            message = (
                f"The x-amz-checksum-type {kind} needs an x-amz-checksum-algorithm and to be a type that S3 knows."
            )
            return self._error("InvalidRequest", message, f"/{bucket}/{key}")
        answer: Answer = original(bucket, key, headers)
        if answer[0] == 200 and (kind == "FULL_OBJECT" or algorithm == "CRC64NVME"):
            upload_id = self._s3.fromstring(answer[2]).findtext("{*}UploadId")
            self.find(upload_id)["checksum_type"] = "FULL_OBJECT"
            answer[1]["x-amz-checksum-type"] = "FULL_OBJECT"
        return answer

    def _upload_part_copy(self, original: Any, bucket: str, key: str, query: Any, headers: Any) -> Answer:
        """Keep what is copied as a link to the source's file and a range of it."""
        answer: Answer = original(bucket, key, query, headers)
        if answer[0] == 200:
            part = self.find(query["uploadId"][0])["parts"][int(query["partNumber"][0])]
            if isinstance(part["body"], FileBody):
                part["body"] = self._holding.snapshot(part["body"])
        return answer

    def _complete(self, original: Any, bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Answer:
        """Complete with MiniStack's own code, which sees stand-ins for the parts; the whole comes in afterwards."""
        complete: Callable[[], Answer] = functools.partial(original, bucket, key, body, query, headers)
        upload_id = query["uploadId"][0]
        upload, numbers = self.find(upload_id), self._named_parts(body)
        if upload is None:
            return complete()
        refusal = self._refusal(upload, numbers)
        if refusal is not None:
            return refusal
        parts = upload["parts"]
        named = [parts[number] for number in numbers if number in parts]
        if len(named) < len(numbers) or not _needs_assembly(upload, named):
            return complete()
        assembly = self._prepared.get()
        if assembly is None or not _same(assembly.parts, named):
            message = "A conflicting operation is in progress against this upload: a part changed. Please try again."
            return self._error("OperationAborted", message, f"/{bucket}/{key}", status=409)
        upload["parts"] = {
            number: {**part, "body": PartStandIn(part["size"], part["etag"])} for number, part in parts.items()
        }
        self._completing.assembly = assembly
        try:
            answer = complete()
        finally:
            self._completing.assembly = None
            upload["parts"] = parts
        return self._with_type(answer, upload_id) if assembly.full_checksum else answer

    def _with_type(self, answer: Answer, upload_id: str) -> Answer:
        status, headers, content = answer
        if status == 200:
            told = b"<ChecksumType>%s</ChecksumType>"
            content = content.replace(told % b"COMPOSITE", told % b"FULL_OBJECT")
            # What MiniStack says again when the client asks again.
            self._s3._completed_multipart_uploads[upload_id]["response"] = (status, headers, content)
        return status, headers, content

    def _checksum_of_whole(self, original: Any, algorithm: str, part_checksums: list[str]) -> Any:
        assembly: Assembly | None = getattr(self._completing, "assembly", None)
        if assembly is not None and assembly.full_checksum:
            return assembly.full_checksum
        return original(algorithm, part_checksums)

    def _before_replication(
        self, original: Any, bucket: str, key: str, record: dict[str, Any], data: Any, tags: Any = None
    ) -> None:
        """The first that MiniStack does with a completed object: from here on it is the whole."""
        assembly: Assembly | None = getattr(self._completing, "assembly", None)
        if assembly is not None:
            record["body"] = data = assembly.whole
            record["size"] = len(assembly.whole)
            if assembly.full_checksum:
                record["checksum_type"] = "FULL_OBJECT"
        original(bucket, key, record, data, tags)

    # ---- checks

    def _named_parts(self, body: bytes) -> list[int]:
        """The part numbers in the body of CompleteMultipartUpload; none when it is not XML, which MiniStack reports."""
        try:
            root = self._s3.fromstring(body)
        except self._s3.ParseError:
            return []
        texts = [element.text for element in root.iter() if element.tag.rpartition("}")[2] == "PartNumber"]
        return [int(text) for text in texts if text and text.isdigit()]

    def _refusal(self, upload: Mapping[str, Any], numbers: list[int]) -> Answer | None:
        """What MiniStack does not check (S3 API Reference, "CompleteMultipartUpload", errors)."""
        resource = f"/{upload['bucket']}/{upload['key']}"
        if numbers != sorted(set(numbers)):
            message = "The list of parts was not in ascending order. Parts must be ordered by part number."
            return self._error("InvalidPartOrder", message, resource)
        parts = upload["parts"]
        small = [number for number in numbers[:-1] if number in parts and parts[number]["size"] < SMALLEST_PART]
        if not small or not set(numbers) <= parts.keys():  # MiniStack reports a missing part
            return None
        about = {
            "ProposedSize": str(parts[small[0]]["size"]),
            "MinSizeAllowed": str(SMALLEST_PART),
            "PartNumber": str(small[0]),
            "ETag": parts[small[0]]["etag"].strip('"'),
        }
        return self._error(
            "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", resource, about
        )

    def _mismatch(self, kind: str, algorithm: str, bucket: str, key: str) -> Answer:
        message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        return self._error("InvalidRequest", message, f"/{bucket}/{key}")

    def _error(
        self, code: str, message: str, resource: str, about: dict[str, str] | None = None, *, status: int = 400
    ) -> Answer:
        answer: Answer = self._s3._error(code, message, status, resource, about)
        return answer


def _wants_full(upload: Mapping[str, Any]) -> bool:
    return upload.get("checksum_type") == "FULL_OBJECT"


def _needs_assembly(upload: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> bool:
    return bool(parts) and (_wants_full(upload) or any(isinstance(part["body"], FileBody) for part in parts))


def _same(before: list[Mapping[str, Any]], after: list[Mapping[str, Any]]) -> bool:
    return len(before) == len(after) and all(then is now for then, now in zip(before, after, strict=True))


def _full_checksum(algorithm: str, parts: list[Mapping[str, Any]]) -> str:
    """The CRC of the whole from those of the parts; a copied part has none yet and is read."""
    whole: bytes | None = None
    for part in parts:
        known, body = (part.get("checksums") or {}).get(algorithm), part["body"]
        if known:
            checksum: bytes | None = base64.b64decode(known)
        elif isinstance(body, FileBody):
            checksum = body.checksum(algorithm)
        else:
            digest = new_digest(algorithm)
            if digest is not None:
                digest.update(body)
            checksum = None if digest is None else digest.digest()
        if checksum is None:
            raise ValueError(f"there is no way to compute {algorithm} of a whole from its parts")
        whole = checksum if whole is None else combined(algorithm, whole, checksum, part["size"])
    return as_base64(whole or b"")
