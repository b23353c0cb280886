"""Multipart uploads; limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

import datetime as dt
import itertools
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ModelError, NotDeployedError, TargetError
from helpers.model.repackage import upload
from helpers.model.repackage.sources import ObjectArtifact
from helpers.model.repackage.upload import Upload, abort_stale, copy_ranges
from tests.helpers.model.repackage.conftest import Client

MIB = 1 << 20
BODY = random.Random(1).randbytes(20 * MIB)


@given(first=st.integers(0, 1 << 33), length=st.integers(11 * MIB, 5 << 40))
def test_ranges_are_within_the_limits_of_s3_and_miss_nothing(first, length):
    ranges = copy_ranges(first, first + length)
    assert (ranges[0][0], ranges[-1][1]) == (first, first + length)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))
    assert all(5 * MIB <= end - begin <= 5 << 30 for begin, end in ranges)
    assert len(ranges) <= 5000


def test_parts_grow_so_that_the_largest_object_fits():
    sizes = [upload.PART_BYTES << (number // upload.PARTS_OF_A_SIZE) for number in range(upload.MOST_PARTS)]
    assert sum(sizes) > 250e9
    assert max(sizes) <= upload.LARGEST_PART


def written(world, *pieces, **options):
    with Upload(world.s3, world.bucket, "x", world.said.append) as uploading:
        for piece in pieces:
            uploading.write(piece)
        stored = uploading.complete()
    body = world.s3.get_object(Bucket=world.bucket, Key="x")["Body"].read()
    assert (stored.size, uploading.crc) == (len(body), zlib.crc32(body))
    assert world.s3.head_object(Bucket=world.bucket, Key="x")["ETag"] == f'"{stored.etag}"'
    assert world.uploads() == []
    return stored, body


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 20 * MIB])
def test_what_is_written_is_there(world, size):
    stored, body = written(world, BODY[: size // 3], BODY[size // 3 : size])
    assert body == BODY[:size]
    assert ("-" in stored.etag) == (size >= 8 * MIB)  # S3 marks objects of several parts so


@pytest.mark.parametrize("front", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 9 * MIB])
@pytest.mark.parametrize("end", [16 * MIB, 20 * MIB])
def test_a_copied_range_between_written_bytes(world, front, end):
    source = ObjectArtifact(world.s3, world.put("y", BODY))
    sizes = []

    def upload_part(**call):
        sizes.append(len(call["Body"]))
        return world.s3.upload_part(**call)

    client = Client(world.s3, upload_part=upload_part)
    with Upload(client, world.bucket, "x", world.said.append) as uploading:
        uploading.write(BODY[:front])
        segment = uploading.copy(source, 3, end)
        assert uploading.crc is None
        segment.crc = zlib.crc32(BODY[3:end])
        uploading.write(b"trailer")
        stored = uploading.complete()
    body = world.s3.get_object(Bucket=world.bucket, Key="x")["Body"].read()
    assert body == BODY[:front] + BODY[3:end] + b"trailer"
    assert (stored.size, uploading.crc) == (len(body), zlib.crc32(body))
    # S3 refuses smaller parts than 5 MiB, but for the last; the local cloud does not.
    assert all(size >= 5 * MIB for size in sizes if size != len(b"trailer"))


def test_a_checksum_that_s3_finds_wrong_leaves_nothing(world):
    """FULL_OBJECT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html"""
    sent = {}

    def create_multipart_upload(**call):
        sent["created"] = call
        return {**world.s3.create_multipart_upload(**call), "ChecksumType": "FULL_OBJECT"}

    def complete_multipart_upload(**call):
        sent["completed"] = call
        return world.s3.complete_multipart_upload(**{k: v for k, v in call.items() if not k.startswith("Checksum")})

    calls = {f.__name__: f for f in (create_multipart_upload, complete_multipart_upload)}
    with Upload(Client(world.s3, **calls), world.bucket, "x", world.said.append) as uploading:
        uploading.write(BODY)
        uploading.complete()
    assert (sent["created"]["ChecksumAlgorithm"], sent["created"]["ChecksumType"]) == ("CRC32", "FULL_OBJECT")
    assert sent["completed"]["ChecksumCRC32"] == upload.base64_crc(zlib.crc32(BODY))
    assert sent["completed"]["MpuObjectSize"] == len(BODY)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_ends_it_leaves_no_upload_and_no_object(world, error):
    def broken_off():
        with Upload(world.s3, world.bucket, "x", world.said.append) as uploading:
            uploading.write(BODY)
            assert world.uploads() == ["x"]
            raise error

    with pytest.raises(error):
        broken_off()
    assert (world.uploads(), world.keys("")) == ([], [])


def test_a_part_that_fails_ends_the_writing(world):
    def upload_part(**call):
        raise OSError("disk on fire")

    client = Client(world.s3, upload_part=upload_part)

    def endless():
        with Upload(client, world.bucket, "x", world.said.append) as uploading:
            while True:
                uploading.write(BODY[:MIB])

    with pytest.raises(OSError, match="disk on fire"):
        endless()
    assert world.uploads() == []


def test_a_source_that_changed_is_not_copied(world):
    source = ObjectArtifact(world.s3, world.put("y", BODY))
    world.put("y", BODY[1:])

    def copied():
        with Upload(world.s3, world.bucket, "x", world.said.append) as uploading:
            uploading.copy(source, 0, len(BODY))
            uploading.complete()

    with pytest.raises(ModelError, match=rf"^{source.uri} changed while it was read"):
        copied()
    assert (world.uploads(), world.keys("")) == ([], [])


def test_a_bucket_that_is_gone(world):
    with (
        pytest.raises(NotDeployedError, match=r"^writing s3://none/x on the local cloud at .* deploy the stacks"),
        Upload(world.s3, "none", "x", world.said.append) as uploading,
    ):
        uploading.write(BODY)


def test_an_abort_that_fails_is_said(world):
    def abort_multipart_upload(**call):
        raise upload.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AbortMultipartUpload")

    client = Client(world.s3, abort_multipart_upload=abort_multipart_upload)

    def broken_off():
        with Upload(client, world.bucket, "x", world.said.append) as uploading:
            uploading.write(BODY)
            raise TargetError("why")

    with pytest.raises(TargetError, match="why"):
        broken_off()
    assert "could not be aborted" in world.said[0]
    assert "AccessDenied" in world.said[0]


def test_old_uploads_to_the_same_key_are_aborted_and_no_others(world, monkeypatch):
    for key in ("x", "x", "xy"):
        world.s3.create_multipart_upload(Bucket=world.bucket, Key=key)
    abort_stale(world.s3, world.bucket, "x", world.said.append)
    assert world.uploads() == ["x", "x", "xy"]
    monkeypatch.setattr(upload, "STALE", dt.timedelta(seconds=-5))
    abort_stale(world.s3, world.bucket, "x", world.said.append)
    assert world.uploads() == ["xy"]
    assert len(world.said) == 2
