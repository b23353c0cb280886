"""What the tests of CloudWatch Logs share."""

from __future__ import annotations

import time
from typing import Any

from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until


def group(aws: Account, **settings: Any) -> str:
    """A new log group, removed after the test; its name."""
    logs, name = aws.client("logs"), aws.name("group")
    logs.create_log_group(logGroupName=name, **settings)
    aws.later(logs.delete_log_group, logGroupName=name)
    return name


def stream(aws: Account, in_group: str, name: str = "stream") -> str:
    """A new log stream; its name."""
    aws.client("logs").create_log_stream(logGroupName=in_group, logStreamName=name)
    return name


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def write(aws: Account, in_group: str, *messages: str, to: str = "stream", start: int | None = None) -> int:
    """Write ``messages``, a millisecond apart; the time of the first."""
    first = now() - len(messages) if start is None else start
    events = [{"timestamp": first + i, "message": message} for i, message in enumerate(messages)]
    aws.client("logs").put_log_events(logGroupName=in_group, logStreamName=to, logEvents=events)
    return first


def filled(aws: Account, *messages: str) -> str:
    """A new log group with one stream that has ``messages``; its name."""
    name = group(aws)
    stream(aws, name)
    if messages:
        write(aws, name, *messages)
        if not aws.local:  # AWS shows events a little later
            wait_until(
                lambda: len(aws.client("logs").filter_log_events(logGroupName=name)["events"]) >= len(messages), 60
            )
    return name
