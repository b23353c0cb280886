from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from smallworld.bundle import WEIGHTS
from smallworld.sample import BASE_SIZES, Drawing, SmallWorld, base_size, noise, times

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


def test_the_base_picture_has_the_nearest_aspect_ratio():
    assert base_size(512, 512) == (32, 32)
    assert base_size(512, 300) == (24, 40)
    assert base_size(256, 512) == (40, 24)
    assert all(height % 8 == width % 8 == 0 for height, width in BASE_SIZES)


def test_noise_belongs_to_seed_and_number():
    assert np.array_equal(noise(1, 0, 32, 32), noise(1, 0, 32, 32))
    assert not np.array_equal(noise(1, 0, 32, 32), noise(1, 1, 32, 32))
    assert not np.array_equal(noise(1, 1, 32, 32), noise(2, 0, 32, 32))
    assert abs(noise(5, 0, 40, 40).std() - 1) < 0.05


def test_times_fall_from_one_to_zero():
    path = times(7)
    assert (path[0], path[-1], len(path)) == (1, 0, 8)
    assert (np.diff(path) < 0).all()


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"text_encoder\.onnx is missing; `make train`"):
        SmallWorld(tmp_path)
