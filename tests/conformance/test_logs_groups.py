"""Amazon CloudWatch Logs: log groups, streams, retention and tags."""

from __future__ import annotations

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.logs import filled, group, stream, write

API = "AmazonCloudWatchLogs/latest/APIReference/API_"
RECORDED = "localstack:tests/aws/services/logs/test_logs_groups.py::TestLogsGroups::"
STREAMS = "localstack:tests/aws/services/logs/test_logs_streams.py::TestLogsStreams::"


@behaviour(
    "logs",
    ("CreateLogGroup", "DescribeLogGroups", "DeleteLogGroup"),
    "A log group has an ARN with and without :*",
    RECORDED + "test_describe_log_groups_with_prefix",
)
def test_described(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"
    assert (described["arn"], described["logGroupArn"]) == (f"{arn}:*", arn)
    assert (described["logGroupClass"], described["storedBytes"], described["metricFilterCount"]) == ("STANDARD", 0, 0)
    assert "retentionInDays" not in described
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


@behaviour(
    "logs", "CreateLogGroup", "A name that is taken is refused", RECORDED + "test_create_log_group_duplicate_error"
)
def test_taken(aws: Account) -> None:
    name = group(aws)
    with aws.refused("ResourceAlreadyExistsException", "The specified log group already exists"):
        aws.client("logs").create_log_group(logGroupName=name)


@behaviour("logs", "CreateLogGroup", "The name {name} is refused", API + "CreateLogGroup.html")
@pytest.mark.parametrize("name", ["with space", "a:b", "a*", "a" * 513])
def test_bad_group_name(aws: Account, name: str) -> None:
    with aws.refused("InvalidParameterException"):
        aws.client("logs").create_log_group(logGroupName=name)


@behaviour("logs", "CreateLogGroup", "A KMS key that is not there is refused", API + "CreateLogGroup.html")
def test_key(aws: Account) -> None:
    with aws.refused("InvalidParameterException", "The specified KMS Key Id could not be found."):
        aws.client("logs").create_log_group(
            logGroupName=aws.name(), kmsKeyId=f"arn:aws:kms:{aws.region}:{aws.account}:key/none"
        )


@behaviour("logs", "DeleteLogGroup", "A log group that is not there is refused", API + "DeleteLogGroup.html")
def test_delete_missing(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException", "The specified log group does not exist."):
        aws.client("logs").delete_log_group(logGroupName=aws.name())


@behaviour(
    "logs",
    "DescribeLogGroups",
    "Pages follow each other by nextToken, in the order of names",
    API + "DescribeLogGroups.html",
)
def test_pages(aws: Account) -> None:
    logs, prefix = aws.client("logs"), aws.name("paged")
    names = [f"{prefix}-{i}" for i in range(5)]
    for name in reversed(names):
        logs.create_log_group(logGroupName=name)
        aws.later(logs.delete_log_group, logGroupName=name)
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix, limit=2))
    assert [[each["logGroupName"] for each in page["logGroups"]] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]


@behaviour(
    "logs", "DescribeLogGroups", "A pattern is a part of the name, whose case matters", API + "DescribeLogGroups.html"
)
def test_pattern(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    part = name[3:]
    assert [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePattern=part)["logGroups"]] == [name]
    assert logs.describe_log_groups(logGroupNamePattern=part.upper())["logGroups"] == []


@behaviour(
    "logs",
    "DescribeLogGroups",
    "Prefix and pattern exclude each other",
    RECORDED + "test_describe_log_groups_prefix_and_pattern_error",
)
def test_prefix_and_pattern(aws: Account) -> None:
    with aws.refused("InvalidParameterException", "mutually exclusive parameters"):
        aws.client("logs").describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="b")


@behaviour("logs", "ListLogGroups", "ListLogGroups finds by a pattern, ^ for the beginning", API + "ListLogGroups.html")
def test_list(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    (found,) = logs.list_log_groups(logGroupNamePattern=f"^{name}")["logGroups"]
    assert found == {
        "logGroupName": name,
        "logGroupArn": f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}",
        "logGroupClass": "STANDARD",
    }
    assert logs.list_log_groups(logGroupNamePattern=f"^{name[4:]}")["logGroups"] == []


@behaviour(
    "logs",
    ("PutRetentionPolicy", "DeleteRetentionPolicy"),
    "Retention is set and removed",
    API + "PutRetentionPolicy.html",
)
def test_retention(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["retentionInDays"] == 7
    logs.delete_retention_policy(logGroupName=name)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]


@behaviour("logs", "PutRetentionPolicy", "{days} days of retention are refused", API + "PutRetentionPolicy.html")
@pytest.mark.parametrize("days", [0, 2, 8, 36500])
def test_bad_retention(aws: Account, days: int) -> None:
    name = group(aws)
    with aws.refused("InvalidParameterException", "[1, 3, 5, 7, 14, 30"):
        aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=days)


