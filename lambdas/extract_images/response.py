"""The model's response, in any of its forms, as compressed pictures: no AWS calls, no clock, no environment.

Forms: `generated_images` and `generated_image` as nested RGB or as base64 of JPEG or PNG (Stable Diffusion in
JumpStart), `artifacts` (Stability AI's own containers), `images` with `finish_reasons` (Stable Diffusion 3 and later:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-3-5-large.html), and a plain JPEG or PNG
body.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from extract_images import encoded
from extract_images.exceptions import InvalidImageError, LimitError, MalformedResponseError, TruncatedResponseError
from extract_images.json_stream import JsonStream
from extract_images.limits import MAX_ENCODED_BYTES, MAX_FIELD_BYTES, Allowance
from extract_images.png import EncodedImage
from extract_images.rgb import RgbReader

_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LONGEST_MAGIC = max(map(len, _MAGIC))
_IMAGE_FIELDS = ("generated_images", "generated_image", "artifacts", "images")
_REASONS = "finish_reasons"


@dataclass(frozen=True)
class Response:
    """A whole, valid response.

    Attributes
    ----------
    images
        At least one, in the response's order.
    fields
        Its other fields, such as `prompt`.
    """

    images: tuple[EncodedImage, ...]
    fields: dict[str, Any]


def read(chunks: Iterable[bytes], content_type: str = "", fast: bool = True) -> Response:
    """Read a response whose chunks may be cut anywhere.

    Parameters
    ----------
    chunks
        The response's bytes; at most a few hundred kilobytes of nested RGB are held at any time.
    content_type
        Of the response, as the notification gives it; a body that starts like a PNG or JPEG is taken for one anyway.
    fast
        False sends every row of nested RGB through the strict path; the result is the same.

    Returns
    -------
    Response
        Only when the last byte was read and every image is good.

    Raises
    ------
    ResponseError
        One of its subclasses, saying what is wrong and where.
    """
    start, chunks = _start(chunks)
    if not start:
        raise TruncatedResponseError("the response is empty: it has 0 bytes")
    if content_type.lower().startswith("image/") or start.startswith(tuple(_MAGIC)):
        return _plain(chunks, content_type)
    return _Reader(JsonStream(chunks), fast).response()


def _start(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and all chunks from the first on."""
    iterator = iter(chunks)
    start = b""
    while len(start) < _LONGEST_MAGIC and (part := next(iterator, None)) is not None:
        start += part
    return start, chain((start,), iterator)


def _plain(chunks: Iterable[bytes], content_type: str) -> Response:
    parts: list[bytes] = []
    size = 0
    for part in chunks:
        parts.append(part)
        size += len(part)
        if size > MAX_ENCODED_BYTES:
            raise LimitError(f"the response ({content_type}) is larger than {MAX_ENCODED_BYTES} bytes")
    image = encoded.from_bytes(b"".join(parts), f"the response ({content_type})", Allowance())
    return Response(images=(image,), fields={})


