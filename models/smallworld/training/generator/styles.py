"""Ways to draw one scene: flat, as pixel art, as a watercolour, at night.

A style is laid over the finished drawing. What is random in it comes from the scene's seed, on a coarse grid,
so that one scene looks the same at every size.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

STYLES = ("flat", "pixel art", "watercolour", "night")
STYLE_SHARES = (0.88, 0.04, 0.04, 0.04)
PHRASES = {
    "pixel art": (", pixel art", " in pixel art style", " as pixel art"),
    "watercolour": (", watercolour", " in watercolour style", " as a watercolour painting"),
    "night": (" at night", ", night"),
}

PIXEL_ART_CELLS = 32  # along the shorter side
WASH = 0.22  # how far a watercolour's colours are thinned toward the paper
NIGHT_LIGHT = np.array([0.42, 0.44, 0.6], np.float32)
NIGHT_TINT = np.array([4, 6, 26], np.float32)


def phrase(rng: random.Random, style: str) -> str:
    """Words that ask for the style, to follow a caption; flat needs none, but is named now and then."""
    if style == "flat":
        return rng.choice((", flat", " in flat style")) if rng.random() < 0.03 else ""
    return rng.choice(PHRASES[style])


def apply(picture: Image.Image, style: str, width: int, height: int, seed: int) -> Image.Image:
    """Bring a large drawing to its size and lay the style over it.

    Parameters
    ----------
    picture : PIL.Image.Image
        The drawing without antialiasing, several times as large.
    style : str
        One of ``STYLES``.
    width, height : int
        Size of the result, in pixels.
    seed : int
        The scene's.

    Returns
    -------
    PIL.Image.Image
        RGB, ``width`` x ``height``.

    Raises
    ------
    ValueError
        When there is no such style.
    """
    if style not in STYLES:
        raise ValueError(f"no style {style!r}; one of {', '.join(STYLES)}")
    if style == "pixel art":
        cells = PIXEL_ART_CELLS / min(picture.size)
        grid = (max(1, round(picture.width * cells)), max(1, round(picture.height * cells)))
        return picture.resize(grid, Image.Resampling.NEAREST).resize((width, height), Image.Resampling.NEAREST)
    small = picture.resize((width, height), Image.Resampling.BOX)
    if style == "watercolour":
        return _watercolour(small, seed)
    if style == "night":
        return Image.fromarray(np.clip(np.asarray(small) * NIGHT_LIGHT + NIGHT_TINT, 0, 255).astype(np.uint8))
    return small


def _field(rng: np.random.Generator, cells: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """A smooth random surface of about -1 to 1, shape ``(H, W, 1)``."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32)[..., None]


def _watercolour(picture: Image.Image, seed: int) -> Image.Image:
    """Thinned colours that pool here and there, soft outlines, and paper showing around a ragged edge."""
    rng = np.random.default_rng(seed)
    soft = picture.filter(ImageFilter.GaussianBlur(0.008 * min(picture.size)))
    pixels = np.asarray(soft, np.float32)
    pixels = pixels + (255 - pixels) * (WASH + 0.12 * _field(rng, 5, picture.size))
    pixels += 14 * _field(rng, 12, picture.size)
    y, x = np.mgrid[0 : picture.height, 0 : picture.width].astype(np.float32)
    x, y = (x + 0.5) / picture.width, (y + 0.5) / picture.height
    inside = np.minimum.reduce([x, 1 - x, y, 1 - y])[..., None]
    cover = np.clip((inside - 0.035 - 0.025 * _field(rng, 10, picture.size)) / 0.02, 0, 1)
    paper = np.float32(250)
    return Image.fromarray(np.clip(paper + cover * (pixels - paper), 0, 255).astype(np.uint8))
