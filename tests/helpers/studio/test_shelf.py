from __future__ import annotations

import pytest

from helpers.studio.shelf import shown


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("seed", 7, "7"),
        ("negative_prompt", ["a", "b"], "['a', 'b']"),
        ("image", "iVBO" * 300, "a picture, 1,200 characters of base64"),
        ("mask_image", "iVBO", "a picture, 4 characters of base64"),
    ],
)
def test_parameters_are_shown_for_people(name, value, expected):
    assert shown(name, value) == expected
