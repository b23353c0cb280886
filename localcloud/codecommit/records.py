"""Which repositories exist, and where they are stored.

A repository's folder is named by its id, which is made here: no name that anybody sends becomes a path.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from localcloud.codecommit.errors import refusal
from localcloud.codecommit.git import Git
from localcloud.codecommit.repository import Repository
from localcloud.store import Store

logger = logging.getLogger(__name__)

FIRST_BRANCH = "main"
"""What HEAD names in an empty repository, until another branch is the first to be pushed."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LEFT_BY_A_DEATH = ("*.lock", "refs/**/*.lock", "objects/tmp_*", "objects/*/tmp_*", "objects/incoming-*")
"""Lock files and half-written objects: a git that was killed leaves them, and a lock would stay locked forever."""

Record = dict[str, Any]
"""``id``, ``name``, ``description``, ``created``, ``modified``, ``tags``."""


def check_name(name: str) -> None:
    """Refuse what CodeCommit does not take for a repository's name (CodeCommit User Guide, "Quotas")."""
    if not _NAME.fullmatch(name) or name.endswith(".git") or name in (".", ".."):
        rule = "1 to 100 letters, digits, periods, underscores or dashes, and must not end in .git"
        raise refusal("InvalidRepositoryNameException", f"{name!r}: it must have {rule}")


class Records:
    """All repositories.

    Parameters
    ----------
    store : Store
    git : Git
    root : Path
        The folder of all repositories.
    """

    def __init__(self, store: Store, git: Git, root: Path) -> None:
        self._store = store
        self._git = git
        self.root = root
        self._lock = threading.RLock()

    def recover(self) -> None:
        """Remove what a sudden end left behind: folders without a record, locks that nobody holds."""
        self.root.mkdir(parents=True, exist_ok=True)
        known = {self.folder(record) for record in self.all()}
        for folder in self.root.iterdir():
            if folder not in known:
                shutil.rmtree(folder)
                continue
            for pattern in _LEFT_BY_A_DEATH:
                for left in list(folder.glob(pattern)):
                    logger.info("removing %s, left by a git that was killed", left)
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    def folder(self, record: Record) -> Path:
        """The folder of a repository."""
        return self.root / f"{record['id']}.git"

    def open(self, record: Record) -> Repository:
        """The repository of a record."""
        return Repository(self._git, self.folder(record))

    def all(self) -> list[Record]:
        """Every record, by name."""
        return sorted(self._store.all("repository").values(), key=lambda record: str(record["name"]))

    def by_id(self, repository_id: str) -> Record | None:
        """The record of an id."""
        return self._store.get("repository", repository_id)

    def find(self, name: str) -> Record | None:
        """The record of a name."""
        return next((record for record in self.all() if record["name"] == name), None)

    def get(self, name: str) -> Record:
        """The record of a name; raises AWS's error when there is none."""
        check_name(name)
        found = self.find(name)
        if found is None:
            raise refusal("RepositoryDoesNotExistException", name)
        return found

    def create(self, name: str, description: str | None, tags: dict[str, str]) -> Record:
        """Create an empty repository.

        Parameters
        ----------
        name : str
        description : str or None
        tags : dict of str

        Raises
        ------
        ServiceError
            For a name that is not valid or is taken.
        """
        check_name(name)
        now = time.time()
        record: Record = {
            "id": str(uuid.uuid4()),
            "name": name,
            "description": description,
            "created": now,
            "modified": now,
            "tags": tags,
        }
        folder = self.folder(record)
        with self._lock:
            self._refuse_taken(name)
            try:
                self._git.run(None, "init", "--quiet", "--bare", "--template=", str(folder))
                self.open(record).set_default_branch(FIRST_BRANCH)
                self._store.put("repository", record["id"], record)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return record

    def _refuse_taken(self, name: str) -> None:
        if self.find(name) is not None:
            raise refusal("RepositoryNameExistsException", name)

    def change(self, repository_id: str, **values: Any) -> None:
        """Change values of a record; one that is gone meanwhile stays gone."""
        with self._lock:
            record = self.by_id(repository_id)
            if record is not None:
                self._store.put("repository", repository_id, record | values)

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name."""
        check_name(new)
        with self._lock:
            record = self.get(old)
            if old != new:
                self._refuse_taken(new)
                self.change(record["id"], name=new, modified=time.time())

    def delete(self, name: str) -> str | None:
        """Remove a repository with its contents; return its id, or None when it does not exist."""
        check_name(name)
        with self._lock:
            record = self.find(name)
            if record is None:
                return None
            with self._store.transaction():
                self._store.delete("repository", record["id"])
                self._store.delete("refs", record["id"])
        for _ in range(20):  # a push that is on its way may still write a file
            shutil.rmtree(self.folder(record), ignore_errors=True)
            if not self.folder(record).exists():
                return str(record["id"])
            time.sleep(0.05)
        logger.warning("%s could not be removed; the next start of the cloud will do it", self.folder(record))
        return str(record["id"])
