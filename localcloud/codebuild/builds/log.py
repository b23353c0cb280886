"""A build's log: lines in AWS's form, without secrets, to CloudWatch Logs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.logs import LogShipper

MASK = "***"
FLUSH_SECONDS = 120.0
"""Real seconds that a completed build waits for CloudWatch Logs to take its last lines."""


def location(project: str, build_uuid: str, config: dict[str, Any] | None) -> tuple[str, str] | None:
    """Log group and stream of a build; None when the project keeps no log.

    API Reference, CloudWatchLogsConfig: the group is ``/aws/codebuild/<project>`` unless named, the stream the build's
    id, after ``streamName`` if there is one.

    Parameters
    ----------
    project : str
        Its name.
    build_uuid : str
        The part of the build's id after the colon.
    config : dict or None
        The project's ``logsConfig``.
    """
    wanted = (config or {}).get("cloudWatchLogs", {"status": "ENABLED"})
    if wanted["status"] == "DISABLED":
        return None
    group = wanted.get("groupName") or f"/aws/codebuild/{project}"
    prefix = wanted.get("streamName")
    return group, f"{prefix}/{build_uuid}" if prefix else build_uuid


class BuildLog:
    """The log of one build."""

    def __init__(self, cloud: Cloud, where: tuple[str, str] | None) -> None:
        self._where = where
        self._secrets: list[str] = []
        self._shipper = LogShipper(lambda: cloud.client("logs"), "codebuild-log") if where else None
        if self._shipper:
            self._shipper.start()

    def hide(self, secrets: Iterable[str]) -> None:
        """Show ``***`` instead of each of ``secrets`` from now on, line by line if one has several lines."""
        known = set(self._secrets)
        known.update(line for secret in secrets for line in secret.splitlines() if line.strip())
        self._secrets = sorted(known, key=len, reverse=True)

    def masked(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def line(self, text: str) -> None:
        """A line that a command printed."""
        if self._shipper and self._where:
            self._shipper.line(*self._where, self.masked(text))

    def container(self, text: str) -> None:
        """A line of CodeBuild itself."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        self.line(f"[Container] {now} {text}")

    def close(self) -> None:
        """Return when CloudWatch Logs has every line."""
        if self._shipper:
            self._shipper.stop(FLUSH_SECONDS)
