"""Large objects in the local cloud's S3: megabytes in a second, and what the server needs in memory meanwhile.

One object of 1 GB (or as many MB as the first argument says) is uploaded in parts and at once, read whole and by range,
copied, and made again from parts of it (UploadPartCopy). Client and server share this machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

import localcloud

MB = 1_000_000
PART = 64 * 1024 * 1024
BUCKET = "large"


class Meter:
    """Times a step and reads the server's peak of resident memory from Linux's /proc."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self.idle = self._memory("VmRSS")

    def _memory(self, field: str) -> float:
        lines = (self._proc / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024

    def _busy(self) -> float:
        times = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def step(self, name: str, size: int) -> Iterator[None]:
        (self._proc / "clear_refs").write_text("5")  # the peak starts again
        busy, own, began = self._busy(), time.process_time(), time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        busy, own = self._busy() - busy, time.process_time() - own
        more = self._memory("VmHWM") - self.idle
        speed = f"{seconds:6.2f} s {size / seconds / MB:7.0f} MB/s"
        print(f"{name:42} {speed}   processor {busy:5.2f} s, client's {own:5.2f} s   {more:+5.0f} MiB", flush=True)


def read(s3: Any, key: str, **options: Any) -> int:
    """Read an object in chunks and throw it away; its length."""
    body, size = s3.get_object(Bucket=BUCKET, Key=key, **options)["Body"], 0
    while chunk := body.read(1024 * 1024):
        size += len(chunk)
    return size


def put_in_parts(s3: Any, key: str, size: int) -> None:
    """UploadPart one after the other, from one buffer."""
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    block, parts = os.urandom(PART), []
    for number, start in enumerate(range(0, size, PART), 1):
        body = block[: min(PART, size - start)]
        done = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, **{k: v for k, v in done.items() if k in ("ETag", "ChecksumCRC32")}})
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def compose(s3: Any, source: str, key: str, size: int) -> None:
    """A new object of a head of 5 MiB and then ranges of another object, as a repackager makes it."""
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    head = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=bytes(5 * 1024 * 1024))
    parts = [{"PartNumber": 1, "ETag": head["ETag"]}]
    for number, start in enumerate(range(0, size, PART), 2):
        done = s3.upload_part_copy(
            Bucket=BUCKET,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": BUCKET, "Key": source},
            CopySourceRange=f"bytes={start}-{min(start + PART, size) - 1}",
        )
        parts.append({"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 1000) * MB
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        running = localcloud.start(Path(folder) / "state", port=0, service_modules=[])
        try:
            environment = running.environment
            s3 = boto3.client(
                "s3",
                endpoint_url=environment["AWS_ENDPOINT_URL"],
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                region_name=environment["AWS_REGION"],
                config=Config(read_timeout=300, retries={"max_attempts": 0}),
            )
            s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="small", Body=b"x")
            file = Path(folder) / "file"
            with file.open("wb") as out:
                for start in range(0, size, PART):
                    out.write(os.urandom(min(PART, size - start)))
            meter = Meter(running.pid)
            with meter.step("multipart PUT", size):
                put_in_parts(s3, "source", size)
            with meter.step("upload_file of boto3, 10 threads", size):
                s3.upload_file(str(file), BUCKET, "file")
            with meter.step("PutObject of a stream, trailing checksum", size), file.open("rb") as stream:
                s3.put_object(Bucket=BUCKET, Key="streamed", Body=stream)
            with meter.step("GET whole", size):
                assert read(s3, "source") == size
            with meter.step("GET by 16 ranges", size):
                step = -(-size // 16)
                ranges = [f"bytes={start}-{min(start + step, size) - 1}" for start in range(0, size, step)]
                assert sum(read(s3, "source", Range=part) for part in ranges) == size
            with meter.step("UploadPartCopy + Complete", size):
                compose(s3, "source", "composed", size)
            with meter.step("managed copy of boto3, by ranges", size):
                s3.copy({"Bucket": BUCKET, "Key": "source"}, BUCKET, "managed")
            with meter.step("CopyObject", size):
                s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "source"})
            assert s3.head_object(Bucket=BUCKET, Key="composed")["ContentLength"] == size + 5 * 1024 * 1024
        finally:
            localcloud.stop(Path(folder) / "state")


if __name__ == "__main__":
    main()
