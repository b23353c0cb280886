"""The checksums of S3, piece by piece, and those of a whole made of those of its parts.

S3 User Guide, "Checking object integrity in Amazon S3": CRC32, CRC32C and CRC64NVME can be full object checksums.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

# Width and reflected polynomial. All three start with ones, and are inverted at the end.
_POLYNOMIALS = {
    "CRC32": (32, 0xEDB88320),
    "CRC32C": (32, 0x82F63B78),
    "CRC64NVME": (64, 0x9A6C9329AC4BC9B5),
}
_LANES, _LANE = 4096, 256
_BLOCK = _LANES * _LANE


class Digest(Protocol):
    """As ``hashlib`` has them."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""


def new_digest(algorithm: str) -> Digest | None:
    """A digest for a name in S3's spelling (``CRC32``, ``SHA256``, …); None for a name that is not among them."""
    if algorithm in ("MD5", "SHA1", "SHA256"):
        return hashlib.new(algorithm.lower(), usedforsecurity=False)
    if algorithm == "CRC32":
        return _Crc32()
    return Crc(algorithm) if algorithm in _POLYNOMIALS else None


def can_be_full(algorithm: str) -> bool:
    """Whether the checksum of a whole follows from those of its parts."""
    return algorithm in _POLYNOMIALS


def combined(algorithm: str, first: bytes, second: bytes, length: int) -> bytes:
    """The CRC of two pieces that follow each other.

    Parameters
    ----------
    algorithm : str
        In S3's spelling.
    first, second : bytes
        The CRCs of both pieces.
    length : int
        Of the second piece, in bytes.
    """
    moved = _moved(algorithm, int.from_bytes(first, "big"), length)
    return (moved ^ int.from_bytes(second, "big")).to_bytes(len(first), "big")


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class Crc:
    """A CRC for which Python has no code in C: numpy computes 4096 stretches of a megabyte side by side."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._width = _POLYNOMIALS[algorithm][0]
        self._ones = (1 << self._width) - 1
        self._state = self._ones

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            self._state = _moved(self._algorithm, self._state, len(block)) ^ _from_zero(self._algorithm, block)

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""
        return (self._state ^ self._ones).to_bytes(self._width // 8, "big")


def _from_zero(algorithm: str, block: bytes) -> int:
    """The register after ``block`` if it was zero before; zeros in front of the block change nothing then."""
    import numpy as np  # here: 20 MB of memory, and most clients use CRC32

    table = _table(algorithm)
    padded = np.frombuffer(block.rjust(_BLOCK, b"\0"), np.uint8).reshape(_LANES, _LANE)
    columns = np.ascontiguousarray(padded.T)
    register = np.zeros(_LANES, np.uint64)
    eight = np.uint64(8)
    for column in columns:
        register = table.take(register.astype(np.uint8) ^ column) ^ (register >> eight)
    length = _LANE
    while len(register) > 1:  # join neighbours: the left one moves by the right one's length
        left, right = register[0::2], register[1::2]
        moved = np.zeros_like(left)
        for position, images in enumerate(_byte_images(algorithm, length)):
            moved ^= images[(left >> np.uint64(8 * position)).astype(np.uint8)]
        register = moved ^ right
        length *= 2
    return int(register[0])


@functools.cache
def _table(algorithm: str) -> np.ndarray[Any, Any]:
    """What eight steps make of each byte."""
    import numpy as np

    return np.array([_stepped(algorithm, byte) for byte in range(256)], np.uint64)


def _stepped(algorithm: str, register: int) -> int:
    polynomial = _POLYNOMIALS[algorithm][1]
    for _ in range(8):
        register = (register >> 1) ^ (polynomial if register & 1 else 0)
    return register


@functools.cache
def _bit_images(algorithm: str, power: int) -> tuple[int, ...]:
    """What 2**power bytes of zeros make of a register with a single bit: a linear map over GF(2), by its columns."""
    width = _POLYNOMIALS[algorithm][0]
    if power == 0:
        return tuple(_stepped(algorithm, 1 << bit) for bit in range(width))
    half = _bit_images(algorithm, power - 1)
    return tuple(_applied(half, image) for image in half)


def _applied(images: tuple[int, ...], register: int) -> int:
    result = 0
    for bit, image in enumerate(images):
        if register >> bit & 1:
            result ^= image
    return result


def _moved(algorithm: str, register: int, length: int) -> int:
    """What ``length`` bytes of zeros make of ``register``."""
    for power in range(length.bit_length()):
        if length >> power & 1:
            register = _applied(_bit_images(algorithm, power), register)
    return register


@functools.cache
def _byte_images(algorithm: str, length: int) -> list[np.ndarray[Any, Any]]:
    """:func:`_bit_images` for ``length`` (a power of two), eight bits at a time."""
    import numpy as np

    images = _bit_images(algorithm, length.bit_length() - 1)
    tables = []
    for start in range(0, len(images), 8):
        values = [_applied(images[start : start + 8], byte) for byte in range(256)]
        tables.append(np.array(values, np.uint64))
    return tables
