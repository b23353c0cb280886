"""Logs Insights and metric math beyond what tests/conformance asks of the running cloud."""

from __future__ import annotations

import json

import pytest

from localcloud.cloudwatch.insights import MalformedQueryError, Record, parse, record
from localcloud.cloudwatch.metric_math import Expression, Grid, MathError


def records(*messages: object) -> list[Record]:
    """Records a minute apart, the first at midnight."""
    return [
        record({"timestamp": 60_000 * i, "message": m if isinstance(m, str) else json.dumps(m)}, "g", "s", "1")
        for i, m in enumerate(messages)
    ]


def test_fields_are_discovered_in_objects_and_arrays() -> None:
    (found,) = records({"a": {"b": [1, {"c": "x"}]}, "t": True, "n": None})
    assert {name: value for name, value in found.items() if not name.startswith("@")} == {
        "a.b.0": 1,
        "a.b.1.c": "x",
        "t": "1",
    }


def test_bins_group_by_time() -> None:
    rows, matched = parse("stats count() as n by bin(2m) | sort bin(2m)").run(records("a", "b", "c"))
    assert [{cell["field"]: cell["value"] for cell in row} for row in rows] == [
        {"bin(2m)": "1970-01-01 00:00:00.000", "n": "2"},
        {"bin(2m)": "1970-01-01 00:02:00.000", "n": "1"},
    ]
    assert matched == 3


def test_the_newest_comes_first_and_the_smaller_limit_holds() -> None:
    query = parse("fields @message | limit 3")
    rows, _ = query.run(records("a", "b", "c"), 2)
    assert [row[0]["value"] for row in rows] == ["c", "b"]


def test_matched_counts_what_passes_the_filters() -> None:
    _, matched = parse('filter @message = "a" | stats count()').run(records("a", "b", "a"))
    assert matched == 2


@pytest.mark.parametrize(
    "query",
    ["", "|", "fields", "fields a |", "filter", "filter a", "filter (a = 1", "limit x", "limit 0", "sort", "stats",
     "stats nonsense(a)", "stats count() | stats count()", "filter a like /[/", "filter a in [1", 'fields "a"'],
)  # fmt: skip
def test_malformed_queries(query: str) -> None:
    with pytest.raises(MalformedQueryError):
        parse(query)


GRID = Grid(0, 240, 60)


def evaluated(text: str) -> object:
    series = {"a": {0.0: 1.0, 60.0: 2.0, 180.0: 4.0}}
    return Expression(text).value({**series}, series, GRID)


def test_scalars_and_series() -> None:
    assert evaluated("SUM(a)") == 7
    assert evaluated("METRIC_COUNT(METRICS())") == 1
    assert evaluated("a - AVG(a) > 0") == {0: 0, 60: 0, 180: 1}
    assert evaluated("FILL(a, REPEAT)") == {0: 1, 60: 2, 120: 2, 180: 4}
    assert evaluated("FILL(METRICS(), 0)") == [{0: 1, 60: 2, 120: 0, 180: 4}]
    assert evaluated("1 / (a - 1)") == {60: 1, 180: 1 / 3}
    assert evaluated("IF(SUM(a) > 5, a)") == {0: 1, 60: 2, 180: 4}


@pytest.mark.parametrize(
    "text", ["__import__('os')", "a.b", "a[0]", "lambda: 1", "'x'", "a if a else a", "1 / 0", "a @ a"]
)
def test_nothing_but_metric_math_is_evaluated(text: str) -> None:
    with pytest.raises(MathError):
        evaluated(text)
