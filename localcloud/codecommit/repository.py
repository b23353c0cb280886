"""One bare repository: its references and what they lead to."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path

from localcloud.codecommit.git import Git, GitFailed

HEADS = "refs/heads/"
TAGS = "refs/tags/"
NOTHING = "0" * 40
"""The object id that stands for "there is none" where git wants an old or a new value."""
LOCK_ATTEMPTS = 4
_OBJECT_ID = re.compile(r"[0-9a-f]{40}")


def is_object_id(text: str) -> bool:
    """Whether ``text`` is a full object id."""
    return _OBJECT_ID.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a tree: mode (``100644``), kind (``blob``, ``tree`` or ``commit``), object id and full path."""

    mode: str
    kind: str
    oid: str
    path: str


class ReferenceMoved(Exception):  # noqa: N818 - named for what happened
    """Another writer was faster."""


class Repository:
    """A bare repository below ``folder``."""

    def __init__(self, git: Git, folder: Path) -> None:
        self._git = git
        self.folder = folder

    def git(self, *arguments: str, content: bytes = b"", variables: dict[str, str] | None = None) -> bytes:
        """What a git command in this repository prints; raises :class:`GitFailed`.

        Parameters
        ----------
        arguments : str
            The command and its arguments.
        content : bytes
            Its standard input.
        variables : dict of str, optional
            More of its environment.
        """
        return self._git.run(self.folder, *arguments, content=content, variables=variables)

    # References --------------------------------------------------------------------------------------------------

    def refs(self) -> dict[str, str]:
        """Branches and tags by full name, with the commit that each leads to."""
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", HEADS, TAGS)
        out = {}
        for line in rows.decode("utf-8", "surrogateescape").splitlines():
            name, oid, peeled = line.split(" ")
            out[name] = peeled or oid
        return out

    def branches(self) -> dict[str, str]:
        """Branches by short name, with their commits."""
        return {name.removeprefix(HEADS): oid for name, oid in self.refs().items() if name.startswith(HEADS)}

    def valid_branch(self, name: str) -> bool:
        """Whether git allows ``name`` as a branch (git-check-ref-format)."""
        if name.startswith("-") or name == "HEAD" or "\0" in name:
            return False
        try:
            self.git("check-ref-format", HEADS + name)
        except GitFailed:
            return False
        return True

    def tip(self, branch: str) -> str | None:
        """The commit of a branch; None when there is no such branch."""
        return self.resolve(HEADS + branch)

    def resolve(self, reference: str) -> str | None:
        """The commit that a full reference name, ``HEAD`` or an object id leads to; None when there is none."""
        try:
            found = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", reference + "^{commit}")
        except GitFailed:
            return None
        return found.decode().strip()

    def find_commit(self, specifier: str) -> str | None:
        """The commit of a specifier: full commit id, branch, tag, or full name of a reference, and nothing else.

        CodeCommit API Reference, GetFile, ``commitSpecifier``.
        """
        if is_object_id(specifier) or specifier == "HEAD":
            return self.resolve(specifier)
        candidates = [specifier] if specifier.startswith("refs/") else [HEADS + specifier, TAGS + specifier]
        known = self.refs()
        return next((known[name] for name in candidates if name in known), None)

    def default_branch(self) -> str | None:
        """The branch that HEAD names, once it exists."""
        name = self.git("symbolic-ref", "HEAD").decode().strip()
        return name.removeprefix(HEADS) if self.resolve(name) else None

    def set_default_branch(self, branch: str) -> None:
        """Have HEAD name ``branch``."""
        self.git("symbolic-ref", "HEAD", HEADS + branch)

    def move(self, reference: str, new: str, old: str) -> None:
        """Set ``reference`` from ``old`` to ``new``; :data:`NOTHING` creates or deletes.

        Git compares and sets under a lock, so that the later of two writers is told so.

        Parameters
        ----------
        reference : str
            Its full name.
        new, old : str
            Object ids; :data:`NOTHING` creates (as ``old``) or deletes (as ``new``).

        Raises
        ------
        ReferenceMoved
            It is no longer ``old``.
        GitFailed
            It cannot be set (``a/b`` next to ``a``, for example).
        """
        change = ("-d", reference, old) if new == NOTHING else (reference, new, old)
        for attempt in range(LOCK_ATTEMPTS):
            try:
                self.git("update-ref", *change)
                return
            except GitFailed:
                if (self.refs().get(reference) or NOTHING) != old:
                    raise ReferenceMoved(reference) from None
                if attempt == LOCK_ATTEMPTS - 1:
                    raise
                time.sleep(0.05)  # another writer may hold the lock, which it does for milliseconds

    # Objects -----------------------------------------------------------------------------------------------------

    def kind(self, oid: str) -> str | None:
        """``commit``, ``tree``, ``blob`` or ``tag``; None when there is no such object."""
        try:
            return self.git("cat-file", "-t", oid).decode().strip()
        except GitFailed:
            return None

    def size(self, oid: str) -> int:
        """Bytes of an object's content."""
        return int(self.git("cat-file", "-s", oid))

    def read(self, kind: str, oid: str) -> bytes:
        """An object's content; ask for its :meth:`size` first."""
        return self.git("cat-file", kind, oid)

    def tree_of(self, commit: str) -> str:
        """The tree of a commit."""
        return self.git("rev-parse", "--verify", "--end-of-options", commit + "^{tree}").decode().strip()

    def entries(self, tree: str, *, recursive: bool = False, path: str | None = None) -> list[Entry]:
        """What a tree holds.

        Parameters
        ----------
        tree : str
            A tree or a commit.
        recursive : bool
            With the folders and what is in them.
        path : str, optional
            Only what is at this path.
        """
        flags = ["-r", "-t"] if recursive else []
        paths = [] if path is None else [path]
        out = []
        for line in self.git("ls-tree", "-z", "--full-tree", *flags, "--", tree, *paths).split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            mode, kind, oid = head.decode().split(" ")
            out.append(Entry(mode, kind, oid, name.decode("utf-8", "surrogateescape")))
        return out

    def entry(self, tree: str, path: str) -> Entry | None:
        """What is at ``path``; None when nothing is."""
        return next((entry for entry in self.entries(tree, path=path) if entry.path == path), None)
