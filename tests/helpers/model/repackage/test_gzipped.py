"""RFC 1951 and 1952, with zlib and gzip for judges."""

import gzip
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from contract.errors import ModelError
from helpers.model.repackage import gzipped
from helpers.model.repackage.gzipped import Unpacked
from tests.helpers.model.repackage.archives import gz, with_header


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


@pytest.mark.parametrize("size", [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 1_000_000])
def test_stored_blocks_hold_the_data_and_go_on_with_another_stream(size):
    data = bytes(range(256)) * (size // 256 + 1)
    front = b"".join(gzipped.stored(data[:size]))
    rest = zlib.compressobj(9, wbits=-15)
    assert zlib.decompress(front + rest.compress(b"and more") + rest.flush(), -15) == data[:size] + b"and more"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_crc_of_two_strings_follows_from_those_of_each(first, second):
    assert gzipped.combined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_past_four_gigabytes_the_crc_takes_the_true_length_and_the_trailer_its_rest():
    block, crc, length = bytes(16 << 20), 0, 0
    front = whole = zlib.crc32(b"code")
    assert isal_zlib.crc32(block, front) == zlib.crc32(block, front)  # the same numbers, several times as fast
    for _ in range(257):
        crc, length = isal_zlib.crc32(block, crc), length + len(block)
        whole = isal_zlib.crc32(block, whole)
    assert gzipped.combined(front, crc, length) == whole
    assert gzipped.combined(front, crc, length & 0xFFFFFFFF) != whole
    assert gzipped.trailer(whole, length + 4) == struct.pack("<II", whole, (16 << 20) + 4)


HEADERS = [
    {},
    {"name": b"model.tar"},
    {"extra": b"x" * 65_535},
    {"comment": b"no comment"},
    {"name": b"n" * 300, "extra": b"e", "comment": b"c" * 70_000, "crc": True},
]


@pytest.mark.parametrize("fields", HEADERS)
@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_headers_with_all_fields_are_skipped_and_all_positions_known(fields, size):
    data = b"hello " * 1000
    packed = with_header(data, **fields)
    assert gzip.decompress(packed) == data
    unpacked = Unpacked("x", cut(packed, size))
    assert b"".join(unpacked) == data
    (member,) = unpacked.members
    assert packed[member.first : member.end] == gz(data)[10:-8]
    assert (member.crc, member.length) == (zlib.crc32(data), len(data))
    assert (member.deflate_crc, unpacked.file_crc) == (zlib.crc32(gz(data)[10:-8]), zlib.crc32(packed))
    assert gzipped.first_header("x", cut(packed, size)) == member.first


@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_several_members_and_zeros_after_them(size):
    packed = gz(b"one") + with_header(b"", name=b"two") + gz(b"three" * 100_000) + bytes(600)
    unpacked = Unpacked("x", cut(packed, size))
    assert b"".join(unpacked) == b"one" + b"three" * 100_000
    assert len(unpacked.members) == 3


WHOLE = with_header(b"hello " * 10_000, name=b"n", crc=True)


@pytest.mark.parametrize("end", [0, 1, 5, 11, 14, 40, len(WHOLE) - 9, len(WHOLE) - 8, len(WHOLE) - 1])
def test_an_early_end_is_found_wherever_it_is(end):
    with pytest.raises(ModelError, match=rf"^s3://b/k: corrupt gzip data at byte {end}: it ends "):
        b"".join(Unpacked("s3://b/k", cut(WHOLE[:end], 16)))


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (WHOLE[:-8] + b"\0" * 4 + WHOLE[-4:], "CRC or length"),
        (WHOLE[:-4] + b"\0" * 4, "CRC or length"),
        (WHOLE + b"garbage", "does not begin as gzip does"),
        (b"PK" + WHOLE[2:], "does not begin as gzip does"),
        (WHOLE[:2] + b"\x07" + WHOLE[3:], "gzip method 7"),
        (WHOLE[:3] + b"\x80" + WHOLE[4:], "flags 0x80"),
        (WHOLE[:12] + b"\0\0" + WHOLE[14:], "CRC of the gzip header"),
        (WHOLE[:14] + b"\xff" * 20 + WHOLE[34:], "corrupt gzip data"),
    ],
)
def test_damage_is_found(damaged, said):
    with pytest.raises(ModelError, match=said):
        b"".join(Unpacked("x", cut(damaged, 1000)))


def test_a_bomb_comes_out_in_small_pieces():
    unpacked = Unpacked("x", [gz(bytes(200 << 20))])
    assert max(len(piece) for piece in unpacked) <= gzipped.INFLATED_BYTES
    assert unpacked.members[0].length == 200 << 20
