"""Notifications, and the objects made of a response."""

import base64
import hashlib
import io
import json

import pytest
from extract_images import notification, response, results
from PIL import Image
from shared import exceptions

DOCUMENT = {"generated_images": [[[[1, 2, 3], [4, 5, 6]]], [[[7, 8, 9]]]], "prompt": "a red ring"}
SOURCE = "s3://workshop-bucket/output/0b1f8d7a-6c1e-4f0e-9a43-0d9b54f2a111.out"


@pytest.fixture
def completed(events):
    return notification.parse(events.message(events.load("completed")))


def made(completed, document=None, request=None):
    answer = response.read([json.dumps(document or DOCUMENT).encode()])
    return list(results.objects(answer, results.Request.parse(request), completed))


def texts(body):
    with Image.open(io.BytesIO(body)) as image:
        return image.text


def test_objects_and_manifest(completed):
    first, second, last = made(completed)
    assert [item.key for item in (first, second, last)] == [
        "images/20261122T201502-9f2c/0.png",
        "images/20261122T201502-9f2c/1.png",
        "images/20261122T201502-9f2c/manifest.json",
    ]
    assert [item.content_type for item in (first, second, last)] == ["image/png", "image/png", "application/json"]
    entries = [
        {
            "key": item.key,
            "width": width,
            "height": 1,
            "bytes": len(item.body),
            "sha256": hashlib.sha256(item.body).hexdigest(),
        }
        for item, width in ((first, 2), (second, 1))
    ]
    assert json.loads(last.body) == {
        "inferenceId": "20261122T201502-9f2c",
        "prompt": "a red ring",
        "images": entries,
        "source": SOURCE,
        "createdAt": "2026-11-22T20:15:09.018Z",
    }


def test_the_same_input_gives_the_same_bytes(completed):
    assert made(completed, request=b'{"seed": 1, "steps": 2}') == made(completed, request=b'{"steps":2,"seed":1}')
    document = {**DOCUMENT, "warnings": ["unknown words in the prompt were ignored: dragon"]}
    assert made(completed, document) == made(completed, document)


JPEG = io.BytesIO()
Image.new("RGB", (2, 1), "red").save(JPEG, "JPEG")


@pytest.mark.parametrize(
    "document",
    [
        {"generated_images": [[[[1, 2, 3], [4, 5, 6]]]], "prompt": "a"},
        {"generated_images": [[[[1, 2, 3], [4, 5, 6]]]] * 2, "prompt": ["a", "b"]},
        {"generated_image": [[[1, 2, 3], [4, 5, 6]]], "prompt": "a"},
        {"generated_images": [base64.b64encode(JPEG.getvalue()).decode()], "prompt": "a"},
    ],
    ids=["nested", "listed", "plain", "base64"],
)
def test_the_manifest_keeps_what_the_model_ignored(completed, document):
    said = ["unknown words in the prompt were ignored: dragon, castle", "Ünïcode ☆"]
    *pictures, manifest = made(completed, {**document, "warnings": said})
    *without, plain = made(completed, document)
    assert pictures == without
    assert json.loads(manifest.body) == {**json.loads(plain.body), "warnings": said}
    # In front of the pictures too: the order of JSON's fields means nothing.
    assert made(completed, {"warnings": said, **document}) == [*pictures, manifest]


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ([], None),
        ("a text", None),
        (None, None),
        ({"a": "b"}, None),
        ([5, "", None, ["a"]], None),
        ([5, "a"], ["a"]),
        (["\ud83d!"], ["\ufffd!"]),
        (["ä" * 100_000], ["ä" * 16_383 + "…"]),
        (["a"] * 100, ["a"] * 32),
    ],
)
def test_warnings_of_another_form_cost_no_picture(completed, found, kept):
    manifest = json.loads(made(completed, {**DOCUMENT, "warnings": found})[-1].body)
    assert manifest.get("warnings") == kept
    assert len(manifest["images"]) == 2


def test_pngs_carry_prompt_parameters_and_inference_id(completed):
    request = '{"prompt": "what was asked", "steps": 20, "negative_prompt": "blässe"}'.encode()
    assert texts(made(completed, request=request)[1].body) == {
        "prompt": "a red ring",
        "parameters": '{"negative_prompt": "bl\\u00e4sse", "steps": 20}',
        "inferenceId": "20261122T201502-9f2c",
    }


