"""Procedural captioned pictures: the whole training set of Small World, made from a seed.

``batch(seed, step)`` is a function of its arguments alone, so training can stop and resume anywhere, and nothing is
stored on disk. Drawn at four times the size and box-reduced: about 2,000 pictures a second in one process.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import landscapes, shapes
from .landscapes import Landscape
from .shapes import ShapeScene

Scene = ShapeScene | Landscape

SUPERSAMPLE = 4
LANDSCAPE_SHARE = 0.22


def sample_scene(rng: random.Random) -> Scene:
    """A random scene: mostly shapes, of which most are single objects, because shape is the hardest thing to learn."""
    return landscapes.sample_scene(rng) if rng.random() < LANDSCAPE_SHARE else shapes.sample_scene(rng)


def caption(rng: random.Random, scene: Scene) -> str:
    """Say what the scene shows, in one of many ways."""
    return landscapes.caption(rng, scene) if isinstance(scene, Landscape) else shapes.caption(rng, scene)


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw a scene, antialiased.

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
    size = (width * SUPERSAMPLE, height * SUPERSAMPLE)
    picture = landscapes.draw(scene, *size) if isinstance(scene, Landscape) else shapes.draw(scene, *size)
    return picture.reduce(SUPERSAMPLE)


def batch(seed: int, step: int, size: int, width: int, height: int) -> tuple[NDArray[np.uint8], list[str]]:
    """The pictures and captions that training step ``step`` of the run ``seed`` sees.

    Returns
    -------
    pictures : numpy.ndarray
        ``uint8``, shape ``(size, height, width, 3)``.
    captions : list of str
        One for each picture.
    """
    rng = random.Random(f"smallworld {seed} {step}")  # noqa: S311 - pictures, not secrets
    pictures = np.empty((size, height, width, 3), np.uint8)
    captions = []
    for k in range(size):
        scene = sample_scene(rng)
        pictures[k] = np.asarray(draw(scene, width, height))
        captions.append(caption(rng, scene))
    return pictures, captions
