"""Whatever the bytes: the reader takes exactly what the judge takes, and everything else is one of its own errors."""

import base64
import io
import json

import pytest
from extract_images import response, rgb_fast
from extract_images.exceptions import ResponseError
from extract_images.png import png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.lambdas.pictures import cut, judge, pixels

# Where the number of digits changes, and where 8 bits end.
SAMPLES = st.sampled_from([0, 1, 5, 9, 10, 42, 99, 100, 101, 199, 200, 249, 255])
ALPHABET = [bytes([b]) for b in b'0123456789[], \t\n-+.eE"\\{}:xtn\x00\xff'] + [b"[[", b"]]", b"],[", b"256", b", "]
TOKENS = [bytes([b]) for b in b'0125[], -.e"\n']
OTHER_FIELDS = [{}, {"prompt": "a ring"}, {"prompt": "[[[1]]] ]],[["}, {"n": 12, "x": [[[1, 2, 3]]]}]
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def images(draw):
    number, height, width = draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    flat = draw(st.lists(SAMPLES, min_size=3 * width * height * number, max_size=3 * width * height * number))
    samples = iter(flat)
    return [[[[next(samples) for _ in "rgb"] for _ in range(width)] for _ in range(height)] for _ in range(number)]


@st.composite
def documents(draw):
    pictures = draw(images())
    fields = {"generated_images": pictures} if draw(st.booleans()) else {"generated_image": pictures[0]}
    others = draw(
        st.sampled_from([{}, {"prompt": "a ring"}, {"prompt": "[[[1]]] ]],[["}, {"n": 12, "x": [[[1, 2, 3]]]}])
    )
    fields = {**fields, **others} if draw(st.booleans()) else {**others, **fields}
    spelling = draw(st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"separators": (" ,\t", ":")}]))
    return json.dumps(fields, **spelling).encode()


@st.composite
def mutated(draw):
    """A good document with a few bytes changed, put in, left out, swapped, doubled or cut off."""
    document = draw(documents())
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(document) - 1)))
        token = draw(st.sampled_from(ALPHABET))
        length = draw(st.integers(1, 6))
        before, piece, after = document[:at], document[at : at + length], document[at + length :]
        document = draw(
            st.sampled_from(
                [
                    before + token + document[at + 1 :],
                    before + token + document[at:],
                    before + document[at + 1 :],
                    before + piece[::-1] + after,
                    before + piece + document[at:],
                    before if draw(st.booleans()) else document,
                ]
            )
        )
    return document


def taken(document, size, fast):
    """Return what the reader makes of the document: images as rows of [r, g, b], or None with its own error."""
    try:
        answer = response.read(cut(document, size), "application/json", fast=fast)
    except ResponseError:
        return None
    return [pixels(png(image, [])) for image in answer.images]


@MANY
@given(documents(), st.integers(1, 60))
def test_good_documents_are_taken(document, size):
    expected = judge(document)
    assert expected is not None
    assert taken(document, size, fast=True) == expected
    assert taken(document, size, fast=False) == expected


@MANY
@given(mutated(), st.integers(1, 60))
def test_mutated_documents_are_taken_exactly_when_they_are_still_good(document, size):
    expected = judge(document)
    assert taken(document, size, fast=True) == expected
    assert taken(document, size, fast=False) == expected


@MANY
@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_bytes_are_taken_or_refused(document, size):
    assert taken(document, size, fast=True) == judge(document)


@MANY
@given(images(), st.data())
def test_the_fast_path_alone_takes_nothing_that_is_not_rows(pictures, data):
    """Straight at the function, without the strict first row in front of it."""
    rows = pictures[0]
    separator = data.draw(st.sampled_from([b",", b", "]))
    text = json.dumps(rows, separators=(separator.decode(), ":")).encode()[1:-1]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        drop = data.draw(st.integers(0, 2))
        text = text[:at] + data.draw(st.sampled_from([b"", *ALPHABET])) + text[at + drop :]
    found = rgb_fast.decode_rows(text, len(rows[0]), separator)
    if found is not None:
        expected = judge(b'{"generated_image":[' + text + b"]}")
        assert expected is not None
        assert found == bytes(sample for row in expected[0] for pixel in row for sample in pixel)
        assert len(expected[0][0]) == len(rows[0])


def encoded_files():
    for mode in ("RGB", "L", "P"):
        image = Image.new(mode, (9, 5), 77)
        for kind in ("PNG",) if mode == "P" else ("PNG", "JPEG"):
            out = io.BytesIO()
            image.save(out, kind)
            yield out.getvalue()


