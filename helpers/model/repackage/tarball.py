"""One ``model.tar.gz`` out of a model's tarball and what is added to it: copied, spliced or streamed."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import Any

from isal import isal_zlib

from contract.errors import ModelError
from helpers.model.repackage import facts as reading
from helpers.model.repackage import gzipped
from helpers.model.repackage.additions import ENTRY_POINT, Additions, Shadow
from helpers.model.repackage.compressor import Compressor
from helpers.model.repackage.facts import Facts, Memory, Progress
from helpers.model.repackage.members import END
from helpers.model.repackage.packaged import Stored
from helpers.model.repackage.sources import Artifact, ObjectArtifact
from helpers.model.repackage.upload import Segment, Upload
from helpers.model.sizes import size

SMALL_BYTES = 16 << 20
"""Below this, fetching and putting takes fewer calls than copying in parts."""
HEADER_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Job:
    """Where a model goes, and how.

    Attributes
    ----------
    again : bool
        Read the source though it was read and found whole before.
    """

    s3: Any
    bucket: str
    key: str
    again: bool
    progress: Progress

    @property
    def memory(self) -> Memory:
        """What was learnt of sources before."""
        return Memory(self.s3, self.bucket)

    def learn(self, source: Artifact, upload: Upload | None = None) -> Facts:
        """Read the source to its end, and keep what that teaches."""
        began = time.monotonic()
        self.progress(f"reading {source.uri} ({size(source.size)}) to its end, to check it")
        facts = reading.read(source, self.progress, check=upload.check if upload else lambda: None)
        self.memory.keep(source, facts)
        self.progress(f"  whole: {len(facts.names)} members, {size(facts.length)}, {time.monotonic() - began:.1f} s")
        return facts


@dataclasses.dataclass(frozen=True)
class Packed:
    """A tarball in the model bucket."""

    stored: Stored
    crc: int | None
    method: str


def pack(job: Job, source: Artifact, additions: Additions) -> Packed:
    """Put ``source`` with ``additions`` into the model bucket.

    Parameters
    ----------
    job : Job
        Where it goes.
    source : Artifact
        The model's tarball.
    additions : Additions
        Code and overrides.

    Raises
    ------
    ModelError, TargetError
        Nothing is left in the bucket then, but what was learnt of the source.
    """
    facts = None if job.again else job.memory.recall(source)
    if facts is None and not _by_copies(source):
        facts = job.learn(source)
    guessing = facts is None
    packed, facts = _assemble(job, source, additions, facts)
    if packed is None and guessing:
        packed, facts = _assemble(job, source, additions, facts)
    return packed or _stream(job, source, additions)


def _by_copies(source: Artifact) -> bool:
    return source.copyable and source.size >= SMALL_BYTES


def _assemble(job: Job, source: Artifact, additions: Additions, facts: Facts | None) -> tuple[Packed | None, Facts]:
    """Copy, or splice: neither decompresses anything for the result. None when the source cannot be spliced.

    Without ``facts`` S3 copies on the guess that the source is one plain gzip member, while we read it to see whether
    that holds.
    """
    span = _span(source, additions, facts)
    with Upload(job.s3, job.bucket, job.key, job.progress) as upload:
        front = Front(upload)
        shadow = Shadow() if additions.empty else front.add(additions)
        if facts and not _fits(facts, span, shadow, additions):
            return None, facts
        segment = _append(upload, source, *span)
        facts = facts or job.learn(source, upload)
        if not _fits(facts, span, shadow, additions):
            return None, facts
        _check_entry_point(source, facts, shadow)
        if segment:
            segment.crc = facts.file_crc if additions.empty else facts.deflate_crc
        if not additions.empty:
            crc = gzipped.combined(front.crc, facts.crc, facts.length)
            upload.write(gzipped.trailer(crc, front.length + facts.length))
        stored = upload.complete()
    method = "spliced" if not additions.empty else "copied" if source.copyable else "uploaded"
    return Packed(stored, upload.crc, method), facts


def _span(source: Artifact, additions: Additions, facts: Facts | None) -> tuple[int, int]:
    """What to take of the source: all of it, or its deflate bytes, as far as is known where they are."""
    if additions.empty:
        return 0, source.size
    if facts:
        return facts.first, facts.end
    with contextlib.closing(source.chunks(0, min(source.size, HEADER_BYTES))) as chunks:
        return gzipped.first_header(source.uri, chunks), source.size - gzipped.TRAILER_BYTES


def _fits(facts: Facts, span: tuple[int, int], shadow: Shadow, additions: Additions) -> bool:
    if additions.empty:
        return True
    return facts.gzip_members == 1 and span == (facts.first, facts.end) and not facts.hidden_by(shadow)


def _append(upload: Upload, source: Artifact, first: int, end: int) -> Segment | None:
    """Append a range of the source; return the segment whose CRC is to be told, if S3 copies it."""
    if isinstance(source, ObjectArtifact) and _by_copies(source):
        return upload.copy(source, first, end)
    with contextlib.closing(source.chunks(first, end)) as chunks:
        for chunk in chunks:
            upload.write(chunk)
    return None


def _check_entry_point(source: Artifact, facts: Facts, shadow: Shadow) -> None:
    if ENTRY_POINT not in shadow and ENTRY_POINT not in facts.names:
        raise ModelError(
            f"{source.uri} with what is added to it has no {ENTRY_POINT}, so no endpoint can load it: choose another "
            "model in [model] id, or put the file into models/overrides/<model id>/code/."
        )


class Front:
    """What is added, in front of the model's own bytes: a gzip header, then stored deflate blocks.

    Attributes
    ----------
    crc, length : int
        Of the tar members written.
    """

    def __init__(self, upload: Upload) -> None:
        self._upload, self._buffer = upload, bytearray()
        self.crc = self.length = 0

    def add(self, additions: Additions) -> Shadow:
        """Write the gzip header and all that is added."""
        self._upload.write(gzipped.HEADER)
        shadow = additions.write(self._write)
        self._block(len(self._buffer))
        return shadow

    def _write(self, data: bytes | memoryview) -> None:
        self.crc, self.length = isal_zlib.crc32(data, self.crc), self.length + len(data)
        self._buffer += data
        self._block(len(self._buffer) // gzipped.STORED_BYTES * gzipped.STORED_BYTES)

    def _block(self, count: int) -> None:
        for piece in gzipped.stored(bytes(self._buffer[:count])):
            self._upload.write(piece)
        del self._buffer[:count]


def _stream(job: Job, source: Artifact, additions: Additions) -> Packed:
    """Decompress, leave out what is hidden, and compress again: for sources that cannot be spliced."""
    job.progress(f"compressing {source.uri} again, since its own bytes cannot be taken as they are")
    began = time.monotonic()
    with (
        Upload(job.s3, job.bucket, job.key, job.progress) as upload,
        Compressor(upload) as compressor,
    ):
        shadow = additions.write(compressor.write)
        facts = reading.read(source, job.progress, shadow=shadow, sink=compressor.write, check=upload.check)
        _check_entry_point(source, facts, shadow)
        compressor.write(END)
        compressor.finish()
        stored = upload.complete()
    job.progress(f"  {size(facts.length)} in {time.monotonic() - began:.1f} s")
    return Packed(stored, upload.crc, "streamed")
