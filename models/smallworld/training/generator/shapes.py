"""Scenes of flat shapes: what is in them, how they are captioned, how they are drawn.

Coordinates are shares of the picture (0 to 1), radii shares of its shorter side, so that one scene can be drawn at any
size. Sizes and places vary little on purpose: a small model that sees some hundred thousand pictures learns what a star
is only if stars resemble each other.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from smallworld.palette import COLORS, PALETTE, RGB, article, distinct_colors, jitter, scaled, word

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "ring", "cross", "crescent", "hexagon")
SHAPE_WORDS = {
    "circle": ("circle", "circle", "circle", "disc"),
    "square": ("square", "square", "square", "box"),
    "cross": ("cross", "cross", "plus sign"),
    "crescent": ("crescent", "crescent moon"),
}
PLURALS = {"cross": "crosses", "box": "boxes"}
NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four", 5: "five"}
KINDS = {"one": 0.36, "position": 0.20, "count": 0.16, "relation": 0.20, "pair": 0.08}

POSITIONS = {
    "top left": (0.25, 0.25),
    "top": (0.5, 0.25),
    "top right": (0.75, 0.25),
    "left": (0.25, 0.5),
    "center": (0.5, 0.5),
    "right": (0.75, 0.5),
    "bottom left": (0.25, 0.75),
    "bottom": (0.5, 0.75),
    "bottom right": (0.75, 0.75),
}
RELATIONS = {
    "above": ("above", "above", "over", "on top of"),
    "below": ("below", "below", "under", "beneath"),
    "left": ("to the left of", "to the left of", "left of"),
    "right": ("to the right of", "to the right of", "right of"),
}
OPPOSITE = {"above": "below", "below": "above", "left": "right", "right": "left"}

# Radius by how many objects share a place, then by size (-1 small, 0 unsaid, 1 big).
ONE_RADIUS = {-1: 0.17, 0: 0.30, 1: 0.42}
POSITION_RADIUS = {-1: 0.12, 0: 0.19, 1: 0.24}
COUNT_LAYOUT: dict[int, tuple[float, list[tuple[float, float]]]] = {
    2: (0.19, [(0.27, 0.5), (0.73, 0.5)]),
    3: (0.14, [(0.19, 0.5), (0.5, 0.5), (0.81, 0.5)]),
    4: (0.18, [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]),
    5: (0.14, [(0.21, 0.21), (0.79, 0.21), (0.5, 0.5), (0.21, 0.79), (0.79, 0.79)]),
}
GROUP_RADIUS = {1: 0.20, 2: 0.16, 3: 0.13}


@dataclass
class Group:
    """One or more equal objects."""

    shape: str
    color: str
    count: int = 1
    size: int = 0


@dataclass
class ShapeScene:
    """What a picture of shapes shows; ``seed`` fixes the jitter of its drawing."""

    kind: str
    background: str
    groups: list[Group]
    position: str = "center"
    relation: str = "left"
    seed: int = 0
    style: str = "flat"
    landscape: bool = field(default=False, init=False)


def sample_scene(rng: random.Random) -> ShapeScene:
    """Draw a random scene of shapes."""
    background = rng.choice(COLORS)
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    groups = []
    for color in distinct_colors(rng, 2 if kind in ("relation", "pair") else 1, background):
        count = 1
        if kind == "count":
            count = rng.choice((2, 3, 4, 5))
        elif kind == "relation" and rng.random() < 0.2:
            count = rng.choice((2, 3))
        size = rng.choices((-1, 0, 1), (0.12, 0.76, 0.12))[0] if kind in ("one", "position") else 0
        groups.append(Group(rng.choice(SHAPES), color, count, size))
    return ShapeScene(
        kind,
        background,
        groups,
        position=rng.choice(list(POSITIONS)),
        # A pair reads like a line of text: the first named stands left.
        relation="left" if kind == "pair" else rng.choice(list(RELATIONS)),
        seed=rng.getrandbits(48),
    )


# ---- captions


def plural(noun: str) -> str:
    """The plural of a shape's word."""
    return PLURALS.get(noun, noun + "s")


