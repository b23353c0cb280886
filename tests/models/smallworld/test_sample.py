from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from smallworld.bundle import WEIGHTS
from smallworld.palette import PALETTE
from smallworld.sample import Drawing, SmallWorld, aspect, noise, times

QUICK = Drawing(steps=2, width=64, height=64, seed=11)
PROMPT = "a red circle on a blue background"


def test_same_seed_same_bytes(model):
    first, second = model.draw(PROMPT, QUICK), SmallWorld(WEIGHTS).draw(PROMPT, QUICK)
    assert first[0].tobytes() == second[0].tobytes()


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_picture_is_the_same_however_many_are_asked_for(model, guidance):
    drawing = replace(QUICK, guidance_scale=guidance)
    together = model.draw(PROMPT, drawing, 3)
    side_by_side = SmallWorld(WEIGHTS, workers=3).draw(PROMPT, drawing, 3)
    for number in (1, 2):
        fewer = model.draw(PROMPT, drawing, number)
        assert [p.tobytes() for p in fewer] == [p.tobytes() for p in together[:number]]
    assert [p.tobytes() for p in side_by_side] == [p.tobytes() for p in together]
    assert len({p.tobytes() for p in together}) == 3


@pytest.mark.parametrize(
    "change",
    [{"seed": 12}, {"guidance_scale": 5.0}, {"steps": 3}, {"negative_prompt": "a green star"}],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_picture(model, change):
    before, after = model.draw(PROMPT, QUICK)[0], model.draw(PROMPT, replace(QUICK, **change))[0]
    assert before.tobytes() != after.tobytes()


def test_guidance_of_one_or_less_is_none(model):
    plain = model.draw(PROMPT, replace(QUICK, guidance_scale=1.0))[0]
    for ignored in ({"guidance_scale": 0.0}, {"guidance_scale": 1.0, "negative_prompt": "a green star"}):
        assert plain.tobytes() == model.draw(PROMPT, replace(QUICK, **ignored))[0].tobytes()


@pytest.mark.parametrize(
    ("width", "height"), [(8, 8), (32, 32), (512, 512), (512, 8), (8, 512), (320, 200), (120, 248)]
)
def test_any_size_is_that_size(model, width, height):
    (picture,) = model.draw(PROMPT, replace(QUICK, steps=1, width=width, height=height))
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


def test_the_model_is_told_the_aspect_ratio_up_to_two_to_one():
    assert aspect(512, 512) == 0
    assert aspect(320, 160) == pytest.approx(np.log(2))
    assert aspect(512, 8) == pytest.approx(np.log(2))
    assert aspect(8, 512) == pytest.approx(-np.log(2))


def test_a_circle_is_round_at_every_aspect_ratio(model):
    for width, height in ((160, 96), (96, 160)):
        drawing = Drawing(steps=8, width=width, height=height, seed=3)
        pixels = model.draw(PROMPT, drawing)[0].astype(int)
        red = (pixels[..., 0] > 140) & (pixels[..., 2] < 120)
        assert 0.8 < red.any(1).sum() / red.any(0).sum() < 1.25


def test_noise_belongs_to_seed_and_number():
    assert np.array_equal(noise(1, 0), noise(1, 0))
    assert not np.array_equal(noise(1, 0), noise(1, 1))
    assert not np.array_equal(noise(1, 1), noise(2, 0))
    assert abs(noise(5, 0).std() - 1) < 0.05


def test_turbo_heeds_neither_steps_nor_guidance_nor_negative_prompt(turbo_model):
    plain = turbo_model.draw(PROMPT, QUICK)[0]
    for ignored in ({"steps": 50}, {"guidance_scale": 9.0}, {"negative_prompt": "a green star"}):
        assert plain.tobytes() == turbo_model.draw(PROMPT, replace(QUICK, **ignored))[0].tobytes()
    assert plain.tobytes() != turbo_model.draw(PROMPT, replace(QUICK, seed=12))[0].tobytes()


@pytest.fixture(scope="module")
def given() -> np.ndarray:
    """Red on the left, yellow on the right."""
    picture = np.empty((96, 96, 3), np.uint8)
    picture[:, :48], picture[:, 48:] = PALETTE["red"], PALETTE["yellow"]
    return picture


def test_strength_says_how_far_a_picture_may_go_from_the_one_given(model, given):
    drawing = replace(QUICK, steps=8, width=96, height=96, image=given)
    distances = [
        np.abs(model.draw(PROMPT, replace(drawing, strength=strength))[0].astype(int) - given).mean()
        for strength in (0.0, 0.3, 1.0)
    ]
    assert distances[0] < 3
    assert distances[0] < distances[1] < distances[2]
    without = model.draw(PROMPT, replace(drawing, image=None))[0]
    assert without.tobytes() == model.draw(PROMPT, replace(drawing, strength=1.0))[0].tobytes()


def test_what_is_not_masked_stays_as_it_was(model, given):
    mask = np.zeros((96, 96), bool)
    mask[:, :40] = True
    drawing = replace(QUICK, steps=6, width=96, height=96, image=given, mask=mask, strength=1.0)
    picture = model.draw("a blue circle on a white background", drawing)[0].astype(int)
    assert np.abs(picture[:, 48:] - given[:, 48:]).max() <= 1
    assert np.abs(picture[:, :32] - given[:, :32]).mean() > 40


def test_times_fall_from_one_to_zero():
    path = times(7)
    assert (path[0], path[-1], len(path)) == (1, 0, 8)
    assert (np.diff(path) < 0).all()


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"text_encoder\.onnx is missing; `make train`"):
        SmallWorld(tmp_path)
