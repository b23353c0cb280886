"""The API's operations on branches, and on commits as they are."""

from __future__ import annotations

from typing import Any

from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.errors import refusal
from localcloud.codecommit.git import GitFailed
from localcloud.codecommit.operations.paging import page
from localcloud.codecommit.records import Records
from localcloud.codecommit.repository import HEADS, NOTHING, ReferenceMoved, Repository, is_object_id
from localcloud.services import Operation

MOST_COMMITS = 100


def check_branch(repository: Repository, name: str) -> None:
    """Refuse what git does not take for a branch's name, and what is a full reference or a commit id."""
    if name.startswith("refs/") or is_object_id(name) or not repository.valid_branch(name):
        raise refusal("InvalidBranchNameException", name)


class BranchOperations:
    """Branches and commits."""

    def __init__(self, records: Records, announcements: Announcements) -> None:
        self._records = records
        self._announcements = announcements
        self.operations: dict[str, Operation] = {
            "CreateBranch": self._create,
            "GetBranch": self._get,
            "ListBranches": self._list,
            "DeleteBranch": self._delete,
            "UpdateDefaultBranch": self._update_default,
            "GetCommit": self._get_commit,
            "BatchGetCommits": self._batch_get_commits,
        }

    def _repository(self, parameters: dict[str, Any]) -> Repository:
        return self._records.open(self._records.get(parameters["repositoryName"]))

    def _create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(parameters["repositoryName"])
        repository = self._records.open(record)
        name, commit = parameters["branchName"], parameters["commitId"]
        check_branch(repository, name)
        if not is_object_id(commit):
            raise refusal("InvalidCommitIdException", commit)
        if repository.kind(commit) != "commit":
            raise refusal("CommitDoesNotExistException", commit)
        try:
            repository.move(HEADS + name, commit, NOTHING)
        except ReferenceMoved:
            raise refusal("BranchNameExistsException", name) from None
        except GitFailed as error:
            raise refusal("InvalidBranchNameException", f"{name}: {error}") from error
        self._announcements.announce(record["id"])
        return {}

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        for name in ("repositoryName", "branchName"):  # optional in the model, required by the service
            if not parameters.get(name):
                raise refusal(f"{name[0].upper()}{name[1:]}RequiredException")
        repository, name = self._repository(parameters), parameters["branchName"]
        check_branch(repository, name)
        tip = repository.tip(name)
        if tip is None:
            raise refusal("BranchDoesNotExistException", name)
        return {"branch": {"branchName": name, "commitId": tip}}

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names, rest = page(sorted(self._repository(parameters).branches()), parameters)
        return {"branches": names, **rest}

    def _delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """API Reference, DeleteBranch: there is no error for a branch that is gone already."""
        record = self._records.get(parameters["repositoryName"])
        repository, name = self._records.open(record), parameters["branchName"]
        check_branch(repository, name)
        while (tip := repository.tip(name)) is not None:
            if name == repository.default_branch():
                raise refusal("DefaultBranchCannotBeDeletedException", name)
            try:
                repository.move(HEADS + name, NOTHING, tip)
            except ReferenceMoved:
                continue  # somebody pushed just now: delete that
            self._announcements.announce(record["id"])
            return {"deletedBranch": {"branchName": name, "commitId": tip}}
        return {}

    def _update_default(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository, name = self._repository(parameters), parameters["defaultBranchName"]
        check_branch(repository, name)
        if repository.tip(name) is None:
            raise refusal("BranchDoesNotExistException", name)
        repository.set_default_branch(name)
        return {}

    # Commits -----------------------------------------------------------------------------------------------------

    def _get_commit(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository, commit = self._repository(parameters), parameters["commitId"]
        if not is_object_id(commit):
            raise refusal("InvalidCommitIdException", commit)
        if repository.kind(commit) != "commit":
            raise refusal("CommitIdDoesNotExistException", commit)
        return {"commit": described(repository, commit)}

    def _batch_get_commits(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository, wanted = self._repository(parameters), list(dict.fromkeys(parameters["commitIds"]))
        if not wanted:
            raise refusal("CommitIdsListRequiredException")
        if len(wanted) > MOST_COMMITS:
            raise refusal("CommitIdsLimitExceededException", str(len(wanted)))
        commits, errors = [], []
        for commit in wanted:
            code = "CommitIdDoesNotExistException" if is_object_id(commit) else "InvalidCommitIdException"
            if code.startswith("Commit") and repository.kind(commit) == "commit":
                commits.append(described(repository, commit))
            else:
                errors.append({"commitId": commit, "errorCode": code, "errorMessage": refusal(code, commit).message})
        return {"commits": commits, "errors": errors}


def described(repository: Repository, commit: str) -> dict[str, Any]:
    """A commit as the API shows it: names, addresses, and dates as git writes them (``1484167798 -0800``)."""
    head, _, message = repository.read("commit", commit).decode("utf-8", "replace").partition("\n\n")
    out: dict[str, Any] = {"commitId": commit, "parents": [], "message": message, "additionalData": ""}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        if key == "tree":
            out["treeId"] = value
        elif key == "parent":
            out["parents"].append(value)
        elif key in ("author", "committer"):
            name, _, rest = value.partition(" <")
            email, _, date = rest.rpartition("> ")
            out[key] = {"name": name, "email": email, "date": date}
    return out
