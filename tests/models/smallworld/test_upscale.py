from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image
from smallworld import drawing
from smallworld.upscale import upscale


def test_flat_colour_stays_exactly_flat():
    base = np.full((32, 32, 3), (12, 200, 99), np.uint8)
    assert (upscale(base, 512, 512) == base[0, 0]).all()


def test_what_lies_outside_is_cut_off_evenly():
    base = np.zeros((32, 32, 3), np.uint8)
    base[14:18] = 255
    wide = upscale(base, 256, 64)
    assert wide.shape == (64, 256, 3)
    assert wide[32].mean() > 250
    assert np.abs(wide.astype(int) - wide[::-1]).max() <= 1


def test_a_size_below_the_base_is_an_average():
    base = np.zeros((32, 32, 3), np.uint8)
    base[::2] = 200
    assert np.abs(upscale(base, 8, 8).astype(int) - 100).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_enlarged_pictures_are_nearer_to_the_truth_than_lanczos(seed):
    rng = random.Random(seed)
    mine, lanczos = 0.0, 0.0
    for _ in range(6):
        scene = drawing.shapes.sample_scene(rng)
        small, truth = np.asarray(drawing.draw(scene, 32, 32)), np.asarray(drawing.draw(scene, 256, 256), float)
        mine += float(np.square(upscale(small, 256, 256) - truth).mean())
        plain = Image.fromarray(small).resize((256, 256), Image.Resampling.LANCZOS)
        lanczos += float(np.square(np.asarray(plain) - truth).mean())
    assert mine < 0.9 * lanczos
