"""How much of everything is accepted: what a 512 MB function surely manages, and no model of today exceeds."""

from dataclasses import dataclass

from extract_images.exceptions import LimitError

MAX_IMAGES = 64
MAX_SIDE = 8192
"""Pixels of the longer side of one image."""
MAX_PIXELS = 2**25
"""Pixels of all images of one response (32 of 1024×1024): at worst 96 MiB of PNG, held until all are known good."""
MAX_FIELD_BYTES = 2**22
"""JSON text of one field that is not an image, such as the prompt."""
MAX_ROW_BYTES = 2**21
"""JSON text of one row of pixels, blanks included."""
MAX_ENCODED_BYTES = 2**25
"""One image in base64, or one plain `image/*` body."""
MAX_REQUEST_BYTES = 2**20
"""The request, read for prompt and parameters."""
MAX_TEXT = 2**14
"""Characters of one text chunk in a PNG, or of one warning in a manifest; longer text is cut and ends in `…`."""
MAX_WARNINGS = 32
"""Warnings of the model that a manifest keeps."""


@dataclass
class Allowance:
    """What is left of the limits while one response is read."""

    images: int = MAX_IMAGES
    pixels: int = MAX_PIXELS

    def take_image(self) -> None:
        """Count one more image; raises `LimitError` when it is one too many."""
        self.images -= 1
        if self.images < 0:
            raise LimitError(f"the response holds more than {MAX_IMAGES} images: ask for fewer images a request")

    def take_rows(self, width: int, height: int, rows: int, where: str) -> None:
        """Count more rows of an image.

        Parameters
        ----------
        width, height
            Pixels of the image so far, the new rows included.
        rows
            How many of them are new.
        where
            What an error calls the image: `"image 0"`.

        Raises
        ------
        LimitError
            The image is too large, or the response's images together are.
        """
        self.pixels -= width * rows
        if max(width, height) > MAX_SIDE:
            raise LimitError(f"{where} is at least {width}×{height}, but a side may have {MAX_SIDE} pixels at most")
        if self.pixels < 0:
            raise LimitError(
                f"with {where} at {width}×{height} the response exceeds {MAX_PIXELS} pixels in total: "
                "ask for fewer or smaller images a request"
            )
