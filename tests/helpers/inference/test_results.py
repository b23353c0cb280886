import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from contract.errors import ResultError
from helpers.inference.results import Result

BUCKET = "workshop-bucket"


@pytest.fixture
def job(backend):
    return backend.connection.generate("a <red> circle", seed=3)


# Pictures


def test_pictures_are_those_of_the_model_pixel_for_pixel(backend, job, draw):
    pictures = [draw(8, 16, 1), draw(8, 16, 2)]
    backend.finish(job, *pictures)
    result = job.wait(5)
    for png, answer, drawn in zip(result.arrays, result.output().arrays, pictures, strict=True):
        assert png.dtype == answer.dtype == np.uint8
        assert png.shape == (8, 16, 3)
        np.testing.assert_array_equal(png, drawn)
        np.testing.assert_array_equal(answer, drawn)
    assert [image.size for image in result.images] == [(16, 8)] * 2
    assert result.prompt == "a <red> circle"
    assert repr(result) == f"<Result {job.id}: 2 pictures of 'a <red> circle'>"


def test_the_output_says_where_and_how_large(backend, job):
    backend.finish(job)
    output = job.wait(5).output()
    assert output.location == f"s3://{BUCKET}/output/{job.id}-uuid.out"
    assert output.size == len(backend.connection.store.read(f"output/{job.id}-uuid.out").body)
    assert output.content["prompt"] == "a <red> circle"
    assert "generated_images" not in repr(output)


def test_a_changed_picture_is_found_out(backend, job, draw):
    backend.finish(job)
    key = f"images/{job.id}/0.png"
    whole = backend.connection.store.read(key).body
    backend.put(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ResultError, match=f"s3://{BUCKET}/{key} has {len(whole)} bytes with SHA-256"):
        _ = job.wait(5).images
    backend.put(key, whole + b"x")
    with pytest.raises(ResultError, match=f"has {len(whole) + 1} bytes"):
        _ = job.wait(5).arrays


def test_a_missing_picture_is_named(backend, job):
    backend.finish(job)
    backend.s3.delete_object(Bucket=BUCKET, Key=f"images/{job.id}/0.png")
    with pytest.raises(ResultError, match=f"images/{job.id}/0.png is not there"):
        _ = job.wait(5).images


def test_a_picture_of_another_size(backend, job):
    backend.finish(job)
    manifest = backend.extract(job)
    manifest["images"][0]["width"] = 24
    backend.put(f"images/{job.id}/manifest.json", manifest)
    with pytest.raises(ResultError, match=r"0.png is 16×8; the manifest says 24×8"):
        _ = job.wait(5).images


def test_what_is_no_picture(backend, job):
    import hashlib

    backend.finish(job)
    manifest, body = backend.extract(job), b"not a png"
    manifest["images"][0].update(bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
    backend.put(f"images/{job.id}/manifest.json", manifest)
    backend.put(f"images/{job.id}/0.png", body)
    with pytest.raises(ResultError, match=r"0\.png is not a whole picture"):
        _ = job.wait(5).images


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"inferenceId": "another"}, "inferenceId is 'another'"),
        ({"prompt": None}, "prompt is None"),
        ({"source": 7}, "source is 7"),
        ({"warnings": "x"}, "warnings is 'x'; expected a list of texts"),
        ({"warnings": ["x", 5]}, "warnings is ['x', 5]"),
        ({"images": []}, "images is []"),
        ({"images": None}, "images is None"),
        ({"images": ["x"]}, "images[0].key is None"),
        ({"images": [{"key": "images/{id}/0.png", "sha256": "x", "width": 0}]}, "images[0].width is 0"),
        ({"images": [{"key": "images/{id}/0.png", "sha256": "x", "width": True}]}, "images[0].width is True"),
        (
            {"images": [{"key": "images/other/0.png", "sha256": "x", "width": 1, "height": 1, "bytes": 1}]},
            "outside of images/",
        ),
    ],
)
def test_a_malformed_manifest_names_itself(backend, job, change, part):
    change = json.loads(json.dumps(change).replace("{id}", job.id))
    backend.extract(job, **change)
    with pytest.raises(ResultError) as caught:
        _ = job.wait(5).images
    assert f"s3://{BUCKET}/images/{job.id}/manifest.json: " in str(caught.value)
    assert part in str(caught.value)


