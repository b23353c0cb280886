"""Multipart uploads whose parts lie in files: UploadPart, UploadPartCopy, CompleteMultipartUpload."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import random
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import localcloud
from localcloud.ministack.checksums import new_digest
from tests.localcloud.conftest import CloudUnderTest, wait_until
from tests.localcloud.ministack.test_objects import held

MIB = 1024 * 1024
PIECES = [random.Random(seed).randbytes(size) for seed, size in enumerate((5 * MIB, 6 * MIB + 1, 2 * MIB, 1000))]
DATA = b"".join(PIECES)


@pytest.fixture(scope="module")
def s3(cloud: CloudUnderTest) -> Any:
    client = cloud.client("s3", config=Config(retries={"max_attempts": 0}))  # boto3 tries again after a BadDigest
    client.create_bucket(Bucket="large")
    client.put_object(Bucket="large", Key="source", Body=DATA)
    return client


class Upload:
    """One multipart upload."""

    def __init__(self, s3: Any, key: str, **options: Any) -> None:
        self.s3, self.where = s3, {"Bucket": "large", "Key": key}
        self.answer = s3.create_multipart_upload(**self.where, **options)
        self.where["UploadId"] = self.answer["UploadId"]
        self.parts: list[dict[str, Any]] = []

    def put(self, number: int, body: bytes, **options: Any) -> Any:
        answer = self.s3.upload_part(**self.where, PartNumber=number, Body=body, **options)
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        return answer

    def copy(self, number: int, source: str = "source", *, first: int = 0, last: int = 0, **options: Any) -> Any:
        if last:
            options["CopySourceRange"] = f"bytes={first}-{last}"
        source_object = {"Bucket": "large", "Key": source}
        answer = self.s3.upload_part_copy(**self.where, PartNumber=number, CopySource=source_object, **options)
        self.parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        return answer

    def complete(self, **options: Any) -> Any:
        return self.s3.complete_multipart_upload(**self.where, MultipartUpload={"Parts": self.parts}, **options)

    def content(self, **options: Any) -> bytes:
        answer = self.s3.get_object(Bucket=self.where["Bucket"], Key=self.where["Key"], **options)
        body: bytes = answer["Body"].read()
        return body


def encoded(checksum: bytes) -> str:
    return base64.b64encode(checksum).decode()


def checksum(algorithm: str, data: bytes) -> bytes:
    digest = new_digest(algorithm)
    assert digest is not None
    digest.update(data)
    return digest.digest()


def test_what_is_uploaded_in_parts_comes_back(cloud: CloudUnderTest, s3: Any) -> None:
    """S3 User Guide, "Checking object integrity": the ETag is the MD5 of the parts' MD5s, and ``-N``."""
    upload = Upload(s3, "parts", ContentType="x/model", Metadata={"a": "1"}, ServerSideEncryption="AES256")
    upload.put(1, b"x" * 5 * MIB)
    upload.parts.clear()
    for number, piece in enumerate(PIECES[:2], 1):
        assert upload.put(number, piece)["ETag"] == f'"{hashlib.md5(piece).hexdigest()}"'
    upload.put(7, PIECES[2])
    listed = s3.list_parts(**upload.where)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 5 * MIB), (2, 6 * MIB + 1), (7, 2 * MIB)]
    wait_until(lambda: len(held(cloud)) == 3)  # the part that was uploaded twice lies there once
    answer = upload.complete()
    digests = b"".join(hashlib.md5(piece).digest() for piece in PIECES[:3])
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert upload.complete()["ETag"] == answer["ETag"]  # a client that heard no answer asks again
    got = s3.get_object(Bucket="large", Key="parts")
    assert got["Body"].read() == b"".join(PIECES[:3])
    assert (got["ContentType"], got["Metadata"], got["ServerSideEncryption"]) == ("x/model", {"a": "1"}, "AES256")
    third = s3.get_object(Bucket="large", Key="parts", PartNumber=7)
    assert (third["Body"].read(), third["PartsCount"]) == (PIECES[2], 3)
    wait_until(lambda: held(cloud) == [])


