"""The checksums of S3, computed piece by piece."""

from __future__ import annotations

import hashlib
import zlib
from typing import Protocol


class Digest(Protocol):
    """As ``hashlib`` has them."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def new_digest(algorithm: str) -> Digest | None:
    """A digest for a name in S3's spelling (``CRC32``, ``SHA256``, …); None for a name that S3 does not know."""
    if algorithm in ("MD5", "SHA1", "SHA256"):
        return hashlib.new(algorithm.lower(), usedforsecurity=False)
    if algorithm == "CRC32":
        return _Crc32()
    return None
