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
# "[255, 255, 255], ", the longest a pixel can be.
BYTES_PER_PIXEL = 17

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
        ``MMS_MAX_RESPONSE_SIZE``, in bytes.
    warnings : sequence of str
        What was asked and is ignored; the field is there only when there is something to say.

    Raises
    ------
    RequestError
        When nested RGB of these pictures could exceed ``largest``; found before it is written.
    """
    if not jpeg:
        needed = sum(picture.shape[0] * picture.shape[1] for picture in pictures) * BYTES_PER_PIXEL
        if needed > largest:
            height, width = pictures[0].shape[:2]
            most = largest // (height * width * BYTES_PER_PIXEL)
            raise RequestError(
                f"{len(pictures)} images of {width} x {height} may need {needed:,} bytes as nested RGB; a response has "
                f"at most {largest:,} (MMS_MAX_RESPONSE_SIZE), which is {most} images of this size: ask for fewer or "
                "smaller images, or accept application/json;jpeg"
            )
    written = [base64_jpeg(picture) if jpeg else nested_rgb(picture) for picture in pictures]
    images = b'"generated_image": ' + written[0] if plain else b'"generated_images": [' + b", ".join(written) + b"]"
    said = b', "warnings": ' + json.dumps(list(warnings)).encode() if warnings else b""
    answer = b"{" + images + b', "prompt": ' + json.dumps(prompt).encode() + said + b"}"
    if len(answer) > largest:
        raise RequestError(
            f"the response has {len(answer):,} bytes; it may have {largest:,} (MMS_MAX_RESPONSE_SIZE): ask for fewer "
            "or smaller images"
        )
    return answer
