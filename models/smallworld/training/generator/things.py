"""What stands in a landscape: each function draws one thing on a canvas, about 20 units high, where its foot is.

They are large and plain on purpose: at 64 pixels a windmill is four blades on a tower or it is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from smallworld.palette import PALETTE, RGB, jitter, mix

from .canvas import Canvas
from .landscapes import Thing

WINDOW_LIGHT: RGB = (255, 225, 120)
DARK: RGB = (40, 42, 50)


def _paint(canvas: Canvas, thing: Thing) -> RGB:
    """The thing's own colour in the scene's light."""
    return canvas.near(jitter(canvas.rng, PALETTE[thing.color], 10))


def _pane(canvas: Canvas) -> RGB:
    return WINDOW_LIGHT if canvas.scene.time in ("night", "sunset") else canvas.near((200, 225, 245))


def house(canvas: Canvas, thing: Thing) -> None:
    """Walls, a roof, a door, two windows."""
    (x, y), s = canvas.spot(thing), canvas.rng.uniform(9, 10.5)
    roof = (170, 60, 50) if thing.color == "brown" else (110, 62, 50)
    canvas.box(x - s, y - s * 1.25, x + s, y, _paint(canvas, thing))
    eaves = [(x - s * 1.25, y - s * 1.25), (x, y - s * 2.2), (x + s * 1.25, y - s * 1.25)]
    canvas.polygon(eaves, canvas.near(roof))
    canvas.box(x - s * 0.2, y - s * 0.65, x + s * 0.2, y, canvas.near((75, 50, 35)))
    for side in (-0.62, 0.62):
        canvas.box(x + side * s - s * 0.2, y - s * 0.95, x + side * s + s * 0.2, y - s * 0.5, _pane(canvas))


def boat(canvas: Canvas, thing: Thing) -> None:
    """A hull with two coloured sails, on the water."""
    x, s = canvas.spot(thing)[0], canvas.rng.uniform(9, 10.5)
    y, sail = canvas.horizon + canvas.rng.uniform(8, 11), jitter(canvas.rng, PALETTE[thing.color], 10)
    hull = (70, 45, 30) if thing.color == "brown" else (110, 65, 40)
    deck, keel = y - s * 0.35, y + s * 0.2
    canvas.polygon([(x - s, deck), (x + s, deck), (x + s * 0.65, keel), (x - s * 0.65, keel)], canvas.near(hull))
    canvas.line([(x, deck), (x, y - s * 1.9)], canvas.near((60, 45, 35)), 0.9)
    foot = y - s * 0.5
    canvas.polygon([(x + 0.5, y - s * 1.85), (x + s * 0.85, foot), (x + 0.5, foot)], canvas.near(sail, 1.1))
    canvas.polygon([(x - 0.5, y - s * 1.6), (x - s * 0.6, foot), (x - 0.5, foot)], canvas.near(sail))


def tree(canvas: Canvas, thing: Thing) -> None:
    """A trunk and three balls of leaves."""
    for x, y, s in canvas.row(thing):
        canvas.box(x - s * 0.14, y - s * 0.8, x + s * 0.14, y, canvas.near((105, 70, 40)))
        for dx, dy, r in ((0, -1.35, 0.55), (-0.32, -1.0, 0.45), (0.32, -1.0, 0.45)):
            canvas.ellipse(x + dx * s, y + dy * s, r * s, r * s, canvas.near((50, 140, 55)))


def pine(canvas: Canvas, thing: Thing) -> None:
    """A trunk and three triangles."""
    for x, y, s in canvas.row(thing):
        canvas.box(x - s * 0.1, y - s * 0.4, x + s * 0.1, y, canvas.near((95, 65, 40)))
        for step in (0.0, 0.42, 0.84):
            half, foot = s * (0.58 - step * 0.25), y - s * (0.3 + step)
            canvas.polygon([(x, foot - s * 0.8), (x + half, foot), (x - half, foot)], canvas.near((30, 105, 65)))


def cactus(canvas: Canvas, thing: Thing) -> None:
    """A column with two bent arms."""
    for x, y, s in canvas.row(thing):
        color = canvas.near((60, 140, 75))
        canvas.line([(x, y), (x, y - s * 1.5)], color, s * 0.28)
        for side in (-1, 1):
            elbow, arm = y - s * 0.65, x + side * 0.5 * s
            canvas.line([(arm, y - s * (1.15 + 0.1 * side)), (arm, elbow), (x, elbow)], color, s * 0.2)


def lighthouse(canvas: Canvas, thing: Thing) -> None:
    """A striped tower on a rock, its lamp lit; at night with a beam."""
    x, s = canvas.spot(thing)[0], canvas.rng.uniform(9.5, 10.5)
    y = canvas.horizon + 7
    canvas.polygon(
        [(x - s, y + 3), (x - s * 0.6, y - 3), (x + s * 0.6, y - 3), (x + s, y + 3)], canvas.near((95, 90, 88))
    )
    foot, head = y - 3, y - s * 2.4
    if canvas.scene.time == "night":
        side = 1 if x < canvas.width / 2 else -1
        far = x + side * s * 3
        beam = mix(canvas.top, (255, 240, 170), 0.55)
        canvas.polygon([(x, head - 1.5), (far, head - 5), (far, head + 3)], beam)
    for k in range(4):
        low, high = foot + (head - foot) * k / 4, foot + (head - foot) * (k + 1) / 4
        left, right = s * (0.46 - 0.05 * k), s * (0.46 - 0.05 * (k + 1))
        stripe = (215, 40, 40) if k % 2 == 0 else (246, 246, 246)
        canvas.polygon([(x - left, low), (x - right, high), (x + right, high), (x + left, low)], canvas.near(stripe))
    canvas.box(x - s * 0.24, head - 3.5, x + s * 0.24, head, WINDOW_LIGHT)
    canvas.polygon(
        [(x - s * 0.34, head - 3.5), (x, head - 6.5), (x + s * 0.34, head - 3.5)], canvas.near((170, 35, 35))
    )


def tent(canvas: Canvas, thing: Thing) -> None:
    """A coloured triangle with a dark opening."""
    (x, y), s = canvas.spot(thing), canvas.rng.uniform(10, 11.5)
    canvas.polygon([(x - s * 1.1, y), (x, y - s * 1.45), (x + s * 1.1, y)], _paint(canvas, thing))
    canvas.polygon([(x - s * 0.35, y), (x, y - s * 1.0), (x + s * 0.35, y)], canvas.near(DARK))


def snowman(canvas: Canvas, thing: Thing) -> None:
    """Two balls, a hat, eyes and a carrot, outlined so that it shows on snow."""
    (x, y), s = canvas.spot(thing), canvas.rng.uniform(9, 10)
    for dy, r in ((-0.6, 0.72), (-1.6, 0.52)):
        canvas.ellipse(x, y + dy * s, r * s + 0.8, r * s + 0.8, canvas.near((120, 140, 175)))
        canvas.ellipse(x, y + dy * s, r * s, r * s, canvas.near((252, 252, 255)))
    canvas.box(x - s * 0.55, y - s * 2.1, x + s * 0.55, y - s * 1.95, canvas.near(DARK))
    canvas.box(x - s * 0.36, y - s * 2.65, x + s * 0.36, y - s * 1.95, canvas.near(DARK))
    for side in (-0.2, 0.2):
        canvas.ellipse(x + side * s, y - s * 1.72, 0.75, 0.75, DARK)
    canvas.polygon([(x, y - s * 1.6), (x + s * 0.6, y - s * 1.48), (x, y - s * 1.36)], canvas.near((245, 130, 30)))
    canvas.line([(x - s * 0.5, y - s * 1.15), (x + s * 0.5, y - s * 1.15)], canvas.near((215, 35, 35)), 2)


def balloon(canvas: Canvas, thing: Thing) -> None:
    """A striped hot-air balloon in the sky, its basket below."""
    x, s = canvas.spot(thing)[0], canvas.rng.uniform(8.5, 9.5)
    y, color = canvas.height * canvas.rng.uniform(0.24, 0.32), _paint(canvas, thing)
    canvas.polygon(
        [
            (x - s * 0.9, y + s * 0.45),
            (x + s * 0.9, y + s * 0.45),
            (x + s * 0.22, y + s * 1.3),
            (x - s * 0.22, y + s * 1.3),
        ],
        color,
    )
    canvas.ellipse(x, y, s, s, color)
    canvas.ellipse(x, y, s * 0.38, s, canvas.near(mix(PALETTE[thing.color], (255, 255, 255), 0.75)))
    canvas.box(x - s * 0.28, y + s * 1.5, x + s * 0.28, y + s * 1.95, canvas.near((120, 80, 45)))
    for side in (-0.24, 0.24):
        canvas.line([(x + side * s, y + s * 1.25), (x + side * s, y + s * 1.55)], canvas.near(DARK), 0.6)


def car(canvas: Canvas, thing: Thing) -> None:
    """A body, a cabin with windows, two wheels."""
    (x, y), s = canvas.spot(thing), canvas.rng.uniform(10, 11)
    color = _paint(canvas, thing)
    canvas.polygon(
        [
            (x - s * 0.65, y - s * 0.7),
            (x - s * 0.4, y - s * 1.15),
            (x + s * 0.35, y - s * 1.15),
            (x + s * 0.7, y - s * 0.7),
        ],
        color,
    )
    canvas.box(x - s * 1.1, y - s * 0.72, x + s * 1.1, y - s * 0.2, color)
    canvas.box(x - s * 0.4, y - s * 1.03, x - s * 0.06, y - s * 0.7, _pane(canvas))
    canvas.box(x + s * 0.06, y - s * 1.03, x + s * 0.38, y - s * 0.7, _pane(canvas))
    for side in (-0.6, 0.6):
        canvas.ellipse(x + side * s, y - s * 0.18, s * 0.27, s * 0.27, DARK)
        canvas.ellipse(x + side * s, y - s * 0.18, s * 0.11, s * 0.11, canvas.near((190, 190, 195)))


def mushroom(canvas: Canvas, thing: Thing) -> None:
    """A pale stem under a red cap with white dots."""
    for x, y, s in canvas.row(thing):
        canvas.box(x - s * 0.17, y - s * 0.75, x + s * 0.17, y, canvas.near((240, 225, 195)))
        cap = [(x + s * 0.62 * math.cos(a), y - s * 0.62 - s * 0.7 * math.sin(a)) for a in _half_turn()]
        canvas.polygon(cap, canvas.near((215, 35, 35)))
        for dx, dy in ((-0.3, -0.85), (0.08, -1.08), (0.34, -0.78)):
            canvas.ellipse(x + dx * s, y + dy * s, 1.05, 1.05, canvas.near((250, 250, 250)))


def windmill(canvas: Canvas, thing: Thing) -> None:
    """A white tower with a brown cap and four blades."""
    (x, y), s = canvas.spot(thing), canvas.rng.uniform(9.5, 10.5)
    wall = [(x - s * 0.6, y), (x - s * 0.36, y - s * 1.5), (x + s * 0.36, y - s * 1.5), (x + s * 0.6, y)]
    canvas.polygon(wall, canvas.near((240, 236, 225)))
    canvas.polygon(
        [(x - s * 0.46, y - s * 1.5), (x, y - s * 2.0), (x + s * 0.46, y - s * 1.5)], canvas.near((120, 70, 45))
    )
    canvas.box(x - s * 0.16, y - s * 0.5, x + s * 0.16, y, canvas.near((85, 55, 38)))
    hub, turn = y - s * 1.55, canvas.rng.uniform(0.35, 1.2)
    for k in range(4):
        c, d = math.cos(turn + k * math.pi / 2), math.sin(turn + k * math.pi / 2)
        blade = [(0.15, 0.0), (1.25, 0.0), (1.25, 0.32), (0.15, 0.32)]
        corners = [(x + s * (u * c - v * d), hub + s * (u * d + v * c)) for u, v in blade]
        canvas.polygon(corners, canvas.near((150, 95, 55)))


def _half_turn() -> list[float]:
    return [k * math.pi / 14 for k in range(15)]


DRAW: dict[str, Callable[[Canvas, Thing], None]] = {
    "house": house,
    "boat": boat,
    "tree": tree,
    "pine": pine,
    "cactus": cactus,
    "lighthouse": lighthouse,
    "tent": tent,
    "snowman": snowman,
    "balloon": balloon,
    "car": car,
    "mushroom": mushroom,
    "windmill": windmill,
}
