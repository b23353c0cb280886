from __future__ import annotations

import base64
import dataclasses
import io
import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from smallworld.request import FIELDS, Request, RequestError, check, read_json, read_text
from smallworld.sample import Drawing

PROMPT = "a red circle on a blue background"


def test_defaults():
    request = read_json(json.dumps({"prompt": PROMPT, "seed": 3}))
    assert request == Request((PROMPT,), (Drawing(seed=3),), 1)
    assert (request.drawings[0].width, request.drawings[0].height) == (128, 128)


def test_all_fields():
    fields = {
        "prompt": PROMPT,
        "negative_prompt": "a star",
        "width": 256,
        "height": 64,
        "num_inference_steps": 5,
        "num_images_per_prompt": 2,
        "guidance_scale": 2.5,
        "seed": 2**63 - 1,
    }
    assert set(fields) == FIELDS - {"image", "mask_image", "strength"}
    assert check(fields) == Request((PROMPT,), (Drawing("a star", 5, 2.5, 256, 64, 2**63 - 1),), 2)


def base64_png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PHOTO = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
HOLE = np.zeros((4, 6), np.uint8)
HOLE[1:3, 2:5] = 255


def test_a_picture_to_start_from():
    (drawing,) = check({"prompt": PROMPT, "image": base64_png(PHOTO)}).drawings
    assert np.array_equal(drawing.image, PHOTO)
    assert (drawing.mask, drawing.strength) == (None, 0.8)


def test_a_picture_with_a_hole_for_every_prompt():
    fields = {"image": base64_png(PHOTO), "mask_image": base64_png(HOLE), "strength": 1}
    request = check({"prompt": ["a star", "a ring"], **fields})
    for drawing in request.drawings:
        assert np.array_equal(drawing.image, PHOTO)
        assert np.array_equal(drawing.mask, HOLE == 255)
        assert drawing.strength == 1.0
    assert request.warnings == ()


def test_without_a_picture_there_is_no_strength():
    request = check({"prompt": PROMPT, "strength": 0.5})
    assert request.warnings == ("strength was ignored: there is no image to start from",)
    (drawing,) = check({"prompt": PROMPT}).drawings
    assert (drawing.image, drawing.mask) == (None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": 5}, "image is not a string; it must be a base64 string of a PNG or JPEG file"),
        ({"image": "%%%"}, "image is not base64"),
        ({"image": "AAAA"}, "image is not a whole picture"),
        ({"mask_image": base64_png(HOLE)}, "mask_image is given and image is not"),
        ({"image": base64_png(PHOTO), "mask_image": "AAAA"}, "mask_image is not a whole picture"),
        (
            {"image": base64_png(PHOTO), "mask_image": base64_png(HOLE[:, :5])},
            "mask_image has 5 x 4 pixels and image 6 x 4; they must have the same size",
        ),
    ],
)
def test_a_bad_picture_is_a_400(fields, message):
    with pytest.raises(RequestError, match=f"^{message}") as caught:
        check({"prompt": PROMPT, **fields})
    assert caught.value.status_code == 400


def test_a_list_of_prompts_takes_a_list_of_negative_prompts():
    request = check({"prompt": ["a star", "a ring"], "negative_prompt": ["red", "blue"], "seed": 1})
    assert request.prompts == ("a star", "a ring")
    assert [drawing.negative_prompt for drawing in request.drawings] == ["red", "blue"]
    assert request.echo == ["a star", "a ring"]
    assert check({"prompt": ["a star"]}).echo == ["a star"]
    assert check({"prompt": "a star"}).echo == "a star"


def test_without_a_seed_each_request_gets_another():
    assert check({"prompt": ""}).drawings[0].seed != check({"prompt": ""}).drawings[0].seed


def test_null_is_absent():
    everything_null = dict.fromkeys(FIELDS - {"prompt", "seed"})
    assert check({"prompt": PROMPT, "seed": 0, **everything_null}) == check({"prompt": PROMPT, "seed": 0})


