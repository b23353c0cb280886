"""The service ``codecommit``: its parts, put together."""

from __future__ import annotations

from typing import Any

from localcloud.cloud import Cloud
from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.git import Git, GitMissing
from localcloud.codecommit.operations.branches import BranchOperations
from localcloud.codecommit.operations.commits import CommitOperations
from localcloud.codecommit.operations.contents import ContentOperations
from localcloud.codecommit.operations.repositories import RepositoryOperations
from localcloud.codecommit.records import Records
from localcloud.codecommit.smart_http import PREFIX, SmartHttp
from localcloud.services import Application, Operation, ResourceType, dispatch
from localcloud.store import Store


class CodeCommit:
    """Repositories, their contents, and Git over HTTP.

    Attributes
    ----------
    cloud, git, records, announcements, repositories
        What the CloudFormation type works with.
    """

    name = "codecommit"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        work = cloud.work / "codecommit"
        work.mkdir(parents=True, exist_ok=True)
        self.cloud = cloud
        self._store = Store(cloud.state / "codecommit.sqlite")
        self.git = Git(work)
        self.records = Records(self._store, self.git, cloud.state / "codecommit")
        self.announcements = Announcements(cloud, self._store, self.records)
        self.mounts: dict[str, Application] = {PREFIX: SmartHttp(self.git, self.records, self.announcements.announce)}
        self.repositories = RepositoryOperations(cloud, self.records)
        self._operations: dict[str, Operation] = {
            **self.repositories.operations,
            **BranchOperations(self.records, self.announcements).operations,
            **ContentOperations(self.records).operations,
            **CommitOperations(self.records, self.announcements, work).operations,
        }

    def start(self) -> None:
        """Clean up after an earlier run, and announce what that could not."""
        self.records.recover()
        self.announcements.start()

    def stop(self) -> None:
        """End; the repositories stay."""
        self.announcements.stop()
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        try:
            self.git.check_backend()
        except GitMissing as error:
            return [error.message]
        lines = []
        for record in self.records.all():
            repository = self.records.open(record)
            branch = repository.default_branch()
            state = f"{branch} at {(repository.tip(branch) or '')[:8]}" if branch else "empty"
            lines.append(f"repository {record['name']}: {state}")
        return lines
