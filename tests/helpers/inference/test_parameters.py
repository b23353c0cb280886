import dataclasses
import json

import numpy as np
import pytest

from contract.errors import ParameterError, WorkshopError
from contract.names import SMALLWORLD, SMALLWORLD_MODELS, SMALLWORLD_TURBO
from helpers.inference.parameters import BASE64_JPEG, Limits, checked_request, joined, limits_of, response_bytes

SMALL = limits_of(SMALLWORLD)
GENERAL = Limits()


def test_only_what_was_given_is_sent():
    assert checked_request("a red circle", {"width": None, "seed": 3}, limits=SMALL) == {
        "prompt": "a red circle",
        "seed": 3,
    }


def test_everything_at_its_bounds():
    for parameters in (
        {"width": 8, "height": 512, "num_inference_steps": 1, "guidance_scale": 0, "seed": 0},
        {"width": 512, "height": 8, "num_inference_steps": 100, "guidance_scale": 30.0, "seed": 2**32 - 1},
    ):
        request = checked_request("x" * 2000, {**parameters, "negative_prompt": ""}, limits=SMALL)
        assert {name: request[name] for name in parameters} == parameters
        assert isinstance(request["guidance_scale"], float)


def test_numbers_of_numpy_become_json():
    parameters = {"seed": np.int64(7), "width": np.uint16(64), "guidance_scale": np.float32(2.5)}
    request = checked_request("a", parameters, limits=SMALL)
    assert json.loads(json.dumps(request)) == {"prompt": "a", "width": 64, "guidance_scale": 2.5, "seed": 7}


def test_lists_of_prompts_with_as_many_negative_ones():
    request = checked_request(("a", "b"), {"negative_prompt": ["c", ""]}, limits=SMALL)
    assert request == {"prompt": ["a", "b"], "negative_prompt": ["c", ""]}


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"width": 12}, ["width = 12", "8 to 512", "divisible by 8"]),
        ({"width": 0}, ["width = 0", "8 to 512"]),
        ({"width": -8}, ["width = -8"]),
        ({"height": 520}, ["height = 520", "8 to 512"]),
        ({"height": 64.0}, ["height = 64.0", "a whole number"]),
        ({"height": "64"}, ["height = '64'", "a whole number"]),
        ({"width": True}, ["width = True", "a whole number"]),
        ({"num_inference_steps": 0}, ["num_inference_steps = 0", "1 to 100"]),
        ({"num_inference_steps": 101}, ["num_inference_steps = 101"]),
        ({"num_inference_steps": 2.5}, ["num_inference_steps = 2.5"]),
        ({"num_images_per_prompt": 0}, ["num_images_per_prompt = 0", "1 to 8"]),
        ({"num_images_per_prompt": 9}, ["num_images_per_prompt = 9"]),
        ({"guidance_scale": -1}, ["guidance_scale = -1", "0 to 30"]),
        ({"guidance_scale": 30.1}, ["guidance_scale = 30.1"]),
        ({"guidance_scale": "4"}, ["guidance_scale = '4'", "a number"]),
        ({"guidance_scale": True}, ["guidance_scale = True", "a number"]),
        ({"guidance_scale": np.True_}, [f"guidance_scale = {np.True_!r}", "a number"]),
        ({"guidance_scale": float("nan")}, ["guidance_scale = nan"]),
        ({"guidance_scale": float("inf")}, ["guidance_scale = inf"]),
        ({"guidance_scale": [4.0]}, ["guidance_scale = [4.0]"]),
        ({"seed": -1}, ["seed = -1", "0 to 4294967295"]),
        ({"seed": 2**32}, ["seed = 4294967296"]),
        ({"seed": 1.0}, ["seed = 1.0"]),
        ({"seed": False}, ["seed = False"]),
        ({"negative_prompt": 7}, ["negative_prompt = 7", "text"]),
        ({"negative_prompt": ["a"]}, ["negative_prompt = ['a']", "prompt is text"]),
        ({"negative_prompt": "a\x00b"}, ["negative_prompt", "control characters", r"'\x00'"]),
        ({"seeds": 1}, ["'seeds'", "did you mean 'seed'"]),
        ({"steps": 20}, ["'steps'", "did you mean 'num_inference_steps'"]),
        ({"cfg_scale": 4}, ["'cfg_scale'", "did you mean 'guidance_scale'"]),
        ({"zzz": 1}, ["'zzz'", "known are prompt, negative_prompt, width"]),
        ({"prompt": "b"}, ["prompt was given twice"]),
    ],
)
def test_a_bad_parameter_names_itself_its_value_and_what_is_allowed(parameters, parts):
    with pytest.raises(ParameterError) as caught:
        checked_request("a red circle", parameters, limits=SMALL)
    for part in [*parts, "Nothing was uploaded."]:
        assert part in str(caught.value)
    assert isinstance(caught.value, (WorkshopError, ValueError))


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("", ["prompt = ''", "1 to 2000 characters"]),
        ("  \n", ["not only blanks"]),
        (None, ["prompt = None", "text"]),
        (7, ["prompt = 7"]),
        (b"circle", ["prompt = b'circle'"]),
        ("x" * 2001, ["1 to 2000 characters", "…"]),
        ("a\ud800b", ["control characters"]),
        ("a\x1b[31m", ["control characters"]),
        ([], ["prompt = []", "a list of 1 to 8"]),
        (["a"] * 9, ["prompt = [", "a list of 1 to 8"]),
        (["a", ""], ["prompt[1] = ''"]),
        (["a", 3], ["prompt[1] = 3"]),
    ],
)
def test_a_bad_prompt(prompt, parts):
    with pytest.raises(ParameterError) as caught:
        checked_request(prompt, {}, limits=SMALL)
    for part in parts:
        assert part in str(caught.value)


