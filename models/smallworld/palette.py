"""The twelve colours that Small World has words for."""

from __future__ import annotations

import math
import random

RGB = tuple[int, int, int]

PALETTE: dict[str, RGB] = {
    "red": (215, 35, 35),
    "orange": (245, 140, 25),
    "yellow": (250, 220, 50),
    "green": (45, 160, 65),
    "blue": (40, 85, 215),
    "purple": (130, 50, 170),
    "pink": (248, 150, 190),
    "brown": (120, 72, 38),
    "black": (22, 22, 26),
    "white": (246, 246, 246),
    "gray": (135, 138, 142),
    "cyan": (70, 205, 220),
}
COLORS = tuple(PALETTE)

# Captions use these words for the colour; the first is the name in PALETTE.
COLOR_WORDS = {"gray": ("gray", "grey"), "cyan": ("cyan", "turquoise"), "purple": ("purple", "violet")}

# Two palette entries closer than this look alike at 32 x 32 pixels, so one is never drawn on the other.
DISTINCT = 95.0


def distance(a: RGB, b: RGB) -> float:
    """Euclidean distance of two colours in RGB."""
    return math.dist(a, b)


def jitter(rng: random.Random, color: RGB, spread: float) -> RGB:
    """The colour with each channel moved by up to ``spread``.

    Parameters
    ----------
    rng : random.Random
    color : (int, int, int)
    spread : float
        In levels of 255.
    """
    r, g, b = (max(0, min(255, round(value + rng.uniform(-spread, spread)))) for value in color)
    return r, g, b


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """``a`` with ``share`` (0 to 1) of ``b`` mixed in.

    Parameters
    ----------
    a, b : (int, int, int)
    share : float
        0 gives ``a``, 1 gives ``b``.
    """
    r, g, b_ = (int(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, b_


def scaled(color: RGB, factor: float) -> RGB:
    """The colour made lighter or darker, clipped at white."""
    r, g, b = (min(255, int(value * factor)) for value in color)
    return r, g, b


def word(rng: random.Random, color: str) -> str:
    """A word for the colour."""
    return rng.choice(COLOR_WORDS.get(color, (color,)))


def distinct_colors(rng: random.Random, count: int, background: str) -> list[str]:
    """``count`` colours that can be told apart from each other and from the background.

    Parameters
    ----------
    rng : random.Random
    count : int
        How many names of ``PALETTE``.
    background : str
        The name of another one.
    """
    chosen = [background]
    while len(chosen) <= count:
        color = rng.choice(COLORS)
        if all(distance(PALETTE[color], PALETTE[other]) > DISTINCT for other in chosen):
            chosen.append(color)
    return chosen[1:]


def article(phrase: str) -> str:
    """``a`` or ``an`` before the phrase."""
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"
