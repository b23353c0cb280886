"""Procedural captioned pictures: the whole training set of Small World, made from a seed.

``batch(seed, index)`` is a function of its arguments alone, so training can stop and resume anywhere, and nothing is
stored on disk. Drawn at four times the size and box-reduced.
"""

from __future__ import annotations

import math
import random
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smallworld.prompt import read
from smallworld.schedule import BASE, MOST_ASPECT

from . import landscapes, painting, shapes, styles
from .landscapes import Landscape
from .shapes import ShapeScene

Scene = ShapeScene | Landscape

SUPERSAMPLE = 4
LANDSCAPE_SHARE = 0.45
SQUARE_SHARE = 0.75


@dataclass(frozen=True)
class Batch:
    """Pictures with their captions.

    Attributes
    ----------
    pictures : numpy.ndarray
        ``uint8``, shape ``(N, 64, 64, 3)``: every aspect ratio squeezed into a square.
    captions : list of str
        One for each picture.
    aspects : numpy.ndarray
        ``float32``, shape ``(N,)``: the natural logarithm of width by height, 0 for a square.
    """

    pictures: NDArray[np.uint8]
    captions: list[str]
    aspects: NDArray[np.float32]


def sample_scene(rng: random.Random) -> Scene:
    """A random scene, in a random style."""
    scene: Scene
    if rng.random() < LANDSCAPE_SHARE:
        scene = landscapes.sample_scene(rng)
        allowed = [style for style in styles.STYLES if style != "night"]  # night is a time of day there
    else:
        scene, allowed = shapes.sample_scene(rng), list(styles.STYLES)
    scene.style = rng.choices(allowed, styles.STYLE_SHARES[: len(allowed)])[0]
    return scene


def caption(rng: random.Random, scene: Scene) -> str:
    """Say what the scene shows, in one of many ways."""
    text = landscapes.caption(rng, scene) if isinstance(scene, Landscape) else shapes.caption(rng, scene)
    return text + styles.phrase(rng, scene.style)


def _large(scene: Scene, width: int, height: int) -> Image.Image:
    """The scene without style and antialiasing."""
    return painting.draw(scene, width, height) if isinstance(scene, Landscape) else shapes.draw(scene, width, height)


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw a scene, antialiased and in its style.

    Parameters
    ----------
    scene : Scene
        Any scene; the same one gives the same composition at every size of one aspect ratio.
    width, height : int
        Size in pixels.

    Returns
    -------
    PIL.Image.Image
        An RGB picture of ``width`` x ``height``.
    """
    large = _large(scene, width * SUPERSAMPLE, height * SUPERSAMPLE)
    return styles.apply(large, scene.style, width, height, scene.seed)


def draw_base(scene: Scene, aspect: float, size: int = BASE) -> Image.Image:
    """Draw a scene as the model does: squeezed into a square.

    Parameters
    ----------
    scene : Scene
        Any scene.
    aspect : float
        Natural logarithm of width by height.
    size : int
        Pixels along both sides.
    """
    stretch = math.exp(abs(aspect) / 2)
    long, short = round(size * SUPERSAMPLE * stretch), round(size * SUPERSAMPLE / stretch)
    large = _large(scene, *((long, short) if aspect > 0 else (short, long)))
    return styles.apply(large, scene.style, size, size, scene.seed)


def sample_caption(rng: random.Random, held_out: Container[tuple[str, ...]] = ()) -> tuple[Scene, str, float]:
    """A scene, its caption and its aspect; what reads like one in ``held_out`` is drawn again."""
    while True:
        scene = sample_scene(rng)
        text = caption(rng, scene)
        # Pixel art is drawn square only: its cells would be bricks.
        square = rng.random() < SQUARE_SHARE or scene.style == "pixel art"
        aspect = 0.0 if square else rng.uniform(-1, 1) * math.log(MOST_ASPECT)
        if read(text).words not in held_out:
            return scene, text, aspect


def batch(seed: int, index: int, size: int, held_out: Container[tuple[str, ...]] = ()) -> Batch:
    """The ``index``-th batch of the run ``seed``; no caption reads like one in ``held_out``.

    Parameters
    ----------
    seed, index : int
        What it is drawn from; the same two give the same batch.
    size : int
        How many pictures.
    held_out : container of tuple of str
        Prompts as `smallworld.prompt.read` reads them.
    """
    rng = random.Random(f"smallworld {seed} {index}")  # noqa: S311 - pictures, not secrets
    pictures, captions = np.empty((size, BASE, BASE, 3), np.uint8), []
    aspects = np.zeros(size, np.float32)
    for k in range(size):
        scene, text, aspects[k] = sample_caption(rng, held_out)
        pictures[k] = np.asarray(draw_base(scene, float(aspects[k])))
        captions.append(text)
    return Batch(pictures, captions, aspects)
