from __future__ import annotations

import random

import numpy as np
import pytest
from smallworld import drawing, landscapes, shapes
from smallworld.palette import DISTINCT, PALETTE, distance
from smallworld.shapes import Group, ShapeScene


def test_a_batch_depends_on_seed_and_step_alone():
    pictures, captions = drawing.batch(1, 5, 8, 32, 24)
    again, captions_again = drawing.batch(1, 5, 8, 32, 24)
    assert pictures.shape == (8, 24, 32, 3)
    assert captions == captions_again
    assert np.array_equal(pictures, again)
    for other in (drawing.batch(1, 6, 8, 32, 24), drawing.batch(2, 5, 8, 32, 24)):
        assert other[1] != captions


def test_the_global_random_generators_are_left_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()
    drawing.batch(3, 0, 4, 32, 32)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_red_circle_on_blue_is_red_inside_and_blue_outside():
    picture = np.asarray(drawing.draw(ShapeScene("one", "blue", [Group("circle", "red")], seed=4), 32, 32)).astype(int)
    assert np.abs(picture[16, 16] - PALETTE["red"]).max() <= 10
    assert np.abs(picture[1, 1] - PALETTE["blue"]).max() <= 8
    ring = np.asarray(drawing.draw(ShapeScene("one", "blue", [Group("ring", "red")], seed=4), 32, 32)).astype(int)
    assert np.abs(ring[16, 16] - PALETTE["blue"]).max() <= 8


def test_one_scene_has_the_same_composition_at_every_size():
    scene = ShapeScene("one", "black", [Group("star", "yellow")], seed=9)
    small, large = (np.asarray(drawing.draw(scene, size, size).convert("L"), float) for size in (32, 128))
    assert np.abs(large.reshape(32, 4, 32, 4).mean((1, 3)) - small).mean() < 3


@pytest.mark.parametrize("relation", ["above", "below", "left", "right"])
def test_the_first_group_stands_where_the_relation_says(relation):
    scene = ShapeScene("relation", "white", [Group("circle", "red"), Group("square", "blue")], relation=relation)
    (_, ax, ay, _), (_, bx, by, _) = shapes.layout(scene, portrait=False)
    assert {"above": ay < by, "below": ay > by, "left": ax < bx, "right": ax > bx}[relation]


def test_objects_always_differ_from_their_background():
    rng = random.Random(0)
    for _ in range(300):
        scene = shapes.sample_scene(rng)
        for group in scene.groups:
            assert distance(PALETTE[group.color], PALETTE[scene.background]) > DISTINCT


def test_captions_name_what_is_there():
    rng = random.Random(0)
    scene = ShapeScene("relation", "white", [Group("star", "red"), Group("ring", "blue", 2)], relation="above")
    texts = {shapes.caption(rng, scene) for _ in range(200)}
    assert any("above" in text for text in texts)
    assert any("below" in text and text.index("ring") < text.index("star") for text in texts)
    assert not any("to the" in text for text in texts)
    assert {"red" in text for text in texts} == {True, False}, "some captions leave the colour out"


@pytest.mark.parametrize("ground", landscapes.GROUNDS)
@pytest.mark.parametrize("time", landscapes.SKIES)
def test_every_landscape_can_be_drawn_and_night_is_darker_than_day(ground, time):
    things = landscapes._sample_things(random.Random(1), ground)
    sky = {"night": ["stars", "moon"], "day": ["sun", "rainbow", "birds"]}.get(time, ["clouds"])
    scene = landscapes.Landscape(time, ground, sky, things, 3)
    picture = np.asarray(drawing.draw(scene, 40, 24))
    assert picture.shape == (24, 40, 3)
    dark = landscapes.Landscape("night", ground, [], things, 3)
    assert np.asarray(drawing.draw(dark, 40, 24)).mean() <= picture.mean() + 5


def test_an_unknown_shape_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no outline for 'blob'"):
        shapes.outline("blob")
