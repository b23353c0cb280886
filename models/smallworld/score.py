"""How often the model draws what was asked: prompts with known answers, judged by an analytic detector.

The detector knows nothing of the model: background by the border, objects by connected components (touching objects of
two colours are told apart), colour by the nearest palette entry, shape by the best matching silhouette. It is tried
first on the generator's own pictures of the same prompts; that ceiling is printed, because no model can score above it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .bundle import WEIGHTS
from .drawing import draw
from .palette import COLORS, PALETTE, article, distinct_colors
from .sample import Drawing, SmallWorld
from .shapes import NUMBERS, OPPOSITE, POSITIONS, SHAPES, Group, ShapeScene, draw_shape, plural

SIZE = 64  # pictures are judged at this size, as the endpoint would return them
SMALLEST_OBJECT = 14  # pixels; less is noise
CONTRAST = 48.0  # distance in RGB from the background at which a pixel belongs to an object
MAIN_SHARE = 0.25  # of a component's pixels; two colours that reach it are two objects that touch
PLACE_TOLERANCE, RELATION_MARGIN = 0.15, 0.1  # shares of the picture
MEASURES = ("background", "colour", "shape", "count", "position", "all")

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass
class Found:
    """One object that the detector sees."""

    color: str
    shape: str
    x: float
    y: float
    pixels: int


def questions(count: int, seed: int) -> list[tuple[str, ShapeScene]]:
    """Prompts and the scenes they ask for: single objects, positions, counts and relations in turn."""
    rng = random.Random(seed)  # noqa: S311 - pictures, not secrets
    asked = []
    for k in range(count):
        kind, background = ("one", "position", "count", "relation")[k % 4], rng.choice(COLORS)
        colors = distinct_colors(rng, 2 if kind == "relation" else 1, background)
        number = 2 + k // 4 % 4 if kind == "count" else 1
        groups = [Group(rng.choice(SHAPES), color, number) for color in colors]
        relation = rng.choice(list(OPPOSITE))
        scene = ShapeScene(kind, background, groups, rng.choice(list(POSITIONS)), relation, rng.getrandbits(48))
        asked.append((wording(scene), scene))
    return asked


def wording(scene: ShapeScene) -> str:
    """The plainest way to ask for a scene."""

    def noun(group: Group) -> str:
        if group.count > 1:
            return f"{NUMBERS[group.count]} {group.color} {plural(group.shape)}"
        return article(f"{group.color} {group.shape}")

    text = noun(scene.groups[0])
    if scene.kind == "position":
        side = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
        text += " " + side.get(scene.position, f"in the {scene.position}")
    if scene.kind == "relation":
        where = {"left": "to the left of", "right": "to the right of"}.get(scene.relation, scene.relation)
        text += f" {where} {noun(scene.groups[1])}"
    return f"{text} on {article(scene.background)} background"


# ---- the detector


def nearest_color(color: NDArray[np.float64]) -> str:
    """The palette's name for a colour."""
    return min(COLORS, key=lambda name: float(np.square(np.subtract(PALETTE[name], color)).sum()))


def components(mask: Mask) -> list[Mask]:
    """The connected parts of a mask (4 neighbours) that are large enough to be objects."""
    none = mask.size
    labels = np.where(mask, np.arange(none).reshape(mask.shape), none)
    while True:
        padded = np.pad(labels, 1, constant_values=none)
        around = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
        spread = np.where(mask, np.minimum(labels, around), none)
        if np.array_equal(spread, labels):
            break
        labels = spread
    found, sizes = np.unique(labels[mask], return_counts=True)
    return [labels == label for label, size in zip(found, sizes, strict=True) if size >= SMALLEST_OBJECT]


def told_apart(part: Mask, pixels: NDArray[np.float64]) -> list[Mask]:
    """Split a component that is two touching objects of different colours."""
    palette = np.array([PALETTE[name] for name in COLORS], float)
    distances = np.linalg.norm(pixels[part][:, None] - palette, axis=2)
    shares = np.bincount(distances.argmin(1), minlength=len(COLORS)) / len(distances)
    main = np.flatnonzero(shares >= MAIN_SHARE)
    if len(main) < 2:
        return [part]
    chosen = np.full(part.shape, -1)
    chosen[part] = main[distances[:, main].argmin(1)]
    return [piece for color in main for piece in components(chosen == color)]


def silhouette(mask: Mask) -> tuple[NDArray[np.float64], float]:
    """The mask cut to its bounds and scaled to 32 x 32, and its width by height."""
    rows, columns = np.where(mask)
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scaled = Image.fromarray(cut.astype(np.uint8) * 255).resize((32, 32), Image.Resampling.BILINEAR)
    return np.asarray(scaled) / 255, cut.shape[1] / cut.shape[0]


def _templates() -> list[tuple[str, NDArray[np.float64], float]]:
    made = []
    for shape in SHAPES:
        for turn in (-0.1, 0.0, 0.1):
            picture = Image.new("L", (256, 256), 0)
            draw_shape(ImageDraw.Draw(picture), shape, 128, 128, 100, 255, turn)
            made.append((shape, *silhouette(np.asarray(picture) > 127)))
    return made


TEMPLATES = _templates()


def nearest_shape(mask: Mask) -> str:
    """The shape whose silhouette is most like the mask."""
    outline, aspect = silhouette(mask)

    def unlike(template: tuple[str, NDArray[np.float64], float]) -> float:
        _, other, other_aspect = template
        return float(np.abs(outline - other).mean() + 0.25 * abs(np.log(aspect / other_aspect)))

    return min(TEMPLATES, key=unlike)[0]


