"""Build projects: what a build is made from."""

from __future__ import annotations

import re
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild.files.sources import TYPES, is_inline
from localcloud.codebuild.listing import invalid, missing, page, sorted_by, tagged
from localcloud.codebuild.permissions import PRINCIPAL
from localcloud.services import Operation, ServiceError
from localcloud.store import Store

PROJECT = "project"
TIMEOUT, QUEUED_TIMEOUT = 60, 480
"""Minutes, unless given (API Reference, CreateProject)."""
REFUSED = {
    "vpcConfig": "VPCs",
    "fileSystemLocations": "EFS file systems",
    "buildBatchConfig": "batch builds",
    "autoRetryLimit": "automatic retries",
    "webhook": "webhooks",
}
IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")


class Projects:
    """The operations on projects."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self._store = store
        self.operations: dict[str, Operation] = {
            "CreateProject": self._create,
            "UpdateProject": self._update,
            "DeleteProject": self._delete,
            "BatchGetProjects": self._get,
            "ListProjects": self._list,
        }

    def find(self, name: str) -> dict[str, Any]:
        """A project by its name or ARN; raises ResourceNotFoundException when there is none."""
        project = self._store.get(PROJECT, name.rpartition("project/")[2])
        if project is None:
            raise missing(f"Project cannot be found: {self._cloud.arn('codebuild', f'project/{name}')}")
        return project

    def replace(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Make a project exactly what ``parameters`` say, as CloudFormation's update does."""
        known = self.find(parameters["name"])
        return self._put(parameters, known["created"])

    def _create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["name"]
        if self._store.get(PROJECT, name) is not None:
            arn = self._cloud.arn("codebuild", f"project/{name}")
            raise ServiceError("ResourceAlreadyExistsException", f"Project already exists: {arn}")
        return {"project": self._put(parameters, time.time())}

    def _update(self, parameters: dict[str, Any]) -> dict[str, Any]:
        known = self.find(parameters["name"])
        return {"project": self._put(_asked(known) | parameters, known["created"])}

    def _put(self, parameters: dict[str, Any], created: float) -> dict[str, Any]:
        check(parameters)
        if not self._cloud.can_assume(parameters["serviceRole"], PRINCIPAL):
            role = parameters["serviceRole"]
            raise invalid(f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}")
        # Of a project only: StartBuild gets the artifacts of a pipeline, whose names may have hyphens.
        for key, name in (("secondarySources", "sourceIdentifier"), ("secondaryArtifacts", "artifactIdentifier")):
            for definition in parameters.get(key, []):
                if not IDENTIFIER.fullmatch(definition.get(name, "")):
                    raise invalid(f"Invalid {key}: {name} must consist of letters, digits and underscores.")
        project = {
            "timeoutInMinutes": TIMEOUT,
            "queuedTimeoutInMinutes": QUEUED_TIMEOUT,
            "cache": {"type": "NO_CACHE"},
            "encryptionKey": f"arn:aws:kms:{self._cloud.region}:{self._cloud.account}:alias/aws/s3",
            **parameters,
            "tags": tagged(parameters.get("tags", [])),
            "arn": self._cloud.arn("codebuild", f"project/{parameters['name']}"),
            "badge": {"badgeEnabled": False},
            "created": created,
            "lastModified": time.time(),
        }
        project.pop("badgeEnabled", None)
        project["environment"] = {"privilegedMode": False, "environmentVariables": []} | project["environment"]
        self._store.put(PROJECT, project["name"], project)
        return project

    def _delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        # API Reference, DeleteProject: its builds are not deleted.
        self._store.delete(PROJECT, parameters["name"].rpartition("project/")[2])
        return {}

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rows = {name: self._store.get(PROJECT, name.rpartition("project/")[2]) for name in parameters["names"]}
        lost = [name for name, row in rows.items() if row is None]
        found = {"projects": [row for row in rows.values() if row]}
        return found | ({"projectsNotFound": lost} if lost else {})

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        keys = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        key = keys[parameters.get("sortBy", "NAME")]
        rows = sorted_by(self._store.all(PROJECT).values(), key, parameters.get("sortOrder", "ASCENDING"))
        return page([row["name"] for row in rows], parameters, "projects")


