"""The service ``codebuild``."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild import plans
from localcloud.codebuild.builds.record import BUILD, PLAN
from localcloud.codebuild.builds.scheduler import Scheduler
from localcloud.codebuild.files.places import remove_tree
from localcloud.codebuild.listing import invalid, missing, page, sorted_by
from localcloud.codebuild.projects import Projects
from localcloud.codebuild.reports.operations import Reports
from localcloud.services import Operation, ResourceType, ServiceError, dispatch
from localcloud.store import Store

NUMBER = "number"
TOKEN_SECONDS = 300.0
"""API Reference, StartBuild: an idempotency token is valid for five minutes."""


class CodeBuild:
    """Projects, builds, reports."""

    name = "codebuild"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._store = Store(cloud.state / "codebuild.sqlite")
        self.projects = Projects(cloud, self._store)
        self._reports = Reports(cloud, self._store)
        self._scheduler = Scheduler(cloud, self._store, self._reports)
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[float, str, str]] = {}  # token → when, request, build
        self._operations: dict[str, Operation] = {
            **self.projects.operations,
            **self._reports.operations,
            "StartBuild": self._start_build,
            "StopBuild": self._stop_build,
            "RetryBuild": self._retry_build,
            "BatchGetBuilds": self._get_builds,
            "BatchDeleteBuilds": self._delete_builds,
            "ListBuilds": self._list_builds,
            "ListBuildsForProject": self._list_builds_of_project,
        }

    def start(self) -> None:
        """Take up what was queued; builds that ran when the cloud died end as FAULT."""
        folder = self._cloud.work / "codebuild"
        if folder.exists():
            remove_tree(folder)
        self._scheduler.start()

    def stop(self) -> None:
        """End the builds that run."""
        self._scheduler.stop()
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        running, queued = self._scheduler.counts()
        builds = sorted_by(self._store.all(BUILD).values(), "startTime", "DESCENDING")[:3]
        lines = [f"{running} builds run, {queued} wait"] if running or queued else []
        return lines + [f"build {each['id']}: {each['buildStatus']} ({each['currentPhase']})" for each in builds]

    # Builds ------------------------------------------------------------------------------------------------------

    def _start_build(self, parameters: dict[str, Any]) -> dict[str, Any]:
        token = parameters.pop("idempotencyToken", None)
        request = json.dumps(parameters, sort_keys=True)
        with self._lock:
            known = self._known(token, request)
            if known is not None:
                return {"build": known}
            project = self.projects.find(parameters["projectName"])
            return {"build": self._submit(project, plans.make(project, parameters), token, request)}

    def _retry_build(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if "id" not in parameters:
            raise invalid("The id of the build to retry must be given.")
        build = self._find(parameters["id"])
        token, request = parameters.get("idempotencyToken"), f"retry {build['id']}"
        with self._lock:
            known = self._known(token, request)
            if known is not None:
                return {"build": known}
            project = self.projects.find(build["projectName"])
            plan = self._store.get(PLAN, build["id"])
            assert plan is not None
            return {"build": self._submit(project, plan, token, request)}

    def _known(self, token: str | None, request: str) -> dict[str, Any] | None:
        """The build that a request with the same token started."""
        if token is None or token not in self._tokens:
            return None
        when, earlier, build_id = self._tokens[token]
        if time.time() - when > TOKEN_SECONDS:
            return None
        if earlier != request:
            raise invalid("The idempotency token was used before, with other parameters.")
        return self._store.get(BUILD, build_id)

    def _submit(self, project: dict[str, Any], plan: dict[str, Any], token: str | None, request: str) -> dict[str, Any]:
        limit = project.get("concurrentBuildLimit")
        if limit and self._scheduler.unfinished(project["name"]) >= limit:
            message = f"Cannot have more than {limit} builds in queue for the project {project['name']}"
            raise ServiceError("AccountLimitExceededException", message)
        with self._store.transaction():
            number = (self._store.get(NUMBER, project["name"]) or {"last": 0})["last"] + 1
            build = plans.document(self._cloud, plan, number)
            self._store.put(NUMBER, project["name"], {"last": number})
            self._store.put(BUILD, build["id"], build)
            self._store.put(PLAN, build["id"], plan)
        if token is not None:
            self._tokens[token] = (time.time(), request, build["id"])
        self._scheduler.submit(build["id"])
        return build

    def _find(self, name: str) -> dict[str, Any]:
        build = self._store.get(BUILD, name.rpartition("build/")[2])
        if build is None:
            raise missing(f"Build cannot be found: {name}")
        return build

    def _stop_build(self, parameters: dict[str, Any]) -> dict[str, Any]:
        build_id = self._find(parameters["id"])["id"]
        self._scheduler.end(build_id)
        return {"build": self._find(build_id)}

    def _get_builds(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rows = {name: self._store.get(BUILD, name.rpartition("build/")[2]) for name in parameters["ids"]}
        lost = [name for name, row in rows.items() if row is None]
        return {"builds": [row for row in rows.values() if row]} | ({"buildsNotFound": lost} if lost else {})

    def _delete_builds(self, parameters: dict[str, Any]) -> dict[str, Any]:
        deleted, kept = [], []
        for name in parameters["ids"]:
            build = self._store.get(BUILD, name.rpartition("build/")[2])
            if build is None:
                kept.append({"id": name, "statusCode": "BUILD_NOT_FOUND"})
            elif not build["buildComplete"]:
                kept.append({"id": name, "statusCode": "BUILD_IN_PROGRESS"})
            else:
                with self._store.transaction():
                    self._store.delete(BUILD, build["id"])
                    self._store.delete(PLAN, build["id"])
                deleted.append(build["arn"])
        return {"buildsDeleted": deleted, "buildsNotDeleted": kept}

    def _list_builds(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._listed(list(self._store.all(BUILD).values()), parameters)

    def _list_builds_of_project(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["projectName"].rpartition("project/")[2]
        builds = [each for each in self._store.all(BUILD).values() if each["projectName"] == name]
        if not builds:
            self.projects.find(name)
        return self._listed(builds, parameters)

    def _listed(self, builds: list[dict[str, Any]], parameters: dict[str, Any]) -> dict[str, Any]:
        rows = sorted_by(builds, "startTime", parameters.get("sortOrder", "DESCENDING"))
        return page([each["id"] for each in rows], parameters, "ids")
