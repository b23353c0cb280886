"""What push() says of repositories that cannot be pushed as they are: real Git, no cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from contract.errors import SourceError
from helpers.delivery import repository
from helpers.delivery.source import _Git, uncommitted


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def made(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "work")
    (folder / "file.txt").write_text("version 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "version 1")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "workshop")


def refuse_nested(folder: Path, commit: str = "HEAD") -> str:
    with pytest.raises(SourceError, match="holds other Git repositories") as caught:
        repository.require_no_nested(_Git(folder, os.environ), folder, commit, uncommitted(folder))
    return str(caught.value)


def test_a_repository_inside_the_folder_is_named(folder):
    git(folder, "clone", "-q", str(folder), "vendor")
    (folder / "deep").mkdir()
    git(folder / "deep", "init", "-q", "without-a-commit-ü")
    said = refuse_nested(folder)
    assert "deep/without-a-commit-ü/, vendor/. " in said
    assert "Move them out of the folder" in said


def test_a_repository_that_is_committed_is_named(folder):
    git(folder, "clone", "-q", str(folder), "vendor")
    git(folder, "add", "vendor")
    assert "vendor" in refuse_nested(folder, git(folder, "write-tree"))
    git(folder, "commit", "-q", "-m", "with a submodule")
    assert "vendor" in refuse_nested(folder)


def test_an_ignored_repository_does_no_harm(folder):
    git(folder, "clone", "-q", str(folder), "vendor")
    (folder / ".gitignore").write_text("vendor\n")
    (folder / "new").mkdir()
    (folder / "new" / "file").write_text("")
    repository.require_no_nested(_Git(folder, os.environ), folder, "HEAD", uncommitted(folder))


def test_names_are_not_in_octal(folder):
    (folder / "grün 画.txt").write_text("")
    assert uncommitted(folder) == ('?? "grün 画.txt"',)


def test_a_folder_of_another_user_gets_gits_own_remedy(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SourceError, match="belongs to another user") as caught:
        uncommitted(folder)
    assert f"git config --global --add safe.directory {folder}" in str(caught.value)
    assert "git init" not in str(caught.value)
    configuration = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    git(tmp_path, "config", "--global", "--add", "safe.directory", str(folder))
    assert uncommitted(folder) == ()


@pytest.mark.parametrize("content", ["", "zzz\n"])
def test_a_damaged_head_is_not_called_a_missing_repository(folder, content):
    (folder / ".git" / "HEAD").write_text(content)
    with pytest.raises(SourceError, match=r"\.git is damaged: its HEAD.*Do not run git init"):
        uncommitted(folder)


def test_a_head_without_its_commit_says_so(folder):
    (folder / ".git" / "HEAD").write_text("1" * 40 + "\n")
    with pytest.raises(SourceError, match="leads to no commit, although there was one") as caught:
        uncommitted(folder)
    assert "git fsck" in str(caught.value)


@pytest.mark.parametrize("content", [None, "garbage\n"])
def test_a_lost_branch_says_how_it_comes_back(folder, content):
    reference = folder / ".git" / "refs" / "heads" / "work"
    reference.unlink() if content is None else reference.write_text(content)
    with pytest.raises(SourceError, match=r"leads to no commit.*git update-ref refs/heads/.* <commit>"):
        uncommitted(folder)


def test_lost_objects_are_not_an_empty_repository(folder):
    shutil.rmtree(folder / ".git" / "objects")
    (folder / ".git" / "objects").mkdir()
    with pytest.raises(SourceError, match=r"leads to no commit \(branch work\), although there was one"):
        uncommitted(folder)


def test_a_worktree_whose_repository_was_moved_says_so(folder, tmp_path):
    git(folder, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "tree")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"points to a repository that is not there any more .*worktree repair"):
        uncommitted(tmp_path / "tree")


def test_a_repository_before_its_first_commit_says_what_to_run(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    with pytest.raises(SourceError, match=r"branch main has none yet. Run there: git add -A && git commit"):
        uncommitted(tmp_path)


def test_a_plain_folder_says_what_to_run(tmp_path):
    with pytest.raises(SourceError, match=r"not a Git repository with a commit.*git init -b main"):
        uncommitted(tmp_path)
