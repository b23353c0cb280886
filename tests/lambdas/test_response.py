"""Every form of response, and what is said about each that is not one."""

import json
import random

import pytest
from extract_images import exceptions, response
from PIL import Image

from tests.lambdas.pictures import cut
from tests.lambdas.responses import BLUE, RED, b64, decoded, expected, file, read, refused

# Forms


def test_nested_rgb_plural():
    answer = read({"generated_images": [RED, BLUE], "prompt": "two"})
    assert decoded(answer) == [RED, BLUE]
    assert answer.fields == {"prompt": "two"}


def test_nested_rgb_singular_with_other_fields_around():
    answer = read({"prompt": "[[[1,2,3]]]", "n": 5, "generated_image": RED, "nsfw": [False], "x": {"y": [[[1]]]}})
    assert decoded(answer) == [RED]
    assert answer.fields == {"prompt": "[[[1,2,3]]]", "n": 5, "nsfw": [False], "x": {"y": [[[1]]]}}


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_base64_list(kind):
    files = [file(kind), file(kind, size=(3, 70))]
    answer = read({"generated_images": [b64(data) for data in files], "prompt": "x"}, "application/json;jpeg")
    assert decoded(answer) == [expected(data) for data in files]


def test_base64_single_as_sdxl_answers():
    data = file("PNG")
    assert decoded(read({"generated_image": b64(data)})) == [expected(data)]


def test_artifacts():
    data = file("PNG")
    artifact = {"seed": 7, "base64": b64(data), "finishReason": "SUCCESS"}
    assert decoded(read({"result": "success", "artifacts": [artifact, artifact]})) == [expected(data)] * 2


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "IMAGE/PNG; q=1", "", "application/octet-stream"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_plain_body(kind, content_type):
    data = file(kind, size=(200, 150))
    answer = read(data, content_type)
    assert decoded(answer) == [expected(data)]
    assert answer.fields == {}


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_png_that_is_rgb_without_loss(mode):
    data = file("PNG", mode)
    assert decoded(read({"generated_image": b64(data)})) == [expected(data)]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 10**6])
@pytest.mark.parametrize("fast", [True, False])
def test_the_cut_into_chunks_and_the_path_do_not_matter(size, fast):
    document = {"prompt": "ring 赤 \ud83d\ude00", "generated_images": [RED, RED, BLUE]}
    assert read(document, size=size, fast=fast) == read(document, size=10**6)
    raw = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert raw != json.dumps(document).encode()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "images",
    [{"generated_images": [RED, BLUE]}, {"generated_image": RED}, {"generated_images": [b64(file("JPEG"))]}],
    ids=["nested", "plain", "base64"],
)
def test_warnings_behind_the_pictures_are_kept(images, size, fast):
    warnings = ["unknown words in the prompt were ignored: [[[1,2,3]]], 竜"]
    answer = read({**images, "prompt": ["a", "b"], "warnings": warnings}, size=size, fast=fast)
    assert answer.images == read(images).images
    assert answer.fields == {"prompt": ["a", "b"], "warnings": warnings}


def test_a_field_without_a_name():
    assert read({"": 12, "generated_image": RED}).fields == {"": 12}


def test_utf8_cut_inside_characters():
    raw = '{"prompt": "赤い輪 🟥", "generated_image": [[[1, 2, 3]]]}'.encode()
    assert response.read(cut(raw, 1)).fields == {"prompt": "赤い輪 🟥"}


def test_numbers_cut_anywhere():
    raw = b'{"a": 1234, "b": -1.5e+3 , "generated_image": [[[1,2,3]]], "c": 17}'
    assert response.read(cut(raw, 1)).fields == {"a": 1234, "b": -1500.0, "c": 17}


@pytest.mark.parametrize("spelling", [{"indent": 2}, {"indent": "\t"}, {"separators": (" , ", " : ")}])
def test_any_json_spelling_of_large_images(spelling):
    rng = random.Random(1)
    image = [[[rng.randrange(256) for _ in "rgb"] for _ in range(40)] for _ in range(50)]
    raw = json.dumps({"generated_images": [image, image]}, **spelling).encode()
    assert decoded(response.read(cut(raw, 1000))) == [image, image]