def test_an_unknown_field_is_ignored_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        request = check({"prompt": PROMPT, "seed": 0, "scheduler": "ddim"})
    assert dataclasses.replace(request, warnings=()) == check({"prompt": PROMPT, "seed": 0})
    (warning,) = request.warnings
    assert warning.startswith('unknown fields were ignored: ["scheduler"]; known are guidance_scale, height, ')
    assert warning in caplog.text


def test_unknown_words_are_ignored_and_named(caplog):
    with caplog.at_level(logging.WARNING):
        request = check({"prompt": "a Zorblax, a quibbet and a zorblax", "negative_prompt": "a flurb"})
    assert request.prompts == ("a Zorblax, a quibbet and a zorblax",)
    assert request.warnings == (
        "unknown words in the prompt were ignored: zorblax, quibbet",
        "unknown words in the negative prompt were ignored: flurb",
    )
    assert all(warning in caplog.text for warning in request.warnings)


def test_unknown_words_of_all_prompts_are_named_together():
    request = check({"prompt": ["a zorblax", "a star", "a quibbet"], "negative_prompt": ["", "a flurb", "a flurb"]})
    assert request.warnings == (
        "unknown words in the prompts were ignored: zorblax, quibbet",
        "unknown words in the negative prompts were ignored: flurb",
    )
    assert check({"prompt": ["a zorblax"]}).warnings == ("unknown words in the prompts were ignored: zorblax",)


@pytest.mark.parametrize(("prompt", "named"), [("красный круг", "красный, круг"), ("红色的圆 🎨🎨", "红色的圆, 🎨🎨")])
def test_words_of_other_scripts_are_named_too(prompt, named):
    assert check({"prompt": prompt}).warnings == (f"unknown words in the prompt were ignored: {named}",)


def test_without_anything_ignored_there_are_no_warnings(caplog):
    with caplog.at_level(logging.WARNING):
        assert check({"prompt": PROMPT, "negative_prompt": "a star"}).warnings == ()
    assert caplog.text == ""


def test_a_warning_stays_short():
    (warning,) = check({"prompt": " ".join(f"{'zorblax' * 9}{chr(97 + n)}" for n in range(25))}).warnings
    assert warning.endswith(f", {('zorblax' * 9)[:37]}... and 5 more")
    assert len(warning) < 1000


BAD = [
    ("prompt", None, "prompt is missing"),
    ("prompt", 5, "prompt is 5; it must be a string, or a list of 1 to 8 strings"),
    ("prompt", [], r"prompt is \[\]; it must be"),
    ("prompt", ["a", 5], r'prompt is \["a", 5\]; it must be'),
    ("prompt", ["a"] * 9, "prompt is .*; it must be a string, or a list of 1 to 8"),
    ("negative_prompt", ["a"], r'negative_prompt is \["a"\]; it must be a string, because prompt is one'),
    ("negative_prompt", 7, "negative_prompt is 7; it must be a string"),
    ("width", 100, "width is 100; it must be an integer divisible by 8 from 8 to 512"),
    ("width", 0, "width is 0; it must be"),
    ("width", 520, "width is 520; it must be"),
    ("width", "64", 'width is "64"; it must be'),
    ("width", True, "width is true; it must be"),
    ("height", -8, "height is -8; it must be"),
    ("height", 64.0, r"height is 64\.0; it must be"),
    ("height", [64], r"height is \[64\]; it must be"),
    ("num_inference_steps", 0, "num_inference_steps is 0; it must be an integer from 1 to 100"),
    ("num_inference_steps", 101, "num_inference_steps is 101; it must be"),
    ("num_inference_steps", 2.5, r"num_inference_steps is 2\.5; it must be"),
    ("num_images_per_prompt", 9, "num_images_per_prompt is 9; it must be an integer from 1 to 8"),
    ("num_images_per_prompt", 0, "num_images_per_prompt is 0; it must be"),
    ("guidance_scale", -1, "guidance_scale is -1; it must be a number from 0 to 30"),
    ("guidance_scale", 31, "guidance_scale is 31; it must be"),
    ("guidance_scale", "4", 'guidance_scale is "4"; it must be'),
    ("guidance_scale", False, "guidance_scale is false; it must be"),
    ("guidance_scale", float("nan"), "guidance_scale is NaN; it must be"),
    ("guidance_scale", float("inf"), "guidance_scale is Infinity; it must be"),
    ("strength", -0.1, r"strength is -0\.1; it must be a number from 0 to 1"),
    ("strength", 1.1, r"strength is 1\.1; it must be"),
    ("strength", "1", 'strength is "1"; it must be'),
    ("strength", True, "strength is true; it must be"),
    ("strength", float("nan"), "strength is NaN; it must be"),
    ("seed", -1, "seed is -1; it must be an integer from 0 to"),
    ("seed", 2**63, "seed is 9223372036854775808; it must be"),
    ("seed", 1.5, r"seed is 1\.5; it must be"),
    ("seed", "1", 'seed is "1"; it must be'),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD, ids=[f"{name}={value!r:.20}" for name, value, _ in BAD])
