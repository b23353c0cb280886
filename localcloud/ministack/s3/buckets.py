"""What S3 refuses for what it has stored, or has not: rules that look into MiniStack's state."""

from __future__ import annotations

import logging
import re
import urllib.parse
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

May = Callable[[str, str, str, str], bool]
"""``may(service, action, resource, source)``: whether the resource's policy lets an AWS service act for ``source``."""

logger = logging.getLogger(__name__)

_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")


class Buckets:
    """The rules."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, may: May) -> None:
        self._s3: Any = modules["s3"]
        self._kms: Any = modules["kms"]
        self._lambda: Any = modules["lambda_svc"]
        self._may = may
        rules.add("s3", "DeleteBucket", self._versions_left)
        rules.add("s3", "PutBucketNotificationConfiguration", self._functions_to_notify)
        rules.add("s3", "CopyObject", self._copy_onto_itself)
        for operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
            rules.add("s3", operation, self._kms_key)

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Functions to put in place of MiniStack's; each gets the one that it replaces as its first argument."""
        return {"_deliver_event_to_lambda": self._notify_function}

    def _versions_left(self, call: Call) -> None:
        """Recorded: LocalStack, test_s3_api.py::TestS3BucketCRUD::test_delete_versioned_bucket_with_objects."""
        name = call.parameters["Bucket"]
        if name in self._s3._buckets and self._s3._bucket_has_versions(name):
            message = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
            raise ServiceError("BucketNotEmpty", message, 409)

    def _functions_to_notify(self, call: Call) -> None:
        """The function must be there, and let S3 invoke it; MiniStack looks at queues and topics only.

        S3 User Guide, "Granting permissions to publish event notification messages to a destination"; recorded:
        LocalStack, test_s3_notifications_lambda.py::TestS3NotificationsToLambda::test_invalid_lambda_arn.
        """
        asked = call.parameters
        if asked.get("SkipDestinationValidation"):
            return
        for each in asked["NotificationConfiguration"].get("LambdaFunctionConfigurations") or ():
            arn = each["LambdaFunctionArn"]
            if not arn.startswith("arn:"):
                raise ServiceError("InvalidArgument", "The ARN could not be parsed")
            if not self._reaches(arn, asked["Bucket"]):
                message = "Unable to validate the following destination configurations"
                raise ServiceError("InvalidArgument", message)

    def _reaches(self, function: str, bucket: str) -> bool:
        found = self._lambda._get_func_record_for_ref(function)[0]
        return bool(found) and self._may(
            "s3.amazonaws.com", "lambda:InvokeFunction", function, f"arn:aws:s3:::{bucket}"
        )

    def _notify_function(self, original: Any, function: str, event: dict[str, Any], region: str) -> None:
        """The permission may have been taken away since."""
        if self._reaches(function, event["Records"][0]["s3"]["bucket"]["name"]):
            original(function, event, region)
        else:
            logger.warning("%s is not notified: it does not let S3 invoke it, or is not there", function)

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