def test_prompts_and_pictures_of_each_are_counted_together():
    parameters = {"num_images_per_prompt": 8, "width": 8, "height": 8}
    assert checked_request(["a"] * 2, parameters, limits=SMALL)["num_images_per_prompt"] == 8
    with pytest.raises(ParameterError, match="num_images_per_prompt = 8: must be 1 to 5 for so many prompts"):
        checked_request(["a"] * 3, parameters, limits=SMALL)


def test_all_models_of_smallworld_have_its_limits():
    from smallworld.bundle import MODELS

    assert tuple(model.id for model in MODELS) == SMALLWORLD_MODELS
    for model_id in SMALLWORLD_MODELS:
        assert dataclasses.replace(limits_of(model_id), model=SMALLWORLD, ignored=()) == SMALL


def test_what_turbo_ignores_may_be_given():
    limits = limits_of(SMALLWORLD_TURBO)
    assert (SMALL.ignored, GENERAL.ignored) == ((), ())
    given = {"negative_prompt": "a star", "num_inference_steps": 12, "guidance_scale": 2.0}
    assert set(limits.ignored) == set(given)
    assert checked_request("a", given, limits=limits) == {"prompt": "a", **given}


def test_smallworld_takes_what_it_is_sent_at_our_limits():
    """Both ends of the contract: the client's limits and the model's own check."""
    from smallworld.request import (
        LARGEST_SIZE,
        MOST_GUIDANCE,
        MOST_IMAGES,
        MOST_IMAGES_PER_PROMPT,
        MOST_PROMPTS,
        MOST_STEPS,
    )

    assert (SMALL.longest_side, SMALL.most_steps, SMALL.largest_guidance) == (LARGEST_SIZE, MOST_STEPS, MOST_GUIDANCE)
    assert (SMALL.most_images, SMALL.most_prompts, SMALL.most_pictures) == (
        MOST_IMAGES_PER_PROMPT,
        MOST_PROMPTS,
        MOST_IMAGES,
    )


@pytest.mark.parametrize("negative", ["a", ["a"], ["a", "b", "c"]])
def test_negative_prompts_must_be_as_many_as_prompts(negative):
    with pytest.raises(ParameterError, match="a list of 2, since prompt is a list"):
        checked_request(["a", "b"], {"negative_prompt": negative}, limits=SMALL)


def test_a_media_type_that_no_model_gives():
    with pytest.raises(ParameterError, match="accept = 'image/webp': must be 'application/json' or"):
        checked_request("a", {}, limits=SMALL, accept="image/webp")


@pytest.mark.parametrize(("side", "most"), [(768, 10), (1024, 6)])
def test_as_many_pictures_as_the_endpoint_can_return(side, most):
    """9.27 and 16.48 MB for each of them were measured."""
    sides = {"width": side, "height": side}
    request = checked_request("a", {**sides, "num_images_per_prompt": most}, limits=GENERAL)
    assert response_bytes({**request, "num_images_per_prompt": 1}, GENERAL) == pytest.approx(
        {768: 9.27e6, 1024: 16.48e6}[side], rel=0.01
    )
    with pytest.raises(ParameterError) as caught:
        checked_request("a", {**sides, "num_images_per_prompt": most + 1}, limits=GENERAL)
    for part in (
        f"width = {side}",
        f"num_images_per_prompt = {most + 1}",
        "100 MB",
        f"that is {most} pictures",
        "jpeg",
    ):
        assert part in str(caught.value)


def test_each_prompt_of_a_list_counts_for_the_response():
    with pytest.raises(ParameterError, match="prompts = 7"):
        checked_request(["a"] * 7, {"width": 1024, "height": 1024}, limits=GENERAL)


def test_jpegs_are_small_enough():
    parameters = {"width": 1024, "height": 1024, "num_images_per_prompt": 16}
    assert checked_request("a", parameters, limits=GENERAL, accept=BASE64_JPEG)["num_images_per_prompt"] == 16


def test_without_a_size_the_models_own_counts():
    assert response_bytes({"prompt": "a"}, SMALL) == round(128 * 128 * 15.72)
    assert response_bytes({"prompt": "a"}, GENERAL) == round(512 * 512 * 15.72)


def test_other_models_may_be_larger():
    limits = limits_of("model-txt2img-stabilityai-stable-diffusion-v2-1-base")
    assert checked_request("a", {"width": 1024}, limits=limits)["width"] == 1024
    with pytest.raises(ParameterError, match="8 to 1024"):
        checked_request("a", {"width": 1032}, limits=limits)


def test_a_model_with_another_contract_is_refused_by_name():
    with pytest.raises(ParameterError, match="text_prompts"):
        limits_of("model-imagegeneration-stabilityai-stable-diffusion-xl-base-1-0")


@pytest.mark.parametrize(("prompt", "text"), [("a", "a"), (["a", "b"], "a / b"), (None, ""), ("", "")])
def test_prompts_are_joined_into_one_line(prompt, text):
    assert joined(prompt) == text
