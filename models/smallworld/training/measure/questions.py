"""Prompts with known answers, held out of training: what `score` asks.

A scored prompt is never a caption, nor any other wording that the model reads as the same words: training draws another
scene whenever a caption reads like one of `held_out`. Its sentence form is one that no caption has, besides: shapes are
asked for *with* a background ("a red star with a blue background"), landscapes as a list behind ground and time ("green
hills at night, a house and the moon"). Every word is one that captions have.

Standard library, shapes and landscapes only, because training imports this.
"""

from __future__ import annotations

import dataclasses
import functools
import random

from smallworld.palette import COLORS, article, distinct_colors
from smallworld.training.generator import landscapes
from smallworld.training.generator.landscapes import Landscape
from smallworld.training.generator.shapes import NUMBERS, POSITIONS, RELATIONS, SHAPES, Group, ShapeScene, plural

Scene = ShapeScene | Landscape
Question = tuple[str, Scene]

SCORED, SEED = 500, 77
"""How many questions the model card's table is about, and what they are drawn from."""
CYCLE = ("one", "position", "count", "relation", "pair") * 4 + ("landscape",) * 5
"""Kinds of any 25 questions in a row, so that the first 100 are like all 500: 400 of shapes, 100 landscapes."""

SIDES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
GROUNDS = {"sea": "the sea", "hills": "green hills", "desert": "the desert", "field": "a field", "city": "a city"}
TIMES = {"day": "during the day", "cloudy": "on a cloudy day"}
PLAIN = {"sun": "the sun", "moon": "the moon", "crescent": "a crescent moon", "pine": "a pine tree"}
UNCOUNTED = ("clouds", "birds", "stars", "rain", "snowfall", "fog", "lightning")


def questions(count: int, seed: int) -> list[Question]:
    """Prompts and the scenes they ask for, the kinds in turn as in ``CYCLE``; no prompt comes twice.

    Parameters
    ----------
    count : int
        How many; fewer are the beginning of more.
    seed : int
        What they are drawn from.

    Returns
    -------
    list of (str, ShapeScene or Landscape)
        The scene also draws the picture that a perfect model would draw.
    """
    rng = random.Random(f"questions {seed}")  # noqa: S311 - pictures, not secrets
    asked: dict[str, Scene] = {}
    while len(asked) < count:
        kind, turn = CYCLE[len(asked) % len(CYCLE)], len(asked) // 5
        scene = _landscape(rng) if kind == "landscape" else _shapes(rng, kind, turn)
        asked.setdefault(wording(scene), scene)
    return list(asked.items())


@functools.cache
def held_out() -> frozenset[str]:
    """The prompts of the model card's table, which training must never see as captions."""
    return frozenset(text for text, _ in questions(SCORED, SEED))


def _shapes(rng: random.Random, kind: str, turn: int) -> ShapeScene:
    """A scene of shapes with every number, place and relation about equally often; two objects differ in shape too."""
    background, two = rng.choice(COLORS), kind in ("relation", "pair")
    colors = distinct_colors(rng, 2 if two else 1, background)
    names = rng.sample(SHAPES, len(colors))
    number = 2 + turn % 4 if kind == "count" else 1
    groups = [Group(name, color, number) for name, color in zip(names, colors, strict=True)]
    position = list(POSITIONS)[turn % len(POSITIONS)]
    relation = list(RELATIONS)[turn % len(RELATIONS)] if kind == "relation" else "left"
    return ShapeScene(kind, background, groups, position, relation, rng.getrandbits(48))


def _landscape(rng: random.Random) -> Landscape:
    """A landscape of the generator's with something to name besides ground and time; groups are single things."""
    while True:
        scene = landscapes.sample_scene(rng)
        if len(landscapes.elements(scene)) > 2:
            things = [dataclasses.replace(thing, count=1) for thing in scene.things]
            return dataclasses.replace(scene, things=things)


def wording(scene: Scene) -> str:
    """The plainest way to ask for a scene, in a form that no caption has."""
    return _landscape_wording(scene) if isinstance(scene, Landscape) else _shape_wording(scene)


def _shape_wording(scene: ShapeScene) -> str:
    def noun(group: Group) -> str:
        if group.count > 1:
            return f"{NUMBERS[group.count]} {group.color} {plural(group.shape)}"
        return article(f"{group.color} {group.shape}")

    text = noun(scene.groups[0])
    if scene.kind == "position":
        text += " " + SIDES.get(scene.position, f"in the {scene.position}")
    elif scene.kind == "relation":
        where = {"left": "to the left of", "right": "to the right of"}.get(scene.relation, scene.relation)
        text += f" {where} {noun(scene.groups[1])}"
    elif scene.kind == "pair":
        text += f" and {noun(scene.groups[1])}"
    return f"{text} with {article(scene.background)} background"


def _landscape_wording(scene: Landscape) -> str:
    """Ground and time, then every other element by name; colours and places are left open."""
    rest = sorted(landscapes.elements(scene) - {scene.ground, scene.time})
    names = [PLAIN.get(name, name if name in UNCOUNTED else article(name)) for name in rest]
    ground, time = GROUNDS.get(scene.ground, scene.ground), TIMES.get(scene.time, f"at {scene.time}")
    return f"{ground} {time}, {landscapes.listed(names)}"