def test_a_manifest_that_is_no_json_or_not_there(backend, job):
    with pytest.raises(ResultError, match=r"manifest.json is not there"):
        _ = Result(backend.connection, job.id).manifest
    backend.put(f"images/{job.id}/manifest.json", b'{"inference')
    with pytest.raises(ResultError, match=r"manifest.json is not JSON"):
        _ = job.wait(5).manifest


# The model's answer in its other forms


def encoded(array, kind):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def answered(backend, job, content):
    backend.finish(job)
    backend.put(f"output/{job.id}-uuid.out", content)
    return job.wait(5).output()


def test_a_single_image_of_numbers(backend, job, draw):
    output = answered(backend, job, {"generated_image": draw().tolist(), "prompt": "a"})
    np.testing.assert_array_equal(output.arrays[0], draw())


@pytest.mark.parametrize("field", ["generated_images", "images"])
def test_base64_pictures(backend, job, draw, field):
    text = base64.b64encode(encoded(draw(), "PNG")).decode()
    output = answered(backend, job, {field: [text, text], "prompt": "a"})
    assert len(output.arrays) == 2
    np.testing.assert_array_equal(output.arrays[1], draw())


def test_a_plain_picture(backend, job, draw):
    output = answered(backend, job, encoded(draw(), "PNG"))
    assert output.content is None
    np.testing.assert_array_equal(output.arrays[0], draw())


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b'{"generated_images": [[[[1, 2', "is not JSON"),
        ({"images": []}, "neither generated_images nor generated_image"),
        ([1], "neither"),
        ({"generated_images": [[[[1, 2, 3], [4, 5]]]]}, "generated_images[0] is not a rectangle"),
        ({"generated_images": [[[[1, 2, 256]]]]}, "values from 1 to 256"),
        ({"generated_images": [[[[1, -2, 3]]]]}, "values from -2 to 3"),
        ({"generated_images": [[[[1, 2.5, 3]]]]}, "float64"),
        ({"generated_images": [[[[1, 2, 3, 4]]]]}, "shape (1, 1, 4)"),
        ({"generated_images": [[[["1", "2", "3"]]]]}, "expected whole numbers"),
        ({"generated_images": ["%%%"]}, "not base64"),
        ({"generated_images": ["AAAA"]}, "is not a whole picture"),
        ({"generated_image": None}, "generated_image is object"),
        (b"\x89PNG cut", "is not a whole picture"),
    ],
)
def test_an_answer_that_is_none(backend, job, content, part):
    with pytest.raises(ResultError) as caught:
        answered(backend, job, content)
    assert part in str(caught.value)
    assert f"output/{job.id}-uuid.out" in str(caught.value)


def test_an_answer_that_is_gone_or_elsewhere(backend, job):
    backend.finish(job)
    backend.s3.delete_object(Bucket=BUCKET, Key=f"output/{job.id}-uuid.out")
    with pytest.raises(ResultError, match=r"-uuid.out, which .* is gone"):
        job.wait(5).output()
    backend.extract(job, source="s3://somebody-elses/x.out")
    with pytest.raises(ResultError, match=r"'s3://somebody-elses/x\.out' is not in the workshop's bucket"):
        job.wait(5).output()


# In a notebook


def test_the_figure_holds_pictures_and_their_text(backend, job, draw):
    backend.finish(job, draw(seed=1), draw(seed=2))
    text = job.wait(5)._repr_html_()
    assert text.count('src="data:image/png;base64,') == 2
    assert 'alt="a &lt;red&gt; circle, picture 1 of 2"' in text
    assert "<red>" not in text


def test_what_the_model_ignored_is_said(backend, job):
    backend.finish(job)
    result = job.wait(5)
    assert result.warnings == []
    assert "⚠" not in result._repr_html_()
    said = "unknown words in the prompt were ignored: <dragon>"
    backend.extract(job, warnings=[said])
    result = Result(backend.connection, job.id)
    assert result.warnings == [said]
    assert repr(result) == f"<Result {job.id}: 1 pictures of 'a <red> circle'; {said}>"
    assert "⚠ unknown words in the prompt were ignored: &lt;dragon&gt;" in result._repr_html_()


def test_one_png_for_static_copies(backend, job, draw):
    backend.finish(job)
    result = job.wait(5)
    assert result._repr_png_() == result.pictures[0]
    backend.finish(job, draw(8, 16, 1), draw(8, 24, 2))
    row = np.asarray(Image.open(io.BytesIO(job.wait(5)._repr_png_())))
    np.testing.assert_array_equal(row, np.concatenate([draw(8, 16, 1), draw(8, 24, 2)], axis=1))
