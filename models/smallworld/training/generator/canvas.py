"""What landscapes are painted with: lengths in units, colours in the light of the scene.

A unit is a 64th of the picture's shorter side, so that one scene can be drawn at any size.
"""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from smallworld.palette import RGB, jitter, mix, scaled

from .landscapes import PLACES, Landscape, Thing

Point = tuple[float, float]

# Top and horizon colours of the sky, and how much light there is.
SKIES: dict[str, tuple[RGB, RGB]] = {
    "day": ((70, 150, 235), (195, 230, 250)),
    "sunset": ((110, 55, 110), (250, 150, 65)),
    "sunrise": ((130, 150, 210), (255, 205, 165)),
    "night": ((6, 8, 28), (30, 30, 80)),
    "cloudy": ((140, 148, 158), (195, 200, 206)),
}
LIGHT = {"day": 1.0, "sunset": 0.6, "sunrise": 0.85, "night": 0.33, "cloudy": 0.78}
CLEAR_OF_THINGS = 13.0  # units between the sun or moon and a thing, so that neither hides the other


class Canvas:
    """A picture under way: its size in units, its horizon, its light, where its things stand.

    Parameters
    ----------
    scene : Landscape
    width, height : int
        Pixels.
    """

    def __init__(self, scene: Landscape, width: int, height: int) -> None:
        self.scene, self.rng = scene, random.Random(scene.seed)  # noqa: S311 - pictures, not secrets
        self.pixels = min(width, height) / 64
        self.width, self.height = width / self.pixels, height / self.pixels
        self.top, self.low = (jitter(self.rng, color, 8) for color in SKIES[scene.time])
        share = self.rng.uniform(0.8, 0.85) if scene.ground == "city" else self.rng.uniform(0.56, 0.63)
        self.horizon = self.height * share
        self.light, self.picture = LIGHT[scene.time], Image.new("RGB", (width, height), self.low)
        self.pen = ImageDraw.Draw(self.picture)
        self.across = [self.width * (PLACES[thing.place] + self.rng.uniform(-0.03, 0.03)) for thing in scene.things]
        self.glow_x = self._free_place()

    def _free_place(self) -> float:
        """Where sun or moon stand: clear of the things, where there is room."""
        best = 0.0, self.width / 2
        for _ in range(8):
            x = self.width * self.rng.uniform(0.18, 0.82)
            room = min((abs(x - other) for other in self.across), default=CLEAR_OF_THINGS)
            if room >= CLEAR_OF_THINGS:
                return x
            best = max(best, (room, x))
        return best[1]

    def spot(self, thing: Thing) -> Point:
        """The foot of a thing that stands on the ground in front."""
        return self.across[self.scene.things.index(thing)], self.height * self.rng.uniform(0.84, 0.9)

    def row(self, thing: Thing) -> list[tuple[float, float, float]]:
        """Foot and size of each of a group."""
        x, y = self.spot(thing)
        reach = (thing.count - 1) / 2 * 11 + 6
        x = min(max(x, reach), self.width - reach)
        spread = [(k - (thing.count - 1) / 2) * 11 for k in range(thing.count)]
        return [(x + dx, y + self.rng.uniform(-1, 1), self.rng.uniform(9.5, 11.5)) for dx in spread]

    def shade(self, color: RGB, factor: float = 1.0, tint: float = 0.18) -> RGB:
        """The colour in this landscape's light.

        Parameters
        ----------
        color : (int, int, int)
        factor : float
            How much lighter (above 1) or darker than the scene's light.
        tint : float
            Share of the sky's colour at dusk, dawn and night.
        """
        lit = scaled(color, max(self.light * factor, 0))
        if self.scene.time in ("sunset", "sunrise"):
            return mix(lit, self.low, tint)
        return mix(lit, (20, 25, 60), tint) if self.scene.time == "night" else lit

    def near(self, color: RGB, factor: float = 1.0) -> RGB:
        """The colour of a thing in front, never too dark to be recognised."""
        lit = scaled(color, max(self.light, 0.66) * factor)
        return mix(lit, self.low, 0.1) if self.scene.time in ("sunset", "sunrise", "night") else lit

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: RGB) -> None:
        """Fill an ellipse.

        Parameters
        ----------
        x, y : float
            Its middle, in units.
        rx, ry : float
            Its radii, in units.
        color : (int, int, int)
        """
        p = self.pixels
        self.pen.ellipse([(x - rx) * p, (y - ry) * p, (x + rx) * p, (y + ry) * p], fill=color)

    def polygon(self, points: list[Point], color: RGB) -> None:
        self.pen.polygon([(x * self.pixels, y * self.pixels) for x, y in points], fill=color)

    def line(self, points: list[Point], color: RGB, width: float) -> None:
        """Draw a line through points.

        Parameters
        ----------
        points : list of (float, float)
            In units.
        color : (int, int, int)
        width : float
            In units.
        """
        scaled_points = [(x * self.pixels, y * self.pixels) for x, y in points]
        self.pen.line(scaled_points, fill=color, width=max(1, int(width * self.pixels)))

    def box(self, x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
        """Fill a rectangle.

        Parameters
        ----------
        x0, y0, x1, y1 : float
            Two opposite corners, in units.
        color : (int, int, int)
        """
        p = self.pixels
        self.pen.rectangle([x0 * p, y0 * p, x1 * p, y1 * p], fill=color)

    def gradient(self, y0: float, y1: float, top: RGB, bottom: RGB) -> None:
        """Fill rows with colours from one to another.

        Parameters
        ----------
        y0, y1 : float
            The first and the last row, in units.
        top, bottom : (int, int, int)
        """
        first, last = int(y0 * self.pixels), int(y1 * self.pixels) + 1
        for y in range(first, last):
            self.pen.line([(0, y), (self.picture.width, y)], fill=mix(top, bottom, (y - first) / (last - first)))

    def ridge(self, y: float, height: float, color: RGB) -> None:
        """Fill everything below a gently waving line.

        Parameters
        ----------
        y : float
            Mean height of the line, in units from the top.
        height : float
            How far it waves, in units.
        color : (int, int, int)
        """
        waves = [(self.rng.uniform(0.7, 1.3) * 2**k, self.rng.random(), 0.3**k) for k in range(2)]
        crest = []
        for k in range(33):
            x = k / 32
            rise = sum(a * math.sin(2 * math.pi * (x * f + phase)) for f, phase, a in waves)
            crest.append((x * self.width, y + height * rise))
        self.polygon([*crest, (self.width, self.height), (0, self.height)], color)
