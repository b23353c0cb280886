"""Build state changes for EventBridge (User Guide, "Build notifications input format reference")."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud

logger = logging.getLogger(__name__)

STATUSES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "STOPPED")
"""The statuses that events have; what timed out or broke has FAILED there."""


def announce(cloud: Cloud, build: Mapping[str, Any]) -> None:
    """Send ``CodeBuild Build State Change`` for ``build``."""
    status = build["buildStatus"] if build["buildStatus"] in STATUSES else "FAILED"
    detail = {
        "build-status": status,
        "project-name": build["projectName"],
        "build-id": build["arn"],
        "additional-information": _additional(build),
        "current-phase": build["currentPhase"],
        "current-phase-context": "[]",
        "version": "1",
    }
    try:
        cloud.put_event("aws.codebuild", "CodeBuild Build State Change", detail, [build["arn"]])
    except Exception:  # an event reports the build, and is not a part of it
        logger.exception("the event of build %s was not sent", build["id"])


def _additional(build: Mapping[str, Any]) -> dict[str, Any]:
    environment, logs, artifacts = build["environment"], build["logs"], build.get("artifacts", {})
    found: dict[str, Any] = {
        "artifact": {
            name: artifacts[key]
            for name, key in (("md5sum", "md5sum"), ("sha256sum", "sha256sum"), ("location", "location"))
            if key in artifacts
        },
        "environment": {
            "image": environment["image"],
            "privileged-mode": bool(environment.get("privilegedMode")),
            "compute-type": environment["computeType"],
            "type": environment["type"],
            "environment-variables": environment.get("environmentVariables", []),
        },
        "timeout-in-minutes": build["timeoutInMinutes"],
        "build-complete": build["buildComplete"],
        "build-number": build["buildNumber"],
        "initiator": build["initiator"],
        "build-start-time": _time(build["startTime"]),
        "source": {key: build["source"][key] for key in ("location", "type") if key in build["source"]},
        "logs": {
            name: logs[key]
            for name, key in (("group-name", "groupName"), ("stream-name", "streamName"), ("deep-link", "deepLink"))
            if key in logs
        },
        "phases": [_phase(phase) for phase in build["phases"]],
    }
    if build.get("exportedEnvironmentVariables"):
        found["exported-environment-variables"] = build["exportedEnvironmentVariables"]
    return found


def _phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    found = {"phase-type": phase["phaseType"], "start-time": _time(phase["startTime"])}
    if "endTime" in phase:
        contexts = [f"{each['statusCode']}: {each['message']}" for each in phase.get("contexts", [])]
        found |= {
            "phase-context": contexts,
            "end-time": _time(phase["endTime"]),
            "duration-in-seconds": phase["durationInSeconds"],
            "phase-status": phase["phaseStatus"],
        }
    return found


def _time(stamp: float) -> str:
    """``Sep 1, 2017 4:12:29 PM``."""
    moment = datetime.datetime.fromtimestamp(stamp, datetime.UTC)
    return f"{moment:%b} {moment.day}, {moment.year} {moment.hour % 12 or 12}:{moment:%M:%S %p}"
