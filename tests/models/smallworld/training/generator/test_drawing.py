from __future__ import annotations

import random

import numpy as np
import pytest
from smallworld.palette import DISTINCT, PALETTE, distance
from smallworld.prompt import read
from smallworld.training.generator import drawing, landscapes, shapes, styles
from smallworld.training.generator.canvas import Canvas
from smallworld.training.generator.shapes import Group, ShapeScene


def test_a_batch_depends_on_seed_and_index_alone():
    first, again = drawing.batch(1, 5, 8), drawing.batch(1, 5, 8)
    assert first.pictures.shape == (8, 64, 64, 3)
    assert first.captions == again.captions
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.aspects, again.aspects)
    for other in (drawing.batch(1, 6, 8), drawing.batch(2, 5, 8)):
        assert other.captions != first.captions


def test_held_out_captions_are_never_used():
    first = drawing.batch(1, 5, 8)
    excluded = frozenset(read(text).words for text in first.captions[:3])
    without = drawing.batch(1, 5, 8, excluded)
    assert not excluded & {read(text).words for text in without.captions}


def test_most_pictures_are_square_and_none_is_wider_than_two_to_one():
    aspects = drawing.batch(1, 0, 64).aspects
    assert 0.5 < (aspects == 0).mean() < 0.95
    assert np.abs(aspects).max() <= np.log(2) + 1e-6


def test_the_global_random_generators_are_left_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()
    drawing.batch(3, 0, 4)
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


def test_a_wide_scene_is_squeezed_into_the_square():
    scene = ShapeScene("one", "blue", [Group("circle", "red")], seed=4)
    red = np.asarray(drawing.draw_base(scene, np.log(2)), int)[..., 0] > 150
    assert 1.8 < red.any(1).sum() / red.any(0).sum() < 2.2, "a circle twice as high as wide"


@pytest.mark.parametrize("ground", landscapes.GROUNDS)
@pytest.mark.parametrize("time", landscapes.TIMES)
def test_every_landscape_can_be_drawn_and_night_is_darker_than_day(ground, time):
    things = [landscapes.Thing("balloon", "red", 1, "left"), landscapes.Thing("car", "blue", 1, "right")]
    scene = landscapes.Landscape(time, ground, list(landscapes.SKY[time]), things, 3)
    picture = np.asarray(drawing.draw(scene, 40, 24))
    assert picture.shape == (24, 40, 3)
    dark = landscapes.Landscape("night", ground, [], things, 3)
    assert np.asarray(drawing.draw(dark, 40, 24)).mean() <= picture.mean() + 5


@pytest.mark.parametrize("name", landscapes.NAMES)
def test_every_thing_changes_the_picture_where_it_stands(name):
    thing = landscapes.Thing(name, "red", 1, "left")
    with_it = np.asarray(drawing.draw(landscapes.Landscape("day", "field", [], [thing], 3), 64, 64), int)
    without = np.asarray(drawing.draw(landscapes.Landscape("day", "field", [], [], 3), 64, 64), int)
    changed = np.abs(with_it - without).max(-1) > 20
    assert changed[:, :32].sum() > 80


@pytest.mark.parametrize("weather", landscapes.WEATHER)
def test_weather_shows(weather):
    fair, foul = (
        np.asarray(drawing.draw(landscapes.Landscape("cloudy", "hills", [], [], 3, each), 64, 64), int)
        for each in ("", weather)
    )
    assert (np.abs(fair - foul).max(-1) > 20).mean() > 0.01


def test_no_sun_hides_behind_a_thing():
    rng = random.Random(1)
    for _ in range(300):
        scene = landscapes.sample_scene(rng)
        canvas = Canvas(scene, 64, 64)
        if len(scene.things) < 2:
            assert all(abs(canvas.glow_x - x) > 8 for x in canvas.across)


def test_elements_name_all_that_a_scene_shows():
    rng = random.Random(2)
    seen = [landscapes.elements(landscapes.sample_scene(rng)) for _ in range(4000)]
    assert set().union(*seen) == set(landscapes.ELEMENTS)


@pytest.mark.parametrize("style", styles.STYLES)
def test_a_style_looks_alike_at_every_size(style):
    scene = ShapeScene("one", "yellow", [Group("star", "blue")], seed=9, style=style)
    small, large = (np.asarray(drawing.draw(scene, size, size).convert("L"), float) for size in (64, 256))
    assert np.abs(large.reshape(64, 4, 64, 4).mean((1, 3)) - small).mean() < 4


def test_an_unknown_style_is_an_error_that_lists_the_styles():
    scene = ShapeScene("one", "yellow", [Group("star", "blue")], style="oil")
    with pytest.raises(ValueError, match="no style 'oil'; one of flat, pixel art"):
        drawing.draw(scene, 8, 8)


def test_an_unknown_shape_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no outline for 'blob'"):
        shapes.outline("blob")
