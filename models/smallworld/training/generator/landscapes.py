"""Small landscapes: a sky at some time of day, the weather, a ground, and a few things in it.

What there is, how often, and how it is captioned; `painting` draws it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from smallworld.palette import article, word

from .shapes import NUMBERS

TIMES = {"day": 0.34, "sunset": 0.2, "sunrise": 0.1, "night": 0.22, "cloudy": 0.14}
GROUNDS = {"sea": 0.2, "mountains": 0.16, "hills": 0.17, "desert": 0.12, "field": 0.13, "city": 0.09, "snow": 0.13}
PLACES = {"left": 0.2, "center": 0.5, "right": 0.8}

# What may be in the sky at a time of day, and how often.
SKY: dict[str, dict[str, float]] = {
    "day": {"sun": 0.6, "clouds": 0.35, "rainbow": 0.12, "birds": 0.15},
    "sunset": {"sun": 0.75, "birds": 0.15, "clouds": 0.15},
    "sunrise": {"sun": 0.75, "clouds": 0.15, "birds": 0.1},
    "night": {"stars": 0.6, "moon": 0.35, "crescent": 0.3},
    "cloudy": {"clouds": 0.6},
}
WEATHER = ("rain", "snowfall", "fog", "lightning")
WEATHER_CHANCES: dict[str, dict[str, float]] = {
    "day": {"fog": 0.05},
    "sunset": {"fog": 0.05},
    "sunrise": {"fog": 0.1},
    "night": {"rain": 0.07, "snowfall": 0.07, "lightning": 0.07, "fog": 0.04},
    "cloudy": {"rain": 0.24, "snowfall": 0.18, "fog": 0.12, "lightning": 0.2},
}

# Which things stand on a ground; a balloon floats above any.
THINGS: dict[str, tuple[str, ...]] = {
    "sea": ("boat", "boat", "lighthouse", "balloon"),
    "mountains": ("house", "pine", "tent", "balloon"),
    "hills": ("house", "tree", "windmill", "tent", "mushroom", "balloon", "car"),
    "desert": ("cactus", "cactus", "tent", "car", "house", "balloon"),
    "field": ("house", "tree", "windmill", "mushroom", "balloon", "car"),
    "snow": ("house", "pine", "snowman", "snowman", "tent"),
    "city": ("car", "balloon"),
}
COLOURED: dict[str, tuple[str, ...]] = {
    "house": ("red", "white", "yellow", "blue", "brown", "orange", "pink", "purple"),
    "boat": ("red", "white", "yellow", "green", "orange", "brown"),
    "tent": ("red", "yellow", "blue", "orange", "purple", "pink"),
    "balloon": ("red", "yellow", "green", "orange", "purple", "pink"),
    "car": ("red", "yellow", "blue", "orange", "purple", "white"),
}
NATURAL = {"lighthouse": "red", "snowman": "white", "mushroom": "red", "windmill": "white"}
IN_GROUPS = ("tree", "pine", "cactus", "mushroom")
NAMES: tuple[str, ...] = (
    *("house", "boat", "tree", "pine", "cactus", "lighthouse", "tent", "snowman", "balloon"),
    *("car", "mushroom", "windmill"),
)

ELEMENTS: tuple[str, ...] = (
    *GROUNDS,
    *TIMES,
    *("sun", "clouds", "rainbow", "birds", "stars", "moon", "crescent"),
    *WEATHER,
    *NAMES,
)


@dataclass
class Thing:
    """A house, boat, tree or the like; trees, pines, cacti and mushrooms may stand in groups."""

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
    weather: str = ""
    style: str = "flat"
    landscape: bool = field(default=True, init=False)


def elements(scene: Landscape) -> frozenset[str]:
    """Everything of ``ELEMENTS`` that the scene shows."""
    weather = {scene.weather} - {""}
    return frozenset({scene.ground, scene.time, *scene.sky, *weather, *(thing.name for thing in scene.things)})


def sample_scene(rng: random.Random) -> Landscape:
    """Draw a random landscape."""
    time = rng.choices(list(TIMES), list(TIMES.values()))[0]
    ground = rng.choices(list(GROUNDS), list(GROUNDS.values()))[0]
    weather = rng.random()
    chosen = ""
    for name, chance in WEATHER_CHANCES[time].items():
        if 0 <= weather < chance and not (name == "snowfall" and ground == "desert"):
            chosen = name
        weather -= chance
    sky = _sample_sky(rng, time, chosen)
    return Landscape(time, ground, sky, _sample_things(rng, ground), rng.getrandbits(48), chosen)


def _sample_sky(rng: random.Random, time: str, weather: str) -> list[str]:
    sky = [name for name, chance in SKY[time].items() if rng.random() < chance]
    if "moon" in sky and "crescent" in sky:
        sky.remove(rng.choice(("moon", "crescent")))
    if weather in ("rain", "snowfall", "fog"):  # what is far up can hardly be seen then
        sky = [name for name in sky if name in ("clouds", "moon", "sun")]
    return [name for name in sky if not (weather == "lightning" and name == "stars")]


def _sample_things(rng: random.Random, ground: str) -> list[Thing]:
    things: list[Thing] = []
    places = list(PLACES)
    rng.shuffle(places)
    for place in places[: rng.choices((0, 1, 2), (0.25, 0.45, 0.3))[0]]:
        name = rng.choice(THINGS[ground])
        if any(thing.name == name for thing in things):
            continue
        count = rng.choice((1, 1, 2, 3)) if name in IN_GROUPS else 1
        things.append(Thing(name, rng.choice(COLOURED.get(name, (NATURAL.get(name, "green"),))), count, place))
    if sum(thing.count for thing in things) > 3:  # no room for more than three beside each other
        for thing in things:
            thing.count = 1
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
_WEATHER_WORDS = {
    "rain": ("in the rain", "in rain", "on a rainy day"),
    "snowfall": ("in snowfall", "while it is snowing"),
    "fog": ("in fog", "on a foggy day"),
    "lightning": ("with lightning", "in a storm"),
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
_WHERE = {"left": "on the left", "center": "in the middle", "right": "on the right"}


def _thing_phrase(rng: random.Random, thing: Thing) -> str:
    noun = {"boat": rng.choice(("boat", "sailboat")), "pine": rng.choice(("pine tree", "pine"))}.get(
        thing.name, thing.name
    )
    if thing.name in COLOURED and rng.random() < 0.8:
        noun = f"{word(rng, thing.color)} {noun}"
    several = "cacti" if noun == "cactus" else noun + "s"
    phrase = article(noun) if thing.count == 1 else f"{NUMBERS[thing.count]} {several}"
    return f"{phrase} {_WHERE[thing.place]}" if rng.random() < 0.4 else phrase


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + " and " + names[-1]


def caption(rng: random.Random, scene: Landscape) -> str:
    """One of the many ways to say what the landscape shows."""
    ground, sky_name = rng.choice(_GROUND_WORDS[scene.ground]), rng.choice(_SKY_NAMES[scene.time])
    sky = [rng.choice(_SKY_WORDS[name]) for name in scene.sky]
    rng.shuffle(sky)
    in_sky = listed(sky)
    when = "on a sunny day" if "sun" in scene.sky and scene.time == "day" else rng.choice(_TIME_WORDS[scene.time])
    spoken = [_thing_phrase(rng, thing) for thing in scene.things]
    rng.shuffle(spoken)
    things = " and ".join(spoken)
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
    if scene.weather:
        text += rng.choice((" ", ", ")) + rng.choice(_WEATHER_WORDS[scene.weather])
    if rng.random() < 0.1:
        return rng.choice(("a picture of ", "a drawing of ", "an image of ", "a landscape with ")) + text
    return text
