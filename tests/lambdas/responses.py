"""Responses for tests: files in base64, small pictures, and how a document is read or refused."""

import base64
import io
import json
import random

import pytest
from extract_images import response
from extract_images.png import png
from PIL import Image

from tests.lambdas.pictures import cut, pixels

RED = [[[255, 0, 0], [254, 1, 2]], [[10, 100, 9], [99, 200, 0]]]
BLUE = [[[0, 0, 255], [0, 1, 255], [3, 4, 5]]]


def read(document, content_type="application/json", size=7, **options):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return response.read(cut(raw, size), content_type, **options)


def decoded(answer):
    return [pixels(png(image, [])) for image in answer.images]


def file(kind, mode="RGB", size=(5, 4), **options):
    rng = random.Random(kind + mode)
    image = Image.new(mode, size)
    if mode != "1":
        image.frombytes(rng.randbytes(len(image.tobytes())))
    if mode == "P":
        image.putpalette(rng.randbytes(768))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def b64(data):
    return base64.b64encode(data).decode()


def expected(data):
    """Pixels of a file as Pillow reads them."""
    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG")
    return pixels(out.getvalue())


def refused(error, match, document, *arguments, **options):
    with pytest.raises(error, match=match) as raised:
        read(document, *arguments, **options)
    assert type(raised.value) is error
    assert len(str(raised.value)) < 500
