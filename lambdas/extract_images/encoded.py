"""Images that arrive as JPEG or PNG: decoded by Pillow, then encoded like any other picture.

That gives every form of output the same kind of file: 8-bit RGB, not interlaced, nothing in it but pixels and
our text. A picture that has no exact equivalent of that kind (transparency, 16 bits, CMYK, animation) is refused.
Colour profiles and EXIF are not carried over.
"""

import binascii
import io
import warnings
from typing import TYPE_CHECKING

from extract_images.exceptions import InvalidImageError, LimitError
from extract_images.limits import MAX_ENCODED_BYTES, Allowance
from extract_images.png import EncodedImage, PngEncoder

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG")
# RGB itself, and what becomes RGB without loss: grey, a palette, black and white.
_LOSSLESS_MODES = ("RGB", "L", "P", "1")
_ROWS_AT_ONCE = 64


def from_base64(text: str, where: str, allowance: Allowance) -> EncodedImage:
    """Decode one image in strict base64; raises as `from_bytes` does.

    Parameters
    ----------
    text
        The base64, without line breaks.
    where
        What an error calls the image: `"image 0"`.
    allowance
        What is left of the limits.
    """
    if len(text) > MAX_ENCODED_BYTES:
        raise LimitError(f"{where}: {len(text)} characters of base64, but {MAX_ENCODED_BYTES} are the limit")
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise InvalidImageError(f"{where}: not base64 ({error}): {text[:40]!r}") from error
    return from_bytes(data, where, allowance)


def from_bytes(data: bytes, where: str, allowance: Allowance) -> EncodedImage:
    """Decode one JPEG or PNG file.

    Parameters
    ----------
    data
        The file.
    where
        What an error calls the image: `"image 0"`.
    allowance
        What is left of the limits; the image's pixels are taken from it.

    Raises
    ------
    InvalidImageError
        It is neither, is damaged, or has no exact equivalent in 8-bit RGB.
    LimitError
        It has too many pixels; found out from its header, before any is decoded.
    """
    # Most responses are nested RGB and never need Pillow, so they do not wait for it.
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the allowance is stricter
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_kind(image, where)
                allowance.take_rows(image.width, image.height, image.height, where)
                if image.format == "PNG":
                    # Loading stops at the last pixel; this reads every checksum, up to the end marker.
                    Image.open(io.BytesIO(data), formats=_FORMATS).verify()
                image.load()
                return _encode(image)
    except (InvalidImageError, LimitError):
        raise
    except Image.DecompressionBombError as error:
        raise LimitError(f"{where}: {error}") from error
    except Exception as error:  # Pillow names no closed set of exceptions for a damaged file
        raise InvalidImageError(f"{where}: neither a whole JPEG nor a whole PNG ({error}): {data[:8]!r}…") from error


def _check_kind(image: "Image", where: str) -> None:
    if image.mode not in _LOSSLESS_MODES or "transparency" in image.info:
        kind = "transparent" if "transparency" in image.info else image.mode
        raise InvalidImageError(f"{where}: a {image.format} of kind {kind}, which 8-bit RGB cannot hold exactly")
    if getattr(image, "n_frames", 1) != 1:
        raise InvalidImageError(f"{where}: an animation, not a picture")


def _encode(image: "Image") -> EncodedImage:
    encoder = PngEncoder(image.width)
    for top in range(0, image.height, _ROWS_AT_ONCE):
        strip = image.crop((0, top, image.width, min(top + _ROWS_AT_ONCE, image.height)))
        encoder.add(strip.convert("RGB").tobytes())
    return encoder.finish()