def test_a_bad_parameter_is_a_400_that_names_it_its_value_and_what_is_allowed(name, value, message):
    with pytest.raises(RequestError, match=f"^{message}") as caught:
        read_json(json.dumps({"prompt": PROMPT, name: value}))
    assert (caught.value.status_code, caught.value.phrase) == (400, "Bad Request")


def test_a_list_of_prompts_needs_as_many_negative_prompts_and_few_enough_images():
    with pytest.raises(RequestError, match=r'negative_prompt is "a"; it must be a list of 2 strings'):
        check({"prompt": ["a", "b"], "negative_prompt": "a"})
    with pytest.raises(RequestError, match=r'negative_prompt is \["a"\]; it must be a list of 2 strings'):
        check({"prompt": ["a", "b"], "negative_prompt": ["a"]})
    with pytest.raises(
        RequestError, match="num_images_per_prompt is 6; it must be an integer from 1 to 4 with 4 prompts"
    ):
        check({"prompt": list("abcd"), "num_images_per_prompt": 6})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe\xff", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[1]", r"the body is \[1\]; send a JSON object"),
        (b'"a prompt"', "the body is .*; send a JSON object"),
        (b"{}", "prompt is missing"),
    ],
)
def test_a_body_that_is_no_request(body, message):
    with pytest.raises(RequestError, match=message):
        read_json(body)


def test_a_plain_prompt():
    request = read_text(PROMPT.encode())
    assert (request.prompts, request.plain, request.images_per_prompt) == ((PROMPT,), True, 1)
    assert read_text("Ünïcode").echo == "Ünïcode"
    assert read_text(b"a zorblax").warnings == ("unknown words in the prompt were ignored: zorblax",)
    with pytest.raises(RequestError, match="the body is not UTF-8"):
        read_text(b"\xff\xfe")


def test_long_values_are_cut_short_in_messages():
    with pytest.raises(RequestError) as caught:
        check({"prompt": PROMPT, "width": "9" * 5000})
    assert len(str(caught.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(), json_values))
def test_any_object_is_a_request_within_the_limits_or_a_400(fields):
    try:
        request = read_json(json.dumps(fields))
    except RequestError as error:
        status = error.status_code
    else:
        status = 200
    if status != 200:
        assert status == 400
        return
    assert 1 <= len(request.prompts) * request.images_per_prompt <= 16
    for drawing in request.drawings:
        assert 1 <= drawing.steps <= 100
        assert 0 <= drawing.guidance_scale <= 30
        assert all(8 <= side <= 512 and side % 8 == 0 for side in (drawing.width, drawing.height))
        assert 0 <= drawing.seed < 2**63