def test_the_default_checksums_of_boto3_are_verified(s3: Any) -> None:
    """As upload_file asks: CRC32 of each part, and of these for the whole (COMPOSITE)."""
    upload = Upload(s3, "checked", ChecksumAlgorithm="CRC32")
    assert (upload.answer["ChecksumAlgorithm"], upload.answer["ChecksumType"]) == ("CRC32", "COMPOSITE")
    sums = [zlib.crc32(piece).to_bytes(4, "big") for piece in PIECES[:3]]
    for number, piece in enumerate(PIECES[:3], 1):
        assert upload.put(number, piece)["ChecksumCRC32"] == encoded(sums[number - 1])
    with pytest.raises(ClientError, match="BadDigest"):
        upload.put(1, PIECES[0], ChecksumCRC32="AAAAAA==")
    composite = encoded(zlib.crc32(b"".join(sums)).to_bytes(4, "big")) + "-3"
    with pytest.raises(ClientError, match="BadDigest"):
        upload.complete(ChecksumCRC32="AAAAAA==-3")
    answer = upload.complete(ChecksumCRC32=composite)
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (composite, "COMPOSITE")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
@pytest.mark.parametrize("copied", [False, True], ids=["uploaded", "with a copied part"])
def test_checksums_of_the_full_object(s3: Any, algorithm: str, copied: bool) -> None:
    """S3 User Guide, "Checking object integrity in Amazon S3": full object checksums of multipart uploads."""
    upload = Upload(s3, "full", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    assert upload.answer["ChecksumType"] == "FULL_OBJECT"
    sums = {number: {f"Checksum{algorithm}": encoded(checksum(algorithm, PIECES[number - 1]))} for number in (1, 2, 3)}
    upload.put(1, PIECES[0], **sums[1])
    if copied:
        upload.copy(2, first=5 * MIB, last=11 * MIB)
    else:
        upload.put(2, PIECES[1], **sums[2])
    upload.put(3, PIECES[3])  # small enough for memory, and without a checksum of its client
    whole = PIECES[0] + PIECES[1] + PIECES[3]
    with pytest.raises(ClientError, match="BadDigest"):
        upload.complete(**{f"Checksum{algorithm}": encoded(bytes(8 if algorithm == "CRC64NVME" else 4))})
    expected = encoded(checksum(algorithm, whole))
    for _ in range(2):  # and once more for a client that asks again
        answer = upload.complete(**{f"Checksum{algorithm}": expected})
        assert (answer[f"Checksum{algorithm}"], answer["ChecksumType"]) == (expected, "FULL_OBJECT")
    head = s3.head_object(Bucket="large", Key="full", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, "FULL_OBJECT")
    assert upload.content() == whole


def test_checksum_types_that_do_not_fit_are_refused(s3: Any) -> None:
    """S3 User Guide, the table of algorithms and types; CRC64NVME is FULL_OBJECT without being asked."""
    for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        with pytest.raises(ClientError, match=f"The {kind} checksum type cannot be used with the {algorithm.lower()}"):
            Upload(s3, "none", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert Upload(s3, "crc64", ChecksumAlgorithm="CRC64NVME").answer["ChecksumType"] == "FULL_OBJECT"


def test_parts_that_are_copied_are_the_source_of_that_moment(cloud: CloudUnderTest, s3: Any) -> None:
    """S3 API Reference, "UploadPartCopy": whole, by range, from another bucket; mixed with uploaded parts."""
    s3.create_bucket(Bucket="elsewhere")
    s3.copy_object(Bucket="large", Key="moving", CopySource={"Bucket": "large", "Key": "source"})
    upload = Upload(s3, "composed")
    upload.copy(1, "moving", first=100, last=6 * MIB)
    upload.put(2, PIECES[0])
    s3.put_object(Bucket="large", Key="moving", Body=DATA[::-1])
    upload.copy(3, "moving")
    s3.delete_object(Bucket="large", Key="moving")
    s3.put_object(Bucket="elsewhere", Key="tiny", Body=b"the end")
    last = s3.upload_part_copy(**upload.where, PartNumber=4, CopySource="elsewhere/tiny")["CopyPartResult"]
    upload.parts.append({"PartNumber": 4, "ETag": last["ETag"]})
    answer = upload.complete()
    assert answer["ETag"].endswith('-4"')
    assert "ChecksumCRC32" not in answer  # nobody has read the copied parts
    assert upload.content() == DATA[100 : 6 * MIB + 1] + PIECES[0] + DATA[::-1] + b"the end"
    wait_until(lambda: held(cloud) == [])


@pytest.mark.parametrize("cuts", [[], [5 * MIB], [5 * MIB, 10 * MIB + 1]])
def test_parts_that_are_together_a_whole_object(s3: Any, cuts: list[int]) -> None:
    """As boto3's managed copy copies."""
    upload = Upload(s3, "whole")
    for number, (first, end) in enumerate(itertools.pairwise([0, *cuts, len(DATA)]), 1):
        upload.copy(number, first=first, last=end - 1)
    assert upload.complete()["ETag"].endswith(f'-{len(cuts) + 1}"')
    assert upload.content() == DATA
    assert upload.content(Range="bytes=-5") == DATA[-5:]


def test_the_etag_of_a_copied_part_follows_source_and_range(s3: Any) -> None:
    """S3 API Reference, "Object": the ETag may or may not be an MD5 digest of the object data."""
    upload = Upload(s3, "etags")
    ranges = [(0, 5 * MIB), (1, 5 * MIB), (0, 6 * MIB), (0, 5 * MIB)]
    etags = [upload.copy(1, first=first, last=last)["CopyPartResult"]["ETag"] for first, last in ranges]
    assert len(set(etags)) == 3
    assert etags[0] == etags[3]
    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete()  # whose first part has the last ETag
    s3.abort_multipart_upload(**upload.where)


def test_a_copied_part_has_conditions_and_a_range_inside_the_source(s3: Any) -> None:
    """S3 API Reference, "UploadPartCopy": x-amz-copy-source-if-match, x-amz-copy-source-range."""
    etag = s3.head_object(Bucket="large", Key="source")["ETag"]
    upload = Upload(s3, "conditions")
    upload.copy(1, CopySourceIfMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        upload.copy(1, CopySourceIfMatch='"other"')
    with pytest.raises(ClientError, match="PreconditionFailed"):
        upload.copy(1, CopySourceIfNoneMatch=etag)
    with pytest.raises(ClientError, match="Range specified is not valid for source object of size"):
        upload.copy(1, first=0, last=len(DATA))
    with pytest.raises(ClientError, match="NoSuchKey"):
        upload.copy(1, "absent")
    s3.abort_multipart_upload(**upload.where)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda parts: parts[1::-1], "InvalidPartOrder"),
        (lambda parts: [parts[0], *parts], "InvalidPartOrder"),
        (lambda parts: [parts[0], {**parts[1], "PartNumber": 5}], "InvalidPart"),
        (lambda parts: [parts[0], {**parts[1], "ETag": parts[0]["ETag"]}], "InvalidPart"),
        (lambda parts: parts, "EntityTooSmall"),
    ],
    ids=["descending", "twice", "missing", "another ETag", "too small"],
)
def test_what_complete_refuses(cloud: CloudUnderTest, s3: Any, change: Callable[[Any], Any], code: str) -> None:
    """S3 API Reference, "CompleteMultipartUpload", errors. The upload stays as it was."""
    upload = Upload(s3, "refused")
    for number, piece in enumerate(PIECES, 1):
        upload.put(number, piece)
    right, upload.parts = upload.parts[:3], change(upload.parts)
    with pytest.raises(ClientError) as caught:
        upload.complete()
    assert caught.value.response["Error"]["Code"] == code
    wait_until(lambda: len(held(cloud)) == 3)  # and the fourth in memory
    upload.parts = right
    upload.complete()
    assert upload.content() == b"".join(PIECES[:3])
    wait_until(lambda: held(cloud) == [])


