"""Pictures as the bodies that JumpStart's Stable Diffusion models answer with.

Nested RGB is written by numpy: every number is looked up as three bytes, unused ones zero, and the zeros are dropped at
the end. That gives the very bytes of ``json.dumps`` some thirty times faster.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .request import RequestError

Picture = NDArray[np.uint8]

JPEG_QUALITY = 95
# "[255, 255, 255], ", the longest a pixel can be; a row has two brackets besides, and a picture ", ".
BYTES_PER_PIXEL, BYTES_PER_ROW, BYTES_PER_PICTURE = 17, 2, 2

# The digits of 0 to 255, padded with zero bytes: shape (256, 3).
_DIGITS = np.frombuffer(b"".join(str(n).encode().ljust(3, b"\0") for n in range(256)), np.uint8).reshape(256, 3)
# One pixel: a place for the row's "[", the pixel with blanks for its digits, a place for the row's "]", ", ".
_CELL = np.frombuffer(b"\0[\0\0\0, \0\0\0, \0\0\0]\0, ", np.uint8)


def nested_rgb(picture: Picture) -> bytes:
    """``[[[r, g, b], ...], ...]`` of a picture ``(H, W, 3)``, byte for byte as ``json.dumps`` writes it."""
    cells = np.empty((*picture.shape[:2], len(_CELL)), np.uint8)
    cells[:] = _CELL
    for channel, start in enumerate((2, 7, 12)):
        cells[:, :, start : start + 3] = _DIGITS[picture[:, :, channel]]
    cells[:, 0, 0] = ord("[")
    cells[:, -1, 16] = ord("]")
    cells[-1, -1, 17:] = 0
    return b"[" + cells.tobytes().translate(None, b"\0") + b"]"


def base64_jpeg(picture: Picture) -> bytes:
    """The picture as a JSON string that holds a JPEG in base64."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=JPEG_QUALITY)
    return b'"' + base64.b64encode(file.getvalue()) + b'"'


def check_size(
    count: int,
    width: int,
    height: int,
    prompt: str | list[str],
    *,
    largest: int,
    warnings: Sequence[str] = (),
) -> None:
    """See that nested RGB of pictures that are not drawn yet will fit into a response.

    Parameters
    ----------
    count, width, height : int
        How many pictures, and their pixels.
    prompt : str or list of str
        Given back as it came.
    largest : int
        What the model server lets through, in bytes.
    warnings : sequence of str
        See :func:`body`.

    Raises
    ------
    RequestError
        They might not: pixels whose numbers all have three digits would not.
    """
    each = height * (width * BYTES_PER_PIXEL + BYTES_PER_ROW) + BYTES_PER_PICTURE
    around = len(_frame(b"", prompt, plain=False, warnings=warnings))
    if count * each + around > largest:
        raise RequestError(
            f"{count} images of {width} x {height} may need {count * each + around:,} bytes as nested RGB; a response "
            f"has at most {largest:,} (TS_MAX_RESPONSE_SIZE), which is {max(0, largest - around) // each} images of "
            "this size: ask for fewer or smaller images, or accept application/json;jpeg"
        )


def _frame(written: bytes, prompt: str | list[str], *, plain: bool, warnings: Sequence[str]) -> bytes:
    """The object around the pictures."""
    images = b'"generated_image": ' + written if plain else b'"generated_images": [' + written + b"]"
    said = b', "warnings": ' + json.dumps(list(warnings)).encode() if warnings else b""
    return b"{" + images + b', "prompt": ' + json.dumps(prompt).encode() + said + b"}"


def body(
    pictures: Sequence[Picture],
    prompt: str | list[str],
    *,
    plain: bool,
    jpeg: bool,
    largest: int,
    warnings: Sequence[str] = (),
) -> bytes:
    """The response body.

    Parameters
    ----------
    pictures : sequence of numpy.ndarray
        Each ``uint8``, shape ``(H, W, 3)``.
    prompt : str or list of str
        Given back as it came.
    plain : bool
        Answer with a single ``generated_image``.
    jpeg : bool
        Base64 JPEGs in place of nested RGB.
    largest : int
        What the model server lets through, in bytes.
    warnings : sequence of str
        What was asked and is ignored; the field is there only when there is something to say.

    Raises
    ------
    RequestError
        It would be larger than that. Only JPEGs come as far as this: how large they are, nobody knows before.
    """
    written = b", ".join(base64_jpeg(picture) if jpeg else nested_rgb(picture) for picture in pictures)
    answer = _frame(written, prompt, plain=plain, warnings=warnings)
    if len(answer) > largest:
        raise RequestError(
            f"the response has {len(answer):,} bytes; it may have {largest:,} (TS_MAX_RESPONSE_SIZE): ask for fewer or "
            "smaller images"
        )
    return answer