class _Reader:
    """Takes the fields of a JSON response, one after the other."""

    def __init__(self, stream: JsonStream, fast: bool) -> None:
        self._stream = stream
        self._allowance = Allowance()
        self._rgb = RgbReader(stream, self._allowance, fast)
        self._image_field: str | None = None
        self._images: list[EncodedImage] = []
        self._fields: dict[str, Any] = {}

    def response(self) -> Response:
        stream = self._stream
        stream.take(b"{", "at the start of the response")
        while True:
            self._field()
            if stream.take(b",}", "after a field of the response") == b"}":
                break
        stream.end()
        self._require_finished()
        if self._image_field is None:
            raise MalformedResponseError(
                f"the response has none of the fields {', '.join(_IMAGE_FIELDS)}; it has: {_names(self._fields)}"
            )
        if not self._images:
            raise InvalidImageError(f"{self._image_field!r} is empty: the response holds no image")
        return Response(images=tuple(self._images), fields=self._fields)

    def _field(self) -> None:
        stream = self._stream
        if stream.peek("before a field of the response") != b'"':
            stream.take(b'"', "before a field of the response")
        name = stream.value(MAX_FIELD_BYTES, "in the name of a field")
        stream.take(b":", f"after the name {name!r}")
        if name in self._fields or name == self._image_field:
            raise MalformedResponseError(f"byte {stream.offset}: the field {name!r} occurs twice in the response")
        if name not in _IMAGE_FIELDS:
            self._fields[name] = stream.value(MAX_FIELD_BYTES, f"in the field {name!r}")
            return
        if self._image_field is not None:
            raise MalformedResponseError(f"the response has both {self._image_field!r} and {name!r}: which one counts?")
        self._require_finished()  # here already: what the model refused to draw need not be a picture
        self._image_field = name
        if name == "generated_image":
            self._image()
        else:
            self._list(name)

    def _require_finished(self) -> None:
        """Stable Diffusion 3 and later say what they refused to draw in a list, with null for each picture."""
        reasons = self._fields.get(_REASONS)
        for index, reason in enumerate(reasons if isinstance(reasons, list) else ()):
            if reason is not None:
                raise InvalidImageError(
                    f"image {index} has the finish reason {str(reason)[:100]!r}: the model refused or failed; "
                    "change the prompt or the seed"
                )

    def _list(self, name: str) -> None:
        stream = self._stream
        stream.take(b"[", f"at the start of {name!r}")
        if stream.peek(f"in {name!r}") == b"]":
            stream.take(b"]", f"in {name!r}")
            return
        first = stream.peek(f"in {name!r}")
        while True:
            if stream.peek(f"in {name!r}") != first:
                raise InvalidImageError(
                    f"image {len(self._images)} has another form than image 0: it starts with {stream.excerpt(1)}"
                )
            if name == "artifacts":
                self._artifact()
            elif name == "images" and first == b"n":
                self._refused_image()
            else:
                self._image()
            if stream.take(b",]", f"after image {len(self._images) - 1}") == b"]":
                return

    def _image(self) -> None:
        """Take one image: nested RGB or a string."""
        index = len(self._images)
        self._allowance.take_image()
        start = self._stream.peek(f"before image {index}")
        if start == b"[":
            self._images.append(self._rgb.image(index))
        elif start == b'"':
            text = self._stream.value(MAX_ENCODED_BYTES, f"in image {index}")
            self._images.append(encoded.from_base64(text, f"image {index}", self._allowance))
        else:
            raise InvalidImageError(
                f"byte {self._stream.offset}: image {index} is neither nested RGB nor a base64 string, "
                f"but starts with {self._stream.excerpt()}"
            )

    def _refused_image(self) -> None:
        """Take null, which stands where the model refused to draw; the reason may come later."""
        self._allowance.take_image()
        if self._stream.value(MAX_FIELD_BYTES, "in 'images'") is not None:
            raise InvalidImageError("'images' holds something that is neither null nor a base64 string")

    def _artifact(self) -> None:
        index = len(self._images)
        self._allowance.take_image()
        artifact = self._stream.value(MAX_ENCODED_BYTES, f"in artifact {index}")
        if not isinstance(artifact, dict) or not isinstance(artifact.get("base64"), str):
            raise InvalidImageError(f"artifact {index} is not an object with a string `base64`")
        if artifact.get("finishReason", "SUCCESS") != "SUCCESS":
            raise InvalidImageError(
                f"artifact {index} has the finishReason {artifact['finishReason']!r}: the model refused or failed; "
                "change the prompt or the seed"
            )
        self._images.append(encoded.from_base64(artifact["base64"], f"artifact {index}", self._allowance))


def _names(fields: dict[str, Any]) -> str:
    return ", ".join(repr(name)[:60] for name in list(fields)[:10]) or "none"
