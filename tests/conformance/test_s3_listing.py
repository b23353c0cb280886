"""Amazon S3: lists of buckets, objects and versions; deleting and copying objects."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
RECORDED = "localstack:tests/aws/services/s3/test_s3_list_operations.py::"
KEYS = ["a", "b/1", "b/2", "c d+e/1", "ü"]


def filled(aws: Account, keys: list[str] = KEYS) -> str:
    bucket = aws.bucket()
    for key in keys:
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


def names(page: dict[str, Any]) -> list[str]:
    return [item["Key"] for item in page.get("Contents", [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [item["Prefix"] for item in page.get("CommonPrefixes", [])]


@behaviour("s3", "ListObjectsV2", "Keys come in the order of their UTF-8 bytes", API + "API_ListObjectsV2.html")
def test_keys_in_order(aws: Account) -> None:
    bucket = filled(aws, list(reversed(KEYS)))
    page = aws.client("s3").list_objects_v2(Bucket=bucket)
    assert (names(page), page["KeyCount"], page["IsTruncated"], page["MaxKeys"]) == (KEYS, 5, False, 1000)
    assert page["Contents"][0]["StorageClass"] == "STANDARD"
    assert page["Contents"][0]["Size"] == 1


@behaviour(
    "s3",
    "ListObjectsV2",
    "A page has max-keys keys and prefixes, and a token for the next",
    API + "API_ListObjectsV2.html",
)
def test_pages(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws)
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert (names(first), prefixes(first), first["KeyCount"], first["IsTruncated"]) == (["a"], ["b/"], 2, True)
    second = s3.list_objects_v2(Bucket=bucket, Delimiter="/", ContinuationToken=first["NextContinuationToken"])
    assert (names(second), prefixes(second), second["IsTruncated"]) == (["ü"], ["c d+e/"], False)


@behaviour(
    "s3", "ListObjectsV2", "Max-keys 0 gives an empty page that is not truncated", API + "API_ListObjectsV2.html"
)
def test_no_keys(aws: Account) -> None:
    page = aws.client("s3").list_objects_v2(Bucket=filled(aws), MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"], names(page)) == (0, False, [])


@behaviour("s3", "ListObjectsV2", "Max-keys above 1,000 counts as 1,000", API + "API_ListObjectsV2.html")
def test_many_keys(aws: Account) -> None:
    page = aws.client("s3").list_objects_v2(Bucket=filled(aws), MaxKeys=5000)
    assert (page["MaxKeys"], page["KeyCount"]) == (1000, 5)


@behaviour("s3", "ListObjectsV2", "Prefix and delimiter show one level of folders", API + "API_ListObjectsV2.html")
def test_prefix_and_delimiter(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws)
    page = s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/")
    assert (names(page), prefixes(page), page["Prefix"], page["Delimiter"]) == (["b/1", "b/2"], [], "b/", "/")


@behaviour(
    "s3",
    "ListObjectsV2",
    "Start-after gives the keys behind it, whether it exists or not",
    API + "API_ListObjectsV2.html",
)
@pytest.mark.parametrize("after", ["b/1", "b/11"])
def test_start_after(aws: Account, after: str) -> None:
    page = aws.client("s3").list_objects_v2(Bucket=filled(aws), StartAfter=after)
    assert names(page) == ["b/2", "c d+e/1", "ü"]


@behaviour(
    "s3",
    "ListObjectsV2",
    "A continuation token that S3 did not give is refused",
    RECORDED + "TestS3ListObjectsV2::test_list_objects_v2_continuation_start_after",
)
def test_a_wrong_token(aws: Account) -> None:
    bucket = filled(aws)
    with aws.refused("InvalidArgument", "The continuation token provided is incorrect", status=400):
        aws.client("s3").list_objects_v2(Bucket=bucket, ContinuationToken="")


@behaviour(
    "s3",
    "ListObjectsV2",
    "An encoding other than url is refused",
    RECORDED + "TestS3ListObjectsV2::test_list_ops_encoding_type_validation",
)
def test_a_wrong_encoding(aws: Account) -> None:
    bucket = filled(aws, ["a"])
    with aws.refused("InvalidArgument", "Invalid Encoding Method specified in Request", status=400):
        aws.client("s3").list_objects_v2(Bucket=bucket, EncodingType="value")


@behaviour(
    "s3", "ListObjectsV2", "With encoding-type url the keys come percent-encoded", API + "API_ListObjectsV2.html"
)
def test_encoded_keys(aws: Account) -> None:
    page = aws.client("s3").list_objects_v2(Bucket=filled(aws), EncodingType="url")
    assert names(page)[4] == "%C3%BC"
    assert "%2B" in names(page)[3]
    assert urllib.parse.unquote_plus(names(page)[3]) == "c d+e/1"


@behaviour("s3", "ListObjects", "The older list pages by marker", API + "API_ListObjects.html")
def test_the_older_list(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws)
    first = s3.list_objects(Bucket=bucket, MaxKeys=2)
    assert (names(first), first["IsTruncated"]) == (["a", "b/1"], True)
    assert names(s3.list_objects(Bucket=bucket, Marker="b/1")) == ["b/2", "c d+e/1", "ü"]
    folders = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert folders["NextMarker"] == "b/"


@behaviour("s3", "ListBuckets", "A bucket is in the list of all, with its creation", API + "API_ListBuckets.html")
def test_buckets(aws: Account) -> None:
    bucket = aws.bucket()
    answer = aws.client("s3").list_buckets()
    assert bucket in [one["Name"] for one in answer["Buckets"]]
    assert answer["Owner"]["ID"]
    found = aws.client("s3").list_buckets(Prefix=bucket, MaxBuckets=1)
    assert [one["Name"] for one in found["Buckets"]] == [bucket]


# Versions


@behaviour(
    "s3",
    ("PutBucketVersioning", "GetBucketVersioning", "ListObjectVersions", "GetObject", "DeleteObject"),
    "A versioned bucket keeps every version; a delete adds a marker, and deleting that brings the object back",
    "AmazonS3/latest/userguide/DeletingObjectVersions.html",
)
def test_versions(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"0")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    with aws.refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["Versions"]] == [
        (two, False), (one, False), ("null", False),
    ]  # fmt: skip
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    for version, body in (("null", b"0"), (one, b"1"), (two, b"2")):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


@behaviour("s3", "GetObject", "A version, too, can be read by ranges", API + "API_GetObject.html")
def test_a_range_of_a_version(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"0123")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    found = s3.get_object(Bucket=bucket, Key="k", VersionId=version, Range="bytes=1-2")
    assert (found["Body"].read(), found["ContentRange"]) == (b"12", "bytes 1-2/4")


@behaviour(
    "s3",
    "PutBucketVersioning",
    "Versioning without a status, or with another than Enabled and Suspended, is refused",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3BucketVersioning::test_bucket_versioning_crud",
)
def test_wrong_versioning(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("IllegalVersioningConfigurationException", "The Versioning element must be specified", status=400):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={})
    with aws.refused("MalformedXML"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "On"})


@behaviour("s3", "GetObject", "A version that is not there is refused", API + "API_GetObject.html")
def test_no_such_version(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"0")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=old)
    with aws.refused("NoSuchVersion", "The specified version does not exist.", status=404):
        s3.get_object(Bucket=bucket, Key="k", VersionId=old)


@behaviour(
    "s3",
    ("GetObject", "DeleteObject"),
    "What cannot be the id of a version is refused",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3ObjectCRUD::test_delete_object_versioned",
)
def test_not_a_version(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws, ["k"])
    for call in (s3.get_object, s3.delete_object):
        with aws.refused("InvalidArgument", "Invalid version id specified", status=400):
            call(Bucket=bucket, Key="k", VersionId="nope")


@behaviour("s3", "GetObject", "A delete marker cannot be read", API + "API_GetObject.html")
def test_read_a_delete_marker(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    with aws.refused("MethodNotAllowed", "The specified method is not allowed against this resource.", status=405):
        s3.get_object(Bucket=bucket, Key="k", VersionId=marker)


@behaviour(
    "s3",
    ("PutObject", "DeleteObject", "PutBucketVersioning"),
    "With versioning suspended an object and its delete marker are the version null",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3ObjectCRUD::test_delete_object_on_suspended_bucket",
)
def test_suspended_versioning(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"")
    deleted = s3.delete_object(Bucket=bucket, Key="k")
    assert (deleted["VersionId"], deleted["DeleteMarker"]) == ("null", True)


@behaviour("s3", "ListObjectVersions", "Versions come page by page", API + "API_ListObjectVersions.html")
def test_pages_of_versions(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=b"")["VersionId"] for _ in range(3)]
    first = s3.list_object_versions(Bucket=bucket, MaxKeys=2)
    markers = {"KeyMarker": first["NextKeyMarker"], "VersionIdMarker": first["NextVersionIdMarker"]}
    second = s3.list_object_versions(Bucket=bucket, **markers)
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert [each["VersionId"] for each in first["Versions"] + second["Versions"]] == ids[::-1]
    with aws.refused("InvalidArgument", "A version-id marker cannot be specified without a key marker."):
        s3.list_object_versions(Bucket=bucket, VersionIdMarker=ids[0])


@behaviour(
    "s3",
    "DeleteObject",
    "A delete with If-Match deletes that object only",
    "AmazonS3/latest/userguide/conditional-deletes.html",
)
def test_delete_if_the_same(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws, ["k"])
    with aws.refused("PreconditionFailed", status=412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"x"')
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=s3.head_object(Bucket=bucket, Key="k")["ETag"])
    assert names(s3.list_objects_v2(Bucket=bucket)) == []


# Deleting many


@behaviour(
    "s3",
    "DeleteObjects",
    "Many keys are deleted at once, those that are not there, too",
    API + "API_DeleteObjects.html",
)
def test_delete_many(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "absent"}]})
    assert sorted(one["Key"] for one in answer["Deleted"]) == ["a", "absent"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "ü"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert names(s3.list_objects_v2(Bucket=bucket)) == KEYS[1:4]


@behaviour("s3", "DeleteObjects", "More than 1,000 keys, or none, are refused", API + "API_DeleteObjects.html")
@pytest.mark.parametrize("count", [0, 1001])
def test_delete_too_many(aws: Account, count: int) -> None:
    s3, bucket = aws.client("s3"), filled(aws, ["a"])
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    with aws.refused("MalformedXML", message, status=400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}] * count})
    assert names(s3.list_objects_v2(Bucket=bucket)) == ["a"]


# Copies


@behaviour("s3", "CopyObject", "A copy keeps bytes, type and metadata", API + "API_CopyObject.html")
def test_copy(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"x", ContentType="text/x", Metadata={"who": "me"})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü"})
    assert copied["CopyObjectResult"]["ETag"] == '"9dd4e461268c8034f5c8564e155c67a6"'
    found = s3.get_object(Bucket=bucket, Key="copy")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"x", "text/x", {"who": "me"})


@behaviour(
    "s3", "CopyObject", "With the directive REPLACE a copy has the metadata of the request", API + "API_CopyObject.html"
)
def test_copy_with_other_metadata(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/x", Metadata={"who": "me"})
    s3.copy_object(
        Bucket=bucket, Key="k", CopySource=f"{bucket}/k", MetadataDirective="REPLACE", Metadata={"what": "it"}
    )
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["Metadata"], head["ContentType"]) == ({"what": "it"}, "binary/octet-stream")


@behaviour(
    "s3",
    "CopyObject",
    "A copy of an object onto itself without any change is refused",
    "localstack:tests/aws/services/s3/test_s3.py::TestS3::test_s3_copy_object_in_place",
)
def test_copy_onto_itself(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws, ["k"])
    message = "This copy request is illegal because it is trying to copy an object to itself without changing"
    for change in ({}, {"Metadata": {"a": "b"}}):
        with aws.refused("InvalidRequest", message, status=400):
            s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", **change)
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", StorageClass="STANDARD")


@behaviour(
    "s3",
    "CopyObject",
    "An older version may be copied onto the object, which restores it",
    "AmazonS3/latest/userguide/RestoringPreviousVersions.html",
)
def test_copy_an_older_version(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": old})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


@behaviour("s3", "CopyObject", "A source that is not there is refused", API + "API_CopyObject.html")
def test_copy_nothing(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("NoSuchKey", "The specified key does not exist.", status=404):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/absent")
    with aws.refused("NoSuchBucket", status=404):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{aws.name()}/absent")
    with aws.refused("InvalidArgument", "Invalid copy source object key", status=400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=bucket)


@behaviour("s3", "CopyObject", "Conditions of a copy are those of its source", API + "API_CopyObject.html")
def test_copy_on_condition(aws: Account) -> None:
    s3, bucket = aws.client("s3"), filled(aws, ["k"])
    with aws.refused("PreconditionFailed", status=412):
        s3.copy_object(Bucket=bucket, Key="l", CopySource=f"{bucket}/k", CopySourceIfMatch='"x"')
