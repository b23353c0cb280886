"""Push the workshop itself to its CodeCommit repository: what the pipeline deploys."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from contract import overrides
from contract.errors import NotDeployedError, SettingsError, SourceError
from contract.settings import ROOT
from helpers.delivery import repository
from helpers.target.explain import code_of, explained
from helpers.target.handle import Handle

CREDENTIALS = Path(__file__).with_name("credentials.py")
SNAPSHOT = "Workshop-Snapshot: true"
"""A line of a commit's message: it holds uncommitted changes, and a later push may take its place."""
PUSH_SECONDS = 600
SETTINGS = "workshop.toml"


@dataclasses.dataclass(frozen=True)
class Pushed:
    """What the repository holds now.

    Attributes
    ----------
    commit : str
        Id of the commit at the tip of the branch.
    uncommitted : tuple of str
        Changes that were pushed although nobody has committed them, as ``git status`` names them.
    changed : bool
        False when the branch was there already, so that no pipeline starts.
    """

    commit: str
    uncommitted: tuple[str, ...]
    changed: bool


class _Git:
    """Git in one folder; a failure becomes a :class:`SourceError` with Git's own words."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)

    def holds(self, *question: str) -> bool:
        """Whether Git answers a question with success."""
        try:
            self(*question)
        except SourceError:
            return False
        return True

    def __call__(self, *arguments: str, index: str | None = None, identity: bool = False) -> str:
        # LC_ALL: some of Git's sentences are looked at.
        environment = {**self._environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if index:
            environment["GIT_INDEX_FILE"] = index
        if identity:
            name = {"NAME": "Workshop", "EMAIL": "workshop@localhost"}
            who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in name.items()}
            environment = {**who, **environment}
        try:
            done = subprocess.run(
                ["git", "-c", "core.quotePath=false", *arguments], cwd=self._folder, env=environment,
                capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=PUSH_SECONDS, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise SourceError("git is not installed, or not in your PATH: install it and try again.") from None
        except subprocess.TimeoutExpired:
            raise SourceError(f"git {arguments[0]} did not end within {PUSH_SECONDS} s: check the network.") from None
        if done.returncode:
            raise SourceError(f"git {arguments[0]} in {self._folder} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()


def uncommitted(folder: Path = ROOT) -> tuple[str, ...]:
    """Changes in ``folder`` that no commit holds, one line each as ``git status`` names them.

    Raises
    ------
    SourceError
        The folder is not a Git repository with a commit; the message says what is wrong with it.
    """
    return _uncommitted(_Git(folder, os.environ), folder)


def _uncommitted(git: _Git, folder: Path) -> tuple[str, ...]:
    repository.require_commit(git, folder)
    return tuple(line for line in git("status", "--porcelain", "--untracked-files=all").splitlines() if line)


def push(connection: Handle, folder: Path = ROOT, *, include_uncommitted: bool = False) -> Pushed:
    """Push a folder's newest commit to the workshop's repository, which starts the pipeline.

    Parameters
    ----------
    connection : Handle
        Where the repository stack is deployed.
    folder : Path
        A Git repository; by default the one that holds this code. Its branches, index and files stay as they are.
    include_uncommitted : bool
        What to do when there are changes that no commit holds: True pushes them too, in a commit of their own that
        only the repository holds; False refuses and names them.

    Raises
    ------
    SourceError
        There are uncommitted changes, another repository is in the folder, a variable of this shell says something else
        than the pushed ``workshop.toml``, Git refuses, or somebody else has pushed meanwhile.
    NotDeployedError
        The repository stack is not there.
    """
    branch, url = connection.settings.pipeline.branch, clone_url(connection)
    git = _Git(folder, connection.child_environment())
    changes = _uncommitted(git, folder)
    repository.require_no_nested(git, folder, "HEAD", changes)
    if changes and not include_uncommitted:
        raise SourceError(
            f"{len(changes)} changes in {folder} are not committed and would be missing from the push: "
            f"{', '.join(changes[:20])}{' …' if len(changes) > 20 else ''}. Commit them, or call "
            "push(…, include_uncommitted=True)."
        )
    commit = _snapshot(git, changes) if changes else git("rev-parse", "HEAD")
    repository.require_no_nested(git, folder, commit, ())  # such as one that is in the index only
    _require_file_decides(git, commit)
    remote = _Remote(git, url, branch)
    there = remote.tip()
    if there is not None and git("rev-parse", f"{commit}^{{tree}}") == remote.tree(there):
        return Pushed(there, changes, changed=False)
    remote.push(commit, there)
    return Pushed(commit, changes, changed=True)


def _require_file_decides(git: _Git, commit: str) -> None:
    """Raise SourceError when a setting comes from this shell: the builds would read another one, and nobody say so."""
    try:
        text = git("show", f"{commit}:{SETTINGS}")
    except SourceError:
        return  # another repository than the workshop's: its own pipeline will say what it lacks
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / SETTINGS
        path.write_text(text, encoding="utf-8")
        try:
            left = overrides.left_behind(path)
        except SettingsError:
            return  # the build says what is wrong with the file, and the old version serves on
    if left:
        said = "; ".join(f"{name}={os.environ[name]}, and the file says {value!r}" for name, value in left.items())
        raise SourceError(
            f"the pipeline builds what {SETTINGS} says in the commit that is pushed, and knows nothing of variables of "
            f"this shell: {said}. Write the values into {SETTINGS} and commit, or unset the variables. (The workshop's "
            "name, target and region may come from variables: a pipeline keeps those that it was deployed with.)"
        )


def clone_url(connection: Handle) -> str:
    """Where Git finds the workshop's repository.

    Raises
    ------
    SourceError
        The code comes from another Git provider.
    NotDeployedError
        There is no repository.
    """
    settings = connection.settings
    if settings.pipeline.source != "codecommit":
        raise SourceError(
            f"[pipeline] source in workshop.toml is {settings.pipeline.source!r}: push to "
            f"{settings.pipeline.repository} at your Git provider yourself; that starts the pipeline."
        )
    name = settings.workshop.name
    try:
        with explained(f"looking for the repository {name}", connection.target):
            found: dict[str, Any] = connection.client("codecommit").get_repository(repositoryName=name)
    except Exception as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) == "RepositoryDoesNotExistException":
            raise NotDeployedError(
                f"there is no CodeCommit repository {name!r} on {connection.target.described}: run "
                "helpers.delivery.deploy_pipeline(connection) first."
            ) from error
        raise
    return str(found["repositoryMetadata"]["cloneUrlHttp"])


def _snapshot(git: _Git, changes: tuple[str, ...]) -> str:
    """A commit on top of HEAD with everything that is in the folder and not ignored; nothing points to it."""
    with tempfile.TemporaryDirectory() as scratch:
        index = str(Path(scratch) / "index")
        git("read-tree", "HEAD", index=index)
        git("add", "--all", index=index)
        tree = git("write-tree", index=index)
    message = "Uncommitted changes\n\n" + "\n".join(changes) + f"\n\n{SNAPSHOT}"
    return git("commit-tree", tree, "-p", "HEAD", "-m", message, identity=True)


class _Remote:
    """The branch in the workshop's repository."""

    def __init__(self, git: _Git, url: str, branch: str) -> None:
        self._git, self._url, self._branch = git, url, branch
        helper = f"!{shlex.quote(sys.executable)} {shlex.quote(str(CREDENTIALS))}"
        # The empty helper forgets the user's own ones, which know other passwords for the same host.
        self._options = ["-c", "credential.helper=", "-c", f"credential.helper={helper}"]
        self._options += ["-c", "credential.UseHttpPath=true"]

    def tip(self) -> str | None:
        """Id of the commit at the branch's tip, None when there is no such branch."""
        listed = self._git(*self._options, "ls-remote", self._url, f"refs/heads/{self._branch}")
        return listed.split()[0] if listed else None

    def tree(self, commit: str) -> str:
        """Id of the tree of a commit that is there."""
        self._fetch(commit)
        return self._git("rev-parse", f"{commit}^{{tree}}")

    def push(self, commit: str, there: str | None) -> None:
        """Move the branch from ``there`` to ``commit``, and only from there."""
        lease = f"--force-with-lease=refs/heads/{self._branch}:{there or ''}"
        if there is not None and not self._may_replace(there, commit):
            raise SourceError(
                f"the branch {self._branch} in {self._url} holds commit {there[:12]}, which yours does not contain: "
                f"somebody else has pushed. Fetch and merge it first, then push again."
            )
        self._git(*self._options, "push", "--quiet", lease, self._url, f"{commit}:refs/heads/{self._branch}")

    def _may_replace(self, there: str, commit: str) -> bool:
        """Whether nothing of another person's would be lost: ``there`` is an ancestor, or a snapshot on top of one."""
        self._fetch(there)
        base = there
        if SNAPSHOT in self._git("log", "-1", "--format=%B", there).splitlines():
            base = self._git("rev-parse", f"{there}^")
        return self._git.holds("merge-base", "--is-ancestor", base, commit)

    def _fetch(self, commit: str) -> None:
        if not self._git.holds("cat-file", "-e", f"{commit}^{{commit}}"):
            self._git(*self._options, "fetch", "--quiet", "--no-tags", self._url, f"refs/heads/{self._branch}")
