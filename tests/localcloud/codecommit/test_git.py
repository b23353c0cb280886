"""The real git client against CodeCommit of the local cloud."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from helpers.delivery import credentials
from tests.localcloud.conftest import CloudUnderTest

from .conftest import GitClient

pytestmark = pytest.mark.cloud


def peak_memory(pid: int) -> int | None:
    """The most bytes that a process ever held; None where the kernel does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_an_empty_repository_is_cloned_filled_and_cloned_again(git: GitClient, repository: str) -> None:
    tree = git.clone(repository, "first")
    commit = git.commit(tree, {"README.md": "hello\n", "a folder/ü.txt": "text"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    again = git.clone(repository, "second")
    assert git.run("rev-parse", "HEAD", cwd=again).strip() == commit
    assert (again / "a folder" / "ü.txt").read_text() == "text"


def test_branches_and_tags_come_and_go(git: GitClient, repository: str, codecommit: Any) -> None:
    tree = git.clone(repository, "tree")
    first = git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    second = git.commit(tree, {"a": "2"})
    git.run("tag", "--annotate", "v1", "--message", "one", cwd=tree)
    git.run("push", "origin", "HEAD:feature/x", "v1", cwd=tree)
    assert codecommit.list_branches(repositoryName=repository)["branches"] == ["feature/x", "main"]
    found = codecommit.get_branch(repositoryName=repository, branchName="feature/x")["branch"]
    assert found == {"branchName": "feature/x", "commitId": second}
    assert "refs/tags/v1" in git.run("ls-remote", git.url(repository))
    git.run("push", "origin", "--delete", "feature/x", "v1", cwd=tree)
    assert git.run("ls-remote", git.url(repository), "refs/*").split() == [first, "refs/heads/main"]


def test_history_is_rewritten_by_force_only(git: GitClient, repository: str, codecommit: Any) -> None:
    tree = git.clone(repository, "tree")
    git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    (tree / "a").write_text("other")
    git.run("commit", "--quiet", "--all", "--amend", "--message", "rewritten", cwd=tree)
    rewritten = git.run("rev-parse", "HEAD", cwd=tree).strip()
    assert "rejected" in git.run("push", "origin", "HEAD:main", cwd=tree, ok=False)
    git.run("push", "--force", "origin", "HEAD:main", cwd=tree)
    assert codecommit.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"] == rewritten


def test_the_first_branch_that_is_pushed_is_the_default(git: GitClient, repository: str, codecommit: Any) -> None:
    def shown() -> Any:
        return codecommit.get_repository(repositoryName=repository)["repositoryMetadata"].get("defaultBranch")

    assert shown() is None
    tree = git.clone(repository, "tree")
    git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:trunk", cwd=tree)
    git.run("push", "origin", "HEAD:main", cwd=tree)
    assert shown() == "trunk"
    assert git.run("branch", "--show-current", cwd=git.clone(repository, "again")).strip() == "trunk"
    assert "prohibited" in git.run("push", "origin", "--delete", "trunk", cwd=tree, ok=False)


def test_twenty_five_megabytes_pass_through_and_are_never_held(
    git: GitClient, repository: str, cloud: CloudUnderTest
) -> None:
    noise = os.urandom(25_000_000)
    tree = git.clone(repository, "tree")
    git.commit(tree, {"small": "x"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    git.clone(repository, "warm")
    before = peak_memory(cloud.running.pid)
    git.commit(tree, {"noise": noise})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    assert (git.clone(repository, "again") / "noise").read_bytes() == noise
    after = peak_memory(cloud.running.pid)
    if before is not None and after is not None:
        assert after - before < 10_000_000


@pytest.mark.parametrize("attempt", ["clone", "push"])
def test_a_wrong_key_is_refused_and_git_shows_why(git: GitClient, repository: str, attempt: str) -> None:
    arguments = ["clone", git.url(repository), "never"]
    tree = git.folder
    if attempt == "push":
        tree = git.clone(repository, "tree")
        git.commit(tree, {"a": "1"})
        arguments = ["push", "origin", "HEAD:main"]
    said = git.run(*arguments, cwd=tree, ok=False, ACCESS_KEY="AKIAFOREIGN")
    assert "remote: The access key 'AKIAFOREIGN' is not the one of this local cloud" in said


@pytest.mark.parametrize("case", ["guessed", "another repository", "an hour ago"])
def test_a_password_that_proves_nothing_is_refused(git: GitClient, repository: str, case: str) -> None:
    """A signature is for one repository and for a quarter of an hour, as the CLI's credential helper makes it."""
    keys, now = git.running.environment, dt.datetime.now(dt.UTC)
    path = f"/v1/repos/{repository}"

    def password(path: str, now: dt.datetime) -> str:
        owner = Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        return credentials.password(owner, "us-east-1", "127.0.0.1", path, now)

    wrong = {
        "guessed": "signature",
        "another repository": password("/v1/repos/other", now),
        "an hour ago": password(path, now - dt.timedelta(hours=1)),
    }[case]
    said = git.run("ls-remote", git.url(repository), ok=False, PASSWORD=wrong)
    assert "remote: " in said
    git.run("ls-remote", git.url(repository), PASSWORD=password(path, now))


def test_without_credentials_git_is_asked_for_them(git: GitClient, repository: str) -> None:
    said = git.run("-c", "credential.helper=", "ls-remote", git.url(repository), ok=False)
    assert "could not read Username" in said


@pytest.mark.parametrize("name", ["nowhere", "%2e%2e%2fcodecommit.sqlite"])
def test_an_unknown_repository_is_not_found_and_git_shows_why(git: GitClient, name: str) -> None:
    said = git.run("clone", git.url(name), "never", ok=False)
    assert "remote: " in said
    assert "not found" in said


def test_only_gits_smart_protocol_is_served(git: GitClient, repository: str, cloud: CloudUnderTest) -> None:
    """Files of a repository are no web pages: nothing but the three paths of gitprotocol-http(5) is answered."""
    said = git.run("ls-remote", git.url(f"{repository}/objects"), ok=False)
    assert "the only one offered here" in said


def test_of_two_pushes_at_once_one_wins_and_the_other_is_told(git: GitClient, repository: str, codecommit: Any) -> None:
    base = git.clone(repository, "base")
    git.commit(base, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=base)
    trees = [git.clone(repository, name) for name in ("left", "right")]
    commits = [git.commit(tree, {"a": tree.name}) for tree in trees]
    for tree in trees:  # each has seen the branch, and waits for the other, before it sends
        hook = tree / ".git" / "hooks" / "pre-push"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            f"#!/bin/sh\ntouch '{git.folder}/{tree.name}-ready'\n"
            f"until [ -e '{git.folder}/left-ready' ] && [ -e '{git.folder}/right-ready' ]; do sleep 0.01; done\n"
        )
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    pushes = [git.start("push", "origin", "HEAD:main", cwd=tree) for tree in trees]
    said = [push.communicate(timeout=60)[0] for push in pushes]
    codes = [push.returncode for push in pushes]
    assert sorted(codes) == [0, 1], said
    winner = codes.index(0)
    assert "remote rejected" in said[1 - winner]
    tip = codecommit.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"]
    assert tip == commits[winner]


def test_a_shallow_clone_and_a_fetch(git: GitClient, repository: str) -> None:
    tree = git.clone(repository, "tree")
    for number in range(3):
        git.commit(tree, {"a": str(number)})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    git.run("clone", "--quiet", "--depth", "1", git.url(repository), "shallow")
    assert git.run("rev-list", "--count", "HEAD", cwd=git.folder / "shallow").strip() == "1"
    later = git.commit(tree, {"a": "later"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    git.run("pull", "--quiet", cwd=git.folder / "shallow")
    assert git.run("rev-parse", "HEAD", cwd=git.folder / "shallow").strip() == later