@MANY
@given(st.sampled_from(list(encoded_files())), st.data())
def test_a_mutated_file_is_taken_or_refused(file, data):
    """No exception of Pillow's gets through, whatever the bytes are."""
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(file)))
        drop = data.draw(st.sampled_from([0, 1, 4, 1000]))
        file = file[:at] + data.draw(st.binary(max_size=4)) + file[at + drop :]
    for document, content_type in ((file, "image/png"), (b64_document(file), "application/json")):
        try:
            answer = response.read([document], content_type)
        except ResponseError:
            continue
        assert len(pixels(png(answer.images[0], []))) == answer.images[0].height


def b64_document(file):
    return b'{"generated_images":["' + base64.b64encode(file) + b'"]}'


def test_the_fast_path_takes_every_sample_in_the_usual_spelling():
    samples = [*range(256), 0, 0]
    for separator in (b",", b", "):
        row = [samples[i : i + 3] for i in range(0, 258, 3)]
        text = json.dumps([row, row], separators=(separator.decode(), ":")).encode()[1:-1]
        assert rgb_fast.decode_rows(text, 86, separator) == bytes(samples * 2)


def edits(text):
    """Every text that one edit makes: a token put in or over a byte anywhere, a byte left out, two swapped."""
    for at in range(len(text) + 1):
        yield text[:at] + text[at + 1 :]
        yield text[:at] + text[at : at + 2][::-1] + text[at + 2 :]
        for token in TOKENS:
            yield text[:at] + token + text[at:]
            yield text[:at] + token + text[at + 1 :]


@pytest.mark.parametrize("separator", [b",", b", "])
def test_the_fast_path_after_every_single_edit(separator):
    rows = [[[1, 20, 255], [99, 9, 0]], [[7, 100, 0], [199, 56, 10]]]
    text = json.dumps(rows, separators=(separator.decode(), ":")).encode()[1:-1]
    taken_ones = 0
    for edited in edits(text):
        found = rgb_fast.decode_rows(edited, 2, separator)
        if found is not None:
            expected = judge(b'{"generated_image":[' + edited + b"]}")
            assert expected is not None, edited
            assert found == bytes(sample for row in expected[0] for pixel in row for sample in pixel), edited
            taken_ones += 1
    assert taken_ones > 20  # such as another digit


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_documents_after_every_single_edit(separators):
    document = json.dumps({"generated_images": [[[[1, 20, 255]], [[99, 9, 0]]]] * 2}, separators=separators).encode()
    for edited in set(edits(document)):
        expected = judge(edited)
        assert taken(edited, 1000, fast=True) == expected, edited
        if expected is None:
            assert taken(edited, 1000, fast=False) is None, edited


def test_the_fast_path_judges_every_number_beside_every_neighbour():
    """Sums of neighbours share one big integer: what overflows must not hide in the next sample."""
    for number in [str(n) for n in range(1100)] + [f"{n:0{width}}" for n in range(100) for width in (2, 3, 4)]:
        good = number == str(int(number)) and int(number) <= 255
        for before, after in ((9, 99), (99, 9), (255, 255), (0, 0)):
            values = (number, before, after), (before, number, after), (before, after, number)
            for samples in values:
                found = rgb_fast.decode_rows("[[{},{},{}]]".format(*samples).encode(), 1, b",")
                assert found == (bytes(map(int, samples)) if good else None), samples


def test_the_fast_path_leaves_faults_that_balance_in_number():
    """The count of digits alone would be right: what one slot lacks, the others have too much."""
    assert rgb_fast.decode_rows(b"[[,01,01],[01,1,1]]", 2, b",") is None
    assert rgb_fast.decode_rows(b"[[270,9,3]]", 1, b",") is None


@pytest.mark.parametrize(
    "number",
    [
        "00",
        "01",
        "007",
        "256",
        "260",
        "299",
        "300",
        "999",
        "1000",
        "-1",
        "-0",
        "1 0",
        "",
        "1.0",
        "1e1",
        "0x1",
        "+1",
        "٣",
    ],
)
def test_the_fast_path_leaves_every_other_number(number):
    text = f"[[1,2,3],[4,{number},6]]".encode()
    assert rgb_fast.decode_rows(text, 2, b",") is None
    assert rgb_fast.decode_rows(text.replace(b",", b", "), 2, b", ") is None
