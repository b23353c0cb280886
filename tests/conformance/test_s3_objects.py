"""Amazon S3: objects, what they may be called and hold, and how they are read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
GUIDE = "AmazonS3/latest/userguide/"
RECORDED = "localstack:tests/aws/services/s3/test_s3.py::TestS3::"


def put(aws: Account, body: bytes = b"0123456789", key: str = "k", **settings: Any) -> str:
    """An object in a new bucket; the bucket's name."""
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **settings)
    return bucket


def read(aws: Account, bucket: str, key: str = "k", **settings: Any) -> bytes:
    return bytes(aws.client("s3").get_object(Bucket=bucket, Key=key, **settings)["Body"].read())


@behaviour(
    "s3",
    ("PutObject", "GetObject", "HeadObject"),
    "An object keeps its bytes, type and metadata; its ETag is the MD5 and it is encrypted with AES256 by default",
    GUIDE + "default-encryption-faq.html",
)
def test_an_object_comes_back_as_it_was_put(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    stored = s3.put_object(Bucket=bucket, Key="a/ü b", Body=b"x", ContentType="text/x", Metadata={"who": "me"})
    head = s3.head_object(Bucket=bucket, Key="a/ü b")
    found = s3.get_object(Bucket=bucket, Key="a/ü b")
    assert stored["ETag"] == head["ETag"] == found["ETag"] == '"9dd4e461268c8034f5c8564e155c67a6"'
    for answer in (stored, head, found):
        assert answer["ServerSideEncryption"] == "AES256"
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"x", "text/x", {"who": "me"})
    assert head["ContentLength"] == 1
    assert isinstance(head["LastModified"], dt.datetime)


@behaviour("s3", "PutObject", "An object without a type is binary/octet-stream", API + "API_PutObject.html")
def test_the_default_type(aws: Account) -> None:
    bucket = put(aws)
    assert aws.client("s3").head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


@behaviour("s3", "GetObject", "A key that is not there is NoSuchKey", API + "API_GetObject.html")
def test_no_such_key(aws: Account) -> None:
    bucket = aws.bucket()
    with aws.refused("NoSuchKey", "The specified key does not exist.", status=404):
        aws.client("s3").get_object(Bucket=bucket, Key="k")


@behaviour("s3", "HeadObject", "HeadObject of a missing key is a bare 404", API + "API_HeadObject.html")
def test_head_of_no_such_key(aws: Account) -> None:
    bucket = aws.bucket()
    with aws.refused("404", "Not Found"):
        aws.client("s3").head_object(Bucket=bucket, Key="k")


@behaviour("s3", "PutObject", "A bucket that is not there is NoSuchBucket", API + "API_PutObject.html")
def test_no_such_bucket(aws: Account) -> None:
    with aws.refused("NoSuchBucket", "The specified bucket does not exist", status=404):
        aws.client("s3").put_object(Bucket=aws.name("nowhere"), Key="k", Body=b"")


@behaviour("s3", "PutObject", "A key of more than 1,024 bytes in UTF-8 is refused", GUIDE + "object-keys.html")
@pytest.mark.parametrize("key", ["k" * 1025, "ü" * 513])
def test_a_long_key(aws: Account, key: str) -> None:
    bucket = aws.bucket()
    with aws.refused("KeyTooLongError", "Your key is too long", status=400):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")


@behaviour("s3", ("PutObject", "GetObject"), "A key of 1,024 bytes is stored", GUIDE + "object-keys.html")
def test_the_longest_key(aws: Account) -> None:
    bucket = put(aws, b"x", "ü" * 512)
    assert read(aws, bucket, "ü" * 512) == b"x"


@behaviour(
    "s3",
    ("CopyObject", "CreateMultipartUpload"),
    "The limit of a key's length holds for copies and multipart uploads, too",
    GUIDE + "object-keys.html",
)
def test_a_long_key_in_other_ways(aws: Account) -> None:
    s3, bucket = aws.client("s3"), put(aws)
    with aws.refused("KeyTooLongError"):
        s3.copy_object(Bucket=bucket, Key="k" * 1025, CopySource=f"{bucket}/k")
    with aws.refused("KeyTooLongError"):
        s3.create_multipart_upload(Bucket=bucket, Key="k" * 1025)


@behaviour(
    "s3",
    ("PutObject", "CreateMultipartUpload", "CopyObject"),
    "User-defined metadata of more than 2 KB is refused",
    GUIDE + "UsingMetadata.html",
)
def test_large_metadata(aws: Account) -> None:
    s3, bucket = aws.client("s3"), put(aws)
    large = {"a": "x" * 1000, "b": "x" * 1048}
    message = "Your metadata headers exceed the maximum allowed metadata size"
    with aws.refused("MetadataTooLarge", message, status=400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata=large)
    with aws.refused("MetadataTooLarge", message):
        s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata=large)
    with aws.refused("MetadataTooLarge", message):
        s3.copy_object(Bucket=bucket, Key="l", CopySource=f"{bucket}/k", Metadata=large, MetadataDirective="REPLACE")


