"""Amazon S3: multipart uploads."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
LIMITS = "AmazonS3/latest/userguide/qfacts.html"
RECORDED = "localstack:tests/aws/services/s3/test_s3.py::TestS3::"
MIB = 1024 * 1024
FIRST, LAST = b"a" * (5 * MIB), b"the end"


class Upload:
    """A multipart upload in a new bucket."""

    def __init__(self, aws: Account, **settings: Any) -> None:
        self.s3, self.bucket = aws.client("s3"), aws.bucket()
        self.id = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", **settings)["UploadId"]
        self.named = {"Bucket": self.bucket, "Key": "k", "UploadId": self.id}
        aws.later(self.s3.abort_multipart_upload, **self.named)

    def part(self, number: int, body: bytes, **settings: Any) -> dict[str, Any]:
        answer = self.s3.upload_part(**self.named, PartNumber=number, Body=io.BytesIO(body), **settings)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def complete(self, *parts: dict[str, Any], **settings: Any) -> Any:
        return self.s3.complete_multipart_upload(**self.named, MultipartUpload={"Parts": list(parts)}, **settings)

    def read(self, **settings: Any) -> Any:
        return self.s3.get_object(Bucket=self.bucket, Key="k", **settings)


@behaviour(
    "s3",
    ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject"),
    "The parts become one object, in the order of their numbers; its ETag ends with their count",
    API + "API_CompleteMultipartUpload.html",
)
def test_parts_become_an_object(aws: Account) -> None:
    upload = Upload(aws, ContentType="text/x", Metadata={"who": "me"})
    last, first = upload.part(10_000, LAST), upload.part(3, FIRST)
    assert upload.complete(first, last)["ETag"].endswith('-2"')
    found = upload.read()
    assert found["Body"].read() == FIRST + LAST
    assert (found["ContentType"], found["Metadata"], found["ServerSideEncryption"]) == (
        "text/x",
        {"who": "me"},
        "AES256",
    )


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "Completing with no part is refused, and the object that was there stays",
    API + "API_CompleteMultipartUpload.html",
)
def test_no_part(aws: Account) -> None:
    upload = Upload(aws)
    upload.s3.put_object(Bucket=upload.bucket, Key="k", Body=b"precious")
    upload.part(1, b"x")
    with aws.refused("MalformedXML", status=400):
        upload.complete()
    with aws.refused("InvalidRequest", "You must specify at least one part", status=400):
        upload.s3.complete_multipart_upload(**upload.named)
    assert upload.read()["Body"].read() == b"precious"
    assert len(upload.s3.list_parts(**upload.named)["Parts"]) == 1


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "Parts that are not in ascending order are refused",
    RECORDED + "test_complete_multipart_parts_order",
)
def test_parts_out_of_order(aws: Account) -> None:
    upload = Upload(aws)
    first, second = upload.part(1, FIRST), upload.part(2, LAST)
    for parts in ((second, first), (first, first)):
        with aws.refused("InvalidPartOrder", "The list of parts was not in ascending order."):
            upload.complete(*parts)


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "A part that was not uploaded, or has another ETag, is refused",
    RECORDED + "test_multipart_complete_multipart_wrong_part",
)
def test_a_wrong_part(aws: Account) -> None:
    upload = Upload(aws)
    part = upload.part(1, b"x")
    for wrong in ({**part, "PartNumber": 2}, {**part, "ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}):
        with aws.refused("InvalidPart", "One or more of the specified parts could not be found."):
            upload.complete(wrong)


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "A part of less than 5 MiB that is not the last is refused",
    RECORDED + "test_multipart_complete_multipart_too_small",
)
def test_a_small_part(aws: Account) -> None:
    upload = Upload(aws)
    with aws.refused("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", status=400):
        upload.complete(upload.part(1, b"x"), upload.part(2, b"y"))


@behaviour("s3", "UploadPart", "Part number {number} is refused", RECORDED + "test_complete_multipart_parts_order")
@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_a_part_number_outside(aws: Account, number: int) -> None:
    upload = Upload(aws)
    with aws.refused("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", status=400):
        upload.part(number, b"x")


@behaviour(
    "s3",
    ("CompleteMultipartUpload", "AbortMultipartUpload"),
    "An upload that was aborted is not there any more",
    API + "API_AbortMultipartUpload.html",
)
def test_abort(aws: Account) -> None:
    upload = Upload(aws)
    part = upload.part(1, b"x")
    upload.s3.abort_multipart_upload(**upload.named)
    message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been"
    with aws.refused("NoSuchUpload", message, status=404):
        upload.complete(part)
    with aws.refused("NoSuchUpload", message, status=404):
        upload.part(2, b"y")


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "Completing with If-None-Match: * does not replace an object",
    "AmazonS3/latest/userguide/conditional-writes.html",
)
def test_complete_if_absent(aws: Account) -> None:
    upload = Upload(aws)
    upload.s3.put_object(Bucket=upload.bucket, Key="k", Body=b"there")
    part = upload.part(1, b"x")
    with aws.refused("PreconditionFailed", status=412):
        upload.complete(part, IfNoneMatch="*")
    assert upload.read()["Body"].read() == b"there"


@behaviour(
    "s3",
    "CompleteMultipartUpload",
    "x-amz-mp-object-size must be the size of the object",
    "localstack:tests/aws/services/s3/test_s3.py::TestS3MultipartUploadChecksum::test_multipart_size_validation",
)
def test_a_wrong_size(aws: Account) -> None:
    upload = Upload(aws)
    part = upload.part(1, b"test")
    with aws.refused(
        "InvalidRequest", "The provided 'x-amz-mp-object-size' header value 5 does not match", "computed: 4"
    ):
        upload.complete(part, MpuObjectSize=5)
    upload.complete(part, MpuObjectSize=4)


@behaviour(
    "s3", ("GetObject", "HeadObject"), "One part of an object can be read by its number", API + "API_GetObject.html"
)
def test_read_a_part(aws: Account) -> None:
    upload = Upload(aws)
    upload.complete(upload.part(1, FIRST), upload.part(2, LAST))
    found = upload.read(PartNumber=2)
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (found["Body"].read(), found["PartsCount"]) == (LAST, 2)
    assert found["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 6}/{5 * MIB + 7}"
    head = upload.s3.head_object(Bucket=upload.bucket, Key="k", PartNumber=2)
    assert (head["ContentLength"], head["PartsCount"]) == (7, 2)


@behaviour("s3", "GetObject", "A part that the object does not have cannot be read", RECORDED + "test_get_object_part")
def test_read_no_part(aws: Account) -> None:
    upload = Upload(aws)
    upload.complete(upload.part(1, LAST))
    with aws.refused("InvalidPartNumber", "The requested partnumber is not satisfiable", status=416):
        upload.read(PartNumber=10)
    with aws.refused("InvalidRequest", "Cannot specify both Range header and partNumber query parameter", status=400):
        upload.read(PartNumber=1, Range="bytes=0-1")


@behaviour("s3", "GetObject", "An object of one piece has one part", RECORDED + "test_get_object_part")
def test_read_the_only_part(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    found = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert (found["Body"].read(), found["ResponseMetadata"]["HTTPStatusCode"]) == (b"x", 206)
    with aws.refused("InvalidPartNumber", status=416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=2)


@behaviour(
    "s3",
    ("ListParts", "ListMultipartUploads", "UploadPart"),
    "Uploads in progress and their parts are listed, page by page",
    API + "API_ListParts.html",
)
def test_lists(aws: Account) -> None:
    upload = Upload(aws)
    for number in (1, 2, 3):
        upload.part(number, b"x" * number)
    page = upload.s3.list_parts(**upload.named, MaxParts=2)
    assert ([part["PartNumber"] for part in page["Parts"]], page["IsTruncated"]) == ([1, 2], True)
    rest = upload.s3.list_parts(**upload.named, PartNumberMarker=page["NextPartNumberMarker"])
    assert [(part["PartNumber"], part["Size"]) for part in rest["Parts"]] == [(3, 3)]
    listed = upload.s3.list_multipart_uploads(Bucket=upload.bucket)["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in listed] == [("k", upload.id)]


@behaviour(
    "s3",
    ("UploadPartCopy", "CompleteMultipartUpload"),
    "A part can be copied from a range of another object",
    API + "API_UploadPartCopy.html",
)
def test_copy_a_part(aws: Account) -> None:
    upload = Upload(aws)
    upload.s3.put_object(Bucket=upload.bucket, Key="source", Body=b"0123456789")
    copied = upload.s3.upload_part_copy(
        **upload.named, PartNumber=1, CopySource=f"{upload.bucket}/source", CopySourceRange="bytes=2-4"
    )
    upload.complete({"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]})
    assert upload.read()["Body"].read() == b"234"


@behaviour(
    "s3",
    "UploadPartCopy",
    "A copy of {given} of ten bytes is refused",
    "localstack:tests/aws/services/s3/test_s3_api.py::TestS3Multipart::test_upload_part_copy_range",
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0-8", "The x-amz-copy-source-range value must be of the form bytes=first-last"),
        ("bytes=1-0", "The x-amz-copy-source-range value must be of the form bytes=first-last"),
        ("bytes=-2", "The x-amz-copy-source-range value must be of the form bytes=first-last"),
        ("bytes=1-", "The x-amz-copy-source-range value must be of the form bytes=first-last"),
        ("bytes=0-1,3-4", "The x-amz-copy-source-range value must be of the form bytes=first-last"),
        ("bytes=0-100", "Range specified is not valid for source object of size: 10"),
    ],
)
def test_copy_a_wrong_range(aws: Account, given: str, message: str) -> None:
    upload = Upload(aws)
    upload.s3.put_object(Bucket=upload.bucket, Key="source", Body=b"0123456789")
    with aws.refused("InvalidArgument", message, status=400):
        upload.s3.upload_part_copy(
            **upload.named, PartNumber=1, CopySource=f"{upload.bucket}/source", CopySourceRange=given
        )


@behaviour(
    "s3",
    "CreateMultipartUpload",
    "The checksum type {kind} does not go with {algorithm}",
    "localstack:tests/aws/services/s3/test_s3.py::TestS3MultipartUploadChecksum::test_multipart_checksum_type_compatibility",
)
@pytest.mark.parametrize(
    ("kind", "algorithm"), [("FULL_OBJECT", "SHA256"), ("FULL_OBJECT", "SHA1"), ("COMPOSITE", "CRC64NVME")]
)
def test_checksum_types(aws: Account, kind: str, algorithm: str) -> None:
    bucket = aws.bucket()
    with aws.refused(
        "InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum"
    ):
        aws.client("s3").create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)


@behaviour(
    "s3",
    ("CompleteMultipartUpload", "UploadPart"),
    "The composite checksum is made of those of the parts",
    "AmazonS3/latest/userguide/checking-object-integrity.html",
)
def test_composite_checksum(aws: Account) -> None:
    upload = Upload(aws, ChecksumAlgorithm="SHA256")
    part = upload.s3.upload_part(**upload.named, PartNumber=1, Body=b"hello", ChecksumAlgorithm="SHA256")
    assert part["ChecksumSHA256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    done = upload.complete({"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    digest = hashlib.sha256(hashlib.sha256(b"hello").digest()).digest()
    assert done["ChecksumSHA256"] == f"{base64.b64encode(digest).decode()}-1"
    assert done["ChecksumType"] == "COMPOSITE"
