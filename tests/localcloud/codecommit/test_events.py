"""CodeCommit User Guide, "Monitoring CodeCommit events in Amazon EventBridge": the events of references."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

from .conftest import MODULES, Events, GitClient

pytestmark = pytest.mark.cloud


def test_a_push_announces_each_reference(
    git: GitClient, repository: str, cloud: CloudUnderTest, codecommit: Any
) -> None:
    events = Events(cloud, "pushes", repository)
    shown = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]
    tree = git.clone(repository, "tree")
    first = git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    (created,) = events.take(1)
    assert created["detail-type"] == "CodeCommit Repository State Change"
    assert created["source"] == "aws.codecommit"
    assert created["resources"] == [shown["Arn"]]
    assert created["account"] == "000000000000"
    assert created["region"] == "us-east-1"
    assert created["detail"] == {
        "event": "referenceCreated",
        "repositoryName": repository,
        "repositoryId": shown["repositoryId"],
        "referenceType": "branch",
        "referenceName": "main",
        "referenceFullName": "refs/heads/main",
        "commitId": first,
        "callerUserArn": "arn:aws:iam::000000000000:root",
    }
    second = git.commit(tree, {"a": "2"})
    git.run("tag", "--annotate", "v1", "--message", "one", cwd=tree)
    git.run("push", "origin", "HEAD:main", "v1", cwd=tree)
    told = {event["detail"]["referenceFullName"]: event["detail"] for event in events.take(2)}
    assert told["refs/heads/main"]["event"] == "referenceUpdated"
    assert (told["refs/heads/main"]["oldCommitId"], told["refs/heads/main"]["commitId"]) == (first, second)
    assert told["refs/tags/v1"]["event"] == "referenceCreated"
    assert (told["refs/tags/v1"]["referenceType"], told["refs/tags/v1"]["commitId"]) == ("tag", second)
    git.run("push", "origin", "--delete", "v1", cwd=tree)
    (deleted,) = events.take(1)
    assert deleted["detail"]["event"] == "referenceDeleted"
    assert deleted["detail"]["oldCommitId"] == second
    assert "commitId" not in deleted["detail"]


def test_the_api_announces_as_a_push_does(repository: str, cloud: CloudUnderTest, codecommit: Any) -> None:
    events = Events(cloud, "api", repository)
    put = codecommit.put_file(repositoryName=repository, branchName="main", filePath="a", fileContent=b"1")
    commit = put["commitId"]
    codecommit.create_branch(repositoryName=repository, branchName="side", commitId=commit)
    codecommit.delete_branch(repositoryName=repository, branchName="side")
    codecommit.delete_file(repositoryName=repository, branchName="main", filePath="a", parentCommitId=commit)
    told = [(event["detail"]["event"], event["detail"]["referenceName"]) for event in events.take(4)]
    assert told == [
        ("referenceCreated", "main"),
        ("referenceCreated", "side"),
        ("referenceDeleted", "side"),
        ("referenceUpdated", "main"),
    ]


def test_a_refused_push_tells_nothing(git: GitClient, repository: str, cloud: CloudUnderTest) -> None:
    tree = git.clone(repository, "tree")
    git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    events = Events(cloud, "refused", repository)
    git.run("push", "origin", "--delete", "main", cwd=tree, ok=False)
    second = git.commit(tree, {"a": "2"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    (told,) = events.take(1)
    assert told["detail"]["commitId"] == second


def saved(state: Path, *texts: str) -> bool:
    """Whether all of ``texts`` are in MiniStack's saved state."""
    content = "".join(path.read_text() for path in (state / "ministack").glob("*.json"))
    return all(text in content for text in texts)


def test_a_cloud_killed_between_push_and_event_tells_it_after_the_restart(state_dir: Path, tmp_path: Path) -> None:
    """The push is killed right after git has moved the branch (a post-receive hook), before anything is told."""
    running = localcloud.start(state_dir, port=0, service_modules=MODULES)
    cloud = CloudUnderTest(running)
    cloud.client("codecommit").create_repository(repositoryName="demo")
    events = Events(cloud, "survivor", "demo")
    wait_until(lambda: saved(state_dir, "survivor", "aws.codecommit"))
    git = GitClient(tmp_path, running)
    tree = git.clone("demo", "tree")
    commit = git.commit(tree, {"a": "1"})
    (folder,) = (state_dir / "codecommit").iterdir()
    hook = folder / "hooks" / "post-receive"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\nkill -9 {running.pid}\n")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    git.run("push", "origin", "HEAD:trunk", cwd=tree, ok=False)
    hook.unlink()
    again = CloudUnderTest(localcloud.start(state_dir, port=0, service_modules=MODULES))
    (told,) = events.take(1, again)
    assert told["detail"]["event"] == "referenceCreated"
    assert told["detail"]["referenceName"] == "trunk"
    assert told["detail"]["commitId"] == commit
    shown = again.client("codecommit").get_repository(repositoryName="demo")["repositoryMetadata"]
    assert shown["defaultBranch"] == "trunk"


def test_what_a_killed_git_left_does_not_block_the_next_push(state_dir: Path, tmp_path: Path) -> None:
    running = localcloud.start(state_dir, port=0, service_modules=MODULES)
    CloudUnderTest(running).client("codecommit").create_repository(repositoryName="demo")
    (folder,) = (state_dir / "codecommit").iterdir()
    localcloud.stop(state_dir)
    (folder / "refs" / "heads" / "main.lock").touch()
    (folder / "packed-refs.lock").touch()
    (folder / "objects" / "tmp_objdir-incoming-x").mkdir()
    (state_dir / "codecommit" / "half-made.git").mkdir()
    running = localcloud.start(state_dir, port=0, service_modules=MODULES)
    git = GitClient(tmp_path, running)
    tree = git.clone("demo", "tree")
    git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    assert list((state_dir / "codecommit").iterdir()) == [folder]
    assert not list((folder / "objects").glob("tmp_*"))
