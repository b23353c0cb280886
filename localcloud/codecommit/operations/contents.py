"""The API's operations that read: files, folders, blobs, and the differences of two commits."""

from __future__ import annotations

from typing import Any

from localcloud.codecommit.errors import refusal
from localcloud.codecommit.operations.paging import page
from localcloud.codecommit.records import Records
from localcloud.codecommit.repository import Entry, Repository, is_object_id
from localcloud.services import Operation

MOST_BYTES = 6 * 1024 * 1024
"""CodeCommit User Guide, "Quotas": individual files by API, at most 6 MB."""
PAGE = 100
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
FILE_MODES = {"100644": "NORMAL", "100755": "EXECUTABLE", "120000": "SYMLINK"}

Difference = dict[str, Any]


def clean_path(path: str) -> str:
    """A path as git writes it, without slashes around it; refuses ``..`` and the like."""
    parts = path.strip("/").split("/")
    if (path.strip("/") and any(part in ("", ".", "..") for part in parts)) or "\0" in path:
        raise refusal("InvalidPathException", path)
    return path.strip("/")


class ContentOperations:
    """Files, folders, blobs, differences."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.operations: dict[str, Operation] = {
            "GetFile": self._get_file,
            "GetFolder": self._get_folder,
            "GetBlob": self._get_blob,
            "GetDifferences": self._get_differences,
        }

    def _repository(self, parameters: dict[str, Any]) -> Repository:
        return self._records.open(self._records.get(parameters["repositoryName"]))

    def _get_file(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository = self._repository(parameters)
        commit = _commit(repository, parameters.get("commitSpecifier"))
        path = clean_path(parameters["filePath"])
        entry = repository.entry(commit, path) if path else None
        if entry is None or entry.kind != "blob":
            raise refusal("FileDoesNotExistException", f"{parameters['filePath']} in {commit}")
        content = _content(repository, entry.oid)
        return {
            "commitId": commit,
            "blobId": entry.oid,
            "filePath": path,
            "fileMode": FILE_MODES.get(entry.mode, "NORMAL"),
            "fileSize": len(content),
            "fileContent": content,
        }

    def _get_folder(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository = self._repository(parameters)
        commit = _commit(repository, parameters.get("commitSpecifier"))
        path = clean_path(parameters["folderPath"])
        tree = _folder(repository, commit, path)
        if tree is None:
            raise refusal("FolderDoesNotExistException", f"{parameters['folderPath']} in {commit}")
        lists: dict[str, list[dict[str, str]]] = {"subFolders": [], "files": [], "symbolicLinks": [], "subModules": []}
        for entry in repository.entries(tree):
            shown = {"absolutePath": f"{path}/{entry.path}".lstrip("/"), "relativePath": entry.path}
            if entry.kind == "tree":
                lists["subFolders"].append({"treeId": entry.oid, **shown})
            elif entry.kind == "commit":
                lists["subModules"].append({"commitId": entry.oid, **shown})
            else:
                mode = FILE_MODES.get(entry.mode, "NORMAL")
                kind = "symbolicLinks" if mode == "SYMLINK" else "files"
                lists[kind].append({"blobId": entry.oid, "fileMode": mode, **shown})
        return {"commitId": commit, "folderPath": path, "treeId": tree, **lists}

    def _get_blob(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository, blob = self._repository(parameters), parameters["blobId"]
        if not is_object_id(blob):
            raise refusal("InvalidBlobIdException", blob)
        if repository.kind(blob) != "blob":
            raise refusal("BlobIdDoesNotExistException", blob)
        return {"content": _content(repository, blob)}

    def _get_differences(self, parameters: dict[str, Any]) -> dict[str, Any]:
        repository = self._repository(parameters)
        size = parameters.get("MaxResults", PAGE)
        if size < 1:
            raise refusal("InvalidMaxResultsException", str(size))
        after = repository.tree_of(_commit(repository, parameters["afterCommitSpecifier"]))
        before = EMPTY_TREE
        if parameters.get("beforeCommitSpecifier"):
            before = repository.tree_of(_commit(repository, parameters["beforeCommitSpecifier"]))
        paths = [clean_path(parameters[name]) for name in ("beforePath", "afterPath") if parameters.get(name)]
        rows, rest = page(differences(repository, before, after, paths), parameters, "NextToken", size)
        return {"differences": rows, **rest}


def _commit(repository: Repository, specifier: str | None) -> str:
    """The commit of a specifier; without one the tip of the default branch."""
    found = repository.find_commit(specifier or "HEAD")
    if found is None:
        raise refusal("CommitDoesNotExistException", specifier or "no commit given, and no default branch")
    return found


def _folder(repository: Repository, tree: str, path: str) -> str | None:
    """The tree of a folder below ``tree``."""
    if not path:
        return repository.tree_of(tree)
    entry = repository.entry(tree, path)
    return entry.oid if entry and entry.kind == "tree" else None


def _content(repository: Repository, blob: str) -> bytes:
    size = repository.size(blob)
    if size > MOST_BYTES:
        raise refusal("FileTooLargeException", f"{size} bytes; use a Git client")
    return repository.read("blob", blob)


# Differences ---------------------------------------------------------------------------------------------------------


def differences(repository: Repository, before: str, after: str, paths: list[str]) -> list[Difference]:
    """What differs between two trees, by path.

    Parameters
    ----------
    repository : Repository
    before, after : str
        Trees.
    paths : list of str
        Empty for all; one path; or a path before and the same thing's path after (API Reference, GetDifferences,
        ``beforePath``: "the changed name of a directory or folder").

    Raises
    ------
    ServiceError
        PathDoesNotExistException when neither tree has its path.
    """
    sides = [paths[0], paths[-1]] if paths else ["", ""]
    found = [_folder(repository, tree, path) for tree, path in zip((before, after), sides, strict=True)]
    files = [
        repository.entry(tree, path) if folder is None and path else None
        for folder, tree, path in zip(found, (before, after), sides, strict=True)
    ]
    if not any(found) and not any(files):
        raise refusal("PathDoesNotExistException", " and ".join(dict.fromkeys(sides)))
    out = _between_trees(repository, found[0] or EMPTY_TREE, found[1] or EMPTY_TREE, sides)
    return out + _between_files(files[0], files[1])


def _between_trees(repository: Repository, before: str, after: str, prefixes: list[str]) -> list[Difference]:
    fields = repository.git("diff-tree", "-r", "-z", "--raw", "--no-renames", before, after).split(b"\0")[:-1]
    out = []
    for head, name in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old, new, status = head.decode().lstrip(":").split(" ")
        path = name.decode("utf-8", "surrogateescape")
        at = [f"{prefix}/{path}".lstrip("/") for prefix in prefixes]
        gone = None if status == "A" else Entry(old_mode, "blob", old, at[0])
        come = None if status == "D" else Entry(new_mode, "blob", new, at[1])
        out.append(_difference(gone, come))
    return out


def _between_files(before: Entry | None, after: Entry | None) -> list[Difference]:
    if before and after and (before.mode, before.oid) == (after.mode, after.oid):
        return []
    return [_difference(before, after)] if before or after else []


def _difference(before: Entry | None, after: Entry | None) -> Difference:
    out: Difference = {"changeType": "A" if before is None else "D" if after is None else "M"}
    for side, entry in (("beforeBlob", before), ("afterBlob", after)):
        if entry is not None:
            out[side] = {"blobId": entry.oid, "path": entry.path, "mode": entry.mode}
    return out
