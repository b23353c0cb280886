"""The gzip format (RFC 1952) and stored deflate blocks (RFC 1951), as far as adding bytes in front needs them."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator

from isal import isal_zlib

from contract.errors import ModelError

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no name, no time: the same bytes on every machine."""
TRAILER_BYTES = 8
STORED_BYTES = 65_535
"""The longest stored block; RFC 1951, 3.2.4."""
FHCRC, FEXTRA, FNAME, FCOMMENT, RESERVED = 2, 4, 8, 16, 0xE0
FEED_BYTES, INFLATED_BYTES = 1 << 18, 1 << 21
"""Bytes into and at most out of one call of inflate: small, so that a bomb unpacks piece by piece too."""


def stored(data: bytes | bytearray | memoryview) -> Iterator[bytes | memoryview]:
    """``data`` as non-final stored deflate blocks, which begin and end on a byte."""
    view = memoryview(data)
    for begin in range(0, len(view), STORED_BYTES):
        block = view[begin : begin + STORED_BYTES]
        # BFINAL = 0, BTYPE = 00, then padding to the byte; length and its complement.
        yield struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF)
        yield block


def trailer(crc: int, length: int) -> bytes:
    """A member's last eight bytes: CRC-32 and the length modulo 2^32."""
    return struct.pack("<II", crc, length & 0xFFFFFFFF)


def combined(first_crc: int, second_crc: int, second_length: int) -> int:
    """The CRC-32 of two byte strings one after the other.

    Parameters
    ----------
    first_crc, second_crc : int
        Those of each.
    second_length : int
        Bytes of the second.
    """
    return int(isal_zlib.crc32_combine(first_crc, second_crc, second_length))


def header_length(data: bytes) -> int | None:
    """How long the header at the start of ``data`` is; None when ``data`` ends before it does.

    Raises
    ------
    ValueError
        This is not a gzip header.
    """
    if data[:2] != HEADER[:2][: len(data)]:
        raise ValueError("it does not begin as gzip does")
    if len(data) < len(HEADER):
        return None
    method, flags = data[2], data[3]
    if method != 8 or flags & RESERVED:
        raise ValueError(f"gzip method {method} with flags {flags:#04x} is unknown")
    at = len(HEADER)
    if flags & FEXTRA:
        if len(data) < at + 2:
            return None
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (FNAME, FCOMMENT):
        if flags & flag:
            end = data.find(b"\0", at)
            if end < 0:
                return None
            at = end + 1
    if flags & FHCRC:
        at += 2
        if len(data) >= at and int.from_bytes(data[at - 2 : at], "little") != isal_zlib.crc32(data[: at - 2]) & 0xFFFF:
            raise ValueError("the CRC of the gzip header is wrong")
    return at if len(data) >= at else None


def first_header(name: str, chunks: Iterable[bytes]) -> int:
    """The length of the gzip header in ``chunks``, the beginning of the file ``name``; ModelError when it is none."""
    unpacked = Unpacked(name, chunks)
    unpacked.begin()
    return unpacked.members[0].first


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), FEED_BYTES):
            yield chunk[begin : begin + FEED_BYTES]


@dataclasses.dataclass
class Member:
    """One gzip member, as far as it was read.

    Attributes
    ----------
    first, end : int
        Where its deflate bytes begin and end in the file.
    crc, length : int
        Of the unpacked bytes.
    deflate_crc : int
        CRC-32 of the deflate bytes themselves, with which S3's checksum of a spliced object is computed.
    """

    first: int
    end: int = 0
    crc: int = 0
    length: int = 0
    deflate_crc: int = 0


class Unpacked:
    """The bytes inside a gzip file, checked member by member; iterate to get them in pieces.

    Attributes
    ----------
    members : list of Member
        Those begun so far.
    read : int
        Bytes of the file so far.
    file_crc : int
        CRC-32 of the file so far.

    Raises
    ------
    ModelError
        From the iteration: the file is damaged or ends early; the message begins with ``name``.
    """

    def __init__(self, name: str, chunks: Iterable[bytes]) -> None:
        self.name, self.read, self.file_crc = name, 0, 0
        self.members: list[Member] = []
        self._pieces, self._left = _pieces(chunks), b""

    def _corrupt(self, what: str) -> ModelError:
        return ModelError(
            f"{self.name}: corrupt gzip data at byte {self.read - len(self._left):,}: {what}; the file in S3 is "
            "damaged: choose another [model] version in workshop.toml, or upload it again if it is yours."
        )

    def _more(self) -> bytes:
        """The next bytes of the file; empty at its end."""
        if self._left:
            piece, self._left = self._left, b""
            return piece
        piece = next(self._pieces, b"")
        self.read += len(piece)
        self.file_crc = isal_zlib.crc32(piece, self.file_crc)
        return piece

    def _header(self, begun: bytes) -> None:
        """Read one member's header, of which ``begun`` is there already."""
        data = begun
        while True:
            try:
                length = header_length(data)
            except ValueError as problem:
                self._left = data
                raise self._corrupt(str(problem)) from None
            if length is not None:
                break
            more = self._more()
            if not more:
                raise self._corrupt("it ends within a gzip header")
            data += more
        self._left = data[length:]
        self.members.append(Member(first=self.read - len(self._left)))

    def begin(self) -> None:
        """Read the first header, unless that has been done."""
        if not self.members:
            self._header(b"")

    def __iter__(self) -> Iterator[bytes]:
        self.begin()
        while True:
            yield from self._member(self.members[-1])
            rest = self._more()
            while rest and not rest.strip(b"\0"):
                rest = self._more()  # gzip(1) takes zeros after the last member for padding of a tape
            if not rest:
                return
            self._header(rest)

    def _member(self, member: Member) -> Iterator[bytes]:
        inflate = isal_zlib.decompressobj(wbits=-15)
        while not inflate.eof:
            piece = self._more()
            if not piece:
                raise self._corrupt("it ends before the compressed data does")
            yield from self._inflate(inflate, member, piece)
        member.end = self.read - len(self._left)
        expected = self._left
        while len(expected) < TRAILER_BYTES:
            self._left = b""
            more = self._more()
            if not more:
                raise self._corrupt("it ends within the gzip trailer")
            expected += more
        self._left = expected[TRAILER_BYTES:]
        if expected[:TRAILER_BYTES] != trailer(member.crc, member.length):
            raise self._corrupt("CRC or length in the gzip trailer are not those of the data")

    def _inflate(self, inflate: isal_zlib.Decompress, member: Member, feed: bytes) -> Iterator[bytes]:
        given = feed
        while True:
            try:
                out = inflate.decompress(given, INFLATED_BYTES)
            except isal_zlib.IsalError as problem:  # type: ignore[misc] # its stubs call the class an instance
                raise self._corrupt(str(problem)) from None
            if out:
                member.crc = isal_zlib.crc32(out, member.crc)
                member.length += len(out)
                yield out
            given = inflate.unconsumed_tail
            if inflate.eof or (not given and len(out) < INFLATED_BYTES):
                break
        unused = inflate.unused_data if inflate.eof else b""
        used = memoryview(feed)[: len(feed) - len(unused)]
        member.deflate_crc = isal_zlib.crc32(used, member.deflate_crc)
        self._left = unused
