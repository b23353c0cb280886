"""What S3's answers say beside MiniStack's: default encryption and checksums, and S3's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

Answer = tuple[int, dict[str, str], Any]
DEFAULT_TYPE = "binary/octet-stream"
_ENCRYPTION = "x-amz-server-side-encryption"
_MOST_KEYS = 1000
# As recorded on AWS (LocalStack, tests/aws/services/s3/test_s3.snapshot.json).
_ARN = "Unable to validate destination configuration: destination ARN is not in the correct format"
_DESTINATIONS = "Unable to validate the following destination configurations"
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_WORDS = {
    "InvalidDigest": "The Content-MD5 you specified was invalid.",
    "NoSuchUpload": (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    ),
}


class Answers:
    """What is put in place of MiniStack's making of answers."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._s3: Any = modules["s3"]

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Functions to put in place of MiniStack's; each gets the one that it replaces as its first argument."""
        return {
            "_bucket_default_sse_headers": _default_encryption,
            "_error": _error,
            "_list_object_versions": _list,
            "_list_objects_v1": _list,
            "_list_objects_v2": _list,
            "_put_object": self._put,
            "_put_public_access_block": self._block_public_access,
            "_upload_part": self._upload_part,
        }

    def _put(self, original: Any, bucket: str, key: str, body: Any, headers: Mapping[str, str]) -> Answer:
        """PutObject tells the checksums that it verified (S3 API Reference, PutObject, response headers)."""
        answer: Answer = original(bucket, key, body, headers)
        if answer[0] == 200:
            checksums = self._s3._buckets[bucket]["objects"][key].get("checksums") or {}
            answer[1].update({f"x-amz-checksum-{name.lower()}": value for name, value in checksums.items()})
            if checksums:
                answer[1]["x-amz-checksum-type"] = "FULL_OBJECT"
        return answer

    def _block_public_access(self, original: Any, bucket: str, body: bytes) -> Answer:
        """What is not mentioned is off (S3 API Reference, PublicAccessBlockConfiguration)."""
        found = {element.tag.rpartition("}")[2]: element.text for element in self._s3.fromstring(body)}
        inside = "".join(f"<{name}>{(found.get(name) or 'false').lower()}</{name}>" for name in _BLOCKS)
        document = f'<PublicAccessBlockConfiguration xmlns="{self._s3.S3_NS}">{inside}</PublicAccessBlockConfiguration>'
        answer: Answer = original(bucket, document.encode())
        return answer

    def _upload_part(self, original: Any, bucket: str, key: str, body: Any, query: Any, headers: Any) -> Answer:
        answer: Answer = original(bucket, key, body, query, headers)
        if answer[0] == 200:
            upload = self._s3._multipart_uploads.get(query["uploadId"][0]) or {}
            kept = upload.get("preserved_headers", {})
            answer[1].update({name: value for name, value in kept.items() if name.startswith(_ENCRYPTION)})
        return answer


def _default_encryption(original: Any, bucket: str) -> dict[str, str]:
    """Since January 2023 every object is encrypted with AES256 unless something else is asked for.

    S3 User Guide, "Default encryption FAQ".
    """
    found: dict[str, str] = original(bucket)
    return found or {_ENCRYPTION: "AES256"}


def _error(original: Any, code: str, message: str, *arguments: Any, **options: Any) -> Answer:
    if message == _ARN:
        message = "The ARN could not be parsed"
    elif message.startswith(_DESTINATIONS):
        message = _DESTINATIONS
    answer: Answer = original(code, _WORDS.get(code, message), *arguments, **options)
    return answer


def _list(original: Any, bucket: str, query: Mapping[str, list[str]]) -> Answer:
    """1,000 keys a page at most, and none is not the start of more (S3 API Reference, ListObjectsV2, max-keys)."""
    asked = query.get("max-keys", [""])[0]
    if not asked.isdigit():
        answer: Answer = original(bucket, query)
        return answer
    status, headers, content = original(bucket, {**query, "max-keys": [str(min(int(asked), _MOST_KEYS))]})
    if int(asked) == 0:
        content = content.replace(b"<IsTruncated>true", b"<IsTruncated>false")
    return status, headers, content
