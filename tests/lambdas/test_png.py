"""The PNG encoder against Pillow as the reader."""

import io
import random
import struct
import zlib

import pytest
from extract_images import png
from PIL import Image


def encode(width, pixels, pieces=None):
    encoder = png.PngEncoder(width)
    row = 3 * width
    for rows in pieces or [len(pixels) // row]:
        encoder.add(pixels[: rows * row])
        pixels = pixels[rows * row :]
    assert not pixels
    return encoder.finish()


def picture(kind, width, height):
    rng = random.Random(f"{kind} {width} {height}")
    if kind == "noise":
        return rng.randbytes(3 * width * height)
    if kind == "flat":
        return bytes([250, 7, 128] * width) * (height // 2) + bytes([0, 255, 1] * width) * (height - height // 2)
    return bytes(
        (x * y + 3 * c + rng.randrange(4)) % 256 for y in range(height) for x in range(width) for c in range(3)
    )


@pytest.mark.parametrize("kind", ["noise", "flat", "gradient"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (5, 1), (2, 3), (37, 91), (300, 700)])
def test_pillow_reads_the_same_pixels(kind, width, height):
    pixels = picture(kind, width, height)
    image = Image.open(io.BytesIO(png.png(encode(width, pixels), [])))
    assert (image.mode, image.size) == ("RGB", (width, height))
    assert image.tobytes() == pixels


@pytest.mark.parametrize("kind", ["noise", "flat", "gradient"])
def test_the_bytes_do_not_depend_on_the_pieces(kind):
    width, height = 300, 700  # more than two blocks of rows
    pixels = picture(kind, width, height)
    whole = encode(width, pixels)
    assert encode(width, pixels, [1] * height) == whole
    assert encode(width, pixels, [699, 1]) == whole
    assert encode(width, pixels, [13] * 53 + [11]) == whole


def test_both_filters_are_used():
    """Flat pictures get filter Up, others Average: neither branch is dead."""
    kinds = {kind: zlib.decompress(encode(64, picture(kind, 64, 64)).data)[0] for kind in ("flat", "noise")}
    assert kinds == {"flat": 2, "noise": 3}


def test_the_file_is_what_the_specification_wants():
    file = png.png(encode(2, bytes(12)), [png.text_chunk("a", "b")])
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    kinds, at = [], 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert struct.unpack(">I", file[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        kinds.append(kind)
        at += 12 + length
    assert kinds == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    ("text", "kind", "read"),
    [
        ("a red ring", b"tEXt", "a red ring"),
        ("Größe\n2 Zeilen", b"tEXt", "Größe\n2 Zeilen"),
        ("赤い輪 🟥", b"iTXt", "赤い輪 🟥"),
        ("a\0b", b"iTXt", "a\ufffdb"),
        ("\ud83d!", b"iTXt", "\ufffd!"),
    ],
)
def test_text_chunks(text, kind, read):
    chunk = png.text_chunk("prompt", text)
    assert chunk[4:8] == kind
    image = Image.open(io.BytesIO(png.png(encode(1, bytes(3)), [chunk])))
    assert image.text == {"prompt": read}
