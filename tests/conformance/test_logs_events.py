"""Amazon CloudWatch Logs: events written, read and searched."""

from __future__ import annotations

import json

import pytest
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.logs import filled, group, now, stream, write

API = "AmazonCloudWatchLogs/latest/APIReference/API_"
RECORDED = "localstack:tests/aws/services/logs/test_logs_events.py::TestLogsEvents::"
DAY = 86_400_000


@behaviour(
    "logs", "FilterLogEvents", "A JSON pattern finds the matching half of ten events", API + "FilterLogEvents.html"
)
def test_filter_json(aws: Account) -> None:
    name = filled(aws, *(json.dumps({"level": "ERROR" if i % 2 else "INFO", "i": i}) for i in range(10)))
    found = aws.client("logs").filter_log_events(logGroupName=name, filterPattern='{ $.level = "ERROR" }')["events"]
    assert [json.loads(event["message"])["i"] for event in found] == [1, 3, 5, 7, 9]
    assert found[0].keys() == {"eventId", "ingestionTime", "logStreamName", "message", "timestamp"}


@behaviour(
    "logs",
    "FilterLogEvents",
    "limit gives a page and a nextToken; the last page has none",
    API + "FilterLogEvents.html",
)
def test_filter_pages(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws, *(f"line {i}" for i in range(50)))
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=name, limit=10))
    assert [event["message"] for page in pages for event in page["events"]] == [f"line {i}" for i in range(50)]
    assert "nextToken" in pages[0]
    assert "nextToken" not in pages[-1]


@behaviour(
    "logs",
    "FilterLogEvents",
    "Events of one time are neither lost nor doubled between pages",
    API + "FilterLogEvents.html",
)
def test_filter_pages_of_one_time(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    stamp = now()
    events = [{"timestamp": stamp, "message": f"{i}"} for i in range(9)]
    logs.put_log_events(logGroupName=name, logStreamName="stream", logEvents=events)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name, limit=2)
    assert [event["message"] for page in pages for event in page["events"]] == [f"{i}" for i in range(9)]


@behaviour(
    "logs", "FilterLogEvents", "An unknown nextToken is refused", RECORDED + "test_filter_log_events_unknown_token"
)
def test_filter_token(aws: Account) -> None:
    name = filled(aws, "a")
    with aws.refused("InvalidParameterException", "The specified nextToken is invalid."):
        aws.client("logs").filter_log_events(logGroupName=name, nextToken="invalid-token")


@behaviour("logs", "FilterLogEvents", "Events of several streams are merged by time", API + "FilterLogEvents.html")
def test_filter_interleaves(aws: Account) -> None:
    name = group(aws)
    first = now() - 1000
    for number in (0, 1):
        stream(aws, name, f"s{number}")
        for i in range(3):
            write(aws, name, f"{number}.{i}", to=f"s{number}", start=first + 10 * i + number)
    found = aws.client("logs").filter_log_events(logGroupName=name)["events"]
    assert [event["message"] for event in found] == ["0.0", "1.0", "0.1", "1.1", "0.2", "1.2"]


@behaviour("logs", "FilterLogEvents", "Streams are chosen by {how}", API + "FilterLogEvents.html")
@pytest.mark.parametrize("how", ["logStreamNames", "logStreamNamePrefix"])
def test_filter_streams(aws: Account, how: str) -> None:
    name = group(aws)
    for each in ("web-1", "db-1"):
        stream(aws, name, each)
        write(aws, name, each, to=each)
    chosen = {"logStreamNames": ["web-1"]} if how == "logStreamNames" else {"logStreamNamePrefix": "web"}
    (found,) = aws.client("logs").filter_log_events(logGroupName=name, **chosen)["events"]
    assert found["logStreamName"] == "web-1"


@behaviour("logs", "FilterLogEvents", "Names of streams and a prefix exclude each other", API + "FilterLogEvents.html")
def test_filter_streams_and_prefix(aws: Account) -> None:
    name = filled(aws, "a")
    with aws.refused("InvalidParameterException"):
        aws.client("logs").filter_log_events(logGroupName=name, logStreamNames=["stream"], logStreamNamePrefix="s")