def _noun_phrase(rng: random.Random, group: Group, *, color: bool = True) -> str:
    noun = rng.choice(SHAPE_WORDS.get(group.shape, (group.shape,)))
    words = {-1: [rng.choice(("small", "tiny"))], 0: [], 1: [rng.choice(("big", "large"))]}[group.size]
    if color:
        words.append(word(rng, group.color))
    if group.count > 1:
        return " ".join([NUMBERS[group.count], *words, plural(noun)])
    return article(" ".join([*words, noun]))


def _position_phrase(rng: random.Random, position: str) -> str:
    if position == "center":
        return rng.choice(("in the center", "in the middle"))
    if " " in position:
        return rng.choice((f"in the {position}", f"in the {position} corner"))
    if position in ("left", "right"):
        return rng.choice((f"on the {position}", f"on the {position} side"))
    return f"at the {position}"


def _background_phrase(rng: random.Random, background: str) -> str:
    name = word(rng, background)
    return rng.choice(
        (
            f" on {article(name)} background",
            f" on {article(name)} background",
            f" on {article(name)} background",
            f", {name} background",
            f" on {name}",
            f" in front of {article(name)} background",
        )
    )


def caption(rng: random.Random, scene: ShapeScene) -> str:
    """One of the many ways to say what the scene shows; colour or background is now and then left out."""
    first = _noun_phrase(rng, scene.groups[0], color=rng.random() > 0.12)
    if scene.kind == "relation":
        second, relation = _noun_phrase(rng, scene.groups[1]), scene.relation
        if rng.random() < 0.35:
            first, second, relation = second, first, OPPOSITE[relation]
        text = f"{first} {rng.choice(RELATIONS[relation])} {second}"
    elif scene.kind == "pair":
        text = f"{first} and {_noun_phrase(rng, scene.groups[1])}"
    elif scene.kind == "position":
        text = f"{first} {_position_phrase(rng, scene.position)}"
    else:
        text = first
    if rng.random() > 0.12:
        text += _background_phrase(rng, scene.background)
    style = rng.random()
    if style < 0.08:
        return rng.choice(("a picture of ", "a drawing of ", "an image of ", "an illustration of ")) + text
    if style < 0.16 and text.startswith(("a ", "an ")):
        return text.split(" ", 1)[1]
    return text


# ---- drawing


def outline(shape: str) -> list[tuple[float, float]]:
    """The corners of a shape in the unit circle; circle and ring have none and are drawn as ellipses.

    Raises
    ------
    ValueError
        For a shape without corners, or an unknown one.
    """
    if shape == "square":
        return [(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)]
    if shape == "triangle":
        return [(0, -1), (0.95, 0.8), (-0.95, 0.8)]
    if shape == "diamond":
        return [(0, -1.1), (0.75, 0), (0, 1.1), (-0.75, 0)]
    if shape == "hexagon":
        return [(math.cos(k * math.pi / 3), math.sin(k * math.pi / 3)) for k in range(6)]
    if shape == "star":
        radii = [1.15 if k % 2 == 0 else 0.45 for k in range(10)]
        return [(r * math.sin(k * math.pi / 5), -r * math.cos(k * math.pi / 5)) for k, r in enumerate(radii)]
    if shape == "cross":
        b = 0.34
        corner = [(-b, -1.0), (b, -1.0), (b, -b), (1.0, -b), (1.0, b), (b, b)]
        return corner + [(-x, -y) for x, y in corner]
    if shape == "heart":
        turns = [k * 2 * math.pi / 28 for k in range(28)]
        return [(math.sin(t) ** 3, -_heart_height(t)) for t in turns]
    if shape == "crescent":
        outer = [(math.cos(math.radians(60 + 12 * k)), math.sin(math.radians(60 + 12 * k))) for k in range(21)]
        return [(x + 0.25, y) for x, y in outer + _crescent_hollow(outer[-1])]
    raise ValueError(f"no outline for {shape!r}; one of {', '.join(SHAPES)} except circle and ring")


