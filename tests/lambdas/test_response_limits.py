"""What is too much for a response, and that it is refused before it is read to its end."""

import zlib

import pytest
from extract_images import exceptions, limits, response

from tests.lambdas.responses import BLUE, RED, b64, file, read, refused


def test_too_many_images():
    refused(exceptions.LimitError, "more than 64 images", {"generated_images": [BLUE] * 65}, size=10**6)
    assert len(read({"generated_images": [BLUE] * 64}).images) == 64


def test_too_wide():
    refused(exceptions.LimitError, "image 0 is at least 8193×1", {"generated_image": [[[1, 2, 3]] * 8193]}, size=10**6)


def test_too_many_pixels_in_all(monkeypatch):
    monkeypatch.setattr(limits.Allowance.__init__, "__defaults__", (64, 11))
    assert len(read({"generated_images": [RED, RED, BLUE]}).images) == 3
    refused(exceptions.LimitError, "with image 2 at 2×2 the response exceeds", {"generated_images": [RED, RED, RED]})


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (8000, 8000, "with image 0 at 8000×8000 the response exceeds 33554432 pixels"),
        (8193, 1, "image 0 is at least 8193×1"),
        (30_000, 30_000, "image 0"),
    ],
)
def test_a_decompression_bomb_is_refused_from_its_header(width, height, reason):
    """Many pixels in a few dozen bytes; nothing may try to decode them."""
    bomb = bytearray(file("PNG", size=(1, 1)))
    bomb[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    refused(exceptions.LimitError, reason, {"generated_images": [b64(bytes(bomb))]})


def test_an_endless_field_is_refused_early():
    def endless():
        yield b'{"prompt": "'
        while True:
            yield b"x" * 2**20

    with pytest.raises(exceptions.LimitError, match="in the field 'prompt': more than 4194304 bytes"):
        response.read(endless())


def test_an_endless_row_is_refused_early():
    def endless():
        yield b'{"generated_image": [[[1,2,3]],['
        while True:
            yield b"[1,2,3]," * 2**17

    with pytest.raises(exceptions.LimitError, match="in image 0, row 1: more than 2097152 bytes"):
        response.read(endless())


def test_an_endless_body_is_refused_early():
    def endless():
        yield b"\x89PNG\r\n\x1a\n"
        while True:
            yield bytes(2**20)

    with pytest.raises(exceptions.LimitError, match="larger than 33554432 bytes"):
        response.read(endless(), "image/png")


def test_a_fault_far_from_the_end_is_found_where_it_is():
    """Not taken for a value that is still coming, and not only noticed at a limit."""

    def document():
        yield b'{"generated_image": [[[1,2,3]],[[4,x,6]],'
        yield b"[[1,2,3]]," * 2**16
        pytest.fail("read on although the fault was at hand")

    with pytest.raises(exceptions.MalformedResponseError, match=r"^byte 35, in image 0, row 1: not JSON .*'x,6\]\],"):
        response.read(document())
