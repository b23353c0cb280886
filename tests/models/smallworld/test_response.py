from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from smallworld.request import RequestError
from smallworld.response import body, check_size, nested_rgb

pictures = npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@settings(deadline=None)  # the machine may be busy
@given(pictures)
def test_nested_rgb_is_byte_for_byte_what_json_writes(picture):
    assert nested_rgb(picture) == json.dumps(picture.tolist()).encode()


def test_every_value_is_written():
    picture = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    assert json.loads(nested_rgb(picture)) == picture.tolist()


def test_a_transposed_picture_is_written_in_its_own_order():
    picture = np.arange(24, dtype=np.uint8).reshape(3, 2, 4).transpose(1, 2, 0)
    assert json.loads(nested_rgb(picture)) == picture.tolist()


def test_pictures_and_prompt():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    answer = body([picture, picture[::-1]], 'a "star" ☆', plain=False, jpeg=False, largest=10_000)
    expected = {"generated_images": [picture.tolist(), picture[::-1].tolist()], "prompt": 'a "star" ☆'}
    assert answer == json.dumps(expected).encode()
    single = body([picture], "a", plain=True, jpeg=False, largest=10_000)
    assert single == json.dumps({"generated_image": picture.tolist(), "prompt": "a"}).encode()


def test_warnings_stand_after_the_prompt_and_only_when_there_are_any():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    said = ['unknown words: "☆"', "another"]
    for plain, jpeg in ((False, False), (True, False), (False, True)):
        without = body([picture], "a", plain=plain, jpeg=jpeg, largest=10_000, warnings=())
        assert "warnings" not in json.loads(without)
        answer = body([picture], "a", plain=plain, jpeg=jpeg, largest=10_000, warnings=said)
        assert answer == without[:-1] + b', "warnings": ' + json.dumps(said).encode() + b"}"


def test_jpegs():
    picture = np.full((16, 24, 3), (200, 30, 40), np.uint8)
    answer = json.loads(body([picture], ["a"], plain=False, jpeg=True, largest=10_000))
    assert answer["prompt"] == ["a"]
    (text,) = answer["generated_images"]
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert (image.format, image.size) == ("JPEG", (24, 16))
    assert np.abs(np.asarray(image).astype(int) - picture).max() <= 4


@settings(deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.one_of(st.text(), st.lists(st.text())),
    st.lists(st.text()), st.booleans(),
)  # fmt: skip
def test_a_response_that_was_let_through_fits(count, width, height, prompt, warnings, plain):
    """All numbers of three digits: no answer is longer, so the smallest limit that passes is at most its length."""
    count = 1 if plain else count
    white = [np.full((height, width, 3), 255, np.uint8)] * count
    longest = body(white, prompt, plain=plain, jpeg=False, largest=10**6, warnings=warnings)
    with pytest.raises(RequestError):
        check_size(count, width, height, prompt, largest=len(longest) - 1, warnings=warnings)
    check_size(count, width, height, prompt, largest=len(longest) + 8 * count, warnings=warnings)


def test_too_large_a_response_is_refused_before_it_is_drawn():
    with pytest.raises(RequestError) as caught:
        check_size(5, 512, 512, "a", largest=20_000_000)
    assert caught.value.status_code == 400
    assert str(caught.value) == (
        "5 images of 512 x 512 may need 22,287,409 bytes as nested RGB; a response has at most 20,000,000 "
        "(TS_MAX_RESPONSE_SIZE), which is 4 images of this size: ask for fewer or smaller images, or accept "
        "application/json;jpeg"
    )
    check_size(4, 512, 512, "a", largest=20_000_000)


def test_four_pictures_of_1024_fit_into_what_the_stack_allows():
    check_size(4, 1024, 1024, "a" * 2000, largest=100_000_000)


def test_jpegs_that_are_too_large_are_refused_when_they_are_there():
    picture = np.zeros((512, 512, 3), np.uint8)
    with pytest.raises(RequestError, match=r"the response has .* bytes; it may have 300"):
        body([picture], "a", plain=False, jpeg=True, largest=300)