def _asked(project: dict[str, Any]) -> dict[str, Any]:
    """What of a project's description a caller may set."""
    return {key: value for key, value in project.items() if key not in ("arn", "badge", "created", "lastModified")}


def check(project: dict[str, Any]) -> None:
    """Refuse what is wrong, and what this cloud does not copy."""
    for key, what in REFUSED.items():
        if project.get(key):
            raise invalid(f"The local cloud's CodeBuild does not offer {what}: leave out {key}.")
    if project.get("badgeEnabled"):
        raise invalid("The local cloud's CodeBuild does not offer build badges: leave out badgeEnabled.")
    if project.get("logsConfig", {}).get("s3Logs", {}).get("status") == "ENABLED":
        raise invalid("The local cloud's CodeBuild logs to CloudWatch Logs only: disable s3Logs.")
    check_environment(project["environment"])
    check_source(project["source"])
    check_artifacts(project["artifacts"])
    for source in project.get("secondarySources", []):
        check_source(source)
    for artifacts in project.get("secondaryArtifacts", []):
        check_artifacts(artifacts)
    check_cache(project.get("cache", {"type": "NO_CACHE"}))
    if (project["source"]["type"] == "CODEPIPELINE") != (project["artifacts"]["type"] == "CODEPIPELINE"):
        raise invalid("Invalid project: if either source or artifacts is CODEPIPELINE, both must be.")


def check_environment(environment: dict[str, Any]) -> None:
    """Refuse an environment that is not this machine: Windows, a fleet, a registry."""
    if environment["type"].startswith("WINDOWS"):
        raise invalid(f"The local cloud's CodeBuild runs builds on this machine: no {environment['type']}.")
    for key in ("fleet", "certificate", "registryCredential", "dockerServer"):
        if environment.get(key):
            raise invalid(f"The local cloud's CodeBuild does not offer environment.{key}.")


def check_source(source: dict[str, Any]) -> None:
    """Refuse a source that this cloud cannot fetch."""
    if source["type"] not in TYPES:
        raise invalid(f"The local cloud's CodeBuild does not fetch from {source['type']}; use {', '.join(TYPES)}.")
    if source["type"] in ("S3", "CODECOMMIT") and not source.get("location"):
        raise invalid(f"Invalid project source: location must be given for source type {source['type']}.")
    if source["type"] == "S3" and "/" not in source["location"].removeprefix("arn:aws:s3:::"):
        raise invalid(f"Invalid project source: location must be <bucket>/<key>, not {source['location']}.")
    if source["type"] == "NO_SOURCE" and not source.get("sourceIdentifier"):
        text = source.get("buildspec", "")
        if not is_inline(text) and not text.startswith("arn:"):
            raise invalid(
                "Invalid project source: with source type NO_SOURCE the buildspec must be given in the project."
            )
    if source.get("gitSubmodulesConfig", {}).get("fetchSubmodules"):
        raise invalid("The local cloud's CodeBuild does not fetch submodules.")


def check_artifacts(artifacts: dict[str, Any]) -> None:
    """Refuse artifacts that this cloud cannot store."""
    if artifacts["type"] == "S3" and not artifacts.get("location"):
        raise invalid("Invalid artifacts: location (a bucket) must be given for artifacts of type S3.")


def check_cache(cache: dict[str, Any]) -> None:
    """Refuse a cache that this cloud cannot keep."""
    if cache["type"] == "S3" and not cache.get("location"):
        raise invalid("Invalid cache: location (<bucket>/<prefix>) must be given for a cache of type S3.")
    if "LOCAL_DOCKER_LAYER_CACHE" in cache.get("modes", []):
        raise invalid("The local cloud's CodeBuild has no Docker: leave out LOCAL_DOCKER_LAYER_CACHE.")
