"""StartBuild: project and overrides become a plan (what to do) and a document (what to show)."""

from __future__ import annotations

import time
import uuid
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild import projects
from localcloud.codebuild.builds import log
from localcloud.codebuild.builds.variables import RESERVED
from localcloud.codebuild.listing import invalid

INITIATOR, RESOLVED = "CODEBUILD_INITIATOR", "CODEBUILD_RESOLVED_SOURCE_VERSION"
SOURCE_OVERRIDES = {
    "sourceTypeOverride": "type",
    "sourceLocationOverride": "location",
    "buildspecOverride": "buildspec",
    "gitCloneDepthOverride": "gitCloneDepth",
    "gitSubmodulesConfigOverride": "gitSubmodulesConfig",
}
ENVIRONMENT_OVERRIDES = {
    "environmentTypeOverride": "type",
    "imageOverride": "image",
    "computeTypeOverride": "computeType",
    "privilegedModeOverride": "privilegedMode",
    "imagePullCredentialsTypeOverride": "imagePullCredentialsType",
    "certificateOverride": "certificate",
    "registryCredentialOverride": "registryCredential",
    "fleetOverride": "fleet",
}
OVERRIDES = {
    "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "cacheOverride": "cache",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
    "sourceVersion": "sourceVersion",
}
REFUSED = ("debugSessionEnabled", "autoRetryLimitOverride", "hostKernelOverride")


def make(project: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """The plan of a build: ``project`` with the overrides of StartBuild applied and checked.

    Variables of an override whose names begin with ``CODEBUILD_`` are in ``given``: with them CodePipeline says who
    started the build, and from which revision.

    Raises
    ------
    ServiceError
        InvalidInputException for what is wrong, and for what this cloud does not offer.
    """
    for key in REFUSED:
        if parameters.get(key):
            raise invalid(f"The local cloud's CodeBuild does not offer {key}.")
    plan: dict[str, Any] = {
        "projectName": project["name"],
        "projectArn": project["arn"],
        "source": dict(project["source"]),
        "environment": dict(project["environment"]),
        "given": {},
    }
    kept = set(OVERRIDES.values())
    plan |= {key: value for key, value in project.items() if key in kept}
    plan |= {OVERRIDES[key]: value for key, value in parameters.items() if key in OVERRIDES}
    plan["source"] |= {SOURCE_OVERRIDES[key]: value for key, value in parameters.items() if key in SOURCE_OVERRIDES}
    plan["environment"] |= {
        ENVIRONMENT_OVERRIDES[key]: value for key, value in parameters.items() if key in ENVIRONMENT_OVERRIDES
    }
    merged = {each["name"]: each for each in project["environment"].get("environmentVariables", [])}
    for variable in parameters.get("environmentVariablesOverride", []):
        if variable["name"].startswith(RESERVED):
            plan["given"][variable["name"]] = variable["value"]
        else:
            merged[variable["name"]] = variable
    plan["environment"]["environmentVariables"] = list(merged.values())
    _check(plan)
    return plan


def _check(plan: dict[str, Any]) -> None:
    if plan["source"]["type"] == "CODEPIPELINE":
        raise invalid("SourceTypeOverride must be set when using source type CodePipeline")
    if plan["artifacts"]["type"] == "CODEPIPELINE":
        raise invalid("ArtifactsOverride must be set when using artifacts type CodePipelines")
    projects.check({**plan, "name": plan["projectName"]})


def document(cloud: Cloud, plan: dict[str, Any], number: int) -> dict[str, Any]:
    """The build's document at its start: submitted and queued.

    Parameters
    ----------
    cloud : Cloud
    plan : dict
        As :func:`make` gives it.
    number : int
        The build's number in its project.
    """
    unique = str(uuid.uuid4())
    build_id = f"{plan['projectName']}:{unique}"
    now = time.time()
    given = plan["given"]
    submitted = {
        "phaseType": "SUBMITTED",
        "phaseStatus": "SUCCEEDED",
        "startTime": now,
        "endTime": now,
        "durationInSeconds": 0,
    }
    shown: dict[str, Any] = {
        "id": build_id,
        "arn": cloud.arn("codebuild", f"build/{build_id}"),
        "buildNumber": number,
        "startTime": now,
        "currentPhase": "QUEUED",
        "buildStatus": "IN_PROGRESS",
        "projectName": plan["projectName"],
        "phases": [submitted, {"phaseType": "QUEUED", "startTime": now}],
        "source": plan["source"],
        "secondarySources": plan.get("secondarySources", []),
        "secondarySourceVersions": plan.get("secondarySourceVersions", []),
        "artifacts": {"location": ""},
        "secondaryArtifacts": [],
        "cache": plan["cache"],
        "environment": plan["environment"],
        "serviceRole": plan["serviceRole"],
        "logs": _logs(cloud, plan, unique),
        "timeoutInMinutes": plan["timeoutInMinutes"],
        "queuedTimeoutInMinutes": plan["queuedTimeoutInMinutes"],
        "buildComplete": False,
        "initiator": given.get(INITIATOR, "root"),
        "encryptionKey": plan["encryptionKey"],
    }
    if plan.get("sourceVersion"):
        shown["sourceVersion"] = plan["sourceVersion"]
    if given.get(RESOLVED):
        shown["resolvedSourceVersion"] = given[RESOLVED]
    return shown


def _logs(cloud: Cloud, plan: dict[str, Any], unique: str) -> dict[str, Any]:
    where = log.location(plan["projectName"], unique, plan.get("logsConfig"))
    if where is None:
        return {"cloudWatchLogs": {"status": "DISABLED"}, "s3Logs": {"status": "DISABLED"}}
    group, stream = where
    console = f"https://console.aws.amazon.com/cloudwatch/home?region={cloud.region}"
    return {
        "groupName": group,
        "streamName": stream,
        "deepLink": f"{console}#logsV2:log-groups/log-group/{group.replace('/', '$252F')}/log-events/{stream}",
        "cloudWatchLogsArn": cloud.arn("logs", f"log-group:{group}:log-stream:{stream}"),
        "cloudWatchLogs": {"status": "ENABLED", "groupName": group, "streamName": stream},
        "s3Logs": {"status": "DISABLED"},
    }