def test_pictures_that_the_model_started_from_do_not_crowd_out_the_parameters(completed):
    request = json.dumps({"prompt": "a", "image": "A" * 20_000, "mask_image": "B" * 20_000, "strength": 0.5, "seed": 1})
    assert texts(made(completed, request=request.encode())[0].body)["parameters"] == '{"seed": 1, "strength": 0.5}'


@pytest.mark.parametrize(
    ("fields", "request_body", "prompt"),
    [
        ({"prompt": "a"}, b'{"prompt": "b"}', "a"),
        ({}, b'{"prompt": "b"}', "b"),
        ({"prompt": ""}, b'{"prompt": "b"}', "b"),
        ({"prompt": ["a", "c"]}, None, "a\nc"),
        ({}, b'{"text_prompts": [{"text": "x", "weight": 1}, {"text": "y"}]}', "x\ny"),
        ({"prompt": "赤い輪"}, None, "赤い輪"),
        ({"prompt": "\ud83d!"}, None, "\ufffd!"),
        ({"prompt": 5}, None, ""),
        ({}, None, ""),
        ({}, b"", ""),
        ({}, b"a prompt in plain text", ""),
        ({}, b"[1]", ""),
        ({}, b"\xff", ""),
        ({}, b"[" * 100_000, ""),
        ({}, b'{"x": ' + b"9" * 5000 + b"}", ""),
    ],
)
def test_where_the_prompt_comes_from(fields, request_body, prompt, completed):
    picture, manifest = made(completed, {"generated_image": [[[1, 2, 3]]], **fields}, request_body)
    assert json.loads(manifest.body)["prompt"] == prompt
    assert texts(picture.body).get("prompt", "") == prompt


def test_long_text_is_cut(completed):
    picture, manifest = made(completed, {"generated_image": [[[1, 2, 3]]], "prompt": "ä" * 100_000})
    assert texts(picture.body)["prompt"] == "ä" * 16_383 + "…"
    assert json.loads(manifest.body)["prompt"] == "ä" * 100_000


def test_notification(completed):
    assert completed == notification.Notification(
        inference_id="20261122T201502-9f2c",
        event_time="2026-11-22T20:15:09.018Z",
        output_location=SOURCE,
        output_bucket="workshop-bucket",
        output_key="output/0b1f8d7a-6c1e-4f0e-9a43-0d9b54f2a111.out",
        content_type="application/json",
    )


@pytest.mark.parametrize(
    ("name", "changes", "error", "reason"),
    [
        (
            "failed",
            {},
            "MalformedNotificationError",
            "'Failed', not 'Completed': subscribe .* Success",
        ),
        ("completed", {"inferenceId": "a/b"}, "InvalidInferenceIdError", r"must match \[A-Za-z0-9._-\]\{1,64\}"),
        ("completed", {"inferenceId": ".."}, "InvalidInferenceIdError", "'..': it must match"),
        ("completed", {"inferenceId": None}, "InvalidInferenceIdError", "is None"),
        ("completed", {"eventTime": None}, "MalformedNotificationError", "`eventTime` of .* is None"),
        ("completed", {"eventTime": "yesterday"}, "MalformedNotificationError", "`eventTime` of .* is 'yesterday'"),
        ("completed", {"responseParameters": None}, "MalformedNotificationError", "outputLocation` of .* is None"),
        ("completed", {"responseParameters": "x"}, "MalformedNotificationError", "outputLocation` of .* is None"),
        *(
            ("completed", {"responseParameters": {"outputLocation": value}}, "MalformedNotificationError", "not s3://")
            for value in ("output/x", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key", 7)
        ),
    ],
)
def test_another_notification_is_refused(name, changes, error, reason, events):
    with pytest.raises(getattr(exceptions, error), match=reason):
        notification.parse(events.message(events.load(name, **changes)))


@pytest.mark.parametrize("message", ["", "{", "[1]", "[" * 100_000, "5"])
def test_another_message_is_refused(message):
    with pytest.raises(exceptions.MalformedNotificationError, match=r"not JSON|not a JSON object"):
        notification.parse(message)
