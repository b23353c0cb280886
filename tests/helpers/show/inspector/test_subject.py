"""What is inspected is the model's answer itself: place and bytes are compared with what lies in the bucket."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from contract.errors import ParameterError, ResultError
from helpers.show.inspector.subject import plain_png, subject_of, text_length


def finished(backend, answer, *arrays, prompt="a red circle"):
    """A result whose answer is ``answer``, byte for byte."""
    job = backend.connection.generate(prompt)
    backend.put(f"output/{job.id}-uuid.out", answer)
    backend.notify(job)
    backend.extract(job, *arrays)
    return job.wait(5)


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("number", [0, 1])
def test_the_place_of_a_picture_is_the_byte_where_it_begins(backend, draw, separators, ascii_only, number):
    arrays, prompt = [draw(seed=1), draw(seed=2)], 'ein „größeres" Bild'
    content = {"prompt": prompt, "generated_images": [array.tolist() for array in arrays], "more": [1]}
    answer = json.dumps(content, separators=separators, ensure_ascii=ascii_only).encode()
    subject = subject_of(finished(backend, answer, *arrays, prompt=prompt), number)
    written = json.dumps(arrays[number].tolist(), separators=separators).encode()
    assert subject.path == f"generated_images[{number}]"
    assert answer[subject.start : subject.start + len(written)] == written
    assert (subject.separator, subject.size) == (separators[0], len(answer))
    assert subject.note == ""


def test_a_single_picture_is_named_in_the_singular(backend, draw):
    array = draw()
    answer = json.dumps({"generated_image": array.tolist(), "prompt": "a"}).encode()
    subject = subject_of(finished(backend, answer, array))
    assert (subject.path, subject.start) == ("generated_image", len('{"generated_image": '))


def test_an_answer_written_in_another_way_has_a_path_and_no_bytes(backend, draw):
    array = draw()
    answer = json.dumps({"generated_images": [array.tolist()], "prompt": "a"}, indent=1).encode()
    subject = subject_of(finished(backend, answer, array))
    assert (subject.path, subject.start) == ("generated_images[0]", -1)


def test_an_encoded_picture_has_no_numbers_in_the_json(backend, draw):
    array, file = draw(), io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    answer = {"generated_images": [base64.b64encode(file.getvalue()).decode()], "prompt": "a"}
    subject = subject_of(finished(backend, answer, array))
    assert subject.path == ""
    assert "encoded picture" in subject.note


def test_a_png_that_differs_from_the_answer_is_refused_with_the_place(backend, draw):
    array = draw()
    other = array.copy()
    other[3, 5] = (1, 2, 3)
    answer = {"generated_images": [array.tolist()], "prompt": "a"}
    result = finished(backend, answer, other)
    with pytest.raises(ResultError, match=r"differs .* at 1 pixels, first at x 5, y 3: \[1, 2, 3\] and") as caught:
        subject_of(result)
    assert str(array[3, 5].tolist()) in str(caught.value)


@pytest.mark.parametrize("number", [-1, 1, True, "0"])
def test_a_picture_that_is_not_there(backend, draw, number):
    array = draw()
    result = finished(backend, {"generated_images": [array.tolist()], "prompt": "a"}, array)
    with pytest.raises(ParameterError, match="must be 0 to 0"):
        subject_of(result, number)


@pytest.mark.parametrize("separator", [", ", ","])
@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 7, 3), (9, 4, 3)])
def test_the_length_of_a_picture_is_that_of_its_text(separator, shape):
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    array[0, 0] = (9, 10, 100)
    text = json.dumps(array.tolist(), separators=(separator, ":"))
    assert text_length(array, len(separator)) == len(text)


@pytest.mark.parametrize("mode", ["P", "RGBA", "L"])
def test_other_pngs_become_plain_ones(mode):
    file = io.BytesIO()
    image = Image.new("RGB", (4, 3), (10, 20, 30)).convert(mode)
    image.save(file, "PNG")
    plain = plain_png(file.getvalue())
    assert Image.open(io.BytesIO(plain)).getpixel((1, 1)) == image.convert("RGB").getpixel((1, 1))
    assert plain_png(plain) is plain
