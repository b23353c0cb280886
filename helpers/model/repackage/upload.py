"""One object written to S3 as a stream, of bytes from here and of ranges that S3 copies by itself.

Multipart limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (parts of 5 MiB to 5 GiB, the last
one may be smaller, at most 10,000 of them). An upload that does not come to its end is aborted, whatever ended it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError
from isal import isal_zlib

from contract.errors import TargetError
from helpers.model.repackage import gzipped
from helpers.model.repackage.packaged import Stored
from helpers.model.repackage.refusals import copying, storing
from helpers.model.repackage.sources import ObjectArtifact
from helpers.target.explain import code_of

SMALLEST_PART, LARGEST_PART, MOST_PARTS = 5 << 20, 5 << 30, 10_000
PART_BYTES, PARTS_OF_A_SIZE = 8 << 20, 2000
"""Parts from here are of 8 MiB at first and double every 2,000 parts: 260 GB fit, and memory grows past 17 GB only."""
UPLOADS, THREADS = 3, 8
COPY_BYTES, MOST_COPIES = 128 << 20, 5000
STALE = dt.timedelta(hours=1)
"""Builds are ended by then, so nobody works on an older upload any more."""


@dataclasses.dataclass
class Segment:
    """Some bytes of the object after each other; of copied ones the CRC is unknown until it is set."""

    length: int = 0
    crc: int | None = 0


def base64_crc(crc: int) -> str:
    """A CRC-32 as S3 writes it."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def copy_ranges(first: int, end: int) -> list[tuple[int, int]]:
    """Cut ``first`` to ``end`` into even ranges for UploadPartCopy, each within S3's limits."""
    length = end - first
    count = max(1, -(-length // max(COPY_BYTES, -(-length // MOST_COPIES))))
    edges = [first + length * number // count for number in range(count + 1)]
    return list(itertools.pairwise(edges))


class Upload:
    """One object on its way; use it as a context manager and call :meth:`complete` last.

    Parameters
    ----------
    s3 : boto3 client
        Writes it.
    bucket, key : str
        Where it goes.
    progress : callable
        Gets lines of text.

    Attributes
    ----------
    size : int
        Bytes so far.
    """

    def __init__(self, s3: Any, bucket: str, key: str, progress: Callable[[str], None]) -> None:
        self.s3, self.bucket, self.key, self.size = s3, bucket, key, 0
        self._progress, self._buffer = progress, bytearray()
        self._segments, self._parts = [Segment()], list[Future[dict[str, Any]]]()
        self._id, self._whole_checksum = "", False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")
        self._room, self._failed = threading.Semaphore(UPLOADS), threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._id:
            self._abort()
        self._pool.shutdown(cancel_futures=True)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes."""
        if self._failed.is_set():
            self.check()
        segment = self._segments[-1]
        segment.crc = isal_zlib.crc32(data, segment.crc or 0)
        segment.length += len(data)
        self._fill(data)

    def _fill(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            wanted = PART_BYTES << (len(self._parts) // PARTS_OF_A_SIZE)
            part = view[: wanted - len(self._buffer)]
            self._buffer += part
            self.size += len(part)
            view = view[len(part) :]
            if len(self._buffer) >= wanted:
                self._flush()

    def copy(self, source: ObjectArtifact, first: int, end: int) -> Segment:
        """Append a range of an object in S3, which S3 copies by itself; its CRC may be set before completing.

        What was written before makes up a part of its own, of 5 MiB at least: the range's first bytes fill it up.

        Parameters
        ----------
        source : ObjectArtifact
            The object.
        first, end : int
            Its bytes from ``first`` up to ``end``.
        """
        segment = Segment(end - first, None)
        if self._buffer:
            top_up = min(max(SMALLEST_PART - len(self._buffer), 0), end - first)
            if top_up:
                for chunk in source.chunks(first, first + top_up):
                    self._buffer += chunk
                    self.size += len(chunk)
            self._flush()
            first += top_up
        for begin, stop in copy_ranges(first, end) if first < end else ():
            self._submit(self._copy_part, source, begin, stop)
            self.size += stop - begin
        self._segments += [segment, Segment()]
        return segment

    def check(self) -> None:
        """Raise the error of a part that failed, if one did."""
        for part in self._parts:
            if part.done() and (error := part.exception()):
                raise error

    @property
    def crc(self) -> int | None:
        """The CRC-32 of all bytes so far; None when that of a copied range is not known."""
        whole = 0
        for segment in self._segments:
            if segment.crc is None:
                return None
            whole = gzipped.combined(whole, segment.crc, segment.length)
        return whole

    def complete(self) -> Stored:
        """Make the object visible."""
        with storing(self.s3, self.bucket, self.key):
            if not self._id:
                # S3 computes it too, and refuses a body that does not match.
                checksum = base64_crc(isal_zlib.crc32(self._buffer))
                answer = self.s3.put_object(
                    Bucket=self.bucket, Key=self.key, Body=bytes(self._buffer), ChecksumCRC32=checksum
                )
            else:
                if self._buffer:
                    self._flush()
                parts = [part.result() for part in self._parts]
                whole: dict[str, str] = {}
                if self._whole_checksum and self.crc is not None:
                    # S3 compares it with what it has, and refuses when they differ.
                    whole = {"ChecksumCRC32": base64_crc(self.crc), "ChecksumType": "FULL_OBJECT"}
                answer = self.s3.complete_multipart_upload(
                    Bucket=self.bucket, Key=self.key, UploadId=self._id, MpuObjectSize=self.size,
                    MultipartUpload={"Parts": parts}, **whole,
                )  # fmt: skip
                self._id = ""
        return Stored(self.key, self.size, str(answer["ETag"]).strip('"'))

    def _begin(self) -> None:
        with storing(self.s3, self.bucket, self.key):
            answer = self.s3.create_multipart_upload(
                Bucket=self.bucket, Key=self.key, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
            )
        self._id = answer["UploadId"]
        self._whole_checksum = answer.get("ChecksumType") == "FULL_OBJECT"

    def _submit(self, work: Callable[..., dict[str, Any]], *arguments: Any) -> None:
        if not self._id:
            self._begin()
        number = len(self._parts) + 1
        if number > MOST_PARTS:
            raise TargetError(
                f"s3://{self.bucket}/{self.key}: {self.size:,} bytes do not fit into {MOST_PARTS:,} parts."
            )
        part = self._pool.submit(work, number, *arguments)
        part.add_done_callback(self._note)
        self._parts.append(part)

    def _note(self, part: Future[dict[str, Any]]) -> None:
        if not part.cancelled() and part.exception():
            self._failed.set()

    def _flush(self) -> None:
        body, self._buffer = self._buffer, bytearray()
        self._room.acquire()  # no more than a few bodies in memory
        self._submit(self._put_part, body)

    def _put_part(self, number: int, body: bytearray) -> dict[str, Any]:
        try:
            with storing(self.s3, self.bucket, self.key):
                answer = self.s3.upload_part(
                    Bucket=self.bucket, Key=self.key, UploadId=self._id, PartNumber=number, Body=body,
                    ChecksumCRC32=base64_crc(isal_zlib.crc32(body)),
                )  # fmt: skip
        finally:
            self._room.release()
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _copy_part(self, number: int, source: ObjectArtifact, first: int, end: int) -> dict[str, Any]:
        with copying(self.s3, source.uri, self.bucket, self.key):
            answer = self.s3.upload_part_copy(
                Bucket=self.bucket, Key=self.key, UploadId=self._id, PartNumber=number,
                CopySource={"Bucket": source.bucket, "Key": source.key},
                CopySourceIfMatch=f'"{source.etag}"', CopySourceRange=f"bytes={first}-{end - 1}",
            )  # fmt: skip
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    def _abort(self) -> None:
        for part in self._parts:
            part.cancel()
        call = {"Bucket": self.bucket, "Key": self.key, "UploadId": self._id}
        for _ in range(2):
            try:
                self.s3.abort_multipart_upload(**call)
            except (ClientError, BotoCoreError) as error:
                if not isinstance(error, ClientError) or code_of(error) != "NoSuchUpload":
                    self._progress(
                        f"  upload {self._id} to s3://{self.bucket}/{self.key} could not be aborted ({error}): its "
                        "parts cost storage until a packaging of this model, an hour from now or later, aborts it"
                    )
            # Parts that were on their way when we aborted may have arrived after it, so S3 asks to abort again:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
            self._pool.shutdown(cancel_futures=True)
        self._id = ""


def abort_stale(s3: Any, bucket: str, key: str, progress: Callable[[str], None]) -> None:
    """Abort uploads to ``key`` that a killed build left behind more than an hour ago.

    Parameters
    ----------
    s3 : boto3 client
        Aborts them.
    bucket, key : str
        Where they went.
    progress : callable
        Gets a line for each.
    """
    before = dt.datetime.now(dt.UTC) - STALE
    with storing(s3, bucket, key):
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
            for upload in page.get("Uploads", ()):
                if upload["Key"] == key and upload["Initiated"] < before:
                    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
                    progress(f"aborted an upload to {key} that was left behind at {upload['Initiated']:%Y-%m-%d %H:%M}")
