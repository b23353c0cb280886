"""What a picture shows, and which of the things that were asked for are right in it.

Shapes are found by analysis, which knows nothing of the model: background by the border, objects by connected
components (touching objects of two colours are told apart), colour by the nearest palette entry, shape by the best
matching silhouette. Landscapes are seen by a small network trained on the generator's pictures alone
(`judge_training`), which says for each element whether it is visible.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from smallworld.palette import COLORS, PALETTE
from smallworld.training.generator.landscapes import Landscape, elements
from smallworld.training.generator.shapes import POSITIONS, SHAPES, Group, ShapeScene, draw_shape
from smallworld.upscale import session

from .questions import Scene

MEASURES = ("foreground colour", "background colour", "shape", "count", "position", "binding", "landscape", "all")

SMALLEST_OBJECT = 0.0035  # of the picture; less is noise
CONTRAST = 48.0  # distance in RGB from the background at which a pixel belongs to an object
MAIN_SHARE = 0.25  # of a component's pixels; two colours that reach it are two objects that touch
LONG = 1.6  # an aspect that no shape has
NECK = 0.7  # of a component's greatest thickness; where a long one is thinner, two objects touch
PLACE_TOLERANCE, RELATION_MARGIN = 0.15, 0.1  # shares of the picture
OUTLINE = 32  # silhouettes are compared at this size
ASPECT_WEIGHT = 0.25

LANDSCAPE_JUDGE = Path(__file__).parents[2] / "card" / "landscape_judge.onnx"
LANDSCAPE_SIZE = 64  # pixels; what the network sees

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass
class Found:
    """One object that the detector sees; places and size are shares of the picture."""

    color: str
    shape: str
    x: float
    y: float
    share: float


# ---- shapes: the detector


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
        # A label is the place of another pixel of the same part, whose label may be smaller already.
        spread = np.append(spread, none)[spread]
        if np.array_equal(spread, labels):
            break
        labels = spread
    found, sizes = np.unique(labels[mask], return_counts=True)
    smallest = SMALLEST_OBJECT * mask.size
    return [labels == label for label, size in zip(found, sizes, strict=True) if size >= smallest]


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


def shrunk(mask: Mask) -> Mask:
    """The mask without its outermost pixels."""
    padded = np.pad(mask, 1)
    inner: Mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inner


def cut_at_necks(part: Mask) -> list[Mask]:
    """Split a component that is a row or column of touching objects of one colour.

    No shape is much longer than wide. What is, and has a neck where its halves or thirds meet, is cut there.
    """
    rows, columns = np.where(part)
    tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    if tall > wide:
        return [piece.T for piece in cut_at_necks(part.T)]
    pieces = round(wide / tall) if wide / tall >= LONG else 1
    thickness, first = part.sum(0), columns.min()
    cuts = []
    for k in range(1, pieces):
        middle, reach = first + k * wide / pieces, 0.2 * wide / pieces
        near = np.arange(round(middle - reach), round(middle + reach) + 1)
        thin = near[thickness[near] == thickness[near].min()]
        cuts.append(int(thin[np.abs(thin - middle).argmin()]))
    if any(thickness[cut] > NECK * thickness.max() for cut in cuts):
        return [part]
    owner = np.searchsorted(cuts, np.arange(part.shape[1]), side="right")
    return [part & (owner == number) for number in range(len(cuts) + 1)]


def silhouette(mask: Mask) -> tuple[NDArray[np.float64], float]:
    """The mask cut to its bounds and scaled to one size, and its width by height."""
    rows, columns = np.where(mask)
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scaled = Image.fromarray(cut.astype(np.uint8) * 255).resize((OUTLINE, OUTLINE), Image.Resampling.BILINEAR)
    return np.asarray(scaled) / 255, cut.shape[1] / cut.shape[0]


@functools.cache
def templates() -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Names, silhouettes and aspects of every shape, upright and turned as far as the generator turns them."""
    names, outlines, aspects = [], [], []
    for shape in SHAPES:
        for turn in (-0.1, -0.05, 0.0, 0.05, 0.1):
            picture = Image.new("L", (256, 256), 0)
            draw_shape(ImageDraw.Draw(picture), shape, 128, 128, 100, 255, turn)
            outline, aspect = silhouette(np.asarray(picture) > 127)
            names.append(shape)
            outlines.append(outline)
            aspects.append(aspect)
    return names, np.array(outlines), np.array(aspects)


def nearest_shape(mask: Mask) -> str:
    """The shape whose silhouette is most like the mask."""
    outline, aspect = silhouette(mask)
    names, outlines, aspects = templates()
    unlike = np.abs(outlines - outline).mean((1, 2)) + ASPECT_WEIGHT * np.abs(np.log(aspect / aspects))
    return names[int(unlike.argmin())]


