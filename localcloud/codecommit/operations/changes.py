"""Changes to a tree, made in a temporary index: no work tree, and others see nothing before it is complete."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from localcloud.codecommit.errors import refusal
from localcloud.codecommit.operations.contents import EMPTY_TREE, FILE_MODES
from localcloud.codecommit.repository import NOTHING, Entry, Repository

KEEP = ".gitkeep"
"""The file by which CodeCommit keeps a folder that would be empty."""
MODES = {word: mode for mode, word in FILE_MODES.items()}

_MOST_PATH_BYTES = 4096


def check_path(path: str) -> None:
    """Refuse what cannot be the path of a file in a repository."""
    parts = path.split("/")
    forbidden = any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
    if forbidden or "\0" in path or len(path.encode("utf-8", "surrogateescape")) > _MOST_PATH_BYTES:
        raise refusal("InvalidPathException", path)


class Changes:
    """What one commit adds to, changes in and deletes from the tree of ``tip`` (None: there is no commit yet).

    Parameters
    ----------
    repository : Repository
    tip : str or None
        The commit to change.
    work : Path
        Where the temporary index may be.
    """

    def __init__(self, repository: Repository, tip: str | None, work: Path) -> None:
        self._repository = repository
        self._work = work
        self.tip = tip
        self.tree_before = repository.tree_of(tip) if tip else EMPTY_TREE
        entries = repository.entries(tip, recursive=True) if tip else []
        self.existing: dict[str, Entry] = {entry.path: entry for entry in entries}
        self._put: dict[str, Entry] = {}
        self._deleted: dict[str, Entry] = {}

    def file(self, path: str) -> Entry:
        """The file at ``path`` before the changes; raises FileDoesNotExistException."""
        check_path(path)
        entry = self.existing.get(path)
        if entry is None or entry.kind != "blob":
            raise refusal("FileDoesNotExistException", path)
        return entry

    def put(self, path: str, content: bytes, mode: str | None) -> str:
        """Add or replace a file; return its blob.

        Parameters
        ----------
        path : str
        content : bytes
        mode : str or None
            ``NORMAL``, ``EXECUTABLE`` or ``SYMLINK``; None keeps the file's mode (or is ``NORMAL``).
        """
        self._check_free(path)
        blob = self._repository.git("hash-object", "-w", "--stdin", content=content).decode().strip()
        known = self.existing.get(path)
        number = MODES[mode] if mode else known.mode if known else MODES["NORMAL"]
        self.put_blob(path, blob, number)
        return blob

    def put_blob(self, path: str, blob: str, mode: str) -> None:
        """Add or replace a file whose content is in the repository already.

        Parameters
        ----------
        path : str
        blob : str
            An object id.
        mode : str
            As git writes it: ``100644``.
        """
        self._check_free(path)
        self._put[path] = Entry(mode, "blob", blob, path)

    def set_mode(self, path: str, mode: str) -> None:
        """Change a file's mode."""
        entry = self.file(path)
        self._put[path] = Entry(MODES[mode], "blob", entry.oid, path)

    def delete(self, path: str) -> str:
        """Delete a file; return its blob."""
        entry = self.file(path)
        self._deleted[path] = entry
        return entry.oid

    def keep_folders(self) -> None:
        """Put a ``.gitkeep`` into each folder that the deletions leave empty."""
        left = [entry.path for entry in self.existing.values() if entry.kind != "tree"]
        left = [path for path in left if path not in self._deleted] + list(self._put)
        for path in self._deleted:
            folder = path.rpartition("/")[0]
            if folder and not any(other.startswith(f"{folder}/") for other in left):
                self.put(f"{folder}/{KEEP}", b"", None)

    def _check_free(self, path: str) -> None:
        """Refuse to put a file where a folder or a submodule is, or below a file."""
        check_path(path)
        here = self.existing.get(path)
        if here is not None and here.kind == "tree":
            raise refusal("FileNameConflictsWithDirectoryNameException", path)
        if here is not None and here.kind == "commit":
            raise refusal("FilePathConflictsWithSubmodulePathException", path)
        for parent in list(Path(path).parents)[:-1]:
            above = self.existing.get(str(parent))
            if above is not None and above.kind == "commit":
                raise refusal("FilePathConflictsWithSubmodulePathException", path)
            if above is not None and above.kind == "blob" and above.path not in self._deleted:
                raise refusal("DirectoryNameConflictsWithFileNameException", f"{path}: {parent} is a file")

    def tree(self) -> str:
        """Write the tree as it is after the changes; its object id."""
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._repository.git("read-tree", self.tree_before, variables=index)
            lines = [f"0 {NOTHING}\t{path}" for path in self._deleted]
            lines += [f"{entry.mode} {entry.oid}\t{path}" for path, entry in self._put.items()]
            content = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
            self._repository.git("update-index", "-z", "--index-info", content=content, variables=index)
            return self._repository.git("write-tree", variables=index).decode().strip()

    def summary(self) -> dict[str, list[dict[str, Any]]]:
        """``filesAdded``, ``filesUpdated`` and ``filesDeleted`` of CreateCommit's answer."""
        added = [entry for path, entry in self._put.items() if path not in self.existing]
        updated = [entry for path, entry in self._put.items() if path in self.existing]
        deleted = [entry for path, entry in self._deleted.items() if path not in self._put]
        return {
            name: [
                {"absolutePath": entry.path, "blobId": entry.oid, "fileMode": FILE_MODES.get(entry.mode, "NORMAL")}
                for entry in entries
            ]
            for name, entries in (("filesAdded", added), ("filesUpdated", updated), ("filesDeleted", deleted))
        }
