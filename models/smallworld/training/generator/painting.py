"""Landscapes drawn: sky, weather and ground; `things` has what stands in them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from smallworld.palette import PALETTE, RGB, mix

from . import things
from .canvas import Canvas
from .landscapes import Landscape
from .shapes import draw_shape

SUN: dict[str, RGB] = {"day": (255, 226, 70), "sunset": (255, 190, 80), "sunrise": (255, 225, 120)}
MOONLIGHT = (245, 240, 215)


class _Painter(Canvas):
    """Draws one landscape, from the back to the front."""

    def paint(self) -> Image.Image:
        self.gradient(0, self.horizon, self.top, self.low)
        for name in self.scene.sky:
            getattr(self, f"_sky_{name}")()
        if self.scene.weather == "lightning":
            self._lightning()
        getattr(self, f"_ground_{self.scene.ground}")()
        if self.scene.weather == "fog":
            self._fog()
        for thing in self.scene.things:
            things.DRAW[thing.name](self, thing)
        if self.scene.weather == "rain":
            self._rain()
        elif self.scene.weather == "snowfall":
            self._snowfall()
        return self.picture

    def _high(self) -> float:
        """Height of sun and moon: above peaks and roofs, where there are any."""
        return self.height * self.rng.uniform(0.15, 0.2 if self.scene.ground in ("mountains", "city") else 0.26)

    def _sky_stars(self) -> None:
        for _ in range(self.rng.randint(12, 18)):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(0, self.horizon * 0.9)
            self.ellipse(x, y, 1.0, 1.0, (255, 255, 235))

    def _sky_sun(self) -> None:
        radius, color = self.rng.uniform(6, 7.5), SUN[self.scene.time]
        high = self.scene.time == "day" or self.scene.ground in ("mountains", "city")
        y = self._high() if high else self.horizon - 3
        self.ellipse(self.glow_x, y, radius * 1.4, radius * 1.4, mix(self.top if y < 20 else self.low, color, 0.4))
        self.ellipse(self.glow_x, y, radius, radius, color)

    def _sky_moon(self) -> None:
        self.ellipse(self.glow_x, self._high(), 6.5, 6.5, MOONLIGHT)

    def _sky_crescent(self) -> None:
        p = self.pixels
        draw_shape(self.pen, "crescent", self.glow_x * p, self._high() * p, 7.5 * p, MOONLIGHT)

    def _sky_clouds(self) -> None:
        color = {"day": (250, 250, 252), "cloudy": (222, 225, 230)}.get(
            self.scene.time, mix((235,) * 3, self.low, 0.35)
        )
        count = 4 if self.scene.time == "cloudy" else 2
        for k in range(count):
            x = self.width * ((k + 0.5) / count + self.rng.uniform(-0.1, 0.1))
            y, s = self.height * self.rng.uniform(0.1, 0.3), self.rng.uniform(4, 5.5)
            for dx, dy, r in ((-1.2, 0.25, 0.8), (0, -0.1, 1.1), (1.2, 0.2, 0.85), (0.4, 0.4, 0.9), (-0.5, 0.4, 0.9)):
                self.ellipse(x + dx * s, y + dy * s, r * s * 1.1, r * s * 0.8, color)

    def _sky_rainbow(self) -> None:
        p, x = self.pixels, self.width * self.rng.uniform(0.4, 0.6)
        for k, name in enumerate(("red", "orange", "yellow", "green", "blue", "purple")):
            r, color = 32 - 2.2 * k, mix(PALETTE[name], self.low, 0.2)
            box = [(x - r) * p, (self.horizon - r) * p, (x + r) * p, (self.horizon + r) * p]
            self.pen.arc(box, 180, 360, fill=color, width=int(2.4 * p))

    def _sky_birds(self) -> None:
        for _ in range(3):
            x, y = self.width * self.rng.uniform(0.15, 0.85), self.horizon * self.rng.uniform(0.15, 0.6)
            self.line([(x - 3.4, y - 2), (x, y), (x + 3.4, y - 2)], (35, 35, 45), 1.2)

    def _lightning(self) -> None:
        x, foot = self._free_place(), self.horizon - 1
        reach = foot - 5
        corners = ((1.5, 0), (-3.5, 0.52), (-0.5, 0.5), (-3, 1), (3.5, 0.4), (0.6, 0.42), (4, 0))
        self.polygon([(x + dx, 5 + share * reach) for dx, share in corners], (255, 246, 170))

    def _fog(self) -> None:
        """A veil, thickest at the horizon; what stands in front is drawn over it."""
        pixels = np.asarray(self.picture, np.float32)
        y = np.arange(pixels.shape[0], dtype=np.float32)[:, None, None] / self.pixels
        veil = 0.85 * np.exp(-np.square((y - self.horizon) / 13)) + 0.2
        color = np.array(mix((225, 228, 232), self.low, 0.35), np.float32) * (0.55 + 0.45 * self.light)
        self.picture.paste(Image.fromarray((pixels + np.minimum(veil, 0.9) * (color - pixels)).astype(np.uint8)))

    def _rain(self) -> None:
        color = mix((170, 195, 225), self.low, 0.2)
        for _ in range(30):
            x, y = self.rng.uniform(0, self.width + 4), self.rng.uniform(-3, self.height)
            self.line([(x, y), (x - 2, y + 6)], color, 0.8)

    def _snowfall(self) -> None:
        for _ in range(42):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(0, self.height)
            self.ellipse(x, y, 1.05, 1.05, (248, 250, 255))

    def _ground_sea(self) -> None:
        top = mix(self.shade((40, 120, 190)), self.low, 0.35)
        self.gradient(self.horizon, self.height, top, self.shade((18, 62, 130)))
        for _ in range(6):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(self.horizon + 3, self.height - 1)
            self.line([(x - 5, y), (x + 5, y)], mix(top, (255, 255, 255), 0.25), 0.8)
        if {"sun", "moon", "crescent"} & set(self.scene.sky) and self.scene.time != "day":
            glow = (225, 225, 205) if self.scene.time == "night" else (255, 220, 140)
            for k in range(int((self.height - self.horizon) / 4)):
                y, reach = self.horizon + 2 + 4 * k, self.rng.uniform(2.5, 4.5)
                self.line([(self.glow_x - reach, y), (self.glow_x + reach, y)], glow, 1.2)

    def _ground_mountains(self) -> None:
        for base, color in ((self.horizon, (120, 130, 155)), (self.horizon + 7, (85, 95, 120))):
            behind, x = base == self.horizon, self.width * self.rng.uniform(-0.15, 0.05)
            while x < self.width:
                half, rise = self.rng.uniform(13, 17), self.rng.uniform(14, 18) if behind else self.rng.uniform(9, 13)
                peak = (x + half, base - rise)
                slope = [(x + half * 2.2, base + 1), (x - half * 0.2, base + 1)]
                self.polygon([peak, *slope], self.shade(color, 1, 0.3))
                if behind:
                    tip = [(peak[0] + half * 0.36, peak[1] + rise * 0.3), (peak[0] - half * 0.36, peak[1] + rise * 0.3)]
                    self.polygon([peak, *tip], self.shade((245, 248, 252), 1, 0.15))
                x += half * 1.7
            self.box(0, base, self.width, self.height, self.shade(color, 1, 0.3))
        self.ridge(self.height * 0.84, 1, self.shade((70, 125, 70)))

    def _ground_hills(self) -> None:
        self.ridge(self.horizon + 2, 3.5, self.shade((95, 165, 85), 0.9))
        self.ridge(self.height * 0.78, 2.5, self.shade((70, 150, 60)))

    def _ground_desert(self) -> None:
        self.ridge(self.horizon + 2.5, 2, self.shade((225, 185, 115), 0.9))
        self.ridge(self.height * 0.8, 2, self.shade((238, 200, 130)))

    def _ground_field(self) -> None:
        self.box(0, self.horizon, self.width, self.height, self.shade((95, 170, 60)))
        for _ in range(14):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(self.horizon + 2, self.height - 1)
            color = self.rng.choice(((250, 220, 60), (240, 90, 90), (250, 250, 250), (200, 110, 220)))
            self.ellipse(x, y, 1.0, 1.0, self.shade(color, 1.1))

    def _ground_snow(self) -> None:
        bright = 1.35 if self.scene.time == "sunset" else 1.0  # or it would pass for sand
        self.ridge(self.horizon + 2, 2.5, self.shade((215, 225, 240), 0.95 * bright))
        self.ridge(self.height * 0.8, 2, self.shade((242, 246, 252), bright, 0.1))

    def _ground_city(self) -> None:
        self.box(0, self.horizon, self.width, self.height, self.shade((70, 72, 80)))
        lit = (250, 220, 120) if self.scene.time in ("night", "sunset") else (200, 205, 215)
        x = -self.rng.uniform(0, 4)
        while x < self.width:
            wide, tall = self.rng.uniform(9, 12), self.rng.uniform(13, 28)
            color = self.shade(self.rng.choice(((95, 100, 120), (120, 110, 115), (80, 88, 105))), 0.9, 0.25)
            self.box(x, self.horizon - tall, x + wide, self.horizon + 2, color)
            for row in range(int((tall - 3) / 5)):
                for column in range(int((wide - 1) / 4)):
                    left, top = x + 1.5 + 4 * column, self.horizon - tall + 3 + 5 * row
                    self.box(left, top, left + 2, top + 2, lit)
            x += wide + self.rng.uniform(0.5, 2)


def draw(scene: Landscape, width: int, height: int) -> Image.Image:
    """Draw the landscape, without antialiasing: the caller draws larger and reduces.

    Parameters
    ----------
    scene : Landscape
    width, height : int
        Pixels.
    """
    return _Painter(scene, width, height).paint()
