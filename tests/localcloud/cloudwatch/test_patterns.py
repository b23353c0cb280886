"""Filter patterns beyond the examples of AWS's page, which tests/conformance has."""

from __future__ import annotations

import json

import pytest

from localcloud.cloudwatch.patterns import InvalidPatternError, parse


@pytest.mark.parametrize(
    ("pattern", "message", "found"),
    [
        ("ERROR", "ERRORCODE: -1", True),
        ('"ERROR" - "Exiting"', "Exiting with ERROR", False),
        ('"say \\"no\\""', 'they say "no"', True),
        ('?"out of" ?memory', "ran out of it", True),
        ("?a -b", "c", True),  # the optional term is ignored
        ("%[0-9]{3}%", "id=123", True),
        ("%^id=\\d+$%", "id=12x", False),
        ("%\\x28oops\\x29%", "it is (oops)", True),
        ("Größe", "die Größe", True),
    ],
)
def test_terms(pattern: str, message: str, found: bool) -> None:
    assert parse(pattern).matches(message) is found


@pytest.mark.parametrize(
    ("pattern", "event", "found"),
    [
        ("{ $.a = 5 }", {"a": 5.0}, True),
        ("{ $.a = 5 }", {"a": "5"}, True),
        ('{ $.a = "5" }', {"a": 5}, True),
        ("{ $.a != 5 }", {"b": 1}, False),
        ("{ $.a > 5 }", {"a": "6"}, False),
        ("{ $.a = *b* }", {"a": "abc"}, True),
        ("{ $.a = a*c }", {"a": "abc"}, False),
        ("{ $.a.b[1].c = 1 }", {"a": {"b": [0, {"c": 1}]}}, True),
        ("{ $.a.* = 1 }", {"a": {"x": 0, "y": 1}}, True),
        ("{ $.detail-type = x }", {"detail-type": "x"}, True),
        ("{ $.['a.b'] = x }", {"a.b": "x"}, True),
        ("{ $.a = true }", {"a": True}, True),
        ("{ $[0].a = 1 }", [{"a": 1}], True),
        ("{$.a=1&&($.b=2||$.c=3)}", {"a": 1, "c": 3}, True),
    ],
)
def test_json(pattern: str, event: object, found: bool) -> None:
    assert parse(pattern).matches(json.dumps(event)) is found


@pytest.mark.parametrize("message", ["plain", "", "{broken", "5", '"text"', "null"])
def test_what_is_no_json_object_is_never_found(message: str) -> None:
    assert not parse("{ $.a NOT EXISTS }").matches(message)


@pytest.mark.parametrize(
    ("pattern", "message", "found"),
    [
        ("[a, b]", "one two", True),
        ("[a, b]", "one two three", False),
        ("[a, b]", 'one "two three"', True),
        ("[a, b]", "one [two three]", True),
        ("[a, b]", "  one   two  ", True),
        ("[(a = one || a = two), b]", "two x", True),
        ("[a = one && b = two]", "one two", None),
        ("[w1=!ERROR&&w1=!WARN, w2]", "INFO message", True),
        ("[w1=!ERROR&&w1=!WARN, w2]", "WARN message", False),
        ("[…, last]", "a b c", True),
        ("[a, a]", "x y", None),
        ("[a, ..., b, ...]", "x y", None),
        ("[a >= -1.5e1]", "-15", True),
        ("[a > 1]", "text", False),
        ("[]", "one", True),
    ],
)
def test_delimited(pattern: str, message: str, found: bool | None) -> None:
    if found is None:
        with pytest.raises(InvalidPatternError):
            parse(pattern)
    else:
        assert parse(pattern).matches(message) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "a.b", "a(", '"', '""', "%", "%%", "%a b%", "%a%b%", "%[%", "{}", "{ $ = 1 }", "{ $.a }", "{ $.a == 1 }",
        "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a = 'x' }", "{ $.a = 1 $.b = 2 }", "{ $.a IS 5 }", "{ $.*.* = 1 }",
        "{ $.a = %x }", "[a = ]", "[a, b", "{ $.a = @x }",
    ],
)  # fmt: skip
def test_malformed(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        parse(pattern)


def test_values_of_selectors() -> None:
    pattern = parse("{ $.ms = * }")
    assert pattern.value('{"ms": 12, "other": "x"}', "$.ms") == 12
    assert pattern.value('{"ms": 12, "other": "x"}', "$.other") == "x"
    assert pattern.value('{"ms": [1]}', "$.ms") is None
    assert pattern.has("$.anything")
    assert not pattern.has("anything")
    delimited = parse("[a, ..., last]")
    assert delimited.extract("1 2 3") == {"$a": "1", "$2": "2", "$last": "3"}
    assert (delimited.has("$last"), delimited.has("$2")) == (True, False)
