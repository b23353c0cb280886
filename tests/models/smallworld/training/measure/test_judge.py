from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from smallworld.training.generator import landscapes
from smallworld.training.generator.drawing import draw
from smallworld.training.generator.landscapes import Landscape, Thing
from smallworld.training.generator.shapes import SHAPES, Group, ShapeScene
from smallworld.training.measure import judge
from smallworld.training.measure.questions import Scene

SIZE = 128
BLUE, RED, WHITE = (40, 85, 215), (215, 35, 35), (246, 246, 246)


def picture_of(scene: Scene, size: int = SIZE) -> judge.Picture:
    return np.asarray(draw(scene, size, size))


def wrong(scene: Scene, picture: judge.Picture) -> list[str]:
    return [name for name, right in judge.judge(scene, picture).items() if not right]


# ---- shapes


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_told_from_the_others(shape, size):
    background, (found,) = judge.detect(picture_of(ShapeScene("one", "gray", [Group(shape, "orange")]), size))
    assert (background, found.color, found.shape) == ("gray", "orange", shape)
    assert abs(found.x - 0.5) < 0.12
    assert abs(found.y - 0.5) < 0.12


def test_no_shape_is_as_long_as_a_row_of_them():
    aspects = judge.templates()[2]
    assert aspects.min() > 1 / judge.LONG
    assert aspects.max() < judge.LONG


def test_each_mistake_is_counted_as_that_mistake():
    asked = ShapeScene("count", "blue", [Group("star", "red", 3)])
    assert wrong(asked, picture_of(asked)) == []
    mistakes = {
        "background colour": ShapeScene("count", "white", [Group("star", "red", 3)]),
        "foreground colour": ShapeScene("count", "blue", [Group("star", "green", 3)]),
        "shape": ShapeScene("count", "blue", [Group("circle", "red", 3)]),
        "count": ShapeScene("count", "blue", [Group("star", "red", 4)]),
    }
    for mistake, scene in mistakes.items():
        assert wrong(asked, picture_of(scene)) == [mistake, "all"]


def test_a_blue_square_is_no_red_circle():
    asked = ShapeScene("one", "white", [Group("circle", "red")])
    shown = ShapeScene("one", "white", [Group("square", "blue")])
    assert wrong(asked, picture_of(shown)) == ["foreground colour", "shape", "all"]


def test_something_besides_what_was_asked_for_is_only_not_all_right():
    asked = ShapeScene("one", "blue", [Group("star", "red")])
    picture = picture_of(asked).copy()
    picture[4:16, 4:16] = WHITE
    assert wrong(asked, picture) == ["all"]


def test_a_wrong_place_and_a_wrong_relation_are_counted():
    asked = ShapeScene("position", "blue", [Group("star", "red")], position="top left")
    moved = ShapeScene("position", "blue", [Group("star", "red")], position="bottom left")
    assert wrong(asked, picture_of(asked)) == []
    assert wrong(asked, picture_of(moved)) == ["position", "all"]
    groups = [Group("star", "red"), Group("ring", "white")]
    over, under = (ShapeScene("relation", "blue", groups, relation=r) for r in ("above", "below"))
    assert wrong(over, picture_of(over)) == []
    assert wrong(over, picture_of(under)) == ["position", "all"]


def test_swapped_colours_are_a_mistake_of_binding_alone():
    asked = ShapeScene("pair", "blue", [Group("star", "red"), Group("ring", "white")])
    swapped = ShapeScene("pair", "blue", [Group("star", "white"), Group("ring", "red")])
    assert wrong(asked, picture_of(asked)) == []
    assert wrong(asked, picture_of(swapped)) == ["binding", "all"]


def test_one_of_two_objects_is_not_enough():
    asked = ShapeScene("pair", "blue", [Group("star", "red"), Group("ring", "white")])
    lone = ShapeScene("one", "blue", [Group("star", "red")])
    assert wrong(asked, picture_of(lone)) == ["foreground colour", "shape", "binding", "all"]