def detect(picture: Picture) -> tuple[str, list[Found]]:
    """Background colour and objects of a picture ``(H, W, 3)``, the largest object first."""
    pixels = picture.astype(float)
    rows = np.median(pixels[:, [0, 1, -2, -1]], 1)  # each row's own background: it may be a gradient
    border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), rows])
    middle = np.median(border, 0)
    ground = np.where((np.abs(rows - middle).max(1) < CONTRAST)[:, None], rows, middle)[:, None]
    mask = np.sqrt(np.square(pixels - ground).sum(2)) > CONTRAST
    found = []
    one_colored = [piece for whole in components(mask) for piece in told_apart(whole, pixels)]
    for part in (piece for whole in one_colored for piece in cut_at_necks(whole)):
        inner = shrunk(part)
        color = np.median(pixels[inner if inner.sum() >= 4 else part], 0)
        y, x = (float(axis.mean()) / size for axis, size in zip(np.where(part), mask.shape, strict=True))
        found.append(Found(nearest_color(color), nearest_shape(part), x, y, float(part.mean())))
    return nearest_color(middle), sorted(found, key=lambda each: -each.share)


# ---- landscapes: the network


class LandscapeJudge:
    """Says which elements a landscape visibly has.

    Parameters
    ----------
    path : Path
        The network as `judge_training` writes it: the elements and their thresholds are in its metadata.

    Raises
    ------
    FileNotFoundError
        When the file is missing.
    """

    def __init__(self, path: Path = LANDSCAPE_JUDGE) -> None:
        self._session = session(path, "python -m smallworld.training.measure.judge_training")
        facts = self._session.get_modelmeta().custom_metadata_map
        thresholds: dict[str, float] = json.loads(facts["thresholds"])
        self.names = tuple(thresholds)
        self._thresholds = np.array(list(thresholds.values()))

    def scores(self, pictures: Sequence[Picture]) -> NDArray[np.float64]:
        """How surely each picture shows each element (0 to 1), shape ``(pictures, elements)``."""
        small = [Image.fromarray(np.ascontiguousarray(each)) for each in pictures]
        seen = [each.resize((LANDSCAPE_SIZE, LANDSCAPE_SIZE), Image.Resampling.BOX) for each in small]
        batch = np.stack([np.asarray(each) for each in seen]).astype(np.float32) / 127.5 - 1
        (answer,) = self._session.run(None, {"pictures": batch.transpose(0, 3, 1, 2)})
        return np.asarray(answer, float)

    def seen(self, pictures: Sequence[Picture]) -> NDArray[np.bool_]:
        """Whether each picture shows each element, shape ``(pictures, elements)``."""
        return self.scores(pictures) >= self._thresholds

    def visible(self, picture: Picture) -> frozenset[str]:
        """The elements that a picture ``(H, W, 3)`` shows."""
        return frozenset(name for name, seen in zip(self.names, self.seen([picture])[0], strict=True) if seen)


@functools.cache
def landscape_judge() -> LandscapeJudge:
    """The released judge of landscapes, loaded once."""
    return LandscapeJudge()


# ---- the judgement


def judge(scene: Scene, picture: Picture) -> dict[str, bool]:
    """Which of the things that were asked for are right in a picture.

    Parameters
    ----------
    scene : ShapeScene or Landscape
        What was asked for.
    picture : numpy.ndarray
        ``uint8``, shape ``(H, W, 3)``, about square.

    Returns
    -------
    dict of str to bool
        The measures that apply to this scene, ``all`` last. For two objects each measure wants both right; ``all``
        also wants nothing else in the picture of shapes.
    """
    if isinstance(scene, Landscape):
        right = elements(scene) <= landscape_judge().visible(picture)
        return {"landscape": right, "all": right}
    background, found = detect(picture)
    wanted = [group for group in scene.groups for _ in range(group.count)]
    largest = found[: len(wanted)]
    result = {
        "foreground colour": _same([each.color for each in largest], [group.color for group in wanted]),
        "background colour": background == scene.background,
        "shape": _same([each.shape for each in largest], [group.shape for group in wanted]),
    }
    if scene.kind == "count":
        result["count"] = len(found) == len(wanted)
    if scene.kind == "position":
        result["position"] = bool(found) and _is_at(found[0], scene.position)
    if scene.kind == "relation":
        result["position"] = _in_relation(found, scene)
    if scene.kind in ("relation", "pair"):
        pairs, right_pairs = [(e.color, e.shape) for e in largest], [(g.color, g.shape) for g in wanted]
        result["binding"] = _same(pairs, right_pairs)
    result["all"] = all(result.values()) and len(found) == len(wanted)
    return result


def _same(found: list[Any], wanted: list[Any]) -> bool:
    return sorted(found) == sorted(wanted)


def _is_at(found: Found, position: str) -> bool:
    x, y = POSITIONS[position]
    return max(abs(found.x - x), abs(found.y - y)) < PLACE_TOLERANCE


def _in_relation(found: list[Found], scene: ShapeScene) -> bool:
    """Whether the first object stands to the second as asked; they are known by colour."""

    def known(group: Group) -> Found | None:
        return next((each for each in found if each.color == group.color), None)

    first, second = (known(group) for group in scene.groups)
    if first is None or second is None:
        return False
    right, down = first.x - second.x, first.y - second.y
    return {"left": -right, "right": right, "above": -down, "below": down}[scene.relation] > RELATION_MARGIN
