import copy
from typing import Any

import pytest

from helpers.parity import compare, forms
from helpers.parity.recording import Recording

LINES: list[dict[str, Any]] = [
    {"kind": "step", "t": 1, "name": "request"},
    {"kind": "call", "t": 2, "service": "sagemaker", "operation": "DescribeEndpoint", "label": "missing", "request": {},
     "status": 400, "error": {"code": "ValidationException", "message": "Could not find <account:00000000>."},
     "response": {}, "headers": {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "1"}},
    {"kind": "call", "t": 2, "service": "sns", "operation": "GetTopicAttributes", "label": "a topic", "request": {},
     "status": 200, "error": None, "response": {"Attributes": {"Owner": "x"}, "List": [{"A": 1}], "Empty": []},
     "headers": {}},
    {"kind": "call", "t": 3, "service": "s3", "operation": "GetObject", "label": "", "request": {}, "status": 404,
     "error": {"code": "NoSuchKey", "message": ""}, "response": {}, "headers": {}},
    {"kind": "fact", "t": 4, "name": "request.deliveries", "value": 1},
    {"kind": "fact", "t": 4, "name": "request.key", "value": "output/<uuid:11111111>.out"},
    {"kind": "duration", "t": 5, "name": "sleeps.minutes", "value": 16},
    {"kind": "step", "t": 6, "name": "request", "outcome": "done", "seconds": 5},
]  # fmt: skip
HEADER = {"target": "local"}


def recording() -> Recording:
    return Recording(HEADER, copy.deepcopy(LINES))


def changed(place: int, **values: Any) -> Recording:
    made = recording()
    made.lines[place].update(values)  # type: ignore[attr-defined]
    return made


def test_the_same_is_the_same():
    assert compare.differences(recording(), recording()) == []


def test_identifiers_times_and_looks_do_not_matter():
    other = changed(5, value="output/<uuid:22222222>.out")
    other.lines[6]["value"] = 20  # type: ignore[index]
    other.lines[1]["headers"]["x-amzn-requestid"] = "2"
    other.lines.insert(3, dict(other.lines[3]))  # type: ignore[attr-defined]
    assert compare.differences(recording(), other) == []


@pytest.mark.parametrize(
    ("place", "values", "what"),
    [
        (1, {"status": 404}, "status"),
        (1, {"error": {"code": "ResourceNotFound", "message": "Could not find <account:00000000>."}}, "error code"),
        (1, {"error": {"code": "ValidationException", "message": "What?"}}, "words"),
        (1, {"headers": {"content-type": "text/xml"}}, "headers"),
        (1, {"label": "another"}, "call"),
        (2, {"response": {"Attributes": {}, "List": [{"A": 1}], "Empty": []}}, "shape"),
        (2, {"response": {"Attributes": {"Owner": "x"}, "List": [{"A": "1"}], "Empty": []}}, "shape"),
        (4, {"value": 2}, "fact"),
        (5, {"value": "output/verify/<uuid:1>.out"}, "fact"),
        (6, {"value": 160}, "duration"),
    ],
)
def test_what_a_caller_could_notice_is_a_difference(place: int, values: dict[str, Any], what: str):
    found = compare.differences(recording(), changed(place, **values))
    assert what in {item.what for item in found}, found


def test_an_empty_list_says_nothing_about_its_items():
    response = {"Attributes": {"Owner": "x"}, "List": [], "Empty": [{"B": 2}]}
    assert compare.differences(recording(), changed(2, response=response)) == []


def test_a_step_that_only_one_has_is_left_out_and_named():
    other = Recording(HEADER, [])
    assert compare.differences(recording(), other) == []
    assert compare.not_compared(recording(), other) == ["request"]


def test_shapes():
    found = forms.shape({"A": [{"B": 1}, {"C": "x"}], "T": "2026-11-28T04:50:49.123Z", "N": None, "E": []})
    assert forms.paths(found) == {
        "A": "list", "A[]": "object", "A[].B": "number", "A[].C": "text", "E": "list", "N": "null", "T": "time",
    }  # fmt: skip
