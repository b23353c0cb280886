import pytest

from contract.errors import ParameterError
from contract.names import SMALLWORLD, SMALLWORLD_TURBO
from helpers.inference.parameters import limits_of
from helpers.studio.form import Field, Form, parsed


@pytest.fixture
def form():
    made = Form(limits_of(SMALLWORLD))
    made.prompt = "a red circle"
    return made


def test_an_empty_form_says_what_to_do_first():
    form = Form(limits_of(SMALLWORLD))
    assert form.reason == "First write a prompt, or choose an example."
    assert form.problems == {}  # nothing is marked red before anybody has typed
    with pytest.raises(ParameterError):
        form.request()


def test_it_starts_with_what_the_model_draws_by_default(form):
    assert form.reason == ""
    request = form.request()
    assert (request["width"], request["height"], request["num_images_per_prompt"]) == (128, 128, 1)
    assert "num_inference_steps" not in request  # left to the model


@pytest.mark.parametrize(
    ("name", "typed", "parts"),
    [
        ("width", "12", ["width = 12", "divisible by 8"]),
        ("height", "big", ["height = 'big'", "whole number"]),
        ("num_inference_steps", "0", ["num_inference_steps = 0", "1 to 100"]),
        ("guidance_scale", "7,5", ["guidance_scale = '7,5'", "0 to 30"]),
        ("seed", "-1", ["seed = -1"]),
        ("num_images_per_prompt", "9", ["1 to 8"]),
        ("prompt", "x" * 2001, ["1 to 2000 characters"]),
    ],
)
def test_a_bad_value_is_explained_by_the_models_own_rules(form, name, typed, parts):
    setattr(form, name, typed)
    assert list(form.problems) == [name]
    for part in parts:
        assert part in form.problems[name]
    assert "uploaded" not in form.problems[name]
    assert form.reason.startswith("First fix: ")
    with pytest.raises(ParameterError):
        form.request()


def test_every_bad_value_is_explained_at_once_and_mending_clears_it(form):
    form.width, form.seed = "12", "x"
    assert sorted(form.problems) == ["seed", "width"]
    assert form.reason == "First fix: Width, Seed."
    form.width, form.seed = "16", ""
    assert (form.problems, form.reason) == ({}, "")


def test_what_is_wrong_only_together_is_the_reason():
    form = Form(limits_of("model-txt2img-stabilityai-stable-diffusion-v1-4"))  # Small World's fit in any number
    form.prompt = "a red circle"
    form.width = form.height = "1024"
    form.num_images_per_prompt = "8"
    assert list(form.problems) == [""]
    assert "MB" in form.reason


def test_the_parameters_of_a_request_come_back_as_they_were(form):
    form.take({"prompt": "a sunset", "width": 64, "guidance_scale": 2.5, "seed": 7})
    assert form.request() == {"prompt": "a sunset", "width": 64, "guidance_scale": 2.5, "seed": 7}
    assert form.height == ""  # it was left to the model then
    assert form.fresh_seed is False  # the next picture shall be the same


def test_what_a_page_types_is_heard_and_nothing_else_of_it(form):
    form.hear("page-1", {"prompt": "a sunset", "width": "12", "reason": "", "model_name": "x"}, False)
    assert (form.prompt, form.width, form.fresh_seed, form.heard) == ("a sunset", "12", False, "page-1")
    assert form.reason == "First fix: Width."
    assert form.model_name == SMALLWORLD


def test_fields_that_the_model_ignores_say_so(form):
    ignored = [field["name"] for field in Form(limits_of(SMALLWORLD_TURBO)).fields if "ignores" in field["hint"]]
    assert ignored == ["negative_prompt", "num_inference_steps", "guidance_scale"]
    assert not any("ignores" in field["hint"] for field in form.fields)
    assert Form(limits_of(SMALLWORLD_TURBO)).examples == form.examples


def test_the_dice_give_an_allowed_seed(form):
    seen = set()
    for _ in range(20):
        form.roll()
        seen.add(form.request()["seed"])
    assert len(seen) > 10


@pytest.mark.parametrize(
    ("text", "value"), [("", None), (" ", None), ("8", 8), (" 8 ", 8), ("2.5", 2.5), ("1e2", 100.0), ("8px", "8px")]
)
def test_what_a_typed_number_means(text, value):
    assert parsed(text) == value
    assert type(parsed(text)) is type(value)


def test_a_field_for_programs(form):
    width = Field(form, "width")
    width.value = 12
    assert (width.value, form.width) == (12, "12")
    assert "divisible by 8" in width.problem
    width.value = None
    assert (width.value, width.problem) == (None, "")