# Refusals


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("row", "column", "value", "shown"),
    [
        (0, 0, 256, "256"),
        (1, 1, -1, "-1"),
        (1, 0, 5.0, "5.0"),
        (1, 2, True, "true"),
        (0, 1, None, "null"),
        (2, 2, "7", '"7"'),
        (2, 0, [7], r"\[7\]"),
        (2, 1, {}, "{}"),
        (1, 1, 10**30, "10000"),
        (1, 1, float("nan"), "NaN"),
    ],
)
def test_a_bad_sample_is_named(row, column, value, shown, fast):
    bad = [[[1, 2, 3] for _ in range(3)] for _ in range(3)]
    bad[row][column][1] = value
    where = f"image 1, row {row}: column {column}, channel g: expected an integer 0-255, but found {shown}"
    refused(exceptions.InvalidImageError, where, {"generated_images": [RED, bad]}, fast=fast)


@pytest.mark.parametrize(("token", "shown"), [("-0", "-0"), ("1e1", "10.0"), ("1E0", "1.0"), ("0.0", "0.0")])
def test_numbers_that_only_equal_integers(token, shown):
    raw = f'{{"generated_image": [[[1,2,3]],[[4,{token},6]]]}}'.encode()
    refused(exceptions.InvalidImageError, f"image 0, row 1: column 0, channel g: .* found {shown}", raw)


@pytest.mark.parametrize("token", ["01", "00", "+1", "1 0", "0x1", ".5", "1.", "tru", "1,,2", "٣"])
def test_what_is_not_a_json_number(token):
    raw = f'{{"generated_image": [[[1,2,3]],[[4,{token},6]]]}}'.encode()
    refused(exceptions.MalformedResponseError, "^byte 3[2-9], in image 0, row 1: not JSON", raw)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ([], "image 0 is empty"),
        ([[]], "image 0, row 0: the row is empty"),
        ([[[]]], "image 0, row 0: column 0: expected 3 channels .* found 0"),
        ([[[1, 2, 3, 4]]], "image 0, row 0: column 0: expected 3 channels .* found 4"),
        ([[[1, 2, 3]], [[1, 2, 3, 4]]], "image 0, row 1: column 0: expected 3 channels .* found 4"),
        ([[[1, 2, 3], [1, 2]]], "image 0, row 0: column 1: expected 3 channels .* found 2"),
        ([[[1, 2, 3]] * 3, [[1, 2, 3]] * 2], "image 0, row 1: the row has 2 pixels, .* first row has 3"),
        ([[[1, 2, 3]] * 2, [[1, 2, 3]] * 3], "image 0, row 1: the row has 3 pixels, .* first row has 2"),
        ([[1, 2, 3]], "image 0, row 0: column 0: expected a pixel .* found 1"),
        ([1, 2, 3], "image 0, row 0: expected a row, .* found 1"),
        ([[[1, 2, 3]], []], "image 0, row 1: the row is empty"),
        ([[[[1, 2, 3]] * 3]], r"image 0, row 0: column 0, channel r: .* found \[1, 2, 3\]"),
        ([[[1, 2, 3]], {"a": 1}], 'image 0, row 1: expected a row, .* found {"a": 1}'),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_a_bad_shape_is_named(image, reason, fast):
    refused(exceptions.InvalidImageError, reason, {"generated_image": image}, fast=fast)