@behaviour("s3", "PutObject", "2,048 bytes of names and values of metadata are stored", GUIDE + "UsingMetadata.html")
def test_the_largest_metadata(aws: Account) -> None:
    bucket = put(aws, Metadata={"a": "x" * 1000, "b": "x" * 1046})
    assert len(aws.client("s3").head_object(Bucket=bucket, Key="k")["Metadata"]["b"]) == 1046


@behaviour(
    "s3",
    "PutObject",
    "A storage class that S3 does not know ({storage}) is refused",
    RECORDED + "test_put_object_storage_class_outposts",
)
@pytest.mark.parametrize("storage", ["OUTPOSTS", "CHEAP"])
def test_unknown_storage_class(aws: Account, storage: str) -> None:
    bucket = aws.bucket()
    with aws.refused("InvalidStorageClass", "The storage class you specified is not valid"):
        aws.client("s3").put_object(Bucket=bucket, Key="k", Body=b"", StorageClass=storage)


@behaviour(
    "s3",
    "PutObject",
    "A KMS key that is not there is refused: {key}",
    RECORDED + "test_s3_sse_validate_kms_key",
)
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("fake-key-id", "Invalid keyId 'fake-key-id'"),
        ("134f2428-cec1-4b25-a1ae-9048164dba47", "key/134f2428-cec1-4b25-a1ae-9048164dba47' does not exist"),
    ],
)
def test_a_kms_key_that_is_not_there(aws: Account, key: str, message: str) -> None:
    bucket = aws.bucket()
    with aws.refused("KMS.NotFoundException", message, status=400):
        aws.client("s3").put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


@behaviour(
    "s3", ("DeleteObject", "GetObject"), "Deleting a key that is not there succeeds", API + "API_DeleteObject.html"
)
def test_delete(aws: Account) -> None:
    s3, bucket = aws.client("s3"), put(aws)
    for _ in range(2):
        assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with aws.refused("NoSuchKey"):
        read(aws, bucket)


# Ranges


