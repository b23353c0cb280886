"""The service ``codecommit``: its parts, put together."""

from __future__ import annotations

import datetime
from typing import Any

from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.git import Git
from localcloud.codecommit.records import Record, Records
from localcloud.codecommit.smart_http import PREFIX, SmartHttp
from localcloud.services import Application, Cloud, Operation, ResourceType, dispatch
from localcloud.store import Store


class CodeCommit:
    """Repositories, their contents, and Git over HTTP."""

    name = "codecommit"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        home = cloud.work / "codecommit"
        home.mkdir(parents=True, exist_ok=True)
        self._cloud = cloud
        self._store = Store(cloud.state / "codecommit.sqlite")
        self._git = Git(home)
        self.records = Records(self._store, self._git, cloud.state / "codecommit")
        self.announcements = Announcements(cloud, self._store, self.records)
        self.mounts: dict[str, Application] = {PREFIX: SmartHttp(self._git, self.records, self.announcements.announce)}
        self._operations: dict[str, Operation] = {
            "CreateRepository": self._create,
            "GetBranch": self._get_branch,
        }

    def _create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self.records.create(parameters["repositoryName"], parameters.get("repositoryDescription"), {})
        return {"repositoryMetadata": self.metadata(record)}

    def _get_branch(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self.records.get(parameters["repositoryName"])
        tip = self.records.open(record).tip(parameters["branchName"])
        return {"branch": {"branchName": parameters["branchName"], "commitId": tip}}

    def metadata(self, record: Record) -> dict[str, Any]:
        """A repository as the API shows it."""
        return {"repositoryName": record["name"], "repositoryId": record["id"]}

    def start(self) -> None:
        """Clean up after an earlier run, and tell what that did not come to tell."""
        self.records.recover()
        self.announcements.start()

    def stop(self) -> None:
        """End; the repositories stay."""
        self.announcements.stop()
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)