def detect(picture: Picture) -> tuple[str, list[Found]]:
    """Background colour and objects of a picture ``(H, W, 3)``, the largest object first."""
    pixels = picture.astype(float)
    rows = np.median(pixels[:, [0, 1, -2, -1]], 1)  # each row's own background: it may be a gradient
    border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), rows])
    middle = np.median(border, 0)
    ground = np.where((np.abs(rows - middle).max(1) < CONTRAST)[:, None], rows, middle)[:, None]
    mask = np.sqrt(np.square(pixels - ground).sum(2)) > CONTRAST
    found = []
    for part in (piece for whole in components(mask) for piece in told_apart(whole, pixels)):
        inner = part.copy()
        inner[1:] &= part[:-1]
        inner[:-1] &= part[1:]
        inner[:, 1:] &= part[:, :-1]
        inner[:, :-1] &= part[:, 1:]
        color = np.median(pixels[inner if inner.sum() >= 4 else part], 0)
        y, x = (float(axis.mean()) / size for axis, size in zip(np.where(part), mask.shape, strict=True))
        found.append(Found(nearest_color(color), nearest_shape(part), x, y, int(part.sum())))
    return nearest_color(middle), sorted(found, key=lambda each: -each.pixels)


# ---- the judgement


def judge(scene: ShapeScene, picture: Picture) -> dict[str, bool]:
    """Which of the things that were asked for are right in a picture."""
    background, found = detect(picture)
    wanted = sum(group.count for group in scene.groups)
    result = {"background": background == scene.background, "count": len(found) == wanted}
    if scene.kind == "relation":
        firsts = [[each for each in found if each.color == group.color][:1] for group in scene.groups]
        result["colour"] = all(firsts)
        matches = zip(firsts, scene.groups, strict=True)
        result["shape"] = all(first and first[0].shape == group.shape for first, group in matches)
        result["position"] = all(firsts) and _stands(firsts[0][0], firsts[1][0], scene.relation)
    else:
        group, largest = scene.groups[0], found[:wanted]
        result["colour"] = bool(largest) and all(each.color == group.color for each in largest)
        result["shape"] = bool(largest) and all(each.shape == group.shape for each in largest)
        if scene.kind == "position":
            x, y = POSITIONS[scene.position]
            near = bool(found) and max(abs(found[0].x - x), abs(found[0].y - y)) < PLACE_TOLERANCE
            result["position"] = near
    result["all"] = all(result.values())
    return result


def _stands(first: Found, second: Found, relation: str) -> bool:
    right, down = first.x - second.x, first.y - second.y
    return {"left": -right, "right": right, "above": -down, "below": down}[relation] > RELATION_MARGIN


def percentages(scenes: Sequence[ShapeScene], pictures: Sequence[Picture]) -> dict[str, int]:
    """How often each measure is right, in percent of the pictures that it applies to."""
    judged = [judge(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)]
    answers = {name: [each[name] for each in judged if name in each] for name in MEASURES}
    return {name: round(100 * sum(values) / len(values)) for name, values in answers.items() if values}


def ceiling(scenes: Sequence[ShapeScene]) -> dict[str, int]:
    """The score of the generator's own pictures: what the detector lets through."""
    return percentages(scenes, [np.asarray(draw(scene, SIZE, SIZE)) for scene in scenes])


def score(
    model: SmallWorld,
    asked: Sequence[tuple[str, ShapeScene]],
    settings: Sequence[tuple[int, float]],
    say: Callable[[str], None],
) -> list[dict[str, float]]:
    """Score the model at each pair of steps and guidance; every prompt has its own seed."""
    scenes, rows = [scene for _, scene in asked], []
    for steps, guidance in settings:
        begun = time.perf_counter()
        pictures = []
        for seed, (prompt, _) in enumerate(asked):
            drawing = Drawing("", steps, guidance, SIZE, SIZE, seed)
            pictures += model.draw(prompt, drawing)
        seconds = (time.perf_counter() - begun) / len(asked)
        rows.append({"steps": steps, "guidance": guidance, **percentages(scenes, pictures)})
        say(json.dumps({**rows[-1], "seconds_each": round(seconds, 3)}))
    return rows


def markdown(rows: Sequence[dict[str, float]], limit: dict[str, int]) -> str:
    """The table of the model card."""
    lines = ["| steps | guidance | " + " | ".join(MEASURES) + " |", "| --- " * (len(MEASURES) + 2) + "|"]
    lines += ["| the generator's own pictures | | " + " | ".join(str(limit[name]) for name in MEASURES) + " |"]
    for row in rows:
        cells = [f"{row['steps']}", f"{row['guidance']:g}", *(f"{row[name]}" for name in MEASURES)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``make score``."""
    parser = argparse.ArgumentParser(prog="python -m smallworld.score", description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the ONNX files (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=77, help="of the prompts (default: %(default)s)")
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 4, 8, 20], help="at the usual guidance")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1, 2, 3, 4, 6], help="at the usual steps")
    options = parser.parse_args(arguments)
    say: Callable[[str], None] = lambda text: print(text, flush=True)  # noqa: E731, T201 - progress and result
    asked = questions(options.prompts, options.seed)
    limit = ceiling([scene for _, scene in asked])
    say(json.dumps({"ceiling": limit}))
    settings = [(Drawing.steps, guidance) for guidance in options.guidance]
    settings += [(steps, Drawing.guidance_scale) for steps in options.steps]
    rows = score(SmallWorld(options.weights), asked, list(dict.fromkeys(settings)), say)
    say(markdown(rows, limit))


if __name__ == "__main__":
    main()
