"""Artifacts to read from: an object in S3, fetched in parallel ranges that survive broken connections, or a file."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import time
import urllib.parse
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import botocore.exceptions as boto
import urllib3.exceptions

from contract.errors import ModelError, TargetError
from helpers.model.repackage.packaged import Source, Stored
from helpers.model.repackage.refusals import reading

RANGE_BYTES, RANGES = 5 << 20, 5
"""Five ranges at a time: one connection to S3 carries about 100 MB/s, and memory is for the rest."""
ATTEMPTS, PAUSE_SECONDS = 6, 0.2
PIECE_BYTES = 1 << 18
BROKEN = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.ReadTimeoutError,
    boto.ResponseStreamingError,
    urllib3.exceptions.HTTPError,
    OSError,
)


def parse(uri: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` URI; ModelError when it is something else."""
    parts = urllib.parse.urlsplit(uri, allow_fragments=False)
    key = uri.removeprefix(f"s3://{parts.netloc}/")
    if parts.scheme != "s3" or not parts.netloc or key in ("", uri):
        raise ModelError(
            f"{uri!r} is not an S3 URI of the form s3://bucket/key: JumpStart's entry for this model is broken."
        )
    return parts.netloc, key


class Artifact(Protocol):
    """Bytes with a name."""

    uri: str
    etag: str
    size: int

    def chunks(self, first: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """The bytes from ``first`` up to ``end``, in order; close the generator when not all are taken."""

    @property
    def copyable(self) -> bool:
        """True when S3 can copy from it by itself."""


def identity(artifact: Artifact) -> Source:
    """The artifact in the version that was found."""
    return Source(artifact.uri, artifact.etag)


class FileArtifact:
    """A file of this machine; its name and content tell it from others, not the folder that holds it."""

    copyable = False

    def __init__(self, path: Path) -> None:
        self._path, self.uri = path, f"file:{path.name}"
        with path.open("rb") as file:
            self.etag = hashlib.file_digest(file, "sha256").hexdigest()
        self.size = path.stat().st_size

    def chunks(self, first: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """See :class:`Artifact`."""
        with self._path.open("rb") as file:
            file.seek(first)
            left = (self.size if end is None else end) - first
            while left and (piece := file.read(min(PIECE_BYTES, left))):
                left -= len(piece)
                yield piece


class ObjectArtifact:
    """An object in S3, in the version that its ETag names.

    Parameters
    ----------
    s3 : boto3 client
        Reads it.
    uri : str
        ``s3://bucket/key``.
    known : Stored, optional
        Its ETag and size, when they are known; by default S3 is asked.
    """

    copyable = True

    def __init__(self, s3: Any, uri: str, known: Stored | None = None) -> None:
        self.s3, self.uri = s3, uri
        self.bucket, self.key = parse(uri)
        if known:
            self.etag, self.size = known.etag, known.size
            return
        with reading(s3, uri):
            head = s3.head_object(Bucket=self.bucket, Key=self.key)
        self.etag, self.size = str(head["ETag"]).strip('"'), int(head["ContentLength"])

    def chunks(self, first: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """See :class:`Artifact`.

        Raises
        ------
        ModelError, TargetError
            The object is gone, changed or denied, or the connection breaks off again and again.
        """
        ranges = _ranges(first, self.size if end is None else end)
        pool = ThreadPoolExecutor(RANGES, thread_name_prefix="download")
        under_way: collections.deque[Future[list[bytes]]] = collections.deque()
        try:
            for part in ranges:
                under_way.append(pool.submit(self._fetch, *part))
                if len(under_way) == RANGES:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
            pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, first: int, end: int) -> list[bytes]:
        found, at, problem = list[bytes](), first, ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2**attempt)
            try:
                self._continue(at, end, found)
            except BROKEN as error:
                problem = f"{type(error).__name__}: {error}"
            at = first + sum(map(len, found))
            if at == end:
                return found
            problem = problem or "the answer ended early"
        raise TargetError(
            f"truncated download: {self.uri} broke off {ATTEMPTS} times at byte {at:,} of "
            f"{self.size:,} ({problem}): check the network and run this again."
        )

    def _continue(self, first: int, end: int, found: list[bytes]) -> None:
        with reading(self.s3, self.uri, passing=BROKEN):
            answer = self.s3.get_object(
                Bucket=self.bucket, Key=self.key, Range=f"bytes={first}-{end - 1}", IfMatch=f'"{self.etag}"'
            )
            if not str(answer.get("ContentRange", "")).startswith(f"bytes {first}-"):
                raise ModelError(
                    f"{self.uri}: S3 answered with other bytes than asked for ({answer.get('ContentRange')})."
                )
            left = end - first
            with contextlib.closing(answer["Body"]) as body:
                while left and (piece := body.read(min(PIECE_BYTES, left))):
                    found.append(piece)
                    left -= len(piece)


def _ranges(first: int, end: int) -> Iterator[tuple[int, int]]:
    while first < end:
        yield first, min(first + RANGE_BYTES, end)
        first += RANGE_BYTES