def test_a_size_that_is_declared_is_checked(s3: Any) -> None:
    """S3 API Reference, "CompleteMultipartUpload", x-amz-mp-object-size."""
    upload = Upload(s3, "sized")
    upload.put(1, PIECES[0])
    with pytest.raises(ClientError, match="does not match what was computed: 5242880"):
        upload.complete(MpuObjectSize=1)
    upload.complete(MpuObjectSize=5 * MIB)


def test_an_aborted_upload_leaves_no_files(cloud: CloudUnderTest, s3: Any) -> None:
    upload = Upload(s3, "aborted")
    upload.put(1, PIECES[0])
    upload.copy(2)
    wait_until(lambda: len(held(cloud)) == 2)
    s3.abort_multipart_upload(**upload.where)
    wait_until(lambda: held(cloud) == [])
    for action in (upload.complete, lambda: upload.put(1, PIECES[0]), lambda: upload.copy(1)):
        with pytest.raises(ClientError, match="NoSuchUpload"):
            action()


def test_parts_from_many_threads(s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA * 4)
    s3.upload_file(str(file), "large", "transferred")
    s3.download_file("large", "transferred", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == DATA * 4


def test_two_that_complete_at_once_get_one_object(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
    try:
        upload = Upload(s3, "raced")
        for number, piece in enumerate(PIECES[:3], 1):
            upload.put(number, piece)
        etags: list[str] = []
        racers = [threading.Thread(target=lambda: etags.append(upload.complete()["ETag"])) for _ in range(3)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(30)
        assert len(etags) == 3
        assert len(set(etags)) == 1
        assert len(s3.list_object_versions(Bucket="large", Prefix="raced")["Versions"]) == 1
        assert upload.content() == b"".join(PIECES[:3])
    finally:
        s3.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Suspended"})


def test_a_completed_object_is_announced_with_its_size(cloud: CloudUnderTest, s3: Any) -> None:
    """S3 User Guide, "Event message structure"."""
    url, arn = cloud.queue("completed")
    event = "s3:ObjectCreated:CompleteMultipartUpload"
    s3.put_bucket_notification_configuration(
        Bucket="large", NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": [event]}]}
    )
    assert "s3:TestEvent" in cloud.receive(url)["Body"]
    cloud.client("sqs").purge_queue(QueueUrl=url)
    upload = Upload(s3, "announced")
    upload.put(1, PIECES[0])
    upload.copy(2)
    etag = upload.complete()["ETag"]
    (record,) = json.loads(cloud.receive(url)["Body"])["Records"]
    told = record["s3"]["object"]
    assert (told["key"], told["size"], told["eTag"]) == ("announced", 5 * MIB + len(DATA), etag.strip('"'))


def test_after_a_kill_objects_are_there_and_uploads_are_gone(state_dir: Path) -> None:
    cloud = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[]))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="large")
    done, open_upload = Upload(s3, "done", Metadata={"a": "1"}), Upload(s3, "open")
    for number, piece in enumerate(PIECES[:3], 1):
        done.put(number, piece)
        open_upload.put(number, piece)
    etag = done.complete()["ETag"]
    s3.copy_object(Bucket="large", Key="copy", CopySource={"Bucket": "large", "Key": "done"})
    saved = state_dir / "ministack" / "s3.json"
    wait_until(lambda: saved.exists() and b"large" in saved.read_bytes())
    os.kill(cloud.running.pid, 9)
    wait_until(lambda: not list((state_dir / "work").iterdir()))
    s3 = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[])).client("s3")
    for key in ("done", "copy"):
        got = s3.get_object(Bucket="large", Key=key)
        assert (got["Body"].read(), got["ETag"], got["Metadata"]) == (b"".join(PIECES[:3]), etag, {"a": "1"})
    open_upload.s3 = s3
    with pytest.raises(ClientError, match="NoSuchUpload"):
        open_upload.complete()
    files = {path.name for path in (state_dir / "s3").rglob("*") if path.is_file()}
    assert files == {"done", "done.meta.json", "copy", "copy.meta.json"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of resident memory from Linux's /proc")
def test_memory_does_not_grow_with_the_object(s3: Any, cloud: CloudUnderTest) -> None:
    process = Path(f"/proc/{cloud.running.pid}")

    def memory(field: str) -> int:
        lines = (process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024

    idle = memory("VmRSS")
    (process / "clear_refs").write_text("5")
    upload, copy = Upload(s3, "big"), Upload(s3, "big-copy")
    block = DATA * 5
    for number in range(1, 5):
        upload.put(number, block)
    upload.complete()
    copy.copy(1, "big", first=1, last=4 * len(block) - 1)
    copy.complete()
    assert copy.content(Range=f"bytes={len(block)}-{2 * len(block)}")[:-2] == (block + block)[1:][: len(block) - 1]
    body = s3.get_object(Bucket="large", Key="big-copy")["Body"]
    assert sum(len(chunk) for chunk in body.iter_chunks(MIB)) == 4 * len(block) - 1
    assert memory("VmHWM") - idle < 50 * MIB < 4 * len(block)