@pytest.mark.parametrize(
    ("document", "error", "reason"),
    [
        (b"", exceptions.TruncatedResponseError, "0 bytes"),
        (b"  \n", exceptions.TruncatedResponseError, "ends after 3 bytes"),
        ([1], exceptions.MalformedResponseError, r"byte 0, at the start of the response: expected '\{', found '\[1\]'"),
        ({}, exceptions.MalformedResponseError, "byte 1, before a field"),
        ({"error": "no"}, exceptions.MalformedResponseError, "none of the fields generated_images.* it has: 'error'"),
        ({"generated_images": []}, exceptions.InvalidImageError, "'generated_images' is empty"),
        ({"generated_images": [RED, "aa"]}, exceptions.InvalidImageError, "image 1 has another form than image 0"),
        ({"generated_images": {"0": RED}}, exceptions.MalformedResponseError, "byte 21, at the start of 'generated_im"),
        ({"generated_image": None}, exceptions.InvalidImageError, "byte 20: image 0 is neither nested RGB nor"),
        ({"generated_images": [7]}, exceptions.InvalidImageError, "image 0 is neither nested RGB nor"),
        ({"generated_image": RED, "generated_images": [RED]}, exceptions.MalformedResponseError, "has both"),
        (b'{"generated_image":[[[1,2,3]]],"generated_image":1}', exceptions.MalformedResponseError, "occurs twice"),
        (b'{"a":1,"a":2}', exceptions.MalformedResponseError, "'a' occurs twice"),
        (b'{"a":{"b":1,"b":2}}', exceptions.MalformedResponseError, "'b' occurs twice"),
        (b'{"generated_image":[[[1,2,3]]]} x', exceptions.MalformedResponseError, "byte 32: .* is over, but 'x' foll"),
        (b'{"generated_image":[[[1,2,3]]]}]', exceptions.MalformedResponseError, "byte 31: .* is over"),
        (b'{"generated_image":[[[1,2,3]]],}', exceptions.MalformedResponseError, "byte 31, before a field"),
        (b"{generated_image:[[[1,2,3]]]}", exceptions.MalformedResponseError, "byte 1, before a field"),
        (b'{"a":\xff}', exceptions.MalformedResponseError, "byte 5, in the field 'a': not UTF-8"),
        (b'{"a":"x\xe8\xb5"}', exceptions.MalformedResponseError, "byte 7, in the field 'a': not UTF-8"),
        (b'\xef\xbb\xbf{"generated_image":[[[1,2,3]]]}', exceptions.MalformedResponseError, "byte 0"),
        ('{"generated_image":[[[1,2,3]]]}'.encode("utf-16"), exceptions.MalformedResponseError, "byte 0"),
        (b'{"a":' + b"[" * 100_000, exceptions.MalformedResponseError, "in the field 'a': nested too deeply"),
        (b'{"generated_image":[[' + b"[" * 100_000, exceptions.MalformedResponseError, "row 0: nested too deeply"),
        (b'{"a":' + b"9" * 5000 + b"}", exceptions.MalformedResponseError, "byte 5, in the field 'a': Exceeds"),
    ],
)
def test_a_bad_document_is_explained(document, error, reason):
    refused(error, reason, document, size=1000)
    refused(error, reason, document, size=10**6)


def test_truncated_anywhere_says_so():
    whole = json.dumps({"prompt": "ring \u8d64", "generated_images": [RED, BLUE, RED], "n": 1.5, "ok": True}).encode()
    for end in range(len(whole)):
        refused(exceptions.TruncatedResponseError, rf"(ends after|it has) {end} bytes", whole[:end], size=11)