@behaviour("logs", "FilterLogEvents", "A named stream must exist", API + "FilterLogEvents.html")
def test_filter_missing_stream(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException", "The specified log stream does not exist."):
        aws.client("logs").filter_log_events(logGroupName=group(aws), logStreamNames=["nowhere"])


@behaviour("logs", "FilterLogEvents", "startTime and endTime are both inclusive", API + "FilterLogEvents.html")
def test_filter_times(aws: Account) -> None:
    name = filled(aws)
    first = write(aws, name, *"abcde")
    found = aws.client("logs").filter_log_events(logGroupName=name, startTime=first + 1, endTime=first + 3)["events"]
    assert [event["message"] for event in found] == ["b", "c", "d"]


@behaviour("logs", "FilterLogEvents", "A log group may be named by its ARN", API + "FilterLogEvents.html")
def test_filter_by_arn(aws: Account) -> None:
    name = filled(aws, "a")
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"
    assert len(aws.client("logs").filter_log_events(logGroupIdentifier=arn)["events"]) == 1


@behaviour(
    "logs",
    "FilterLogEvents",
    "limit above 10,000 is refused",
    "localstack:tests/aws/services/logs/test_logs_filter_events.py::TestFilterLogEvents::test_filter_log_events_limit_validation",
)
def test_filter_limit(aws: Account) -> None:
    with aws.refused("InvalidParameterException", "Member must have value less than or equal to 10000"):
        aws.client("logs").filter_log_events(logGroupName="any", limit=10001)


@behaviour(
    "logs",
    ("GetLogEvents", "FilterLogEvents", "PutLogEvents"),
    "A log group that does not exist is refused",
    RECORDED + "test_resource_does_not_exist",
)
def test_missing_group(aws: Account) -> None:
    logs, name = aws.client("logs"), aws.name()
    for call in (
        lambda: logs.get_log_events(logGroupName=name, logStreamName="s"),
        lambda: logs.filter_log_events(logGroupName=name),
        lambda: logs.put_log_events(
            logGroupName=name, logStreamName="s", logEvents=[{"timestamp": now(), "message": "a"}]
        ),
    ):
        with aws.refused("ResourceNotFoundException", "The specified log group does not exist."):
            call()


@behaviour(
    "logs",
    ("GetLogEvents", "PutLogEvents"),
    "A log stream that does not exist is refused",
    RECORDED + "test_put_log_events_to_invalid_stream",
)
def test_missing_stream(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    with aws.refused("ResourceNotFoundException", "The specified log stream does not exist."):
        logs.get_log_events(logGroupName=name, logStreamName="s")
    with aws.refused("ResourceNotFoundException", "The specified log stream does not exist."):
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": now(), "message": "a"}])


@behaviour("logs", "PutLogEvents", "A batch must be in the order of time", RECORDED + "test_put_log_events_wrong_order")
def test_order(aws: Account) -> None:
    name, stamp = filled(aws), now()
    events = [{"timestamp": stamp, "message": "late"}, {"timestamp": stamp - 5, "message": "early"}]
    with aws.refused("InvalidParameterException", "must be in chronological order"):
        aws.client("logs").put_log_events(logGroupName=name, logStreamName="stream", logEvents=events)


@behaviour("logs", "PutLogEvents", "A batch spans at most 24 hours", API + "PutLogEvents.html")
def test_span(aws: Account) -> None:
    name, stamp = filled(aws), now()
    events = [{"timestamp": stamp - DAY - 1, "message": "a"}, {"timestamp": stamp, "message": "b"}]
    with aws.refused("InvalidParameterException", "cannot span more than 24 hours"):
        aws.client("logs").put_log_events(logGroupName=name, logStreamName="stream", logEvents=events)


@behaviour(
    "logs",
    "PutLogEvents",
    "An event of {days} days ago is rejected: {member}",
    RECORDED + "test_put_log_events_too_old",
)
@pytest.mark.parametrize(
    ("days", "member", "index"), [(30, "tooOldLogEventEndIndex", 1), (-1, "tooNewLogEventStartIndex", 0)]
)
def test_rejected(aws: Account, days: int, member: str, index: int) -> None:
    logs, name = aws.client("logs"), filled(aws)
    events = [{"timestamp": now() - days * DAY, "message": "a"}]
    answer = logs.put_log_events(logGroupName=name, logStreamName="stream", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {member: index}
    assert logs.get_log_events(logGroupName=name, logStreamName="stream")["events"] == []


@behaviour(
    "logs",
    ("PutLogEvents", "PutRetentionPolicy"),
    "An event older than the retention is rejected as expired",
    API + "RejectedLogEventsInfo.html",
)
def test_expired(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    logs.put_retention_policy(logGroupName=name, retentionInDays=1)
    answer = logs.put_log_events(
        logGroupName=name, logStreamName="stream", logEvents=[{"timestamp": now() - 3 * DAY, "message": "a"}]
    )
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


@behaviour("logs", "PutLogEvents", "An empty message is refused", API + "InputLogEvent.html")
def test_empty_message(aws: Account) -> None:
    logs = aws.client("logs", config=Config(parameter_validation=False))
    with aws.refused("InvalidParameterException", "Member must have length greater than or equal to 1"):
        logs.put_log_events(
            logGroupName=filled(aws), logStreamName="stream", logEvents=[{"timestamp": now(), "message": ""}]
        )


@behaviour(
    "logs", "PutLogEvents", "A batch has at most 1,048,576 bytes, 26 more for each event", API + "PutLogEvents.html"
)
def test_batch_size(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws)
    fits = [{"timestamp": now(), "message": "x" * (524_288 - 26)} for _ in range(2)]
    logs.put_log_events(logGroupName=name, logStreamName="stream", logEvents=fits)
    fits[1]["message"] = str(fits[1]["message"]) + "x"
    with aws.refused("InvalidParameterException", "Upload too large", "1048576"):
        logs.put_log_events(logGroupName=name, logStreamName="stream", logEvents=fits)


@behaviour(
    "logs",
    "GetLogEvents",
    "The newest events come without startFromHead, the oldest with it",
    API + "GetLogEvents.html",
)
def test_get_ends(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws, *"abcde")
    where = {"logGroupName": name, "logStreamName": "stream", "limit": 2}
    assert [event["message"] for event in logs.get_log_events(**where)["events"]] == ["d", "e"]
    assert [event["message"] for event in logs.get_log_events(**where, startFromHead=True)["events"]] == ["a", "b"]


@behaviour(
    "logs", "GetLogEvents", "At the end of the stream the same forward token comes back", API + "GetLogEvents.html"
)
def test_get_forward(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws, *"abcde")
    where = {"logGroupName": name, "logStreamName": "stream", "limit": 2, "startFromHead": True}
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(**where, **token)
        found += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert found == list("abcde")


@behaviour("logs", "GetLogEvents", "The backward token gives the page before", API + "GetLogEvents.html")
def test_get_backward(aws: Account) -> None:
    logs, name = aws.client("logs"), filled(aws, *"abcde")
    where = {"logGroupName": name, "logStreamName": "stream", "limit": 2}
    page = logs.get_log_events(**where, nextToken=logs.get_log_events(**where)["nextBackwardToken"])
    assert [event["message"] for event in page["events"]] == ["b", "c"]


@behaviour("logs", "GetLogEvents", "An unknown token is refused", RECORDED + "test_get_log_events_invalid_token")
def test_get_token(aws: Account) -> None:
    with aws.refused("InvalidParameterException", "The specified nextToken is invalid."):
        aws.client("logs").get_log_events(logGroupName=filled(aws, "a"), logStreamName="stream", nextToken="invalid")


@behaviour("logs", "GetLogEvents", "startTime is inclusive, endTime is not", API + "GetLogEvents.html")
def test_get_times(aws: Account) -> None:
    name = filled(aws)
    first = write(aws, name, *"abcde")
    found = aws.client("logs").get_log_events(
        logGroupName=name, logStreamName="stream", startTime=first + 1, endTime=first + 3
    )["events"]
    assert [event["message"] for event in found] == ["b", "c"]
