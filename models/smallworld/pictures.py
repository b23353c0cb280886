"""Pictures that come with a request, as JumpStart's inpainting and image-to-image models take them: base64 of a file.

Nothing is decoded before its header has shown how large it is.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MOST_BYTES = 4_000_000
MOST_PIXELS = 16_000_000
ALLOWED = (
    f"a base64 string of a PNG or JPEG file of at most {MOST_BYTES // 10**6} MB and {MOST_PIXELS // 10**6} megapixels"
)
# More than 8 bits a channel have no exact place in 8 bits, and Pillow would clip them.
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class PictureError(ValueError):
    """The field holds no picture that can be used; the message says what it is and goes after the field's name."""


def picture(value: object) -> NDArray[np.uint8]:
    """Decode a picture: upright as its EXIF orientation says, transparency laid on white.

    Parameters
    ----------
    value : object
        The field of the request; base64 of a PNG or JPEG file.

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape ``(H, W, 3)``.

    Raises
    ------
    PictureError
        It is not base64, neither PNG nor JPEG, damaged, or too large.
    """
    return np.asarray(_decoded(value), np.uint8)


def mask(value: object) -> NDArray[np.bool_]:
    """Decode a mask: what is white (or transparent) is painted again, what is black stays.

    Returns
    -------
    numpy.ndarray
        ``bool``, shape ``(H, W)``; True where the mask is lighter than middle grey.

    Raises
    ------
    PictureError
        As for `picture`.
    """
    light: NDArray[np.bool_] = np.asarray(_decoded(value).convert("L"), np.uint8) >= 128
    return light


def _decoded(value: object) -> Image.Image:
    if not isinstance(value, str):
        raise PictureError(f"is not a string; it must be {ALLOWED}")
    if len(value) > (MOST_BYTES + 2) // 3 * 4:
        raise PictureError(f"has {len(value):,} characters; it must be {ALLOWED}")
    try:
        file = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError(f"is not base64 ({error}); it must be {ALLOWED}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            image = Image.open(io.BytesIO(file), formats=("PNG", "JPEG"))
            if image.width * image.height > MOST_PIXELS:
                raise PictureError(f"has {image.width} x {image.height} pixels; it must be {ALLOWED}")
            image.load()
            return _upright_rgb(image)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(f"has too many pixels; it must be {ALLOWED}") from None
    except Exception as error:  # noqa: BLE001 - Pillow names no closed set of exceptions for a damaged file
        raise PictureError(f"is not a whole picture ({error}); it must be {ALLOWED}") from None


def _upright_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        raise PictureError(
            f"has more than 8 bits a channel (mode {image.mode}); it must be {ALLOWED}, 8 bits a channel"
        )
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")
