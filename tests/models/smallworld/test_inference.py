from __future__ import annotations

import base64
import io
import json
import logging
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image
from smallworld import bundle, inference
from smallworld.inference import Endpoint, max_response, model_fn, transform_fn
from smallworld.request import RequestError
from smallworld.sample import Drawing

PROMPT = "a red circle on a blue background"
JPEG = "application/json;jpeg"
FIELDS = {"prompt": PROMPT, "width": 40, "height": 24, "num_inference_steps": 1, "seed": 5}


def answer(endpoint, body, content_type="application/json", accept="application/json"):
    written, _ = inference.answer(endpoint, body, content_type, accept)
    assert isinstance(written, bytes)
    return json.loads(written)


class Context:
    status = 200, ""

    def set_response_status(self, code=200, phrase="", idx=0):
        self.status = code, phrase


class NoDrawing:
    """A model that must not be asked."""

    def draw(self, *_):
        raise AssertionError("this was to be refused before")


def refused(body, content_type="application/json", accept="application/json", variant="base", largest=20_000_000):
    context = Context()
    written, kind = transform_fn(Endpoint(NoDrawing(), largest, variant), body, content_type, accept, context)
    assert kind == "application/json"
    said = json.loads(written)
    assert (said["code"], said["type"]) == context.status
    assert set(said) == {"code", "type", "message"}
    return said["code"], said["message"]


def test_json_in_nested_rgb_out(endpoint, model):
    result = answer(endpoint, json.dumps({**FIELDS, "num_images_per_prompt": 2}))
    assert list(result) == ["generated_images", "prompt"]
    assert result["prompt"] == PROMPT
    expected = model.draw(PROMPT, Drawing(steps=1, width=40, height=24, seed=5), 2)
    assert result["generated_images"] == [picture.tolist() for picture in expected]
    assert np.array(result["generated_images"]).shape == (2, 24, 40, 3)


def test_a_list_of_prompts_gives_the_pictures_of_each_in_order(endpoint):
    prompts = [PROMPT, "a star"]
    together = answer(endpoint, json.dumps({**FIELDS, "prompt": prompts, "num_images_per_prompt": 2}))
    assert together["prompt"] == prompts
    alone = [answer(endpoint, json.dumps({**FIELDS, "prompt": p, "num_images_per_prompt": 2})) for p in prompts]
    assert together["generated_images"] == alone[0]["generated_images"] + alone[1]["generated_images"]


def test_negative_prompts_belong_to_their_prompts(endpoint):
    both = {**FIELDS, "prompt": [PROMPT, PROMPT], "negative_prompt": ["", "a red circle"]}
    first, second = answer(endpoint, json.dumps(both))["generated_images"]
    assert [first] == answer(endpoint, json.dumps(FIELDS))["generated_images"]
    single = {**FIELDS, "negative_prompt": "a red circle"}
    assert [second] == answer(endpoint, json.dumps(single))["generated_images"]
    assert first != second


@pytest.mark.parametrize("accept", ["application/json;jpeg", "application/json; JPEG"])
def test_jpeg(endpoint, accept):
    (text,) = answer(endpoint, json.dumps(FIELDS), accept=accept)["generated_images"]
    assert Image.open(io.BytesIO(base64.b64decode(text))).size == (40, 24)


@pytest.mark.parametrize("content_type", ["application/x-text", "application/x-text; charset=utf-8"])
def test_plain_text_in_a_single_picture_out(endpoint, content_type):
    result = answer(endpoint, PROMPT.encode(), content_type)
    assert list(result) == ["generated_image", "prompt"]
    assert np.array(result["generated_image"]).shape == (128, 128, 3)
    jpeg = answer(endpoint, PROMPT, content_type, "application/json;jpeg")["generated_image"]
    assert Image.open(io.BytesIO(base64.b64decode(jpeg))).size == (128, 128)


def test_what_is_ignored_is_said_in_every_form_of_answer(endpoint):
    warnings = ["unknown words in the prompt were ignored: zorblax"]
    body = json.dumps({**FIELDS, "prompt": "a red zorblax"})
    for accept in ("application/json", "application/json;jpeg"):
        result = answer(endpoint, body, accept=accept)
        assert list(result) == ["generated_images", "prompt", "warnings"]
        assert result["warnings"] == warnings
    plain = answer(endpoint, b"a red zorblax", "application/x-text")
    assert list(plain) == ["generated_image", "prompt", "warnings"]
    assert plain["warnings"] == warnings


@pytest.mark.parametrize("accept", [None, "", "*/*", "application/*", "application/json; charset=utf-8"])
def test_other_ways_to_accept_json(endpoint, accept):
    assert "generated_images" in answer(endpoint, json.dumps(FIELDS), accept=accept)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, "application/json"), ("application/*", "application/json"), ("application/json; jpeg", JPEG)],
)
def test_the_answer_says_what_it_is(endpoint, accept, kind):
    context = Context()
    body, said = transform_fn(endpoint, json.dumps(FIELDS), "application/json", accept, context)
    assert (said, context.status) == (kind, (200, ""))
    assert "generated_images" in json.loads(body)


