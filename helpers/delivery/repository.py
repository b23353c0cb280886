"""What is wrong with a Git repository that should be pushed, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from contract.errors import SourceError

Git = Callable[..., str]
_GITLINK = "160000"
_REMEDY = re.compile(r"git config --global --add safe\.directory .+")
_CLONE = "clone the workshop again and copy your changes over"


def require_commit(git: Git, folder: Path) -> None:
    """Raise :class:`SourceError` unless HEAD is a commit; it says what is wrong and what to run."""
    try:
        git("rev-parse", "--verify", "HEAD^{commit}")
    except SourceError as error:
        raise SourceError(f"{_reason(git, folder, str(error))} Git said: {error}") from None


def require_no_nested(git: Git, folder: Path, commit: str, changes: Iterable[str]) -> None:
    """Raise :class:`SourceError` when a repository is inside the folder: Git would push its name without its files.

    Parameters
    ----------
    git : callable
    folder : Path
    commit : str
        What would be pushed.
    changes : iterable of str
        As ``git status`` names them.
    """
    # The CodeCommit action of CodePipeline clones without submodules, so those that are committed do not arrive either.
    entries = git("ls-tree", "-r", "--full-tree", commit).splitlines()
    found = [entry.partition("\t")[2] for entry in entries if entry.startswith(_GITLINK)]
    # Of untracked files git status lists each; a folder in one line is a repository of its own.
    found += [line[3:] for line in changes if line.startswith("?? ") and line.rstrip('"').endswith("/")]
    if found:
        raise SourceError(
            f"{folder} holds other Git repositories: {', '.join(sorted(set(found))[:20])}. Git would push their names "
            "without their files. Move them out of the folder, name them in .gitignore, or make them ordinary folders "
            "(remove the .git in each, then git rm --cached and git add it)."
        )


def _reason(git: Git, folder: Path, said: str) -> str:
    if "dubious ownership" in said:
        remedy = _REMEDY.search(said)
        command = remedy[0] if remedy else f"git config --global --add safe.directory {folder}"
        return (
            f"{folder} belongs to another user of this machine, so Git does not touch it (usual on shared volumes and "
            f"in containers). If you trust its content, run: {command}"
        )
    place = next((each / ".git" for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if place is None:
        return (
            f"{folder} is not a Git repository with a commit, so there is nothing to push. Clone the workshop, or run "
            "there: git init -b main && git add -A && git commit -m start."
        )
    if place.is_file() and "not a git repository" in said:
        return (
            f"{place} points to a repository that is not there any more ({place.read_text(errors='replace').strip()}): "
            "a worktree whose repository was moved or removed. Run git worktree repair in that repository if it was "
            f"moved, or {_CLONE}."
        )
    if "not a git repository" in said:
        return (
            f"{place} is damaged: its HEAD is not one (it must hold a line such as 'ref: refs/heads/main'), or a part "
            f"of it is missing. Restore it, or {_CLONE}. Do not run git init: it would hide what happened."
        )
    return _headless(git, folder, place)


def _headless(git: Git, folder: Path, place: Path) -> str:
    """HEAD leads to no commit: there is none yet, or it is lost."""
    log = place / "logs" / "HEAD"
    try:
        branch = git("symbolic-ref", "--short", "HEAD")
    except SourceError:
        branch = ""
    if branch and not (log.exists() and log.stat().st_size):
        return (
            f"{folder} is not a Git repository with a commit, so there is nothing to push: its branch {branch} has "
            "none yet. Run there: git add -A && git commit -m start."
        )
    return (
        f"HEAD of {folder} leads to no commit{f' (branch {branch})' if branch else ''}, although there was one: the "
        f"branch or its objects are damaged or lost. git fsck and {log} say which commits there were; a lost branch "
        f"comes back with git update-ref refs/heads/{branch or '<branch>'} <commit>. Else {_CLONE}."
    )
