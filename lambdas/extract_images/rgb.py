"""Nested RGB lists, read from a stream straight into a PNG encoder: memory holds some rows, never an image."""

from collections.abc import Iterator

from extract_images import rgb_fast, rgb_strict
from extract_images.exceptions import InvalidImageError
from extract_images.json_stream import JsonStream
from extract_images.limits import MAX_ROW_BYTES, Allowance
from extract_images.png import EncodedImage, PngEncoder

_FAST_BYTES = 2**18


class RgbReader:
    """Takes images, each `[row, …]` of pixels `[r, g, b]`, from a stream.

    Parameters
    ----------
    stream
        The response.
    allowance
        What is left of the limits.
    fast
        False sends every row through the strict path; the result is the same.
    """

    def __init__(self, stream: JsonStream, allowance: Allowance, fast: bool = True) -> None:
        self._stream = stream
        self._allowance = allowance
        self._fast = fast

    def image(self, index: int) -> EncodedImage:
        """Take one image, from its `[` to its `]`.

        Raises
        ------
        InvalidImageError
            Names image, row, column, channel and value.
        TruncatedResponseError, MalformedResponseError, LimitError
            The JSON ends too early, is not valid, or holds too much.
        """
        encoder: PngEncoder | None = None
        for samples in self._rows(index):
            if encoder is None:
                encoder = PngEncoder(len(samples) // 3)
            encoder.add(samples)
            rows = len(samples) // (3 * encoder.width)
            self._allowance.take_rows(encoder.width, encoder.height, rows, f"image {index}")
        if encoder is None:
            raise InvalidImageError(f"image {index} is empty: expected a list of rows of pixels [r, g, b]")
        return encoder.finish()

    def _rows(self, index: int) -> Iterator[bytes]:
        """Yield the samples of one or more whole rows at a time."""
        stream = self._stream
        where = f"in image {index}"
        stream.take(b"[", where)
        if stream.peek(where) == b"]":
            return
        # The first row, read strictly, shows width and spelling of the others.
        width, separator, number = 0, b",", 0
        while True:
            stream.peek(f"in image {index}, row {number}")
            samples = self._usual_rows(width, separator) if width and self._fast else None
            if samples is None:
                samples, text = self._any_row(index, number, width or None)
                if not width:
                    width = len(samples) // 3
                    separator = b", " if b", " in text else b","
            number += len(samples) // (3 * width)
            yield samples
            if stream.take(b",]", f"after row {number - 1} of image {index}") == b"]":
                return

    def _usual_rows(self, width: int, separator: bytes) -> bytes | None:
        """Take as many whole rows as are at hand, if they have the usual spelling; else leave them."""
        stream = self._stream
        if len(stream.buffer) - stream.position < _FAST_BYTES:
            stream.more(_FAST_BYTES)
        while True:
            last = stream.buffer.find(b"]]]", stream.position)
            if last < 0:
                last = stream.buffer.rfind(b"]]", stream.position)
            held = len(stream.buffer) - stream.position
            if last >= 0 or held > MAX_ROW_BYTES or not stream.more(held):
                break
        samples = None
        if last >= 0:
            samples = rgb_fast.decode_rows(stream.buffer[stream.position : last + 2], width, separator)
        if samples is None:
            self._fast = False  # a document in one unusual spelling would only be tried again and again
        else:
            stream.position = last + 2
        return samples

    def _any_row(self, index: int, number: int, width: int | None) -> tuple[bytes, bytes]:
        """Take one row, whatever its spelling; returns its samples and its text."""
        row = self._stream.value(MAX_ROW_BYTES, f"in image {index}, row {number}")
        text = self._stream.raw()
        samples = rgb_strict.decode_row(text, row, width)
        if samples is None:
            raise InvalidImageError(f"image {index}, row {number}: {rgb_strict.fault(text.decode(), width)}")
        return samples, text
