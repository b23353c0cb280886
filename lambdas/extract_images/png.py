"""A PNG encoder of the standard library alone, for rows of 8-bit RGB that arrive piece by piece.

The specification is https://www.w3.org/TR/png-3/. Filters work on whole blocks of rows at once, as arithmetic on one
big integer whose bytes are the samples (SIMD within a register). The bundle holds Pillow as well, to decode JPEG and
PNG; its encoder is not used, because it needs the whole picture, has to be imported first, and takes longer for
photographs. Decision 0007 has the figures.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_UP = 2
_AVERAGE = 3
_BLOCK_BYTES = 2**18
_FLAT_SHARE = 0.6


@dataclass(frozen=True)
class EncodedImage:
    """Pixels, compressed, before the file is put together.

    Attributes
    ----------
    width, height
        In pixels.
    data
        The zlib stream of the file's IDAT chunk.
    """

    width: int
    height: int
    data: bytes


class PngEncoder:
    """Compresses one picture; the bytes depend on the pixels only, never on how they were cut into pieces.

    Parameters
    ----------
    width
        Pixels of a row; a row is `3 * width` bytes, R, G, B, R, G, B, …
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.height = 0
        self._row_bytes = 3 * width
        # Always the same number of rows at once: filter and compressor see the same calls for the same picture.
        self._block_rows = max(1, _BLOCK_BYTES // self._row_bytes)
        self._pending = bytearray()
        self._row_above = bytes(self._row_bytes)
        self._filter = _AVERAGE
        self._compressor: zlib._Compress | None = None
        self._compressed: list[bytes] = []

    def add(self, pixels: bytes) -> None:
        """Take whole rows of pixels, any number of them."""
        self.height += len(pixels) // self._row_bytes
        self._pending += pixels
        block = self._block_rows * self._row_bytes
        while len(self._pending) >= block:
            self._compress(bytes(self._pending[:block]))
            del self._pending[:block]

    def finish(self) -> EncodedImage:
        """Return the compressed picture; the encoder takes no more rows."""
        if self._pending:
            self._compress(bytes(self._pending))
            self._pending.clear()
        if self._compressor is not None:
            self._compressed.append(self._compressor.flush())
        return EncodedImage(self.width, self.height, b"".join(self._compressed))

    def _compress(self, pixels: bytes) -> None:
        if self._compressor is None:
            self._compressor = self._choose(pixels)
        filtered = _filtered(pixels, self._row_bytes, self._row_above, self._filter)
        self._row_above = pixels[-self._row_bytes :]
        self._compressed.append(self._compressor.compress(filtered))

    def _choose(self, pixels: bytes) -> "zlib._Compress":
        """Choose filter and compressor by the first rows: flat graphics repeat strings, photographs only runs."""
        filtered = _filtered(pixels, self._row_bytes, self._row_above, _AVERAGE)
        if filtered.count(0) > _FLAT_SHARE * len(filtered):
            self._filter = _UP
            return zlib.compressobj(6)
        self._filter = _AVERAGE
        return zlib.compressobj(1, zlib.DEFLATED, 15, 8, zlib.Z_RLE)


def png(image: EncodedImage, texts: list[bytes]) -> bytes:
    """Put the file together: header, text chunks (see `text_chunk`), pixels.

    Text comes before the pixels, where readers that stop early still find it.
    """
    # Bit depth 8, colour type 2 (RGB), deflate, adaptive filters, not interlaced.
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0))
    return b"".join((SIGNATURE, header, *texts, chunk(b"IDAT", image.data), chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk: length, type, data, CRC-32 of type and data."""
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))


def text_chunk(keyword: str, text: str) -> bytes:
    """Return a tEXt chunk when Latin-1 suffices, else an uncompressed iTXt chunk (UTF-8).

    Parameters
    ----------
    keyword
        1–79 printable Latin-1 characters.
    text
        Any text; NUL, which PNG forbids, and lone surrogates, which UTF-8 lacks, become U+FFFD.
    """
    text = "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    name = keyword.encode("latin-1")
    try:
        return chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        # NUL, not compressed, method 0, no language tag, no translated keyword.
        return chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode())


def _filtered(pixels: bytes, row_bytes: int, row_above: bytes, kind: int) -> bytes:
    """Filter whole rows.

    Parameters
    ----------
    pixels
        `rows * row_bytes` samples.
    row_above
        The unfiltered row before the first (zeros at the top of the picture).
    kind
        `_UP`: x - above; `_AVERAGE`: x - ⌊(left + above) / 2⌋, both modulo 256.

    Returns
    -------
    bytes
        `rows * (1 + row_bytes)`: each row after its filter's number.
    """
    rows = len(pixels) // row_bytes
    lanes = _lanes(rows, row_bytes)
    with_type = b"\0" + b"\0".join([pixels[i : i + row_bytes] for i in range(0, len(pixels), row_bytes)])
    size = len(with_type)
    x = int.from_bytes(with_type, "big")
    above = int.from_bytes((b"\0" + row_above + with_type)[:size], "big")
    if kind == _AVERAGE:
        left = (x >> 24) & lanes.has_left  # the sample 3 bytes before
        # ⌊(a + b) / 2⌋ = (a & b) + ((a ^ b) >> 1), in each byte without carry
        predicted = (left & above) + (((left ^ above) >> 1) & lanes.low7)
    else:
        predicted = above
    # x - predicted in each byte: borrow from a set top bit, then put the right top bit back
    difference = ((x | lanes.high) - (predicted & lanes.low7)) ^ ((x ^ ~predicted) & lanes.high)
    return (difference & lanes.samples | lanes.ones * kind).to_bytes(size, "big")


@dataclass(frozen=True)
class _Lanes:
    """Masks over `rows` rows of one filter byte and `row_bytes` samples."""

    high: int
    low7: int
    has_left: int
    samples: int
    ones: int


@lru_cache(maxsize=4)
def _lanes(rows: int, row_bytes: int) -> _Lanes:
    def mask(row: bytes) -> int:
        return int.from_bytes(row * rows, "big")

    return _Lanes(
        high=mask(b"\x80" * (1 + row_bytes)),
        low7=mask(b"\x7f" * (1 + row_bytes)),
        has_left=mask(b"\0" * 4 + b"\xff" * (row_bytes - 3)),
        samples=mask(b"\0" + b"\xff" * row_bytes),
        ones=mask(b"\1" + b"\0" * row_bytes),
    )
