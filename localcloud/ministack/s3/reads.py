"""GetObject and HeadObject: ranges and parts, of any version, as S3 gives them.

MiniStack forgets the range of a version and of HeadObject, and takes the first of several ranges for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

Answer = tuple[int, dict[str, str], Any]
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")


class Reads:
    """What is put in place of MiniStack's reading of objects."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._s3: Any = modules["s3"]

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Functions to put in place of MiniStack's; each gets the one that it replaces as its first argument."""
        return {
            "_get_object": self._get,
            "_head_object": self._head,
            "_reject_response_overrides_if_unsigned": _refuse_overrides,
        }

    def _get(self, original: Any, bucket: str, key: str, headers: Mapping[str, str], query: Any = None) -> Answer:
        return self._part_of(original, bucket, key, headers, query or {})

    def _head(self, original: Any, bucket: str, key: str, headers: Any = None, query: Any = None) -> Answer:
        return self._part_of(original, bucket, key, headers or {}, query or {})

    def _part_of(
        self, original: Any, bucket: str, key: str, headers: Mapping[str, str], query: Mapping[str, list[str]]
    ) -> Answer:
        number, wanted = query.get("partNumber", [""])[0], headers.get("range", "")
        if number and wanted:
            message = "Cannot specify both Range header and partNumber query parameter"
            return self._error("InvalidRequest", message, bucket, key)
        whole = {name: value for name, value in headers.items() if name != "range"}
        answer: Answer = original(
            bucket, key, whole, {name: value for name, value in query.items() if name != "partNumber"}
        )
        if answer[0] != 200:
            return answer
        if number:
            return self._part(answer, bucket, key, number, query)
        return self._range(answer, bucket, key, wanted) if wanted else answer

    def _range(self, answer: Answer, bucket: str, key: str, wanted: str) -> Answer:
        """Part of an answer: RFC 9110, 14.2, says to ignore a range that is not one; S3 has no multipart/byteranges."""
        size = int(answer[1]["Content-Length"])
        match = _RANGE.fullmatch(wanted.strip())
        if match is None:
            return answer
        first, last, suffix = match.groups()
        start = max(0, size - int(suffix)) if suffix else int(first)
        end = min(int(last), size - 1) if last else size - 1
        if last and int(last) < int(first):
            return answer
        if start >= size or suffix == "0":
            about = {"RangeRequested": wanted, "ActualObjectSize": str(size)}
            refusal = self._error("InvalidRange", "The requested range is not satisfiable", bucket, key, about, 416)
            refusal[1]["Content-Range"] = f"bytes */{size}"
            return refusal
        return _sliced(answer, start, end)

    def _part(self, answer: Answer, bucket: str, key: str, number: str, query: Mapping[str, list[str]]) -> Answer:
        parts = self._parts(bucket, key, query.get("versionId", [""])[0])
        size = int(answer[1]["Content-Length"])
        places: dict[int, tuple[int, int]] = {}
        start = 0
        for part in parts or [{"PartNumber": 1, "Size": size}]:
            places[part["PartNumber"]] = (start, start + part["Size"] - 1)
            start += part["Size"]
        if not number.isdigit() or int(number) not in places:
            about = {"ActualPartCount": str(len(places)), "PartNumberRequested": number}
            message = "The requested partnumber is not satisfiable"
            return self._error("InvalidPartNumber", message, bucket, key, about, 416)
        if not size:
            return answer
        status, headers, body = _sliced(answer, *places[int(number)])
        return status, {**headers, **({"x-amz-mp-parts-count": str(len(parts))} if parts else {})}, body

    def _parts(self, bucket: str, key: str, version: str) -> list[dict[str, int]]:
        """The parts of an object that was uploaded in parts."""
        if version and version != "null":
            versions = self._s3._object_versions.get((bucket, key), [])
            record: dict[str, Any] = next((each for each in versions if each["version_id"] == version), {})
        else:
            record = self._s3._buckets[bucket]["objects"].get(key, {})
        return record.get("parts") or []

    def _error(
        self, code: str, message: str, bucket: str, key: str, about: dict[str, str] | None = None, status: int = 400
    ) -> Answer:
        answer: Answer = self._s3._error(code, message, status, f"/{bucket}/{key}", about)
        return answer


def _sliced(answer: Answer, start: int, end: int) -> Answer:
    """Bytes ``start`` to ``end`` of an answer. Checksums of the whole say nothing about them, and are left out."""
    _, headers, body = answer
    size = headers["Content-Length"]
    kept = {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}
    kept |= {"Content-Length": str(end - start + 1), "Content-Range": f"bytes {start}-{end}/{size}"}
    return 206, kept, body[start : end + 1]


def _refuse_overrides(
    original: Any, headers: Mapping[str, str], query: Mapping[str, list[str]], bucket: str, key: str
) -> Any:
    """``response-content-disposition`` and its like need a signature; MiniStack knows that of version 4 only.

    The signature itself was verified at the door.
    """
    if "Signature" in query and "AWSAccessKeyId" in query:
        return None
    return original(headers, query, bucket, key)
