"""CloudWatch Logs Insights: queries are run when they are started, and their results kept."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from localcloud.cloudwatch.insights import MalformedQueryError, Record, parse, record
from localcloud.ministack.logs.store import LogStore, page
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_MILLISECONDS_FROM = 100_000_000_000
"""Times above are milliseconds: StartQuery takes both."""


class LogQueries:
    """StartQuery, GetQueryResults and DescribeQueries."""

    def __init__(self, store: LogStore, rules: Rulebook) -> None:
        self._store = store
        rules.add("logs", "StartQuery", self._start)
        rules.add("logs", "GetQueryResults", self._results)
        rules.add("logs", "DescribeQueries", self._describe)

    async def _start(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html."""
        asked = call.parameters
        if asked.get("queryLanguage", "CWLI") != "CWLI":
            raise ServiceError(
                "InvalidParameterException", f"the local cloud does not offer queries in {asked['queryLanguage']}"
            )
        start, end = (
            value if value > _MILLISECONDS_FROM else value * 1000 for value in (asked["startTime"], asked["endTime"])
        )
        if start > end:
            raise ServiceError("InvalidParameterException", "End time should not be less than start time")
        try:
            query = parse(asked["queryString"])
        except MalformedQueryError as error:
            raise ServiceError("MalformedQueryException", str(error)) from None
        names = self._groups(call)
        records, scanned = self._records(names, start, end + 999, call.account)
        rows, matched = await asyncio.to_thread(query.run, records, asked.get("limit"))
        identity = str(uuid.uuid4())
        source = " ".join(f'SOURCE "{name}"' for name in names)
        self._store.module._queries[identity] = {
            "queryId": identity,
            "logGroupName": names[0],
            "queryString": f"{source} START={start} END={end + 999} | {asked['queryString']}",
            "status": "Complete",
            "createTime": int(time.time() * 1000),
            "results": rows,
            "statistics": {
                "recordsMatched": float(matched),
                "recordsScanned": float(len(records)),
                "bytesScanned": float(scanned),
            },
        }
        return {"queryId": identity}

    def _groups(self, call: Call) -> list[str]:
        asked = call.parameters
        given = [asked.get(name) for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers")]
        chosen = [each for each in given if each]
        if len(chosen) != 1:
            raise ServiceError(
                "InvalidParameterException",
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.",
            )
        listed = chosen[0] if isinstance(chosen[0], list) else [chosen[0]]
        names = [self._store.name_of({"logGroupIdentifier": each}) for each in listed]
        for name in names:
            if name not in self._store.groups():
                raise ServiceError(
                    "ResourceNotFoundException", f"Log group '{name}' does not exist for account ID '{call.account}'"
                )
        return names

    def _records(self, names: list[str], start: int, end: int, account: str) -> tuple[list[Record], int]:
        records: list[Record] = []
        size = 0
        for name in names:
            for stream, content in self._store.groups()[name]["streams"].items():
                for event in content["events"]:
                    if start <= event["timestamp"] <= end:
                        size += len(event["message"])
                        records.append(record(event, name, stream, account))
        return records, size

    def _results(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html."""
        found = self._store.module._queries.get(call.parameters["queryId"])
        if found is None:
            raise ServiceError("ResourceNotFoundException", "The specified query does not exist.")
        return {
            "queryLanguage": "CWLI",
            "results": found["results"],
            "statistics": found["statistics"],
            "status": found["status"],
        }

    def _describe(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueries.html."""
        asked = call.parameters
        members = ("queryId", "queryString", "status", "createTime", "logGroupName")
        queries = [
            {**{member: each[member] for member in members}, "queryLanguage": "CWLI"}
            for each in list(self._store.module._queries.values())
            if asked.get("logGroupName", each["logGroupName"]) == each["logGroupName"]
            and asked.get("status", each["status"]) == each["status"]
            and "createTime" in each
        ]
        queries.sort(key=lambda each: -each["createTime"])
        return page(queries, {**asked, "limit": asked.get("maxResults")}, "queries", default=1000)
