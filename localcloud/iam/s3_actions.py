"""Amazon S3's actions, which are often named otherwise than its operations.

Amazon S3 User Guide, "Required permissions for Amazon S3 API operations", and the Service Authorization Reference.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from localcloud.rules import Call

_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetObjectAttributes": "GetObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_VERSIONED = {
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "GetObjectAcl": "GetObjectVersionAcl",
}
"""With a ``versionId`` another permission is needed."""


def of(call: Call) -> list[tuple[str, str, dict[str, Any]]]:
    """Action, resource and condition keys, for everything that the caller of ``call`` must be allowed to do."""
    p, operation = call.parameters, call.operation
    if operation == "DeleteObjects":
        return _deletions(p)
    name = _ACTIONS.get(operation, operation)
    if p.get("VersionId"):
        name = _VERSIONED.get(name, name)
    context: dict[str, Any] = {"s3:versionid": p["VersionId"]} if p.get("VersionId") else {}
    if name in ("ListBucket", "ListBucketVersions"):
        pairs = (("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter"), ("MaxKeys", "s3:max-keys"))
        context |= {key: str(p[given]) for given, key in pairs if p.get(given) is not None}
    for given, key in _ENCRYPTION.items():
        if p.get(given):
            context[key] = str(p[given])
    bucket = str(p.get("Bucket") or "").removeprefix("arn:aws:s3:::")
    resource = "*" if operation == "ListBuckets" else f"arn:aws:s3:::{bucket}"
    if "Key" in p:
        resource = f"{resource}/{p['Key']}"
    found = [(f"s3:{name}", resource, context)]
    if operation in ("CopyObject", "UploadPartCopy"):
        found += _source(p.get("CopySource"))
    if operation == "GetObjectAttributes":
        found.append(("s3:GetObjectAttributes", resource, context))
    if p.get("Tagging") and operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        found.append(("s3:PutObjectTagging", resource, context))
    return found


def _deletions(p: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for each in (p.get("Delete") or {}).get("Objects", []):
        version = each.get("VersionId")
        name = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
        found.append((name, f"arn:aws:s3:::{p['Bucket']}/{each['Key']}", {"s3:versionid": version} if version else {}))
    return found


def _source(source: Any) -> list[tuple[str, str, dict[str, Any]]]:
    if isinstance(source, dict):
        path, version = f"{source['Bucket']}/{source['Key']}", source.get("VersionId")
    else:
        quoted, _, version = str(source or "").partition("?versionId=")
        path = urllib.parse.unquote(quoted).lstrip("/").removeprefix("arn:aws:s3:::")
    name = "s3:GetObjectVersion" if version else "s3:GetObject"
    return [(name, f"arn:aws:s3:::{path}", {"s3:versionid": version} if version else {})]


_ENCRYPTION = {
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ACL": "s3:x-amz-acl",
    "StorageClass": "s3:x-amz-storage-class",
}