def test_a_truncated_large_image_names_its_row():
    raw = json.dumps({"generated_images": [[[[7, 8, 9]] * 100] * 100]}).encode()
    where = r"ends after 60000 bytes, in image 0, row \d+; look for a response ceiling \(TS_MAX_RESPONSE_SIZE, "
    refused(exceptions.TruncatedResponseError, where, raw[:60_000], size=5000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "neither a whole JPEG nor a whole PNG"),
        ("!", "not base64"),
        ("data:image/png;base64,AAAA", "not base64"),
        ("AAA", "not base64"),
        ("AA==AA==", "not base64"),
        ("AAAA\n", "not base64"),
        ("ä", "not base64"),
        (b64(b"GIF89a" + bytes(50)), "neither a whole JPEG nor a whole PNG"),
        (b64(file("PNG")[:-20]), "neither a whole JPEG nor a whole PNG"),
        (b64(file("JPEG", size=(64, 64))[:500]), "neither a whole JPEG nor a whole PNG"),
        (b64(file("PNG")[:50] + b"\0" + file("PNG")[51:]), "neither a whole JPEG nor a whole PNG"),
        (b64(file("PNG", "RGBA")), "of kind RGBA"),
        (b64(file("PNG", "LA")), "of kind LA"),
        (b64(file("PNG", "P", transparency=3)), "of kind transparent"),
        (b64(file("PNG", "I;16")), "of kind I;16"),
        (b64(file("JPEG", "CMYK")), "of kind CMYK"),
        (b64(file("PNG", save_all=True, append_images=[Image.new("RGB", (5, 4))])), "animation"),
    ],
)
def test_a_bad_encoded_image_is_explained(text, reason):
    refused(exceptions.InvalidImageError, f"^image 0: .*{reason}", {"generated_images": [text]}, size=10**6)


@pytest.mark.parametrize(
    ("artifacts", "reason"),
    [
        ([{"base64": 1}], "artifact 0 is not an object with a string `base64`"),
        ([{}], "artifact 0 is not an object"),
        ([{"base64": "", "finishReason": "CONTENT_FILTERED"}], "finishReason 'CONTENT_FILTERED'"),
    ],
)
def test_a_bad_artifact_is_explained(artifacts, reason):
    refused(exceptions.InvalidImageError, reason, {"artifacts": artifacts})


PNG_FILE = b64(file("PNG"))


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("reasons", [{"finish_reasons": [None, None]}, {}])
def test_images_as_stable_diffusion_3_answers(reasons, size):
    answer = read({"seeds": [7, 8], **reasons, "images": [PNG_FILE, b64(file("JPEG"))]}, size=size)
    assert decoded(answer) == [expected(file("PNG")), expected(file("JPEG"))]
    assert answer.fields == {"seeds": [7, 8], **reasons}


FILTERED = ["Filter reason: output image"]


@pytest.mark.parametrize(
    "document",
    [
        {"finish_reasons": FILTERED},
        {"seeds": [1], "finish_reasons": FILTERED, "images": [""]},
        {"seeds": [1], "finish_reasons": FILTERED, "images": []},
        {"images": [], "finish_reasons": FILTERED},
        {"images": [None], "finish_reasons": FILTERED},
        {"images": [PNG_FILE], "finish_reasons": FILTERED},
    ],
)
def test_what_the_model_refused_to_draw_says_why(document):
    refused(exceptions.InvalidImageError, "image 0 has the finish reason 'Filter reason: output image'", document)


def test_the_refused_one_of_two_pictures_is_named():
    document = {"finish_reasons": [None, "Inference error"], "images": [PNG_FILE, PNG_FILE]}
    refused(exceptions.InvalidImageError, "image 1 has the finish reason 'Inference error'", document)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"images": [None]}, "'images' is empty"),
        ({"images": [], "finish_reasons": [None]}, "'images' is empty"),
        ({"images": [{"url": "x"}]}, "image 0 is neither nested RGB nor a base64 string"),
        ({"images": [PNG_FILE, None]}, "image 1 has another form than image 0"),
    ],
)
def test_images_without_a_picture(document, reason):
    refused(exceptions.InvalidImageError, reason, document, size=10**6)


@pytest.mark.parametrize("field", ["predictions", "image", "data"])
def test_an_answer_of_an_unknown_form_names_what_it_has(field):
    refused(exceptions.MalformedResponseError, f"it has: 'model', '{field}'", {"model": "x", field: [PNG_FILE]})


@pytest.mark.parametrize("content_type", ["image/webp", "image/png"])
def test_a_plain_body_of_another_kind(content_type):
    refused(
        exceptions.InvalidImageError,
        rf"the response \({content_type}\): neither",
        b'{"generated_image": 1}',
        content_type,
    )
