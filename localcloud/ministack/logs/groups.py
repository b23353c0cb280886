"""Log groups and streams: what exists, lists and their pages."""

from __future__ import annotations

from typing import Any

from localcloud.ministack.logs.store import LogStore, page, sequence_token
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_NEED_A_GROUP = (
    "DeleteLogGroup", "CreateLogStream", "DeleteLogStream", "PutRetentionPolicy", "DeleteRetentionPolicy",
    "PutMetricFilter", "DeleteMetricFilter", "DescribeSubscriptionFilters", "DeleteSubscriptionFilter",
    "TagLogGroup", "UntagLogGroup", "ListTagsLogGroup",
)  # fmt: skip
_NOT_BY_PATTERN = ("storedBytes", "deletionProtectionEnabled")
_NEED_A_STREAM = ("DeleteLogStream", "PutLogEvents", "GetLogEvents")


class LogGroups:
    """Calls about log groups and streams."""

    def __init__(self, store: LogStore, rules: Rulebook) -> None:
        self._store = store
        for operation in _NEED_A_GROUP:
            rules.add("logs", operation, store.existing)
        for operation in _NEED_A_STREAM:
            rules.add("logs", operation, store.existing_stream)
        rules.add("logs", "CreateLogGroup", self._new_group)
        rules.add("logs", "CreateLogStream", self._new_stream)
        rules.add("logs", "DescribeLogGroups", self._describe_groups)
        rules.add("logs", "ListLogGroups", self._list_groups)
        rules.add("logs", "DescribeLogStreams", self._describe_streams)

    def _new_group(self, call: Call) -> None:
        if call.parameters["logGroupName"] in self._store.groups():
            raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")

    def _new_stream(self, call: Call) -> None:
        if call.parameters["logStreamName"] in self._store.group(call.parameters)["streams"]:
            raise ServiceError("ResourceAlreadyExistsException", "The specified log stream already exists")

    def _described(self, name: str, group: dict[str, Any]) -> dict[str, Any]:
        stored = sum(
            len(event["message"].encode()) for stream in group["streams"].values() for event in stream["events"]
        )
        described = {
            "logGroupName": name,
            "creationTime": group["creationTime"],
            "metricFilterCount": sum(each["logGroupName"] == name for each in self._store.metric_filters()),
            "arn": f"{self._store.arn(name)}:*",
            "storedBytes": stored,
            "logGroupClass": group.get("logGroupClass") or "STANDARD",
            "logGroupArn": self._store.arn(name),
            "deletionProtectionEnabled": False,
        }
        if group.get("retentionInDays"):
            described["retentionInDays"] = group["retentionInDays"]
        return described

    def _describe_groups(self, call: Call) -> dict[str, Any]:
        asked = call.parameters
        prefix, part = asked.get("logGroupNamePrefix", ""), asked.get("logGroupNamePattern", "")
        wanted = asked.get("logGroupIdentifiers")
        names = {self._store.name_of({"logGroupIdentifier": each}) for each in wanted} if wanted else None
        groups = [
            (name, group)
            for name, group in sorted(self._store.groups().items())
            if name.startswith(prefix)
            and part in name
            and (names is None or name in names)
            and asked.get("logGroupClass", group.get("logGroupClass") or "STANDARD")
            == (group.get("logGroupClass") or "STANDARD")
        ]
        answer = page([{"name": name, "group": group} for name, group in groups], asked, "logGroups")
        described = [self._described(each["name"], each["group"]) for each in answer["logGroups"]]
        if part:  # recorded in LocalStack's test_describe_log_groups_with_pattern
            described = [
                {member: value for member, value in each.items() if member not in _NOT_BY_PATTERN} for each in described
            ]
        return {**answer, "logGroups": described}

    def _list_groups(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html: the pattern is a regular expression."""
        asked = call.parameters
        for name in ("accountIdentifiers", "dataSources", "fieldIndexNames", "logGroupTags", "includeLinkedAccounts"):
            if asked.get(name):
                raise ServiceError("InvalidParameterException", f"{name} is not offered by the local cloud")
        pattern = asked.get("logGroupNamePattern", "")
        groups = [
            {"logGroupName": name, "logGroupArn": self._store.arn(name), "logGroupClass": kind}
            for name, group in sorted(self._store.groups().items())
            if (kind := group.get("logGroupClass") or "STANDARD") == asked.get("logGroupClass", kind)
            and any(name.startswith(part[1:]) if part.startswith("^") else part in name for part in pattern.split("|"))
        ]
        return page(groups, asked, "logGroups")

    def _describe_streams(self, call: Call) -> dict[str, Any]:
        asked = call.parameters
        name = self._store.name_of(asked)
        streams = [
            (each, stream)
            for each, stream in sorted(self._store.group(asked)["streams"].items())
            if each.startswith(asked.get("logStreamNamePrefix", ""))
        ]
        if asked.get("orderBy") == "LastEventTime":
            streams.sort(key=lambda entry: entry[1].get("lastEventTimestamp") or 0)
        if asked.get("descending"):
            streams.reverse()
        return page([self._stream(name, each, stream) for each, stream in streams], asked, "logStreams")

    def _stream(self, group: str, name: str, stream: dict[str, Any]) -> dict[str, Any]:
        described = {
            "logStreamName": name,
            "creationTime": stream["creationTime"],
            "arn": f"{self._store.arn(group)}:log-stream:{name}",
            "storedBytes": 0,  # "no longer supported for log streams and is always reported as zero"
        }
        for member in ("firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"):
            if stream.get(member) is not None:
                described[member] = stream[member]
        if "lastIngestionTime" in described:
            described["uploadSequenceToken"] = sequence_token(stream["uploadSequenceToken"])
        return described
