"""Small landscapes: a sky at some time of day, a ground, and a few things in it.

Lengths are in units of a 64th of the picture's shorter side, so that one scene can be drawn at any size.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from .palette import PALETTE, RGB, article, jitter, mix, scaled, word
from .shapes import NUMBERS, draw_shape

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
GROUNDS = {"sea": 0.24, "mountains": 0.2, "hills": 0.18, "desert": 0.1, "field": 0.1, "city": 0.08, "snow": 0.1}
PLACES = {"left": 0.22, "center": 0.5, "right": 0.78}
HOUSE_COLORS = ("red", "white", "yellow", "blue", "brown", "orange", "pink", "purple")
BOAT_COLORS = ("red", "white", "yellow", "green", "orange", "brown")
WINDOW_LIGHT = (255, 225, 120)
SUN: dict[str, RGB] = {"day": (255, 226, 70), "sunset": (255, 190, 80), "sunrise": (255, 225, 120)}


@dataclass
class Thing:
    """A house, boat, tree, pine or cactus; trees may stand in groups."""

    name: str
    color: str
    count: int
    place: str


@dataclass
class Landscape:
    """What a landscape shows; ``seed`` fixes everything its drawing leaves open."""

    time: str
    ground: str
    sky: list[str]
    things: list[Thing]
    seed: int = 0
    landscape: bool = field(default=True, init=False)


def sample_scene(rng: random.Random) -> Landscape:
    """Draw a random landscape."""
    time = rng.choices(list(SKIES), (0.32, 0.24, 0.08, 0.26, 0.1))[0]
    ground = rng.choices(list(GROUNDS), list(GROUNDS.values()))[0]
    return Landscape(time, ground, _sample_sky(rng, time), _sample_things(rng, ground), rng.getrandbits(48))


def _sample_sky(rng: random.Random, time: str) -> list[str]:
    chances = {
        "day": {"sun": 0.6, "clouds": 0.4, "rainbow": 0.08, "birds": 0.1},
        "sunset": {"sun": 0.8, "birds": 0.1, "clouds": 0.15},
        "sunrise": {"sun": 0.8, "clouds": 0.15},
        "night": {"stars": 0.65, "moon": 0.4, "crescent": 0.2},
        "cloudy": {"clouds": 1.0},
    }
    sky = [name for name, chance in chances[time].items() if rng.random() < chance]
    return [name for name in sky if not (name == "crescent" and "moon" in sky)]


def _sample_things(rng: random.Random, ground: str) -> list[Thing]:
    if ground == "city":
        return []
    if ground == "sea":
        return [Thing("boat", rng.choice(BOAT_COLORS), 1, rng.choice(list(PLACES)))] if rng.random() < 0.45 else []
    things = []
    if rng.random() < 0.4:
        things.append(Thing("house", rng.choice(HOUSE_COLORS), 1, rng.choice(list(PLACES))))
    if rng.random() < 0.45:
        tree = {"desert": "cactus", "snow": "pine", "mountains": "pine"}.get(ground) or rng.choice(("tree", "pine"))
        free = [place for place in PLACES if not things or place != things[0].place]
        things.append(Thing(tree, "green", rng.choice((1, 1, 2, 3)), rng.choice(free)))
    return things


# ---- captions

_GROUND_WORDS = {
    "sea": ("the sea", "the sea", "the ocean"),
    "mountains": ("mountains", "the mountains", "snowy mountains"),
    "hills": ("green hills", "hills", "rolling hills"),
    "desert": ("the desert", "a desert", "sand dunes"),
    "field": ("a field", "a field of flowers", "a meadow"),
    "city": ("a city", "the city", "a city skyline"),
    "snow": ("snow", "a snowy landscape", "a snowy field"),
}
_SKY_WORDS = {
    "sun": ("the sun", "a sun"),
    "clouds": ("clouds", "white clouds"),
    "rainbow": ("a rainbow",),
    "birds": ("birds", "flying birds"),
    "stars": ("stars",),
    "moon": ("the moon", "a full moon", "a moon"),
    "crescent": ("a crescent moon",),
}
_TIME_WORDS = {
    "day": ("during the day", "in daylight"),
    "sunset": ("at sunset", "in the evening"),
    "sunrise": ("at sunrise", "at dawn"),
    "night": ("at night",),
    "cloudy": ("on a cloudy day", "under a cloudy sky"),
}
_SKY_NAMES = {
    "day": ("a blue sky", "a blue sky", "a clear sky"),
    "sunset": ("a sunset", "a sunset", "an orange sky", "a sunset sky"),
    "sunrise": ("a sunrise", "a sunrise sky"),
    "night": ("a night sky", "a night sky", "a dark sky"),
    "cloudy": ("a cloudy sky", "a gray sky", "an overcast sky"),
}


def _thing_phrase(rng: random.Random, thing: Thing) -> str:
    if thing.name in ("house", "boat"):
        noun = rng.choice(("boat", "sailboat")) if thing.name == "boat" else "house"
        phrase = article(f"{word(rng, thing.color)} {noun}") if rng.random() < 0.85 else f"a {noun}"
    else:
        noun = rng.choice(("pine tree", "tree", "pine")) if thing.name == "pine" else thing.name
        several = "cacti" if noun == "cactus" else noun + "s"
        phrase = article(noun) if thing.count == 1 else f"{NUMBERS[thing.count]} {several}"
    if rng.random() < 0.4:
        phrase += {"left": " on the left", "center": " in the middle", "right": " on the right"}[thing.place]
    return phrase


def caption(rng: random.Random, scene: Landscape) -> str:
    """One of the many ways to say what the landscape shows."""
    ground, sky_name = rng.choice(_GROUND_WORDS[scene.ground]), rng.choice(_SKY_NAMES[scene.time])
    sky = [rng.choice(_SKY_WORDS[name]) for name in scene.sky]
    rng.shuffle(sky)
    in_sky = " and ".join(sky) if len(sky) < 3 else ", ".join(sky[:-1]) + " and " + sky[-1]
    when = "on a sunny day" if "sun" in scene.sky and scene.time == "day" else rng.choice(_TIME_WORDS[scene.time])
    things = " and ".join(_thing_phrase(rng, thing) for thing in scene.things)
    with_sky, form = f" with {in_sky}" if in_sky else "", rng.random()
    near = {"sea": "on", "city": "in", "hills": "on", "mountains": rng.choice(("near", "in front of"))}
    if things:
        if form < 0.35:
            text = f"{things} {near.get(scene.ground, 'in')} {ground} {when}" + (f", {in_sky}" if in_sky else "")
        elif form < 0.65:
            text = f"{things} {near.get(scene.ground, 'in')} {ground} under {sky_name}{with_sky}"
        else:
            text = f"{sky_name}{with_sky} over {ground} with {things}"
    elif form < 0.5:
        text = f"{sky_name}{with_sky} over {ground}"
    elif form < 0.8 or not in_sky:
        text = f"{ground} {when}{with_sky}"
    else:
        text = f"{in_sky} over {ground} {when}"
    if rng.random() < 0.1:
        return rng.choice(("a picture of ", "a drawing of ", "an image of ", "a landscape with ")) + text
    return text


# ---- drawing


class _Painter:
    """Draws one landscape; lengths in units, turned into pixels in one place."""

    def __init__(self, scene: Landscape, width: int, height: int) -> None:
        self.scene, self.rng = scene, random.Random(scene.seed)  # noqa: S311 - pictures, not secrets
        self.pixels = min(width, height) / 64
        self.width, self.height = width / self.pixels, height / self.pixels
        self.top, self.low = (jitter(self.rng, color, 8) for color in SKIES[scene.time])
        share = self.rng.uniform(0.8, 0.85) if scene.ground == "city" else self.rng.uniform(0.56, 0.63)
        self.horizon = self.height * share
        self.light, self.picture = LIGHT[scene.time], Image.new("RGB", (width, height), self.low)
        self.canvas = ImageDraw.Draw(self.picture)
        self.glow_x: float | None = None

    def shade(self, color: RGB, factor: float = 1.0, tint: float = 0.18) -> RGB:
        """The colour in this landscape's light."""
        lit = scaled(color, max(self.light * factor, 0))
        if self.scene.time in ("sunset", "sunrise"):
            return mix(lit, self.low, tint)
        return mix(lit, (20, 25, 60), tint) if self.scene.time == "night" else lit

    def near(self, color: RGB, factor: float = 1.0) -> RGB:
        """The colour of a thing in front, never too dark to be recognised."""
        lit = scaled(color, max(self.light, 0.5) * factor)
        return mix(lit, self.low, 0.1) if self.scene.time in ("sunset", "sunrise", "night") else lit

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: RGB) -> None:
        p = self.pixels
        self.canvas.ellipse([(x - rx) * p, (y - ry) * p, (x + rx) * p, (y + ry) * p], fill=color)

    def polygon(self, points: list[Point], color: RGB) -> None:
        self.canvas.polygon([(x * self.pixels, y * self.pixels) for x, y in points], fill=color)

    def line(self, points: list[Point], color: RGB, width: float) -> None:
        scaled_points = [(x * self.pixels, y * self.pixels) for x, y in points]
        self.canvas.line(scaled_points, fill=color, width=max(1, int(width * self.pixels)))

    def box(self, x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
        p = self.pixels
        self.canvas.rectangle([x0 * p, y0 * p, x1 * p, y1 * p], fill=color)

    def gradient(self, y0: float, y1: float, top: RGB, bottom: RGB) -> None:
        first, last = int(y0 * self.pixels), int(y1 * self.pixels) + 1
        for y in range(first, last):
            self.canvas.line([(0, y), (self.picture.width, y)], fill=mix(top, bottom, (y - first) / (last - first)))

    def ridge(self, y: float, height: float, color: RGB) -> None:
        """Fill everything below a gently waving line."""
        waves = [(self.rng.uniform(0.7, 1.3) * 2**k, self.rng.random(), 0.3**k) for k in range(2)]
        crest = []
        for k in range(33):
            x = k / 32
            rise = sum(a * math.sin(2 * math.pi * (x * f + phase)) for f, phase, a in waves)
            crest.append((x * self.width, y + height * rise))
        self.polygon([*crest, (self.width, self.height), (0, self.height)], color)

    def paint(self) -> Image.Image:
        self.gradient(0, self.horizon, self.top, self.low)
        for name in self.scene.sky:
            getattr(self, f"_sky_{name}")()
        getattr(self, f"_ground_{self.scene.ground}")()
        for thing in self.scene.things:
            getattr(self, f"_thing_{thing.name}")(thing)
        return self.picture

    def _sky_stars(self) -> None:
        for _ in range(self.rng.randint(10, 16)):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(0, self.horizon * 0.95)
            self.ellipse(x, y, 0.95, 0.95, (255, 255, 235))

    def _sky_sun(self) -> None:
        self.glow_x = self.width * self.rng.uniform(0.2, 0.8)
        radius, color = self.rng.uniform(6, 7.5), SUN[self.scene.time]
        y = self.height * self.rng.uniform(0.16, 0.26) if self.scene.time == "day" else self.horizon - 2
        self.ellipse(self.glow_x, y, radius * 1.4, radius * 1.4, mix(self.top if y < 20 else self.low, color, 0.4))
        self.ellipse(self.glow_x, y, radius, radius, color)

    def _sky_moon(self) -> None:
        self.glow_x = self.width * self.rng.uniform(0.2, 0.8)
        self.ellipse(self.glow_x, self.height * self.rng.uniform(0.16, 0.26), 6.5, 6.5, (245, 240, 215))

    def _sky_crescent(self) -> None:
        self.glow_x = self.width * self.rng.uniform(0.2, 0.8)
        x, y, p = self.glow_x, self.height * self.rng.uniform(0.16, 0.26), self.pixels
        draw_shape(self.canvas, "crescent", x * p, y * p, 7 * p, (245, 240, 215))

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
            self.canvas.arc(box, 180, 360, fill=color, width=int(2.4 * p))

    def _sky_birds(self) -> None:
        for _ in range(3):
            x, y = self.width * self.rng.uniform(0.15, 0.85), self.horizon * self.rng.uniform(0.15, 0.6)
            self.line([(x - 3, y - 1.6), (x, y), (x + 3, y - 1.6)], (35, 35, 45), 1.0)

    def _ground_sea(self) -> None:
        top = mix(self.shade((40, 120, 190)), self.low, 0.35)
        self.gradient(self.horizon, self.height, top, self.shade((18, 62, 130)))
        for _ in range(6):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(self.horizon + 3, self.height - 1)
            self.line([(x - 5, y), (x + 5, y)], mix(top, (255, 255, 255), 0.25), 0.8)
        if self.glow_x is not None and self.scene.time != "day":
            glow = (225, 225, 205) if self.scene.time == "night" else (255, 220, 140)
            for k in range(int((self.height - self.horizon) / 4)):
                y, reach = self.horizon + 2 + 4 * k, self.rng.uniform(2.5, 4.5)
                self.line([(self.glow_x - reach, y), (self.glow_x + reach, y)], glow, 1.2)

    def _ground_mountains(self) -> None:
        for base, color in ((self.horizon, (120, 130, 155)), (self.horizon + 7, (85, 95, 120))):
            behind, x = base == self.horizon, self.width * self.rng.uniform(-0.15, 0.05)
            while x < self.width:
                half, rise = self.rng.uniform(13, 17), self.rng.uniform(17, 22) if behind else self.rng.uniform(9, 13)
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
        self.ridge(self.horizon + 2, 2.5, self.shade((215, 225, 240), 0.95))
        self.ridge(self.height * 0.8, 2, self.shade((242, 246, 252), 1.0, 0.1))

    def _ground_city(self) -> None:
        self.box(0, self.horizon, self.width, self.height, self.shade((70, 72, 80)))
        lit = (250, 220, 120) if self.scene.time in ("night", "sunset") else (200, 205, 215)
        x = -self.rng.uniform(0, 4)
        while x < self.width:
            wide, tall = self.rng.uniform(9, 12), self.rng.uniform(16, 36)
            color = self.shade(self.rng.choice(((95, 100, 120), (120, 110, 115), (80, 88, 105))), 0.9, 0.25)
            self.box(x, self.horizon - tall, x + wide, self.horizon + 2, color)
            for row in range(int((tall - 3) / 5)):
                for column in range(int((wide - 1) / 4)):
                    left, top = x + 1.5 + 4 * column, self.horizon - tall + 3 + 5 * row
                    self.box(left, top, left + 2, top + 2, lit)
            x += wide + self.rng.uniform(0.5, 2)

    def _spot(self, thing: Thing) -> Point:
        across = self.width * (PLACES[thing.place] + self.rng.uniform(-0.03, 0.03))
        return across, self.height * self.rng.uniform(0.84, 0.9)

    def _thing_house(self, thing: Thing) -> None:
        (x, y), s = self._spot(thing), self.rng.uniform(9, 10.5)
        roof = (170, 60, 50) if thing.color == "brown" else (110, 62, 50)
        self.box(x - s, y - s * 1.25, x + s, y, self.near(jitter(self.rng, PALETTE[thing.color], 10)))
        eaves = [(x - s * 1.25, y - s * 1.25), (x, y - s * 2.2), (x + s * 1.25, y - s * 1.25)]
        self.polygon(eaves, self.near(roof))
        self.box(x - s * 0.2, y - s * 0.65, x + s * 0.2, y, self.near((75, 50, 35)))
        pane = WINDOW_LIGHT if self.scene.time in ("night", "sunset") else self.near((200, 225, 245))
        for side in (-0.62, 0.62):
            self.box(x + side * s - s * 0.2, y - s * 0.95, x + side * s + s * 0.2, y - s * 0.5, pane)

    def _thing_boat(self, thing: Thing) -> None:
        x, s = self.width * (PLACES[thing.place] + self.rng.uniform(-0.03, 0.03)), self.rng.uniform(9, 10.5)
        y, sail = self.horizon + self.rng.uniform(8, 11), jitter(self.rng, PALETTE[thing.color], 10)
        hull = (70, 45, 30) if thing.color == "brown" else (110, 65, 40)
        deck, keel = y - s * 0.35, y + s * 0.2
        self.polygon([(x - s, deck), (x + s, deck), (x + s * 0.65, keel), (x - s * 0.65, keel)], self.near(hull))
        self.line([(x, deck), (x, y - s * 1.9)], self.near((60, 45, 35)), 0.9)
        self.polygon(
            [(x + 0.5, y - s * 1.85), (x + s * 0.85, y - s * 0.5), (x + 0.5, y - s * 0.5)], self.near(sail, 1.1)
        )
        self.polygon([(x - 0.5, y - s * 1.6), (x - s * 0.6, y - s * 0.5), (x - 0.5, y - s * 0.5)], self.near(sail))

    def _row(self, thing: Thing) -> list[tuple[float, float, float]]:
        x, y = self._spot(thing)
        spread = [(k - (thing.count - 1) / 2) * 11 for k in range(thing.count)]
        return [(x + dx, y + self.rng.uniform(-1, 1), self.rng.uniform(9.5, 11.5)) for dx in spread]

    def _thing_tree(self, thing: Thing) -> None:
        for x, y, s in self._row(thing):
            self.box(x - s * 0.14, y - s * 0.8, x + s * 0.14, y, self.near((105, 70, 40)))
            for dx, dy, r in ((0, -1.35, 0.55), (-0.32, -1.0, 0.45), (0.32, -1.0, 0.45)):
                self.ellipse(x + dx * s, y + dy * s, r * s, r * s, self.near((50, 140, 55)))

    def _thing_pine(self, thing: Thing) -> None:
        for x, y, s in self._row(thing):
            self.box(x - s * 0.1, y - s * 0.4, x + s * 0.1, y, self.near((95, 65, 40)))
            for step in (0.0, 0.42, 0.84):
                half, foot = s * (0.58 - step * 0.25), y - s * (0.3 + step)
                self.polygon([(x, foot - s * 0.8), (x + half, foot), (x - half, foot)], self.near((30, 105, 65)))

    def _thing_cactus(self, thing: Thing) -> None:
        for x, y, s in self._row(thing):
            color = self.near((60, 140, 75))
            self.line([(x, y), (x, y - s * 1.5)], color, s * 0.28)
            for side in (-1, 1):
                elbow, arm = y - s * 0.65, x + side * 0.5 * s
                self.line([(arm, y - s * (1.15 + 0.1 * side)), (arm, elbow), (x, elbow)], color, s * 0.2)


def draw(scene: Landscape, width: int, height: int) -> Image.Image:
    """Draw the landscape, without antialiasing: the caller draws larger and reduces."""
    return _Painter(scene, width, height).paint()
