from __future__ import annotations

import numpy as np
import pytest
from smallworld import score
from smallworld.drawing import draw
from smallworld.shapes import SHAPES, Group, ShapeScene


def picture_of(scene: ShapeScene) -> score.Picture:
    return np.asarray(draw(scene, score.SIZE, score.SIZE))


def test_the_detector_finds_nearly_all_that_the_generator_draws():
    limit = score.ceiling([scene for _, scene in score.questions(100, seed=3)])
    assert all(limit[name] >= 95 for name in score.MEASURES), limit


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_told_from_the_others(shape):
    background, (found,) = score.detect(picture_of(ShapeScene("one", "gray", [Group(shape, "orange")])))
    assert (background, found.color, found.shape) == ("gray", "orange", shape)
    assert abs(found.x - 0.5) < 0.1
    assert abs(found.y - 0.5) < 0.1


def test_each_mistake_is_counted_as_that_mistake():
    asked = ShapeScene("count", "blue", [Group("star", "red", 3)])
    assert all(score.judge(asked, picture_of(asked)).values())
    wrong = {
        "background": ShapeScene("count", "white", [Group("star", "red", 3)]),
        "colour": ShapeScene("count", "blue", [Group("star", "green", 3)]),
        "shape": ShapeScene("count", "blue", [Group("circle", "red", 3)]),
        "count": ShapeScene("count", "blue", [Group("star", "red", 4)]),
    }
    for mistake, scene in wrong.items():
        judged = score.judge(asked, picture_of(scene))
        assert [name for name, right in judged.items() if not right] == [mistake, "all"]


def test_a_wrong_place_and_a_wrong_relation_are_counted():
    asked = ShapeScene("position", "blue", [Group("star", "red")], position="top left")
    moved = ShapeScene("position", "blue", [Group("star", "red")], position="bottom left")
    assert score.judge(asked, picture_of(asked))["position"]
    assert not score.judge(asked, picture_of(moved))["position"]
    groups = [Group("star", "red"), Group("ring", "white")]
    over, under = (ShapeScene("relation", "blue", groups, relation=r) for r in ("above", "below"))
    assert score.judge(over, picture_of(over))["position"]
    assert not score.judge(over, picture_of(under))["position"]


def test_touching_objects_of_two_colours_are_two_objects():
    picture = np.full((score.SIZE, score.SIZE, 3), (40, 85, 215), np.uint8)
    picture[20:40, 10:30] = (215, 35, 35)
    picture[20:40, 30:50] = (246, 246, 246)
    found = score.detect(picture)[1]
    assert {(each.color, each.shape) for each in found} == {("red", "square"), ("white", "square")}
    assert len(found) == 2


def test_an_empty_picture_has_nothing_right_but_its_background():
    blank = np.full((score.SIZE, score.SIZE, 3), (40, 85, 215), np.uint8)
    for kind in ("one", "relation"):
        groups = [Group("star", "red"), Group("ring", "white")][: 1 + (kind == "relation")]
        judged = score.judge(ShapeScene(kind, "blue", groups), blank)
        assert [name for name, right in judged.items() if right] == ["background"]


def test_prompts_say_what_their_scenes_hold():
    texts = [text for text, _ in score.questions(8, seed=77)]
    assert texts == [text for text, _ in score.questions(8, seed=77)]
    assert texts[0] == "a purple star on a blue background"
    assert texts[2] == "two black circles on a gray background"


def test_the_table_has_a_row_for_the_ceiling_and_each_setting():
    full = dict.fromkeys(score.MEASURES, 98)
    table = score.markdown([{"steps": 8, "guidance": 3.0, **full}], full).splitlines()
    assert table[0] == "| steps | guidance | background | colour | shape | count | position | all |"
    assert table[2].startswith("| the generator's own pictures | | 98 |")
    assert table[3] == "| 8 | 3 | 98 | 98 | 98 | 98 | 98 | 98 |"
