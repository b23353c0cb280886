"""The pictures of a request: what one has in a notebook becomes base64 of a PNG, as the model's own check wants it.

``image``, ``mask_image`` and ``strength`` are the fields of JumpStart's image-to-image and inpainting models.
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
"""Of a picture in a request, as in models/smallworld/pictures.py."""

IMAGE = (
    "a picture: a PIL image, a uint8 array of shape (height, width, 3), or a PNG or JPEG file as bytes or base64, at "
    f"most {MOST_PIXELS // 10**6} megapixels and {MOST_BYTES // 10**6} MB as PNG"
)
MASK = (
    "a mask, white where the picture is painted again: a PIL image, a bool or uint8 array of shape (height, width), or "
    "a PNG or JPEG file as bytes or base64"
)
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes with more than 8 bits a channel, which have no exact place in 8 bits."""


class PictureError(ValueError):
    """The value cannot go along as a picture; the message says why."""


def image_file(value: object) -> str:
    """A picture as base64 of a PNG: upright, transparency laid on white.

    Parameters
    ----------
    value : PIL image, array, bytes or str
        Arrays are ``uint8`` of shape ``(H, W, 3)``; bytes are a PNG or JPEG file, text is base64 of one.

    Raises
    ------
    PictureError
        It is none of these, damaged, or too large.
    """
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3:
            raise PictureError(_array(value))
        return _encoded(_from_array(value))
    return _encoded(_rgb(_opened(value)))


def mask_file(value: object) -> str:
    """A mask as base64 of a PNG, black and white: what is lighter than middle grey becomes white.

    Parameters
    ----------
    value : PIL image, array, bytes or str
        Arrays are ``bool`` or ``uint8`` of shape ``(H, W)``, True or light where the picture is painted again.

    Raises
    ------
    PictureError
        As for `image_file`.
    """
    if isinstance(value, np.ndarray):
        if value.dtype not in (np.bool_, np.uint8) or value.ndim != 2:
            raise PictureError(_array(value))
        light = value if value.dtype == np.bool_ else value >= 128
    else:
        light = np.asarray(_rgb(_opened(value)).convert("L"), np.uint8) >= 128
    return _encoded(_from_array(light.astype(np.uint8) * 255))


def size_of(file: str) -> tuple[int, int]:
    """Width and height of what `image_file` or `mask_file` has made."""
    with Image.open(io.BytesIO(base64.b64decode(file))) as picture:
        return picture.size


def _array(value: NDArray[np.generic]) -> str:
    return f"array of {value.dtype}, shape {value.shape}"


def _from_array(value: NDArray[np.uint8]) -> Image.Image:
    if not value.size:
        raise PictureError(_array(value))
    return Image.fromarray(value)


def _opened(value: object) -> Image.Image:
    """``value`` as a PIL image; nothing is decoded before the header has shown the size."""
    if isinstance(value, Image.Image):
        if not value.width * value.height:
            raise PictureError(f"picture of {value.width} × {value.height} pixels")
        return value
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise PictureError("text that is not base64") from None
    if not isinstance(value, (bytes, bytearray)):
        raise PictureError(f"{type(value).__name__}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            return Image.open(io.BytesIO(value), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError:
        raise PictureError("picture of too many pixels") from None
    except Exception:  # noqa: BLE001 - Pillow names no closed set of exceptions for a damaged file
        raise PictureError(f"{len(value):,} bytes that are neither PNG nor JPEG") from None


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MOST_PIXELS:
        raise PictureError(f"picture of {picture.width} × {picture.height} pixels")
    if picture.mode in DEEP_MODES:
        raise PictureError(f"picture of mode {picture.mode}, with more than 8 bits a channel")
    try:
        upright = ImageOps.exif_transpose(picture)
    except Exception as error:  # noqa: BLE001 - as in _opened; the pixels are decoded only here
        raise PictureError(f"damaged picture ({error})") from None
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _encoded(picture: Image.Image) -> str:
    if picture.width * picture.height > MOST_PIXELS:
        raise PictureError(f"picture of {picture.width} × {picture.height} pixels")
    clean = picture.copy()
    clean.info.clear()  # an ICC profile or a comment would only make the request larger
    file = io.BytesIO()
    clean.save(file, "PNG", optimize=True)
    if file.tell() > MOST_BYTES:
        raise PictureError(f"picture of {file.tell():,} bytes as PNG")
    return base64.b64encode(file.getvalue()).decode()
