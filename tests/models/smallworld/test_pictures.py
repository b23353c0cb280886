from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from smallworld import pictures
from smallworld.pictures import PictureError, mask, picture

COLOURS = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def base64_file(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


def test_a_png_comes_back_pixel_for_pixel():
    array = picture(base64_file(Image.fromarray(COLOURS)))
    assert (array.dtype, array.shape) == (np.uint8, (5, 7, 3))
    assert np.array_equal(array, COLOURS)


def test_a_jpeg():
    array = picture(base64_file(Image.new("RGB", (20, 10), (200, 30, 40)), "JPEG", quality=95))
    assert array.shape == (10, 20, 3)
    assert np.abs(array.astype(int) - (200, 30, 40)).max() <= 4


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "CMYK"])
def test_other_kinds_become_rgb(mode):
    image = Image.new("RGB", (4, 3), "white").convert(mode)
    assert (picture(base64_file(image, "JPEG" if mode == "CMYK" else "PNG")) >= 254).all()


def test_what_is_transparent_is_white():
    image = Image.new("RGBA", (3, 1))
    image.putpixel((1, 0), (255, 0, 0, 255))
    image.putpixel((2, 0), (0, 0, 0, 51))
    assert picture(base64_file(image)).tolist() == [[[255, 255, 255], [255, 0, 0], [204, 204, 204]]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    assert picture(base64_file(palette, transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_a_photograph_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    array = picture(base64_file(Image.fromarray(COLOURS), exif=exif))
    assert np.array_equal(array, np.rot90(COLOURS, -1))


def test_white_is_painted_again_and_black_stays():
    grey = Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))
    found = mask(base64_file(grey))
    assert (found.dtype, found.tolist()) == (bool, [[False, False, True, True]])
    assert mask(base64_file(Image.new("RGBA", (2, 1)))).all()


def header_of(width, height):
    """A PNG that ends after its header: who decodes pixels before looking at the size finds none."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IDAT"
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data + struct.pack(">I", zlib.crc32(b"IDAT"))).decode()


def cut(text):
    return base64.b64encode(base64.b64decode(text)[:-30]).decode()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "is not a string"),
        (["AAAA"], "is not a string"),
        ("", "is not a whole picture"),
        ("AAA", "is not base64"),
        ("data:image/png;base64,AAAA", "is not base64"),
        ("ä", "is not base64"),
        (base64.b64encode(b"GIF89a").decode(), "is not a whole picture"),
        (base64_file(Image.new("RGB", (2, 2)), "GIF"), "is not a whole picture"),
        (cut(base64_file(Image.fromarray(COLOURS))), "is not a whole picture"),
        (base64_file(Image.new("I;16", (2, 2))), r"has more than 8 bits a channel \(mode I;16\)"),
        (header_of(4001, 4000), "has 4001 x 4000 pixels; it must be"),
        (header_of(60_000, 60_000), "has too many pixels; it must be"),
        ("A" * 5_333_340, "has 5,333,340 characters; it must be"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_refused(value, message):
    with pytest.raises(PictureError, match=f"^{message}") as caught:
        picture(value)
    assert "it must be a base64 string of a PNG or JPEG file of at most 4 MB and 16 megapixels" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_largest_file_is_taken(monkeypatch):
    text = base64_file(Image.fromarray(COLOURS))
    monkeypatch.setattr(pictures, "MOST_BYTES", len(base64.b64decode(text)))
    assert picture(text).shape == (5, 7, 3)
    monkeypatch.setattr(pictures, "MOST_BYTES", len(base64.b64decode(text)) - 3)
    with pytest.raises(PictureError, match="characters"):
        picture(text)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_a_picture_or_an_error_of_ours(noise, place):
    file = bytearray(base64.b64decode(base64_file(Image.fromarray(COLOURS))))
    file[place : place + len(noise)] = noise
    try:
        array = picture(base64.b64encode(bytes(file)).decode())
    except PictureError:
        return
    assert array.dtype == np.uint8
    assert array.shape[2] == 3
