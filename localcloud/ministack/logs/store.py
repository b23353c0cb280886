"""MiniStack's records of log groups, streams and events."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call
from localcloud.services import ServiceError


class LogStore:
    """Finds log groups and streams; the records are MiniStack's own, alive."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self.module: Any = modules["cloudwatch_logs"]
        self._responses: Any = modules["responses"]
        self._number_events()

    def _number_events(self) -> None:
        """Give every event an id: those of functions' logs have none."""
        append = self.module._append_log_events

        def append_numbered(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
            for event in events:
                event.setdefault("eventId", str(uuid.uuid4()))
            append(stream, events)

        self.module._append_log_events = append_numbered

    def groups(self) -> dict[str, dict[str, Any]]:
        """The caller's log groups by name."""
        return dict(self.module._log_groups.items())

    def name_of(self, parameters: Mapping[str, Any]) -> str:
        """The log group that ``logGroupName`` or ``logGroupIdentifier`` (a name or an ARN) names."""
        name, identifier = parameters.get("logGroupName"), parameters.get("logGroupIdentifier")
        if name and identifier:
            raise ServiceError(
                "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."
            )
        if not name and not identifier:
            raise ServiceError("ValidationException", "Either logGroupName or logGroupIdentifier must be specified.")
        if name or not str(identifier).startswith("arn:"):
            return str(name or identifier)
        parts = str(identifier).split(":", 6)
        here = [self._responses.get_region(), self._responses.get_account_id()]
        if len(parts) < 7 or parts[2] != "logs" or parts[3:5] != here or parts[5] != "log-group":
            raise missing_group()
        return parts[6].removesuffix(":*")

    def group(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The log group that a call is about; raises :class:`ServiceError` when it does not exist."""
        found = self.module._log_groups.get(self.name_of(parameters))
        if found is None:
            raise missing_group()
        return dict(found)

    def stream(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The log stream that a call is about; raises :class:`ServiceError` when it does not exist."""
        found: dict[str, Any] | None = self.group(parameters)["streams"].get(parameters["logStreamName"])
        if found is None:
            raise missing_stream()
        return found

    def arn(self, name: str) -> str:
        """The ARN of a log group, without ``:*``."""
        return f"arn:aws:logs:{self._responses.get_region()}:{self._responses.get_account_id()}:log-group:{name}"

    def metric_filters(self) -> Iterator[dict[str, Any]]:
        """The caller's metric filters."""
        yield from list(self.module._metric_filters.values())

    def existing(self, call: Call) -> None:
        """A rule: the log group must exist."""
        self.group(call.parameters)

    def existing_stream(self, call: Call) -> None:
        """A rule: log group and stream must exist."""
        self.stream(call.parameters)


def missing_group() -> ServiceError:
    """AWS's error for a log group that does not exist (recorded in LocalStack's test_logs_events.snapshot.json)."""
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def missing_stream() -> ServiceError:
    """AWS's error for a log stream that does not exist."""
    return ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")


def event_id(event: Mapping[str, Any]) -> str:
    """An event's id as AWS writes it: 56 digits."""
    known = event.get("eventId")
    identity = uuid.UUID(known) if known else uuid.uuid5(uuid.NAMESPACE_OID, f"{event['timestamp']} {event['message']}")
    return f"{identity.int:056d}"


def sequence_token(number: str) -> str:
    """A sequence token as AWS writes it: 56 digits, which nobody needs any more."""
    return f"49{int(number):054d}"


def write_token(position: Any) -> str:
    """A ``nextToken`` for ``position``, which :func:`read_token` gives back."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def read_token(token: str | None) -> Any:
    """What :func:`write_token` was given, None without a token; raises :class:`ServiceError` for any other text."""
    if token is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.") from None


def page(
    entries: list[dict[str, Any]], parameters: Mapping[str, Any], member: str, default: int = 50
) -> dict[str, Any]:
    """One page of ``entries``: ``limit`` of them, and a token when there are more."""
    start = read_token(parameters.get("nextToken")) or 0
    if not isinstance(start, int):
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    end = start + int(parameters.get("limit") or default)
    answer: dict[str, Any] = {member: entries[start:end]}
    if end < len(entries):
        answer["nextToken"] = write_token(end)
    return answer
