"""A gzip writer that compresses blocks by themselves, in several threads, and leaves alone what does not shrink."""

from __future__ import annotations

import collections
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from isal import isal_zlib

from helpers.model.repackage import gzipped

LEVEL = 1
BLOCK_BYTES = 1 << 18
"""Each block begins afresh, without the 32 KiB before it: that costs less than one per cent."""
SAMPLE_BYTES = 1 << 15
WORTH = 0.98
"""A block whose sample does not get smaller than this share is stored: weights are noise more often than not."""
FINAL = b"\x03\x00"
"""An empty last block with fixed codes; RFC 1951, 3.2.6."""
THREADS = max(2, min(4, os.cpu_count() or 1))


Data = bytes | memoryview


class Writer(Protocol):
    """Where the compressed bytes go."""

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""


def compressed(data: Data) -> tuple[list[Data], int, int]:
    """Non-final deflate blocks that end on a byte, and CRC-32 and length of what is in them."""
    packed: list[Data]
    sample = data[:SAMPLE_BYTES]
    if len(isal_zlib.compress(sample, LEVEL, wbits=-15)) > WORTH * len(sample):
        packed = list(gzipped.stored(data))
    else:
        deflate = isal_zlib.compressobj(LEVEL, wbits=-15)
        packed = [deflate.compress(data), deflate.flush(isal_zlib.Z_FULL_FLUSH)]
    return packed, isal_zlib.crc32(data), len(data)


class Compressor:
    """One gzip member, written to ``target`` from the thread that writes to this; use it as a context manager."""

    def __init__(self, target: Writer) -> None:
        self._target, self._buffer, self._crc, self._length = target, bytearray(), 0, 0
        self._under_way: collections.deque[Future[tuple[list[Data], int, int]]] = collections.deque()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="compress")
        target.write(gzipped.HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, data: Data) -> None:
        """Append bytes, which must not change any more."""
        if len(data) < BLOCK_BYTES:
            self._buffer += data
        if len(data) >= BLOCK_BYTES or len(self._buffer) >= BLOCK_BYTES:
            self._gather()
        if len(data) >= BLOCK_BYTES:
            self._submit(data)

    def finish(self) -> None:
        """Write what is left, and the trailer."""
        self._gather()
        while self._under_way:
            self._hand_on()
        self._target.write(FINAL + gzipped.trailer(self._crc, self._length))

    def _gather(self) -> None:
        """Make a block of the small pieces."""
        if self._buffer:
            self._submit(bytes(self._buffer))
            self._buffer.clear()

    def _submit(self, data: Data) -> None:
        if len(self._under_way) > 2 * THREADS:
            self._hand_on()
        self._under_way.append(self._pool.submit(compressed, data))

    def _hand_on(self) -> None:
        pieces, crc, length = self._under_way.popleft().result()
        self._crc, self._length = gzipped.combined(self._crc, crc, length), self._length + length
        for piece in pieces:
            self._target.write(piece)
