"""What S3 refuses for what it has stored, or has not: rules that look into MiniStack's state."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")


class Buckets:
    """The rules."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._s3: Any = modules["s3"]
        self._kms: Any = modules["kms"]
        rules.add("s3", "CopyObject", self._copy_onto_itself)
        for operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
            rules.add("s3", operation, self._kms_key)

    def _copy_onto_itself(self, call: Call) -> None:
        """A copy in place must change something.

        S3 API Reference, CopyObject; recorded: LocalStack, test_s3.py::TestS3::test_s3_copy_object_in_place and its
        neighbours.
        """
        asked = call.parameters
        source, _, version = asked["CopySource"].removeprefix("/").partition("?")
        name, _, key = urllib.parse.unquote(source).partition("/")
        bucket = self._s3._buckets.get(name)
        record = bucket["objects"].get(key) if bucket else None
        if version or record is None or (name, key) != (asked["Bucket"], asked["Key"]):
            return
        changes = ("StorageClass", "ServerSideEncryption", "SSECustomerAlgorithm", "WebsiteRedirectLocation")
        encryption = record.get("preserved_headers", {}).get("x-amz-server-side-encryption", "AES256")
        if (
            any(asked.get(change) for change in changes)
            or asked.get("MetadataDirective") == "REPLACE"
            or name in self._s3._bucket_encryption
            or encryption != "AES256"
            or record.get("restore")
        ):
            return
        raise ServiceError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )

    def _kms_key(self, call: Call) -> None:
        """The key must exist (recorded: LocalStack, test_s3.py::TestS3::test_s3_sse_validate_kms_key)."""
        given = call.parameters.get("SSEKMSKeyId")
        if not given or self._kms._resolve_key(given) is not None:
            return
        name = given.rpartition("/")[2]
        if given.startswith("alias/") or ":alias/" in given:
            arn = f"arn:aws:kms:{call.region}:{call.account}:alias/{name}"
            raise ServiceError("KMS.NotFoundException", f"Alias {arn} is not found.")
        if not _KEY_ID.fullmatch(name):
            raise ServiceError("KMS.NotFoundException", f"Invalid keyId '{given}'")
        arn = given if given.startswith("arn:") else f"arn:aws:kms:{call.region}:{call.account}:key/{given}"
        raise ServiceError("KMS.NotFoundException", f"Key '{arn}' does not exist")
