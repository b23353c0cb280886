"""AWS::CodeCommit::Repository (CloudFormation Template Reference)."""

from __future__ import annotations

from typing import Any

from localcloud.codecommit.operations.branches import check_branch
from localcloud.codecommit.operations.repositories import check_tags
from localcloud.codecommit.records import FIRST_BRANCH, Record
from localcloud.codecommit.seed import seed
from localcloud.codecommit.service import CodeCommit
from localcloud.http.coercion import api_parameters
from localcloud.services import ResourceType, ServiceError

KNOWN = ("RepositoryName", "RepositoryDescription", "Tags", "Code")
REFUSED = {
    "Triggers": "repository triggers are not offered; use a rule of EventBridge on source aws.codecommit",
    "KmsKeyId": "repositories are not encrypted",
}


class RepositoryType:
    """Ref is the repository's id; deleting it deletes its contents, as on AWS.

    Arguments and errors are those of :class:`localcloud.services.ResourceType`.
    """

    name = "AWS::CodeCommit::Repository"
    replacing: tuple[str, ...] = ()

    def __init__(self, control: CodeCommit) -> None:
        self._cloud = control.cloud
        self._git = control.git
        self._records = control.records
        self._announcements = control.announcements
        self._operations = control.repositories

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateRepository, then the first commit from ``Code``."""
        wanted = _parameters(properties)
        code = properties.get("Code")
        if code is not None:
            _check_code(code)
        self._operations.create(wanted)
        record = self._records.get(wanted["repositoryName"])
        if code is not None:
            try:
                self._seed(record, code)
            except BaseException:
                self._records.delete(record["name"])
                raise
        return self._answer(record)

    def _seed(self, record: Record, code: dict[str, Any]) -> None:
        branch = str(code.get("BranchName") or FIRST_BRANCH)
        repository = self._records.open(record)
        check_branch(repository, branch)
        work = self._cloud.work / "codecommit"
        seed(self._git, repository.folder, branch, self._cloud.client("s3"), code["S3"], work)
        self._announcements.announce(record["id"])

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Name, description and tags change in place; ``Code`` counts at creation only, as on AWS."""
        wanted = _parameters(new)
        record = self._records.by_id(physical_id)
        if record is None:
            raise ServiceError("NotFound", f"The repository {physical_id} no longer exists.")
        self._records.rename(record["name"], wanted["repositoryName"])
        tags = wanted.get("tags", {})
        check_tags(tags)
        self._records.change(physical_id, description=wanted.get("repositoryDescription"), tags=tags)
        return self._answer(self._records.get(wanted["repositoryName"]))

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteRepository."""
        record = self._records.by_id(physical_id)
        if record is not None:
            self._records.delete(record["name"])

    def _answer(self, record: Record) -> tuple[str, dict[str, Any]]:
        shown = self._operations.metadata(record)
        attributes = {
            "Arn": shown["Arn"],
            "CloneUrlHttp": shown["cloneUrlHttp"],
            "CloneUrlSsh": shown["cloneUrlSsh"],
            "Name": shown["repositoryName"],
            "RepositoryId": shown["repositoryId"],
        }
        return record["id"], attributes


def _parameters(properties: dict[str, Any]) -> dict[str, Any]:
    """A template's properties as parameters of CreateRepository."""
    for name, reason in REFUSED.items():
        if properties.get(name):
            raise ServiceError("InvalidRequest", f"{name} is refused by the local cloud: {reason}.")
    unknown = sorted(set(properties) - {*KNOWN, *REFUSED})
    if unknown:
        raise ServiceError("InvalidRequest", f"AWS::CodeCommit::Repository does not know {', '.join(unknown)}.")
    wanted = {
        "repositoryName": properties.get("RepositoryName"),
        "repositoryDescription": properties.get("RepositoryDescription"),
        "tags": {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or ()},
    }
    return api_parameters("codecommit", "CreateRepository", wanted)


def _check_code(code: dict[str, Any]) -> None:
    """``Code`` needs ``S3`` with bucket and key."""
    source = code.get("S3") or {}
    missing = [name for name in ("Bucket", "Key") if not source.get(name)]
    if missing:
        raise ServiceError("InvalidRequest", f"Code.S3 lacks {' and '.join(missing)}.")


def resource_types(control: CodeCommit) -> tuple[ResourceType, ...]:
    """The one type."""
    return (RepositoryType(control),)
