"""What is inspected: a picture's PNG, and where its numbers stand in the model's answer."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from contract.errors import ParameterError, ResultError
from helpers.inference.results import Output, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEPARATORS = ((", ", ": "), (",", ":"))
"""Python's json and most compact writers."""

ENCODED = "The model answered with an encoded picture: its JSON holds no numbers of single pixels."
PLAIN = "The model answered with a plain picture, not with JSON."


@dataclasses.dataclass(frozen=True)
class Subject:
    """One picture, ready to be inspected.

    Attributes
    ----------
    png : bytes
        Plain RGB of 8 bits, not interlaced (see :func:`plain_png`).
    alt : str
        What it shows, for those who do not see it.
    path : str
        Of the picture in the model's JSON, such as ``generated_images[0]``; empty when the JSON holds no pixels.
    separator : str
        Between two numbers there.
    start : int
        At which byte of the answer the picture's first bracket stands; -1 when that is not known.
    size : int
        Bytes of the answer.
    note : str
        Shown below.
    """

    png: bytes = dataclasses.field(repr=False)
    alt: str = "Picture"
    path: str = ""
    separator: str = ", "
    start: int = -1
    size: int = 0
    note: str = ""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture as an array of height × width × 3."""
        return np.asarray(Image.open(io.BytesIO(self.png)), dtype=np.uint8)

    @property
    def facts(self) -> dict[str, Any]:
        """All but the picture, for the ES module."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "png"}


def subject_of(result: Result, number: int = 0) -> Subject:
    """Picture ``number`` (counted from 0) of a result, compared with the model's answer.

    Raises
    ------
    ParameterError
        There is no such picture.
    ResultError
        The PNG is not the picture in the model's answer, or one of them cannot be read.
    """
    count = len(result.pictures)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
        raise ParameterError(f"number = {number!r}: must be 0 to {count - 1}, since {result.id} has {count} pictures.")
    output, array = result.output(), result.arrays[number]
    if len(output.arrays) != count:
        raise ResultError(
            f"{output.location} holds {len(output.arrays)} pictures, the manifest of {result.id} {count}."
        )
    _compare(array, output.arrays[number], f"picture {number} of {result.id}", output.location)
    alt = f"Picture of: {result.prompt}"
    png = plain_png(result.pictures[number])
    if output.content is None:
        return Subject(png, alt, note=PLAIN, size=output.size)
    path, image = _place(output.content, number)
    if isinstance(image, str):
        return Subject(png, alt, note=ENCODED, size=output.size)
    separator, start = _written(output, number)
    return Subject(png, alt, path, separator, start, output.size)


def plain_png(png: bytes) -> bytes:
    """``png`` itself when it is plain RGB of 8 bits, else the same picture in that form."""
    # https://www.w3.org/TR/png-3/#11IHDR: depth, colour type, …, interlace at bytes 24, 25 and 28 of the file.
    if png[24:26] == b"\x08\x02" and png[28:29] == b"\x00":
        return png
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def _compare(png: NDArray[np.uint8], answer: NDArray[np.uint8], what: str, where: str) -> None:
    if png.shape != answer.shape:
        raise ResultError(f"{what}: the PNG is {png.shape}, the picture in {where} {answer.shape}.")
    places = np.argwhere((png != answer).any(axis=2))
    if len(places):
        y, x = (int(value) for value in places[0])
        raise ResultError(
            f"{what}: the PNG differs from {where} at {len(places)} pixels, first at x {x}, y {y}: "
            f"{png[y, x].tolist()} and {answer[y, x].tolist()}. See the log of extract_images, which made the PNG."
        )


def _place(content: Mapping[str, Any], number: int) -> tuple[str, Any]:
    if "generated_images" in content:
        return f"generated_images[{number}]", content["generated_images"][number]
    return "generated_image", content["generated_image"]


def _written(output: Output, number: int) -> tuple[str, int]:
    """How the answer separates numbers, and where picture ``number`` begins; -1 when it was written in another way.

    By the length: the answer is not written again only to be looked at, since it may be 100 MB.
    """
    content = dict(output.content or {})
    several = "generated_images" in content
    key = "generated_images" if several else "generated_image"
    mark = "\0pixels"
    content[key] = [mark] * len(output.arrays) if several else mark
    written_mark = json.dumps(mark)
    for comma, colon in SEPARATORS:
        lengths = [text_length(array, len(comma)) for array in output.arrays]
        for ascii_only in (True, False):
            shell = json.dumps(content, separators=(comma, colon), ensure_ascii=ascii_only)
            parts = [len(part.encode()) for part in shell.split(written_mark)]
            if sum(parts) + sum(lengths) == output.size:
                return comma, sum(parts[: number + 1]) + sum(lengths[:number])
    return ", ", -1


def text_length(array: NDArray[np.uint8], separator: int = 2) -> int:
    """Characters of ``[[[r, g, b], …], …]`` of a picture, with separators of that many characters."""
    height, width = int(array.shape[0]), int(array.shape[1])
    digits = int(array.size) + int(np.count_nonzero(array >= 10)) + int(np.count_nonzero(array >= 100))
    brackets = 2 + 2 * height + 2 * height * width
    return digits + brackets + separator * ((height - 1) + height * (width - 1) + 2 * height * width)
