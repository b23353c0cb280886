"""What a query sees of a log event."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

Record = dict[str, Any]
"""Field → value; ``@timestamp`` and ``@ingestionTime`` are milliseconds."""


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Discovered fields: ``a.b`` of nested objects, ``a.0`` of arrays (CWL_AnalyzeLogData-discoverable-fields.html)."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if children is None:
        if value is not None:
            yield path, ("1" if value else "0") if isinstance(value, bool) else value
        return
    for key, child in children:
        yield from _flat(child, f"{path}.{key}" if path else str(key))


def record(event: Mapping[str, Any], group: str, stream: str, account: str) -> Record:
    """The fields of an event."""
    found: Record = {}
    message = event["message"]
    if message.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            found.update(_flat(json.loads(message), ""))
    found.update(
        {
            "@timestamp": event["timestamp"],
            "@ingestionTime": event.get("ingestionTime", event["timestamp"]),
            "@message": message,
            "@logStream": stream,
            "@log": f"{account}:{group}",
            "@ptr": event.get("eventId", ""),
        }
    )
    return found


def shown(field: str, value: Any) -> str:
    """``value`` as GetQueryResults writes it."""
    if field in ("@timestamp", "@ingestionTime") or field.startswith("bin("):
        moment = datetime.datetime.fromtimestamp(value / 1000, datetime.UTC)
        return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.4f}".rstrip("0")
    return str(value)


def number(value: Any) -> float | None:
    """``value`` as a number; None when it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