@pytest.mark.parametrize("second", [RED, WHITE])
def test_touching_objects_of_two_colours_are_two_objects_and_of_one_colour_one(second):
    picture = np.full((64, 64, 3), BLUE, np.uint8)
    picture[20:40, 10:30], picture[20:40, 30:50] = RED, second
    found = judge.detect(picture)[1]
    if second == RED:
        assert len(found) == 1
    else:
        assert {(each.color, each.shape) for each in found} == {("red", "square"), ("white", "square")}


@pytest.mark.parametrize("upright", [False, True])
def test_objects_in_a_row_that_touch_at_a_neck_are_told_apart(upright):
    y, x = np.mgrid[0:128, 0:128]
    picture = np.full((128, 128, 3), BLUE, np.uint8)
    for middle in (28, 64, 100):
        picture[np.hypot(x - middle, y - 64) < 19] = RED
    found = judge.detect(picture.transpose(1, 0, 2) if upright else picture)[1]
    assert [each.shape for each in found] == ["circle"] * 3


def test_an_empty_picture_has_nothing_right_but_its_background():
    blank = np.full((64, 64, 3), BLUE, np.uint8)
    for kind in ("one", "position", "count", "relation", "pair"):
        groups = [Group("star", "red"), Group("ring", "white")][: 1 + (kind in ("relation", "pair"))]
        judged = judge.judge(ShapeScene(kind, "blue", groups), blank)
        assert [name for name, right in judged.items() if right] == ["background colour"]


# ---- landscapes


def test_the_judge_knows_the_generators_elements():
    assert judge.landscape_judge().names == landscapes.ELEMENTS


def test_nearly_every_landscape_of_the_generator_is_seen_whole_and_little_besides():
    rng = random.Random("judge test")
    scenes = [landscapes.sample_scene(rng) for _ in range(250)]
    seen = judge.landscape_judge().seen([picture_of(scene, 64) for scene in scenes])
    there = np.array([[name in landscapes.elements(scene) for name in landscapes.ELEMENTS] for scene in scenes])
    assert (seen | ~there).all(1).mean() >= 0.97
    assert seen[~there].mean() < 0.03


@pytest.mark.parametrize("name", sorted(set(landscapes.NAMES)))
def test_a_thing_is_seen_where_it_is_and_missed_where_it_is_not(name):
    ground = next(ground for ground, names in landscapes.THINGS.items() if name in names)
    color = landscapes.COLOURED.get(name, (landscapes.NATURAL.get(name, "green"),))[0]
    bare = Landscape("day", ground, ["clouds"], [], seed=3)
    shown = dataclasses.replace(bare, things=[Thing(name, color, 1, "left")])
    assert wrong(shown, picture_of(shown)) == []
    assert wrong(shown, picture_of(bare)) == ["landscape", "all"]
    assert name not in judge.landscape_judge().visible(picture_of(bare))


@pytest.mark.parametrize("name", ["sun", "clouds", "rainbow", "birds"])
def test_a_thing_in_the_sky_is_missed_in_an_empty_sky(name):
    shown, bare = (Landscape("day", "hills", sky, [], seed=5) for sky in ([name], []))
    assert wrong(shown, picture_of(shown)) == []
    assert wrong(shown, picture_of(bare)) == ["landscape", "all"]


def test_a_house_that_was_not_asked_for_does_no_harm():
    asked = Landscape("night", "snow", ["moon"], [], seed=1)
    richer = dataclasses.replace(asked, things=[Thing("house", "red", 1, "left")])
    assert wrong(asked, picture_of(richer)) == []


def test_a_plain_picture_shows_no_landscape():
    blank = np.full((64, 64, 3), BLUE, np.uint8)
    assert wrong(Landscape("day", "sea", ["sun"], [Thing("boat", "red", 1, "left")]), blank) == ["landscape", "all"]


def test_the_picture_of_another_size_is_judged_alike():
    scene = Landscape("day", "sea", ["sun"], [Thing("boat", "red", 1, "left")], seed=2)
    assert wrong(scene, picture_of(scene, 64)) == wrong(scene, picture_of(scene, 128)) == []


def test_a_missing_judge_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="judge_training"):
        judge.LandscapeJudge(tmp_path / "none.onnx")