@behaviour(
    "logs",
    ("TagLogGroup", "ListTagsLogGroup", "UntagLogGroup"),
    "The older calls for tags",
    "localstack:tests/aws/services/logs/test_logs_groups.py::TestLogsGroupsTags::test_untag_log_group",
)
def test_group_tags(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws, tags={"a": "1"})
    logs.tag_log_group(logGroupName=name, tags={"b": "2"})
    logs.untag_log_group(logGroupName=name, tags=["a"])
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"b": "2"}


@behaviour(
    "logs",
    ("TagResource", "ListTagsForResource", "UntagResource"),
    "Tags by ARN are the log group's tags",
    "localstack:tests/aws/services/logs/test_logs_groups.py::TestLogsGroupsTags::test_tag_resource_api",
)
def test_resource_tags(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"b": "2"}


@behaviour(
    "logs",
    ("CreateLogStream", "DescribeLogStreams", "DeleteLogStream"),
    "A stream is described, and gone when deleted",
    STREAMS + "test_create_and_delete_log_stream",
)
def test_stream(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    stream(aws, name)
    (described,) = logs.describe_log_streams(logGroupName=name)["logStreams"]
    assert described["arn"] == f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}:log-stream:stream"
    assert described["storedBytes"] == 0
    assert "uploadSequenceToken" not in described
    logs.delete_log_stream(logGroupName=name, logStreamName="stream")
    assert logs.describe_log_streams(logGroupName=name)["logStreams"] == []


@behaviour("logs", "DescribeLogStreams", "First and last event's times are those of the events", API + "LogStream.html")
def test_stream_times(aws: Account) -> None:
    name = filled(aws)
    first = write(aws, name, *"abc")
    (described,) = aws.client("logs").describe_log_streams(logGroupName=name)["logStreams"]
    assert (described["firstEventTimestamp"], described["lastEventTimestamp"]) == (first, first + 2)


@behaviour(
    "logs",
    "CreateLogStream",
    "A stream's name that is taken is refused",
    STREAMS + "test_create_log_stream_duplicate_error",
)
def test_stream_taken(aws: Account) -> None:
    name = group(aws)
    stream(aws, name)
    with aws.refused("ResourceAlreadyExistsException", "The specified log stream already exists"):
        stream(aws, name)


@behaviour("logs", "CreateLogStream", "The stream's name {name} is refused", API + "CreateLogStream.html")
@pytest.mark.parametrize("name", ["a:b", "a*"])
def test_bad_stream_name(aws: Account, name: str) -> None:
    where = group(aws)
    with aws.refused("InvalidParameterException"):
        stream(aws, where, name)


@behaviour(
    "logs",
    ("CreateLogStream", "DescribeLogStreams"),
    "Streams need a log group that is there",
    API + "CreateLogStream.html",
)
def test_stream_without_group(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException", "The specified log group does not exist."):
        stream(aws, aws.name())
    with aws.refused("ResourceNotFoundException", "The specified log group does not exist."):
        aws.client("logs").describe_log_streams(logGroupName=aws.name())


@behaviour(
    "logs", "DescribeLogStreams", "Streams are ordered by the time of their last event", API + "DescribeLogStreams.html"
)
def test_stream_order(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    first = write_streams(aws, name)
    assert first
    answer = logs.describe_log_streams(logGroupName=name, orderBy="LastEventTime", descending=True)
    assert [each["logStreamName"] for each in answer["logStreams"]] == ["a", "c", "b"]
    with aws.refused("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."):
        logs.describe_log_streams(logGroupName=name, orderBy="LastEventTime", logStreamNamePrefix="a")


def write_streams(aws: Account, name: str) -> int:
    """Three streams, whose last events are in the order b, c, a."""
    start = 0
    for age, each in ((300, "b"), (200, "c"), (100, "a")):
        stream(aws, name, each)
        start = write(aws, name, each, to=each, start=None if not start else start + 400 - age)
    return start


@behaviour(
    "logs", "DescribeLogStreams", "Pages of streams follow each other by nextToken", API + "DescribeLogStreams.html"
)
def test_stream_pages(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    for each in ("a", "b", "c"):
        stream(aws, name, each)
    pages = list(logs.get_paginator("describe_log_streams").paginate(logGroupName=name, limit=2))
    assert [[each["logStreamName"] for each in page["logStreams"]] for page in pages] == [["a", "b"], ["c"]]
    with aws.refused("InvalidParameterException", "The specified nextToken is invalid."):
        logs.describe_log_streams(logGroupName=name, nextToken="nonsense")


@behaviour(
    "logs",
    "DescribeLogStreams",
    "Name and identifier exclude each other",
    STREAMS + "test_describe_log_streams_with_log_group_identifier",
)
def test_stream_identifiers(aws: Account) -> None:
    logs, name = aws.client("logs"), group(aws)
    stream(aws, name)
    arn = f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"
    for identifier in (name, arn):
        assert len(logs.describe_log_streams(logGroupIdentifier=identifier)["logStreams"]) == 1
    with aws.refused("ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."):
        logs.describe_log_streams(logGroupName=name, logGroupIdentifier=arn)
