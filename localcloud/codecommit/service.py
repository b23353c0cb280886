"""The service ``codecommit``: its parts, put together."""

from __future__ import annotations

from typing import Any

from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.branches import BranchOperations
from localcloud.codecommit.cloudformation import RepositoryType
from localcloud.codecommit.commits import CommitOperations
from localcloud.codecommit.contents import ContentOperations
from localcloud.codecommit.git import Git, GitMissing
from localcloud.codecommit.records import Records
from localcloud.codecommit.repositories import RepositoryOperations
from localcloud.codecommit.smart_http import PREFIX, SmartHttp
from localcloud.services import Application, Cloud, Operation, ResourceType, dispatch
from localcloud.store import Store


class CodeCommit:
    """Repositories, their contents, and Git over HTTP."""

    name = "codecommit"

    def __init__(self, cloud: Cloud) -> None:
        work = cloud.work / "codecommit"
        work.mkdir(parents=True, exist_ok=True)
        self._store = Store(cloud.state / "codecommit.sqlite")
        self._git = Git(work)
        self._records = Records(self._store, self._git, cloud.state / "codecommit")
        self._announcements = Announcements(cloud, self._store, self._records)
        self.mounts: dict[str, Application] = {
            PREFIX: SmartHttp(self._git, self._records, self._announcements.announce)
        }
        repositories = RepositoryOperations(cloud, self._records)
        self._operations: dict[str, Operation] = {
            **repositories.operations,
            **BranchOperations(self._records, self._announcements).operations,
            **ContentOperations(self._records).operations,
            **CommitOperations(self._records, self._announcements, work).operations,
        }
        self.resource_types: tuple[ResourceType, ...] = (
            RepositoryType(cloud, self._git, self._records, self._announcements, repositories),
        )

    def start(self) -> None:
        """Clean up after an earlier run, and tell what that did not come to tell."""
        self._records.recover()
        self._announcements.start()

    def stop(self) -> None:
        """End; the repositories stay."""
        self._announcements.stop()
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        try:
            self._git.check_backend()
        except GitMissing as error:
            return [error.message]
        lines = []
        for record in self._records.all():
            repository = self._records.open(record)
            branch = repository.default_branch()
            state = f"{branch} at {(repository.tip(branch) or '')[:8]}" if branch else "empty"
            lines.append(f"repository {record['name']}: {state}")
        return lines