def _heart_height(t: float) -> float:
    return (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) + 2.5) / 15.5


def _crescent_hollow(tip: tuple[float, float]) -> list[tuple[float, float]]:
    """The inner arc of the crescent: a circle about (0.62, 0) from one tip back to the other."""
    center = 0.62
    radius, start = math.hypot(tip[0] - center, tip[1]), math.atan2(tip[1], tip[0] - center) + 2 * math.pi
    end = 2 * math.pi - start
    angles = [start + (end - start) * k / 20 for k in range(1, 20)]
    return [(center + radius * math.cos(a), radius * math.sin(a)) for a in angles]


def draw_shape(
    canvas: ImageDraw.ImageDraw, shape: str, x: float, y: float, radius: float, color: RGB | int, turn: float = 0.0
) -> None:
    """Draw one shape.

    Parameters
    ----------
    canvas : ImageDraw
    shape : str
        One of ``SHAPES``.
    x, y, radius : float
        Its middle and its size, in pixels of the canvas.
    color : (int, int, int) or int
        An int on a canvas of one channel.
    turn : float
        In radians, clockwise.
    """
    box = [x - radius, y - radius, x + radius, y + radius]
    if shape == "circle":
        canvas.ellipse(box, fill=color)
    elif shape == "ring":
        canvas.ellipse(box, outline=color, width=max(1, int(radius * 0.4)))
    else:
        c, s = math.cos(turn), math.sin(turn)
        corners = outline(shape)
        canvas.polygon([(x + radius * (u * c - v * s), y + radius * (u * s + v * c)) for u, v in corners], fill=color)


def layout(scene: ShapeScene, *, portrait: bool) -> list[tuple[Group, float, float, float]]:
    """Where the objects stand before jitter: ``(group, x, y, radius)``. Rows become columns in a portrait."""
    first = scene.groups[0]
    if scene.kind == "one":
        return [(first, 0.5, 0.5, ONE_RADIUS[first.size])]
    if scene.kind == "position":
        return [(first, *POSITIONS[scene.position], POSITION_RADIUS[first.size])]
    if scene.kind == "count":
        radius, places = COUNT_LAYOUT[first.count]
        return [(first, y, x, radius) if portrait else (first, x, y, radius) for x, y in places]
    placed = []
    for group, side in zip(scene.groups, (0.27, 0.73), strict=True):
        along = side if scene.relation in ("above", "left") else 1 - side
        for k in range(group.count):
            across = (k + 0.5) / group.count if group.count > 1 else 0.5
            x, y = (across, along) if scene.relation in ("above", "below") else (along, across)
            placed.append((group, x, y, GROUP_RADIUS[group.count]))
    return placed


def draw(scene: ShapeScene, width: int, height: int) -> Image.Image:
    """Draw the scene, without antialiasing: the caller draws larger and reduces.

    Parameters
    ----------
    scene : ShapeScene
    width, height : int
        Pixels.
    """
    rng = random.Random(scene.seed)  # noqa: S311 - pictures, not secrets
    ground = jitter(rng, PALETTE[scene.background], 8)
    picture = Image.new("RGB", (width, height), ground)
    canvas = ImageDraw.Draw(picture)
    if rng.random() < 0.12:
        dark = rng.uniform(0.86, 0.95)
        for row in range(height):
            canvas.line([(0, row), (width, row)], fill=scaled(ground, 1 + (dark - 1) * row / height))
    colors = [jitter(rng, PALETTE[group.color], 10) for group in scene.groups]
    short = min(width, height)
    stretch, wander = rng.uniform(0.93, 1.07), 0.06 if scene.kind == "one" else 0.02
    turn = rng.uniform(-0.1, 0.1) if rng.random() < 0.4 else 0.0
    for group, x, y, radius in layout(scene, portrait=height > width):
        x, y = x + rng.uniform(-wander, wander), y + rng.uniform(-wander, wander)
        color = colors[next(i for i, other in enumerate(scene.groups) if other is group)]
        draw_shape(canvas, group.shape, x * width, y * height, radius * stretch * short, color, turn)
    return picture