@behaviour("s3", "GetObject", "Range {given} of ten bytes gives part of them", API + "API_GetObject.html")
@pytest.mark.parametrize(
    ("given", "part", "content_range"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range(aws: Account, given: str, part: bytes, content_range: str) -> None:
    bucket = put(aws)
    answer = aws.client("s3").get_object(Bucket=bucket, Key="k", Range=given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (answer["Body"].read(), answer["ContentRange"], answer["ContentLength"]) == (part, content_range, len(part))


@behaviour(
    "s3",
    "GetObject",
    "Range {given} of an object of {size} bytes cannot be satisfied",
    RECORDED + "test_invalid_range_error",
)
@pytest.mark.parametrize(
    ("given", "size"), [("bytes=10-", 10), ("bytes=1024-4096", 8), ("bytes=-3", 0), ("bytes=0-0", 0), ("bytes=-0", 10)]
)
def test_a_range_outside(aws: Account, given: str, size: int) -> None:
    bucket = put(aws, b"x" * size)
    with aws.refused("InvalidRange", "The requested range is not satisfiable", status=416):
        read(aws, bucket, Range=given)


@behaviour(
    "s3",
    "HeadObject",
    "HeadObject of a range that cannot be satisfied is a bare 416",
    API + "API_HeadObject.html",
)
def test_head_of_a_range_outside(aws: Account) -> None:
    bucket = put(aws, b"")
    with aws.refused("416"):
        aws.client("s3").head_object(Bucket=bucket, Key="k", Range="bytes=-3")


@behaviour(
    "s3",
    "GetObject",
    "{given} is not one range, so the whole object comes",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3ObjectCRUD::test_get_object_range",
)
@pytest.mark.parametrize(
    "given", ["bytes=0-1,3-4", "bytes=4-2", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=0--1", "bytes=-1-"]
)
def test_no_range(aws: Account, given: str) -> None:
    bucket = put(aws)
    answer = aws.client("s3").get_object(Bucket=bucket, Key="k", Range=given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["Body"].read() == b"0123456789"


@behaviour("s3", "GetObject", "A large object, too, is read by ranges", API + "API_GetObject.html")
def test_a_range_of_a_large_object(aws: Account) -> None:
    body = bytes(range(256)) * 8192
    bucket = put(aws, body)
    assert read(aws, bucket, Range="bytes=1048570-1048580") == body[1048570:1048581]
    assert read(aws, bucket, Range="bytes=0-1,3-4") == body


@behaviour("s3", "HeadObject", "HeadObject tells the length of a range", API + "API_HeadObject.html")
def test_head_of_a_range(aws: Account) -> None:
    bucket = put(aws)
    head = aws.client("s3").head_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (head["ContentLength"], head["ContentRange"]) == (3, "bytes 2-4/10")


# Conditions


@behaviour("s3", "GetObject", "A read with {condition} is answered with {status}", API + "API_GetObject.html")
@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("IfMatch=other", "PreconditionFailed"),
        ("IfNoneMatch=same", "304"),
        ("IfModifiedSince=later", "304"),
        ("IfUnmodifiedSince=earlier", "PreconditionFailed"),
    ],
)
def test_a_condition_that_fails(aws: Account, condition: str, status: str) -> None:
    bucket = put(aws)
    head = aws.client("s3").head_object(Bucket=bucket, Key="k")
    name, _, value = condition.partition("=")
    day = dt.timedelta(days=1)
    values = {
        "other": '"x"',
        "same": head["ETag"],
        "later": head["LastModified"],
        "earlier": head["LastModified"] - day,
    }
    with aws.refused(status):
        read(aws, bucket, **{name: values[value]})


@behaviour("s3", "GetObject", "A read whose condition holds gives the object", API + "API_GetObject.html")
def test_conditions_that_hold(aws: Account) -> None:
    bucket = put(aws)
    head = aws.client("s3").head_object(Bucket=bucket, Key="k")
    day = dt.timedelta(days=1)
    assert read(aws, bucket, IfMatch=head["ETag"], IfNoneMatch='"x"') == b"0123456789"
    # If-Match that holds wins over If-Unmodified-Since that does not.
    assert read(aws, bucket, IfMatch=head["ETag"], IfUnmodifiedSince=head["LastModified"] - day) == b"0123456789"
    assert read(aws, bucket, IfModifiedSince=head["LastModified"] - day) == b"0123456789"


@behaviour(
    "s3", "PutObject", "A write with If-None-Match: * creates, and does not replace", GUIDE + "conditional-writes.html"
)
def test_write_if_absent(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with aws.refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", status=412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert read(aws, bucket) == b"first"


@behaviour("s3", "PutObject", "A write with If-Match replaces that object only", GUIDE + "conditional-writes.html")
def test_write_if_the_same(aws: Account) -> None:
    s3, bucket = aws.client("s3"), put(aws)
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    with aws.refused("PreconditionFailed", status=412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)
    with aws.refused("NoSuchKey", status=404):
        s3.put_object(Bucket=bucket, Key="absent", Body=b"", IfMatch=etag)
    assert read(aws, bucket) == b"second"


@behaviour(
    "s3",
    "PutObject",
    "If-None-Match of a write takes only *",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3ObjectWritePrecondition::test_put_object_if_none_match_validation",
)
def test_if_none_match_of_a_write(aws: Account) -> None:
    bucket = put(aws)
    with aws.refused("NotImplemented", "A header you provided implies functionality that is not implemented"):
        aws.client("s3").put_object(Bucket=bucket, Key="k", Body=b"", IfNoneMatch='"x"')


# Checksums


@behaviour(
    "s3",
    ("PutObject", "GetObject"),
    "The CRC32 that SDKs send is stored and returned",
    GUIDE + "checking-object-integrity.html",
)
def test_the_default_checksum(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    stored = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert stored["ChecksumCRC32"] == found["ChecksumCRC32"] == "NhCmhg=="
    assert stored["ChecksumType"] == "FULL_OBJECT"
    assert "ChecksumCRC32" not in s3.head_object(Bucket=bucket, Key="k")


@behaviour(
    "s3",
    "PutObject",
    "A wrong {name} is a BadDigest and nothing is stored",
    "localstack:tests/aws/services/s3/test_s3.py::TestS3PutObjectChecksum::test_put_object_checksum",
)
@pytest.mark.parametrize(
    ("name", "value"), [("CRC32", "AAAAAA=="), ("SHA256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
)
def test_a_wrong_checksum(aws: Account, name: str, value: str) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("BadDigest", f"The {name} you specified did not match the calculated checksum."):
        s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **{f"Checksum{name}": value})
    with aws.refused("NoSuchKey"):
        read(aws, bucket)


@behaviour("s3", "PutObject", "A wrong Content-MD5 is refused", RECORDED + "test_s3_invalid_content_md5")
def test_a_wrong_md5(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("BadDigest", "The Content-MD5 you specified did not match what we received."):
        s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    with aws.refused("InvalidDigest", "The Content-MD5 you specified was invalid."):
        s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5="000")


@behaviour(
    "s3", "GetObjectAttributes", "GetObjectAttributes tells what it was asked for", API + "API_GetObjectAttributes.html"
)
def test_attributes(aws: Account) -> None:
    s3, bucket = aws.client("s3"), put(aws)
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum"])
    assert (found["ObjectSize"], found["ETag"]) == (10, "781e5e245d69b566979b86e28d23f2c7")
    assert found["Checksum"]["ChecksumCRC32"] == "poTHxg=="
    assert "StorageClass" not in found
    with pytest.raises(ClientError):
        s3.get_object_attributes(Bucket=bucket, Key="absent", ObjectAttributes=["ETag"])
