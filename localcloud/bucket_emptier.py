"""``Custom::S3AutoDeleteObjects``: what the CDK's ``auto_delete_objects`` asks of a Node.js function, done here.

The CDK's own provider needs Node and the AWS SDK for JavaScript inside the function, and hangs for an hour without.
"""

from __future__ import annotations

import logging
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

logger = logging.getLogger(__name__)

_TAG = "aws-cdk:auto-delete-objects"
_GONE = ("NoSuchBucket", "404", "NotFound")


class BucketEmptier:
    """The CloudFormation type. It behaves as the CDK's provider does (aws-cdk-lib, auto-delete-objects-handler)."""

    name = "Custom::S3AutoDeleteObjects"
    replacing: tuple[str, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """Nothing to do yet; the bucket's name is the physical id."""
        return str(properties["BucketName"]), {}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Empty the old bucket when the stack now has another one: CloudFormation deletes it next."""
        if old.get("BucketName") != new.get("BucketName"):
            self._empty(str(old["BucketName"]))
        return str(new["BucketName"]), {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """Empty the bucket, versions and delete markers too."""
        self._empty(str(properties["BucketName"]))

    def _empty(self, bucket: str) -> None:
        s3 = self._cloud.client("s3")
        try:
            if not _is_tagged(s3, bucket):
                logger.warning("bucket %s lacks the tag %s=true: it is not emptied, as on AWS", bucket, _TAG)
                return
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                if objects:
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


def _is_tagged(s3: Any, bucket: str) -> bool:
    try:
        return {"Key": _TAG, "Value": "true"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchTagSet":
            return False
        raise
