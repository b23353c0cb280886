"""What the released weights can do, coarsely: these fail when weights, words or sampling no longer belong together."""

from __future__ import annotations

import numpy as np
import pytest
from smallworld.palette import PALETTE
from smallworld.sample import Drawing
from smallworld.training import score
from smallworld.training.measure.questions import questions


@pytest.mark.parametrize(("color", "background"), [("red", "blue"), ("yellow", "black"), ("green", "white")])
def test_colours_are_where_the_prompt_says(model, color, background):
    drawing = Drawing(steps=8, width=64, height=64, seed=1)
    (picture,) = model.draw(f"a {color} circle on a {background} background", drawing)
    pixels = picture.astype(float)
    corners = pixels[[2, 2, -3, -3], [2, -3, 2, -3]]
    assert np.abs(corners - PALETTE[background]).max() < 60
    near = np.linalg.norm(pixels - PALETTE[color], axis=2) < 80
    assert 0.05 < near.mean() < 0.6
    y, x = (axis.mean() / 64 for axis in np.where(near))
    assert abs(y - 0.5) < 0.15
    assert abs(x - 0.5) < 0.15


@pytest.mark.parametrize("which", [pytest.param("model", marks=pytest.mark.rare), "turbo_model"])
def test_what_was_asked_for_is_there(which, request):
    asked = questions(25, seed=5)
    model = request.getfixturevalue(which)
    pictures = [model.draw(text, Drawing("", 8, 3.0, seed=seed))[0] for seed, (text, _) in enumerate(asked)]
    found = score.percentages([scene for _, scene in asked], pictures)
    assert found["background colour"] >= 95
    assert found["foreground colour"] >= 95
    assert found["shape"] >= 90
    assert found["position"] >= 90
    assert found["landscape"] >= 80
