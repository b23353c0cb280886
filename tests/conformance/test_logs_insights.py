"""Amazon CloudWatch Logs: queries of Logs Insights."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.logs import filled
from tests.localcloud.conftest import wait_until

SYNTAX = "AmazonCloudWatch/latest/logs/CWL_QuerySyntax"
API = "AmazonCloudWatchLogs/latest/APIReference/API_"
EVENTS = [{"level": "ERROR" if i % 3 == 0 else "INFO", "ms": i * 10, "user": {"name": f"u{i % 2}"}} for i in range(6)]


def ask(aws: Account, group: str, query: str, **settings: Any) -> list[dict[str, str]]:
    """The rows of a query as dictionaries."""
    logs, now = aws.client("logs"), int(time.time())
    identity = logs.start_query(
        logGroupName=group, startTime=now - 600, endTime=now + 60, queryString=query, **settings
    )["queryId"]

    def done() -> Any:
        answer = logs.get_query_results(queryId=identity)
        return answer if answer["status"] == "Complete" else None

    return [{cell["field"]: cell["value"] for cell in row} for row in wait_until(done, 60)["results"]]


@behaviour("logs", ("StartQuery", "GetQueryResults"), "The query {query} gives {expected}", SYNTAX + ".html")
@pytest.mark.parametrize(
    ("query", "column", "expected"),
    [
        ("fields ms | sort ms desc | limit 2", "ms", ["50", "40"]),
        ('fields ms | filter level = "ERROR" | sort ms asc', "ms", ["0", "30"]),
        ("fields ms | filter ms > 10 and ms <= 30 | sort ms", "ms", ["20", "30"]),
        ('fields ms | filter level != "ERROR" or ms = 0 | sort ms', "ms", ["0", "10", "20", "40", "50"]),
        ("fields ms | filter @message like /ERR.R/ | sort ms", "ms", ["0", "30"]),
        ('fields ms | filter @message not like "ERROR" | sort ms | limit 1', "ms", ["10"]),
        ('fields ms | filter user.name in ["u1"] | sort ms', "ms", ["10", "30", "50"]),
        ("filter ispresent(nothing) | fields ms", "ms", []),
        ("stats count(*) as n by level | sort n desc", "n", ["4", "2"]),
        ("stats sum(ms), avg(ms), min(ms), max(ms)", "sum(ms)", ["150"]),
        ("stats count_distinct(user.name) as users", "users", ["2"]),
        ("stats count() as n by bin(1d)", "n", ["6"]),
    ],
)
def test_queries(aws: Account, query: str, column: str, expected: list[str]) -> None:
    name = filled(aws, *map(json.dumps, EVENTS))
    assert [row[column] for row in ask(aws, name, query)] == expected


@behaviour("logs", ("StartQuery", "GetQueryResults"), "bin(5m) is the time of its beginning", SYNTAX + "-Stats.html")
def test_bin(aws: Account) -> None:
    (row,) = ask(aws, filled(aws, "a"), "stats count() by bin(5m)")
    assert row["count()"] == "1"
    assert row["bin(5m)"].endswith(":00.000")


@behaviour(
    "logs",
    ("StartQuery", "GetQueryResults"),
    "A row has the fields that were asked for, and @ptr",
    SYNTAX + "-Fields.html",
)
def test_row(aws: Account) -> None:
    (row,) = ask(aws, filled(aws, "plain text"), "fields @message, @logStream, nothing")
    assert row.keys() == {"@message", "@logStream", "@ptr"}
    assert (row["@message"], row["@logStream"]) == ("plain text", "stream")


@behaviour(
    "logs",
    "StartQuery",
    "A log group that is not there is refused",
    "localstack:tests/aws/services/logs/test_logs_queries.py::TestCloudWatchLogsInsightsQueries::test_start_query_log_group_not_found",
)
def test_missing_group(aws: Account) -> None:
    name = aws.name()
    with aws.refused("ResourceNotFoundException", f"Log group '{name}' does not exist for account ID '{aws.account}'"):
        ask(aws, name, "fields @message")


@behaviour("logs", "StartQuery", "The malformed query {query} is refused", API + "StartQuery.html")
@pytest.mark.parametrize("query", ["fields", "stats count( by x", "filter level =", "nonsense a"])
def test_malformed(aws: Account, query: str) -> None:
    name = filled(aws)
    with aws.refused("MalformedQueryException"):
        ask(aws, name, query)


@behaviour("logs", "StartQuery", "The command {query} of Logs Insights is refused", SYNTAX + ".html", "refused")
@pytest.mark.parametrize("query", ['parse @message "a*" as b', "dedup level", "fields abs(ms) as positive"])
def test_refused(aws: Account, query: str) -> None:
    name = filled(aws)
    with aws.refused("MalformedQueryException", "does not offer"):
        ask(aws, name, query)


@behaviour("logs", "GetQueryResults", "A query that is not there is refused", API + "GetQueryResults.html")
def test_missing_query(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException"):
        aws.client("logs").get_query_results(queryId="12ab3456-12ab-123a-789e-1234567890ab")


@behaviour(
    "logs",
    "DescribeQueries",
    "Queries of a log group are listed with their text",
    "localstack:tests/aws/services/logs/test_logs_queries.py::TestCloudWatchLogsInsightsQueries::test_describe_queries",
)
def test_described(aws: Account) -> None:
    name = filled(aws, "a")
    ask(aws, name, "fields @message")
    (found,) = aws.client("logs").describe_queries(logGroupName=name)["queries"]
    assert found["queryString"].startswith(f'SOURCE "{name}" START=')
    assert found["queryString"].endswith("| fields @message")
    assert (found["queryLanguage"], found["status"]) == ("CWLI", "Complete")