@pytest.mark.parametrize("variant", ["base", "turbo"])
@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        ("{nope", {}, 400, "the body is not JSON (Expecting property name enclosed in double quotes"),
        ("{}", {}, 400, "prompt is missing; send"),
        (json.dumps({"prompt": "a", "width": 1024}), {}, 400, "width is 1024; it must be an integer divisible by 8"),
        (json.dumps(FIELDS), {"content_type": "text/csv"}, 415, "ContentType is 'text/csv'; it must be application"),
        (json.dumps(FIELDS), {"accept": "image/png"}, 406, "Accept is 'image/png'; it must be application/json or"),
        (json.dumps(FIELDS), {"largest": 16_000}, 400, "1 images of 40 x 24 may need 16,"),
    ],
)
def test_a_refusal_comes_before_any_drawing_and_is_its_message_alone(body, headers, status, message, variant):
    code, said = refused(body, variant=variant, **headers)
    assert (code, said[: len(message)]) == (status, message)
    assert "Traceback" not in said


def test_an_error_of_ours_is_named_and_nothing_more_of_it_leaves_the_container(caplog):
    class Broken:
        def draw(self, *_):
            raise MemoryError("secret of the machine")

    context = Context()
    body, _ = transform_fn(Endpoint(Broken(), 10**8, "base"), json.dumps(FIELDS), "application/json", None, context)
    assert context.status == (500, "Internal Server Error")
    assert json.loads(body)["message"] == "the model failed with MemoryError; the endpoint's log says where"
    assert "secret of the machine" in caplog.text


def test_turbo_takes_four_steps_and_needs_nothing_else(turbo):
    assert turbo.variant == "turbo"
    result = answer(turbo, json.dumps({"prompt": PROMPT, "width": 40, "height": 24, "seed": 5}))
    assert list(result) == ["generated_images", "prompt"]
    expected = turbo.model.draw(PROMPT, Drawing(steps=4, guidance_scale=1, width=40, height=24, seed=5))
    assert result["generated_images"] == [picture.tolist() for picture in expected]
    assert "warnings" not in answer(turbo, json.dumps({**FIELDS, "num_inference_steps": 4, "negative_prompt": ""}))


def test_turbo_names_what_it_ignores(turbo, caplog):
    plain = answer(turbo, json.dumps({**FIELDS, "num_inference_steps": 4}))
    asked = {"num_inference_steps": 12, "guidance_scale": 2.0, "negative_prompt": "a star"}
    with caplog.at_level(logging.WARNING):
        result = answer(turbo, json.dumps({**FIELDS, **asked}))
    assert result["generated_images"] == plain["generated_images"]
    assert result["warnings"] == [
        "num_inference_steps was ignored: this model always takes 4",
        "guidance_scale was ignored: guidance is part of this model",
        "negative_prompt was ignored: this model has none",
    ]
    assert all(warning in caplog.text for warning in result["warnings"])


def test_turbo_refuses_bad_values_as_the_other_model_does(turbo):
    with pytest.raises(RequestError, match="num_inference_steps is 0; it must be"):
        answer(turbo, json.dumps({**FIELDS, "num_inference_steps": 0}))


def test_a_model_of_another_variant_is_not_loaded(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"variant": "nitro"}')
    with pytest.raises(ValueError, match=r"config\.json: variant is 'nitro'; it must be base or turbo"):
        model_fn(str(tmp_path / "model"))


def test_the_containers_response_limit_is_kept(monkeypatch, folder):
    monkeypatch.setenv("TS_MAX_RESPONSE_SIZE", "10000")
    endpoint = model_fn(str(folder))
    with pytest.raises(RequestError, match=r"1 images of 40 x 24 may need 16,\d+ bytes .* at most 10,000"):
        answer(endpoint, json.dumps(FIELDS))
    assert "generated_images" in answer(endpoint, json.dumps(FIELDS), accept="application/json;jpeg")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, 6_553_500),  # of both servers
        ({"MMS_MAX_RESPONSE_SIZE": "7"}, 7),
        ({"MMS_MAX_RESPONSE_SIZE": "7", "TS_MAX_RESPONSE_SIZE": "8"}, 8),
    ],
)
def test_whose_limit_counts(environment, expected):
    assert max_response(environment) == expected


CLIENT = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
assert inference.__file__.startswith(sys.argv[1]), inference.__file__
model = inference.model_fn(sys.argv[1])
sys.stdout.buffer.write(inference.transform_fn(model, sys.stdin.buffer.read(), "application/json", None, None)[0])
loaded = [m.__file__ for n, m in sys.modules.items() if n.startswith("smallworld")]
assert all(file.startswith(sys.argv[1]) for file in loaded), loaded
"""


@pytest.mark.parametrize("entry", bundle.MODELS, ids=lambda entry: entry.variant)
def test_an_unpacked_bundle_answers_in_a_clean_process(request, entry, tmp_path):
    endpoint = request.getfixturevalue("turbo" if entry == bundle.TURBO else "endpoint")
    with tarfile.open(fileobj=io.BytesIO(bundle.packed_model(entry))) as tar:
        tar.extractall(tmp_path, filter="data")
    command = [sys.executable, "-I", "-c", CLIENT, str(tmp_path)]
    body = json.dumps(FIELDS).encode()
    done = subprocess.run(command, input=body, capture_output=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == answer(endpoint, body)
