"""Log events: written, read from one stream, searched in a group."""

from __future__ import annotations

import heapq
import json
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from localcloud.cloudwatch.patterns import parse
from localcloud.ministack.logs.store import LogStore, event_id, missing_stream, read_token, sequence_token, write_token
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_DAY = 86_400_000
_OLDEST = 14 * _DAY
_NEWEST = 2 * 3_600_000
_MOST_SCANNED = 10_000
"""Events that one FilterLogEvents looks at. AWS, too, may answer an empty page with a token."""
_MOST_BYTES = 1_048_576


class LogEvents:
    """PutLogEvents, GetLogEvents and FilterLogEvents."""

    def __init__(self, store: LogStore, rules: Rulebook) -> None:
        self._store = store
        rules.add("logs", "PutLogEvents", self._put)
        rules.add("logs", "GetLogEvents", self._get)
        rules.add("logs", "FilterLogEvents", self._filter)

    def _put(self, call: Call) -> dict[str, Any]:
        """Store what is neither too old nor too new, and say what was not (API_RejectedLogEventsInfo.html)."""
        events, now = call.parameters["logEvents"], int(time.time() * 1000)
        stamps = [event["timestamp"] for event in events]
        too_old = bisect_left(stamps, now - _OLDEST)
        retention = self._store.group(call.parameters).get("retentionInDays")
        expired = bisect_left(stamps, now - retention * _DAY) if retention else 0
        too_new = bisect_left(stamps, now + _NEWEST)
        rejected: dict[str, int] = {}
        if too_old:
            rejected["tooOldLogEventEndIndex"] = too_old
        if expired > too_old:
            rejected["expiredLogEventEndIndex"] = expired
        if too_new < len(events):
            rejected["tooNewLogEventStartIndex"] = too_new
        accepted = events[max(too_old, expired) : too_new]
        request = {name: call.parameters[name] for name in ("logGroupName", "logStreamName")}
        _, _, body = self._store.module._put_log_events({**request, "logEvents": accepted})
        answer = {"nextSequenceToken": sequence_token(json.loads(body)["nextSequenceToken"])}
        return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer

    def _get(self, call: Call) -> dict[str, Any]:
        request = {**call.parameters, "logGroupName": self._store.name_of(call.parameters)}
        request.pop("logGroupIdentifier", None)
        status, _, body = self._store.module._get_log_events(request)
        answer: dict[str, Any] = json.loads(body)
        if status >= 400:
            raise ServiceError(str(answer["__type"]), str(answer["message"]))
        return answer

    def _events(self, call: Call, start: int, end: int | None) -> Iterator[tuple[tuple[int, int], str, Any]]:
        """The group's events from ``start`` to ``end`` (inclusive) in the order of their time, with their streams."""
        streams = self._store.group(call.parameters)["streams"]
        names = call.parameters.get("logStreamNames")
        if names is None:
            prefix = call.parameters.get("logStreamNamePrefix", "")
            names = sorted(name for name in streams if name.startswith(prefix))
        elif any(name not in streams for name in names):
            raise missing_stream()

        def of(name: str) -> Iterator[tuple[tuple[int, int], str, Any]]:
            history = streams[name]["events"]
            for position in range(bisect_left(history, start, key=lambda event: int(event["timestamp"])), len(history)):
                event = history[position]
                if end is not None and event["timestamp"] > end:
                    return
                yield (event["timestamp"], event.get("ingestionTime", 0)), name, event

        return iter(heapq.merge(*(of(name) for name in dict.fromkeys(names)), key=lambda entry: entry[0]))

    def _filter(self, call: Call) -> dict[str, Any]:
        asked = call.parameters
        pattern, limit = parse(asked.get("filterPattern", "")), int(asked.get("limit") or 10_000)
        token = read_token(asked.get("nextToken"))
        if token is not None and not (isinstance(token, list) and len(token) == 2):
            raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
        begin = max(int(asked.get("startTime") or 0), token[0] if token else 0)
        skip = token[1] if token else 0  # of the events with exactly the token's time, those that were looked at
        found: list[dict[str, Any]] = []
        scanned = size = 0
        position = [begin, 0]
        for (stamp, _), stream, event in self._events(call, begin, asked.get("endTime")):
            if len(found) >= limit or scanned >= _MOST_SCANNED or size > _MOST_BYTES:
                return {"events": found, "searchedLogStreams": [], "nextToken": write_token(position)}
            position = [stamp, position[1] + 1] if stamp == position[0] else [stamp, 1]
            if skip and stamp == begin:
                skip -= 1
                continue
            scanned += 1
            if pattern.matches(event["message"]):
                found.append(self._described(stream, event))
                size += len(event["message"]) + 26
        return {"events": found, "searchedLogStreams": []}

    @staticmethod
    def _described(stream: str, event: dict[str, Any]) -> dict[str, Any]:
        stamp = event["timestamp"]
        return {
            "logStreamName": stream,
            "timestamp": stamp,
            "message": event["message"],
            "ingestionTime": event.get("ingestionTime", stamp),
            "eventId": event_id(event),
        }
