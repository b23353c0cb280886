"""CodeCommit as source (CodePipeline User Guide, "CodeCommit source action reference")."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import ROLE, World, action, approval

pytestmark = pytest.mark.cloud


def git(world: World, folder: Path, *arguments: str) -> str:
    """Run git as a client of this cloud's CodeCommit."""
    keys = world.running.environment
    credentials = f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}"
    credentials = base64.b64encode(credentials.encode()).decode()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2024-02-03T04:05:06Z",
        "GIT_COMMITTER_DATE": "2024-02-03T04:05:07Z",
    }
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "Ada", f"GIT_{who}_EMAIL": "ada@example.com"}
    header = f"http.extraHeader=Authorization: Basic {credentials}"
    done = subprocess.run(
        ["git", "-c", header, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(world: World, name: str, folder: Path) -> str:
    """A repository with one commit on main: its id."""
    world.client("codecommit").create_repository(repositoryName=name)
    git(world, folder, "init", "--quiet", "--initial-branch", "main")
    url = f"{world.running.environment['AWS_ENDPOINT_URL']}/v1/repos/{name}"
    git(world, folder, "remote", "add", "origin", url)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "plain.txt").write_text("$Format:%H$\n")
    (folder / "link").symlink_to("plain.txt")
    (folder / ".gitattributes").write_text("plain.txt export-subst\nhidden.txt export-ignore\n")
    (folder / "hidden.txt").write_text("there all the same\n")
    return push(world, folder, "the first\n\nwith a body")


def push(world: World, folder: Path, message: str) -> str:
    git(world, folder, "add", "--all")
    git(world, folder, "commit", "--quiet", "--allow-empty", "--message", message)
    git(world, folder, "push", "--quiet", "origin", "main")
    return git(world, folder, "rev-parse", "HEAD")


def source(name: str, branch: str = "main", *, poll: str = "false") -> dict[str, Any]:
    place = {"RepositoryName": name, "BranchName": branch, "PollForSourceChanges": poll}
    return action("Source", "Source", "CodeCommit", outputs=("Source",), namespace="Src", **place)


def test_the_artifact_is_the_tree_of_the_commit(world: World, tmp_path: Path) -> None:
    name = world.name()
    commit = repository(world, name, tmp_path)
    execution = world.create(name, [source(name)], [approval(CustomData="#{Src.CommitId} of #{Src.BranchName}")])
    world.token(name)
    runs = world.actions(name, execution)
    assert runs["Source"]["output"]["outputVariables"] == {
        "AuthorDate": "2024-02-03T04:05:06Z",
        "BranchName": "main",
        "CommitId": commit,
        "CommitMessage": world.client("codecommit").get_commit(repositoryName=name, commitId=commit)["commit"][
            "message"
        ],
        "CommitterDate": "2024-02-03T04:05:07Z",
        "RepositoryName": name,
    }
    assert runs["Approve"]["input"]["resolvedConfiguration"]["CustomData"] == f"{commit} of main"
    archive = world.artifact(runs["Source"]["output"]["outputArtifacts"][0])
    modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert set(modes) == {".gitattributes", "hidden.txt", "link", "plain.txt", "run.sh"}
    assert modes["run.sh"] & stat.S_IXUSR
    assert stat.S_ISREG(modes["link"])  # as on AWS: a file that holds the link's target
    assert archive.read("link") == b"plain.txt"
    assert archive.read("plain.txt") == b"$Format:%H$\n"
    revision = world.execution(name, execution)["artifactRevisions"][0]
    assert (revision["revisionId"], revision["revisionSummary"].splitlines()[0]) == (commit, "the first")
    assert world.stage(name, "Source")["actionStates"][0]["currentRevision"]["revisionId"] == commit


def test_an_older_commit_can_be_asked_for(world: World, tmp_path: Path) -> None:
    name = world.name()
    old = repository(world, name, tmp_path)
    (tmp_path / "new.txt").write_text("new")
    push(world, tmp_path, "the second")
    first = world.create(name, [source(name)], [approval()])
    token = world.token(name)
    revision = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": old}
    second = world.begin(name, sourceRevisions=[revision])
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    world.token(name, not_=token)
    runs = world.actions(name, second)
    archive = world.artifact(runs["Source"]["output"]["outputArtifacts"][0])
    assert runs["Source"]["output"]["outputVariables"]["CommitId"] == old
    assert "new.txt" not in archive.namelist()


@pytest.mark.parametrize("branch", ["main", "nowhere"])
def test_a_branch_that_is_not_there_fails_the_source(world: World, branch: str) -> None:
    name = world.name()
    if branch == "main":
        world.client("codecommit").create_repository(repositoryName=name)
    execution = world.create(name, [source(name, branch)], [approval()])
    assert world.ended(name, execution) == "Failed"
    message = world.error(name, execution, "Source")["message"]
    assert message.startswith("The service role or action role doesn't have the permissions required to access the AWS")
    assert f"named {name}" in message
    assert f"repository {name} or its branch {branch} could not be found" in message


def test_a_push_starts_the_pipeline_through_a_rule(world: World, tmp_path: Path) -> None:
    """The rule that the CDK's CodeCommitSourceAction makes."""
    name, events = world.name(), world.client("events")
    repository(world, name, tmp_path)
    first = world.create(name, [source(name)], [approval()])
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    pattern = {
        "source": ["aws.codecommit"],
        "resources": [f"arn:aws:codecommit:us-east-1:000000000000:{name}"],
        "detail-type": ["CodeCommit Repository State Change"],
        "detail": {"event": ["referenceCreated", "referenceUpdated"], "referenceName": ["main"]},
    }
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    target = {"Id": "Target0", "Arn": f"arn:aws:codepipeline:us-east-1:000000000000:{name}", "RoleArn": ROLE}
    events.put_targets(Rule=name, Targets=[target])
    commit = push(world, tmp_path, "the second")
    newest = wait_until(lambda: [row for row in world.executions(name) if row["pipelineExecutionId"] != first])[0]
    assert newest["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": rule}
    world.token(name)
    runs = world.actions(name, newest["pipelineExecutionId"])
    assert runs["Source"]["output"]["outputVariables"]["CommitId"] == commit


def test_the_first_push_starts_a_polled_pipeline(world: World, tmp_path: Path) -> None:
    name = world.name()
    first = world.create(name, [source(name, poll="true")], [approval()])
    assert world.ended(name, first) == "Failed"
    repository(world, name, tmp_path)
    newest = wait_until(lambda: [row for row in world.executions(name) if row["pipelineExecutionId"] != first])[0]
    assert newest["trigger"]["triggerType"] == "PollForSourceChanges"
    world.answer(name)
    assert world.ended(name, newest["pipelineExecutionId"]) == "Succeeded"
    assert len(world.executions(name)) == 2
