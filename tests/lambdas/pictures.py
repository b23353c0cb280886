"""An independent judge of RGB JSON, and small helpers; shares no code with what it judges."""

import io
import json

from PIL import Image


def pixels(file):
    """Decode a PNG file with Pillow: rows of [r, g, b]."""
    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        width, height = image.size
        data = image.tobytes()
    return [[list(data[3 * (y * width + x) :][:3]) for x in range(width)] for y in range(height)]


def judge(document):
    """Return the images that a document of nested RGB holds, as rows of [r, g, b]; None when it must be refused."""

    class Refused(Exception):
        pass

    def unique(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused
        return dict(pairs)

    def integer(digits):
        return "minus zero" if digits == "-0" else int(digits)

    try:
        fields = json.loads(document.decode("utf-8"), object_pairs_hook=unique, parse_int=integer)
    except (ValueError, RecursionError, Refused):
        return None
    if not isinstance(fields, dict):
        return None
    found = [fields[name] for name in ("generated_images", "generated_image") if name in fields]
    if len(found) != 1 or "artifacts" in fields:
        return None
    images = found[0] if "generated_images" in fields else found
    if not isinstance(images, list) or not images:
        return None
    return images if all(_is_image(image) for image in images) else None


def _is_image(image):
    def full_list(value):
        return isinstance(value, list) and len(value) > 0

    def full_pixel(pixel):
        return isinstance(pixel, list) and len(pixel) == 3 and all(type(v) is int and 0 <= v <= 255 for v in pixel)

    return (
        full_list(image)
        and all(full_list(row) and len(row) == len(image[0]) for row in image)
        and all(full_pixel(pixel) for row in image for pixel in row)
    )


def cut(document, size):
    """Return the document in chunks of `size` bytes."""
    return [document[start : start + size] for start in range(0, len(document), size)]
