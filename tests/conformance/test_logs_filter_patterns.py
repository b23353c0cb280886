"""Amazon CloudWatch Logs: filter patterns, by the examples of AWS's page."""

from __future__ import annotations

import json

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.logs import group

PAGE = "AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"
JSON_PAGE = "AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html"
DELIMITED_PAGE = "AmazonCloudWatch/latest/logs/matching-terms-space-delimited.html"

TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "latency": 50,
        "errorCode": "AccessDenied",
    }
)
USERS = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


def matched(aws: Account, pattern: str, *messages: str) -> list[str]:
    answer = aws.client("logs").test_metric_filter(filterPattern=pattern, logEventMessages=list(messages))
    return [match["eventMessage"] for match in answer["matches"]]


@behaviour("logs", "TestMetricFilter", "The pattern {pattern} finds {found} of three lines", PAGE)
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", 3),
        ('" "', 3),
        ("ERROR", 2),
        ("ERROR WARN", 1),
        ("?ERROR ?WARN", 3),
        ("ERROR -WARN", 1),
        ("-WARN", 1),
        ('"WARN message"', 2),
        ("error", 0),
        ("%ERR.*mess%", 2),
        ("%^WARN%", 1),
        ("message ?nowhere", 3),
    ],
)
def test_terms(aws: Account, pattern: str, found: int) -> None:
    lines = ("ERROR WARN message", "ERROR message", "WARN message")
    assert len(matched(aws, pattern, *lines)) == found


@behaviour("logs", "TestMetricFilter", "The JSON pattern {pattern} matches: {found}", JSON_PAGE)
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = updatetrail }", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.latency >= 50 }", True),
        ("{ $.latency > +1e3 }", False),
        ("{ $.latency < 10e-3 }", False),
        ("{ $.latency = * }", True),
        ("{ $.nothing = * }", False),
        ('{ $.errorCode = "*Denied" }', True),
        ("{ $.errorCode = %^Access%}", True),
        ("{ $.arrayKey = 1 }", False),
        ("{ $.arrayKey != 1 }", False),
        ("{ $.eventType > 4 }", False),
    ],
)
def test_json(aws: Account, pattern: str, found: bool) -> None:
    assert bool(matched(aws, pattern, TRAIL)) is found


@behaviour("logs", "TestMetricFilter", "&& binds more tightly than ||: {pattern} matches: {found}", JSON_PAGE)
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = none) && $.actions[2] = none }',
            False,
        ),
    ],
)
def test_compound(aws: Account, pattern: str, found: bool) -> None:
    assert bool(matched(aws, pattern, USERS)) is found


@behaviour("logs", "TestMetricFilter", "The space-delimited pattern {pattern} matches: {found}", DELIMITED_PAGE)
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user]", False),
        ("[..., status_code, bytes]", True),
        ("[ip, user, ..., status_code, bytes]", True),
        ("[ip, user, ...]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code = 200, bytes]", False),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 4* && status_code != 403, bytes]", True),
        ("[..., status_code = 4* && status_code != 404, bytes]", False),
        ("[..., status_code = 500 || status_code = 404, bytes]", True),
        ('[ip, user, username = "frank", ...]', True),
        ("[ip = %127\\.0\\.0\\.[0-9]%, ...]", True),
    ],
)
def test_delimited(aws: Account, pattern: str, found: bool) -> None:
    assert bool(matched(aws, pattern, ACCESS)) is found


@behaviour("logs", "TestMetricFilter", "Extracted values are named by the pattern's fields, others by $number", PAGE)
def test_extracted_values(aws: Account) -> None:
    (match,) = aws.client("logs").test_metric_filter(
        filterPattern="[..., request=*.html*, status_code=4*,]", logEventMessages=[ACCESS]
    )["matches"]
    assert match["eventNumber"] == 1
    assert match["extractedValues"] == {
        "$status_code": "404",
        "$request": "GET /index.html HTTP/1.0",
        "$7": "1534",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$3": "frank",
        "$2": "-",
        "$1": "127.0.0.1",
    }


@behaviour("logs", "FilterLogEvents", "The malformed pattern {pattern} is refused: {message}", PAGE)
@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{ $.n = 5", "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("{ $.n > }", "Invalid filter pattern"),
        ("{ $.n > abc }", "Invalid filter pattern"),
        ('{ $."n" = 1 }', "Invalid character(s) in term '$.\"'"),
        ("failed: timeout", "Invalid character(s) in term ':'"),
        ("%(a|b)%", "Invalid character(s) in term '('"),
        ("[a, b > x, c]", "Invalid filter pattern"),
        ("[..., status_code = 4* && bytes > 1000]", "Invalid filter pattern"),
        ("{ $.a = %x% && $.b = %y% && $.c = %z% }", "Invalid filter pattern"),
    ],
)
def test_malformed(aws: Account, pattern: str, message: str) -> None:
    name = group(aws)
    with aws.refused("InvalidParameterException", message):
        aws.client("logs").filter_log_events(logGroupName=name, filterPattern=pattern)
