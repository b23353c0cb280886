"""One row of RGB values in any valid JSON spelling: the samples, or the reason why it is not one."""

import json
import re
from itertools import chain
from typing import Any

# Text of nothing but these cannot hold a boolean, a float, an exponent, a sign, a string or an object.
_PLAIN = re.compile(rb"[0-9\[\], \t\n\r]*")


def decode_row(text: bytes, row: Any, width: int | None) -> bytes | None:
    """Return the row's samples.

    Parameters
    ----------
    text
        The row's JSON.
    row
        What Python's `json` made of it.
    width
        Pixels that the row must have; None for the first row of an image.

    Returns
    -------
    bytes or None
        `3 * pixels` samples; None when it is not a row of integers 0–255 (`fault` then says why).
    """
    if not _PLAIN.fullmatch(text) or not isinstance(row, list) or not row or width not in (None, len(row)):
        return None
    if set(map(type, row)) != {list} or set(map(len, row)) != {3}:
        return None
    try:
        return bytes(chain.from_iterable(row))
    except (ValueError, TypeError):
        return None  # outside 0–255, or lists in place of integers


def fault(text: str, width: int | None) -> str:
    """Return what is wrong with a row that `decode_row` refused: column, channel and value.

    Parameters
    ----------
    text
        JSON that starts with the row; it is known to be valid.
    width
        Pixels of the image's first row; None when this is the first.
    """
    # As written there, `-0` is an integer to Python; as a float it shows its sign and is refused like any float.
    row, _ = json.JSONDecoder(parse_int=lambda digits: -0.0 if digits == "-0" else int(digits)).raw_decode(text)
    if not isinstance(row, list):
        return f"expected a row, which is a list of pixels [r, g, b], but found {_shown(row)}"
    if not row:
        return "the row is empty"
    for column, pixel in enumerate(row):
        if not isinstance(pixel, list):
            return f"column {column}: expected a pixel [r, g, b], but found {_shown(pixel)}"
        if len(pixel) != 3:
            return f"column {column}: expected 3 channels [r, g, b], but found {len(pixel)}: {_shown(pixel)}"
        for channel, value in zip("rgb", pixel, strict=True):
            if type(value) is not int or not 0 <= value <= 255:
                return f"column {column}, channel {channel}: expected an integer 0-255, but found {_shown(value)}"
    return f"the row has {len(row)} pixels, but the image's first row has {width}"


def _shown(value: object, limit: int = 60) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "a deeply nested list or object"
    return text if len(text) <= limit else f"{text[:limit]}…"
