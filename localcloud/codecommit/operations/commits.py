"""The API's operations that write: PutFile, DeleteFile and CreateCommit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.errors import refusal
from localcloud.codecommit.operations.branches import check_branch
from localcloud.codecommit.operations.changes import KEEP, MODES, Changes
from localcloud.codecommit.records import Record, Records
from localcloud.codecommit.repository import HEADS, NOTHING, TAGS, ReferenceMoved, Repository, is_object_id
from localcloud.services import Operation, ServiceError

MOST_ENTRIES = 100
"""CodeCommit User Guide, "Quotas": files in one CreateCommit."""
DEFAULT_NAME = "root"
"""Who commits when no name is given: the last part of the caller's ARN, which is the account's root here."""


class CommitOperations:
    """Commits that the API makes.

    Parameters
    ----------
    records : Records
    announcements : Announcements
    work : Path
        Where temporary indexes may be stored.
    """

    def __init__(self, records: Records, announcements: Announcements, work: Path) -> None:
        self._records = records
        self._announcements = announcements
        self._work = work
        self.operations: dict[str, Operation] = {
            "PutFile": self._put_file,
            "DeleteFile": self._delete_file,
            "CreateCommit": self._create_commit,
        }

    def _begin(self, parameters: dict[str, Any]) -> tuple[Record, Repository, Changes]:
        record = self._records.get(parameters["repositoryName"])
        repository = self._records.open(record)
        tip = _parent(repository, parameters["branchName"], parameters.get("parentCommitId"))
        return record, repository, Changes(repository, tip, self._work)

    def _put_file(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if not parameters["fileContent"]:
            raise refusal("FileContentRequiredException", parameters["filePath"])
        record, repository, changes = self._begin(parameters)
        path = parameters["filePath"]
        verb = "Edited" if path in changes.existing else "Added"
        blob = changes.put(path, parameters["fileContent"], parameters.get("fileMode"))
        tree = changes.tree()
        if tree == changes.tree_before:
            raise refusal("SameFileContentException", path)
        author = (parameters.get("name"), parameters.get("email"))
        message = parameters.get("commitMessage") or f"{verb} {path}"
        commit = self._commit(record, repository, parameters["branchName"], changes.tip, tree, author, message)
        return {"commitId": commit, "blobId": blob, "treeId": tree}

    def _delete_file(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record, repository, changes = self._begin(parameters)
        path = parameters["filePath"]
        blob = changes.delete(path)
        if parameters.get("keepEmptyFolders"):
            changes.keep_folders()
        tree = changes.tree()
        author = (parameters.get("name"), parameters.get("email"))
        message = parameters.get("commitMessage") or f"Deleted {path}"
        commit = self._commit(record, repository, parameters["branchName"], changes.tip, tree, author, message)
        return {"commitId": commit, "blobId": blob, "treeId": tree, "filePath": path}

    def _create_commit(self, parameters: dict[str, Any]) -> dict[str, Any]:
        puts, deletes, modes = (parameters.get(name) or [] for name in ("putFiles", "deleteFiles", "setFileModes"))
        _check_entries(puts, deletes, modes)
        record, repository, changes = self._begin(parameters)
        for entry in deletes:
            changes.delete(entry["filePath"])
        for entry in puts:
            _put(changes, entry)
        for entry in modes:
            changes.set_mode(entry["filePath"], entry["fileMode"])
        if parameters.get("keepEmptyFolders"):
            changes.keep_folders()
        tree = changes.tree()
        if tree == changes.tree_before:
            raise refusal("NoChangeException")
        author = (parameters.get("authorName"), parameters.get("email"))
        message = parameters.get("commitMessage") or "Changed by CreateCommit"
        commit = self._commit(record, repository, parameters["branchName"], changes.tip, tree, author, message)
        return {"commitId": commit, "treeId": tree, **changes.summary()}

    def _commit(
        self,
        record: Record,
        repository: Repository,
        branch: str,
        tip: str | None,
        tree: str,
        author: tuple[str | None, str | None],
        message: str,
    ) -> str:
        """Make the commit and move the branch to it, if nobody else moved it meanwhile."""
        commit = make_commit(repository, tree, tip, author, message)
        try:
            repository.move(HEADS + branch, commit, tip or NOTHING)
        except ReferenceMoved:
            raise refusal("ParentCommitIdOutdatedException", f"{branch} was changed just now") from None
        self._announcements.announce(record["id"])
        return commit


def make_commit(
    repository: Repository, tree: str, parent: str | None, author: tuple[str | None, str | None], message: str
) -> str:
    """A commit of ``tree`` that no reference leads to yet; author and committer are the same person.

    Parameters
    ----------
    repository : Repository
    tree : str
        An object id.
    parent : str or None
        None for the first commit.
    author : tuple of str or None
        Name and e-mail address.
    message : str

    Raises
    ------
    ServiceError
        For a name or an address that git cannot write.
    """
    name, email = author
    if name is not None and not name.strip(" .,:;<>\"\\'\n\t"):  # of which git makes nothing
        raise ServiceError("InvalidParameterException", f"{name!r} is not a name for the author of a commit.")
    if email and any(char in email for char in "<>\n\0"):
        raise refusal("InvalidEmailException", email)
    who: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": name or DEFAULT_NAME, f"GIT_{role}_EMAIL": email or ""}
    parents = ["-p", parent] if parent else []
    return repository.git("commit-tree", *parents, tree, content=message.encode(), variables=who).decode().strip()


def _parent(repository: Repository, branch: str, parent: str | None) -> str | None:
    """The tip of the branch, which the caller must know; None for the first commit of a repository."""
    check_branch(repository, branch)
    refs = repository.refs()
    tip = refs.get(HEADS + branch)
    if tip is None and TAGS + branch in refs:
        raise refusal("BranchNameIsTagNameException", branch)
    if tip is None and any(name.startswith(HEADS) for name in refs):
        raise refusal("BranchDoesNotExistException", branch)
    if parent is None:
        if tip is not None:
            raise refusal("ParentCommitIdRequiredException")
        return None
    if not is_object_id(parent):
        raise refusal("InvalidParentCommitIdException", parent)
    if repository.kind(parent) != "commit":
        raise refusal("ParentCommitDoesNotExistException", parent)
    if parent != tip:
        raise refusal("ParentCommitIdOutdatedException", f"{parent}; the tip of {branch} is {tip}")
    return tip


def _check_entries(puts: list[dict[str, Any]], deletes: list[dict[str, Any]], modes: list[dict[str, Any]]) -> None:
    """What CreateCommit refuses without a look at the repository."""
    paths = [entry["filePath"] for entry in (*puts, *deletes, *modes)]
    paths += [entry["sourceFile"]["filePath"] for entry in puts if entry.get("sourceFile", {}).get("isMove")]
    if not paths:
        raise refusal("FileEntryRequiredException")
    if len(paths) > MOST_ENTRIES:
        raise refusal("MaximumFileEntriesExceededException", f"{len(paths)}; at most {MOST_ENTRIES}")
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise refusal("SamePathRequestException", twice)
    added = {entry["filePath"] for entry in puts}
    for path in added:
        if any(str(parent) in added for parent in Path(path).parents):
            raise refusal("PutFileEntryConflictException", path)


def _put(changes: Changes, entry: dict[str, Any]) -> None:
    """One of ``putFiles``: new content, or that of another file, which may go away with it."""
    path, source = entry["filePath"], entry.get("sourceFile")
    if source is None:
        if "fileContent" not in entry:
            raise refusal("SourceFileOrContentRequiredException", path)
        changes.put(path, entry["fileContent"], entry.get("fileMode"))
        return
    if "fileContent" in entry:
        raise refusal("FileContentAndSourceFileSpecifiedException", path)
    if source["filePath"].rpartition("/")[2] == KEEP:
        raise refusal("RestrictedSourceFileException", source["filePath"])
    original = changes.file(source["filePath"])
    mode = MODES[entry["fileMode"]] if "fileMode" in entry else original.mode
    changes.put_blob(path, original.oid, mode)
    if source.get("isMove"):
        changes.delete(source["filePath"])
