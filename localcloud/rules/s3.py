"""Amazon S3: what the request alone shows to be wrong.

Amazon S3 API Reference (docs.aws.amazon.com/AmazonS3/latest/API), the page of each operation, and the User Guide;
wordings as recorded on AWS in LocalStack's tests/aws/services/s3.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Any

from localcloud.rules import Call, rule
from localcloud.services import ServiceError

LONGEST_KEY = 1024
LARGEST_METADATA = 2048
MOST_KEYS = 1000
MOST_TAGS = 10
OF_KEYS = tuple(
    """
    AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject
    DeleteObjectAnnotation DeleteObjectTagging GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes
    GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent HeadObject ListObjectAnnotations
    ListParts PutObject PutObjectAcl PutObjectAnnotation PutObjectLegalHold PutObjectRetention PutObjectTagging
    RenameObject RestoreObject SelectObjectContent UpdateObjectEncryption UploadPart UploadPartCopy
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Operations with a key. Lists, as the model of S3 costs half a second when the cloud starts."""
OF_VERSIONS = tuple(
    """
    DeleteObject DeleteObjectAnnotation DeleteObjectTagging GetObject GetObjectAcl GetObjectAnnotation
    GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging HeadObject ListObjectAnnotations
    PutObjectAcl PutObjectAnnotation PutObjectLegalHold PutObjectRetention PutObjectTagging RestoreObject
    UpdateObjectEncryption WriteGetObjectResponse
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Operations with a version's id."""
ABSENT = tuple(
    """
    CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration CreateSession
    DeleteBucketAnalyticsConfiguration DeleteBucketIntelligentTieringConfiguration
    DeleteBucketInventoryConfiguration DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration
    DeleteBucketMetricsConfiguration GetBucketAbac GetBucketAnalyticsConfiguration
    GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration GetBucketMetadataConfiguration
    GetBucketMetadataTableConfiguration GetBucketMetricsConfiguration GetBucketPolicyStatus GetObjectTorrent
    ListBucketAnalyticsConfigurations ListBucketIntelligentTieringConfigurations ListBucketInventoryConfigurations
    ListBucketMetricsConfigurations ListDirectoryBuckets PutBucketAbac PutBucketAnalyticsConfiguration
    PutBucketIntelligentTieringConfiguration PutBucketInventoryConfiguration PutBucketMetricsConfiguration
    RenameObject SelectObjectContent UpdateBucketMetadataAnnotationTableConfiguration
    UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Operations that MiniStack takes for something else: a list of objects, a new bucket, the end of a bucket."""
_MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
_VERSION = re.compile(r"[A-Za-z0-9._-]{32,36}")  # of AWS, and of MiniStack
_BUCKET_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_TAG = re.compile(r"[\w\s+\-=._:/@]*")
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")


def malformed() -> ServiceError:
    """S3's answer to a document that its schema does not allow."""
    return ServiceError("MalformedXML", _MALFORMED)


@rule("s3", *OF_KEYS)
def key(call: Call) -> None:
    """User Guide, "Naming Amazon S3 objects": 1,024 bytes in UTF-8 at most."""
    if len(call.parameters["Key"].encode("utf-8", "surrogatepass")) > LONGEST_KEY:
        raise ServiceError("KeyTooLongError", "Your key is too long")


@rule("s3", *OF_VERSIONS)
def version(call: Call) -> None:
    """What cannot be a version's id; recorded: TestS3ObjectCRUD::test_delete_object_versioned."""
    given = call.parameters.get("VersionId")
    if given not in (None, "null") and not _VERSION.fullmatch(given):
        raise ServiceError("InvalidArgument", "Invalid version id specified")


@rule("s3", "PutObject", "CopyObject", "CreateMultipartUpload")
def metadata(call: Call) -> None:
    """User Guide, "Working with object metadata": names and values are 2 KB at most."""
    found = call.parameters.get("Metadata") or {}
    if sum(len(text.encode()) for pair in found.items() for text in pair) > LARGEST_METADATA:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise ServiceError("MetadataTooLarge", message)


@rule("s3", "PutObject", "CopyObject", "CreateMultipartUpload")
def storage_class(call: Call) -> None:
    """Classes of other products; recorded: TestS3::test_put_object_storage_class_outposts."""
    if call.parameters.get("StorageClass") in ("OUTPOSTS", "SNOW"):
        raise ServiceError("InvalidStorageClass", "The storage class you specified is not valid")


@rule("s3", "PutObject", "CompleteMultipartUpload")
def condition(call: Call) -> None:
    """User Guide, "Conditional writes"; recorded: TestS3ObjectWritePrecondition, test_put_object_if_none_match_…."""
    asked = call.parameters
    if asked.get("IfNoneMatch", "*") != "*" or ("IfNoneMatch" in asked and "IfMatch" in asked):
        message = "A header you provided implies functionality that is not implemented"
        raise ServiceError("NotImplemented", message, 501)


@rule("s3", "PutObject", "CopyObject", "CreateMultipartUpload")
def tagging_header(call: Call) -> None:
    """PutObject, x-amz-tagging; recorded: TestS3BucketObjectTagging::test_object_tagging_exc."""
    pairs = urllib.parse.parse_qsl(call.parameters.get("Tagging") or "", keep_blank_values=True)
    if len({name for name, _ in pairs}) < len(pairs):
        raise ServiceError(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
        )
    _check_tags([{"Key": name, "Value": value} for name, value in pairs], MOST_TAGS)


@rule("s3", "PutObjectTagging")
def object_tags(call: Call) -> None:
    """User Guide, "Categorizing your storage using tags": 10 tags, 128 and 256 characters."""
    _check_tags(call.parameters["Tagging"]["TagSet"], MOST_TAGS)


@rule("s3", "PutBucketTagging")
def bucket_tags(call: Call) -> None:
    """User Guide, "Using cost allocation S3 bucket tags": 50 tags."""
    _check_tags(call.parameters["Tagging"]["TagSet"], 50)


def _check_tags(tags: list[dict[str, str]], most: int) -> None:
    """Recorded: TestS3BucketObjectTagging::test_tagging_validation."""
    if len(tags) > most:
        kind = "Object" if most == MOST_TAGS else "Bucket"
        raise ServiceError("BadRequest", f"{kind} tags cannot be greater than {most}")
    names = [tag["Key"] for tag in tags]
    if len(set(names)) < len(names):
        raise ServiceError("InvalidTag", "Cannot provide multiple Tags with the same key")
    for tag in tags:
        if tag["Key"].startswith("aws:"):
            ours = "System tags cannot be added/updated by requester"
            raise ServiceError("InvalidTag", "Your TagKey cannot be prefixed with aws:" if most == MOST_TAGS else ours)
        if not 1 <= len(tag["Key"]) <= 128 or not _TAG.fullmatch(tag["Key"]):
            raise ServiceError("InvalidTag", "The TagKey you have provided is invalid")
        if len(tag["Value"]) > 256 or not _TAG.fullmatch(tag["Value"]):
            raise ServiceError("InvalidTag", "The TagValue you have provided is invalid")


@rule("s3", "DeleteObjects")
def delete_objects(call: Call) -> None:
    """DeleteObjects: "up to 1000 keys"."""
    if not 1 <= len(call.parameters["Delete"]["Objects"]) <= MOST_KEYS:
        raise malformed()


@rule("s3", "CompleteMultipartUpload")
def complete(call: Call) -> None:
    """At least one part; recorded: TestS3::test_multipart_complete_multipart_too_small ("complete-exc-no-parts")."""
    document = call.parameters.get("MultipartUpload")
    if document is None:
        raise ServiceError("InvalidRequest", "You must specify at least one part")
    if not document.get("Parts"):
        raise malformed()


@rule("s3", "UploadPart", "UploadPartCopy", "GetObject", "HeadObject")
def part_number(call: Call) -> None:
    """User Guide, "Multipart upload limits"; recorded: TestS3::test_complete_multipart_parts_order."""
    number = call.parameters.get("PartNumber")
    if number is not None and not 1 <= number <= 10_000:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise ServiceError("InvalidArgument", message)


@rule("s3", "ListObjects", "ListObjectsV2", "ListObjectVersions")
def listing(call: Call) -> None:
    """Page size and token; recorded: TestS3ListObjectsV2::test_list_objects_v2_continuation_start_after."""
    if call.parameters.get("ContinuationToken") == "":
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect")
    if call.parameters.get("VersionIdMarker") and not call.parameters.get("KeyMarker"):
        message = "A version-id marker cannot be specified without a key marker."
        raise ServiceError("InvalidArgument", message)
    if call.parameters.get("MaxKeys", 0) < 0:
        message = "Argument maxKeys must be an integer between 0 and 2147483647"
        raise ServiceError("InvalidArgument", message)


@rule("s3", "CreateBucket")
def bucket_name(call: Call) -> None:
    """User Guide, "General purpose bucket naming rules"; recorded: TestS3::test_s3_uppercase_bucket_name."""
    name = call.parameters["Bucket"]
    good = _BUCKET_NAME.fullmatch(name) and ".." not in name and not _ADDRESS.fullmatch(name)
    if not good or name.endswith(_BUCKET_ENDINGS):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")


@rule("s3", "PutBucketVersioning")
def versioning(call: Call) -> None:
    """Recorded: TestS3BucketVersioning::test_bucket_versioning_crud."""
    if "Status" not in call.parameters["VersioningConfiguration"]:
        message = "The Versioning element must be specified"
        raise ServiceError("IllegalVersioningConfigurationException", message)


@rule("s3", "PutBucketPolicy")
def policy(call: Call) -> None:
    """User Guide, "Bucket policies"; recorded: TestS3BucketPolicy::test_bucket_policy_exc."""
    text = call.parameters["Policy"]
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ServiceError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    statements = document.get("Statement")
    if not statements:
        raise ServiceError("MalformedPolicy", "Missing required field Statement")
    for statement in statements if isinstance(statements, list) else [statements]:
        _check_statement(statement, call.parameters["Bucket"])


def _check_statement(statement: Any, bucket: str) -> None:
    """What each statement of a resource's policy must have (IAM User Guide, "JSON policy element reference")."""
    if not isinstance(statement, dict):
        raise ServiceError("MalformedPolicy", "Statement is not valid JSON")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ServiceError("MalformedPolicy", "Missing required field Effect")
    for field, other in (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")):
        if field not in statement and other not in statement:
            raise ServiceError("MalformedPolicy", f"Missing required field {field}")
    actions = statement.get("Action", [])
    for action in [actions] if isinstance(actions, str) else actions:
        if action != "*" and not str(action).lower().startswith("s3:"):
            raise ServiceError("MalformedPolicy", "Policy has invalid action")
    resources = statement.get("Resource", [])
    for resource in [resources] if isinstance(resources, str) else resources:
        name = str(resource).removeprefix("arn:aws:s3:::").partition("/")[0]
        if resource != "*" and (name == resource or (name != bucket and not set(name) & set("*?$"))):
            raise ServiceError("MalformedPolicy", "Policy has invalid resource")


@rule("s3", "PutBucketCors")
def cors(call: Call) -> None:
    """Recorded: TestS3Cors::test_put_cors_invalid_rules."""
    rules = call.parameters["CORSConfiguration"]["CORSRules"]
    if not 1 <= len(rules) <= 100:
        raise malformed()
    for each in rules:
        if not each.get("AllowedMethods") or not each.get("AllowedOrigins"):
            raise malformed()
        for method in each["AllowedMethods"]:
            if method not in _METHODS:
                raise ServiceError(
                    "InvalidRequest", f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )


@rule("s3", "PutBucketOwnershipControls")
def ownership(call: Call) -> None:
    """Recorded: TestS3BucketOwnershipControls::test_bucket_ownership_controls_exc."""
    if len(call.parameters["OwnershipControls"]["Rules"]) != 1:
        raise malformed()


@rule("s3", *ABSENT)
def absent(call: Call) -> None:
    """Not offered here; S3's own answer to a feature that it does not have somewhere."""
    message = f"The local cloud does not offer {call.operation}: nothing was done."
    raise ServiceError("NotImplemented", message, 501)
