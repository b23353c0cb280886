"""A local cloud with CodeCommit, and a git client that knows nothing of this machine's user."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

MODULES = ["localcloud.codecommit"]
SPEED = 240
UNKNOWN = "0123456789" * 4


def refused(code: str, call: Any, **parameters: Any) -> str:
    """The message with which ``call`` is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code, error.value
    return str(error.value.response["Error"]["Message"])


class Branch:
    """``main`` of one repository, through the API."""

    def __init__(self, client: Any, repository: str) -> None:
        self.client = client
        self.where = {"repositoryName": repository, "branchName": "main"}
        self.repository = repository

    def tip(self) -> str:
        return str(self.client.get_branch(**self.where)["branch"]["commitId"])

    def put(self, path: str, content: bytes, **more: Any) -> Any:
        return self.client.put_file(**self.where, filePath=path, fileContent=content, **more)

    def change(self, **changes: Any) -> Any:
        return self.client.create_commit(**self.where, parentCommitId=self.tip(), **changes)

    def read(self, path: str, **more: Any) -> Any:
        return self.client.get_file(repositoryName=self.repository, filePath=path, **more)

    def paths(self) -> list[str]:
        found = self.client.get_differences(repositoryName=self.repository, afterCommitSpecifier="main")
        return [row["afterBlob"]["path"] for row in found["differences"]]


class GitClient:
    """The real git, with a private home, in one work tree after another."""

    def __init__(self, folder: Path, running: localcloud.Running) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.running = running

    def url(self, repository: str) -> str:
        return f"{self.running.endpoint_url}/v1/repos/{repository}"

    def environment(self) -> dict[str, str]:
        keys = self.running.environment
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "ACCESS_KEY": keys["AWS_ACCESS_KEY_ID"],
            "PASSWORD": keys["AWS_SECRET_ACCESS_KEY"],
            **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "ada@example.com" for role in ("AUTHOR", "COMMITTER")},
        }

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        helper = '!f() { echo "username=$ACCESS_KEY"; echo "password=$PASSWORD"; }; f'
        settings = ("core.compression=0", "credential.helper=", f"credential.helper={helper}")
        return subprocess.Popen(
            ["git", *(word for setting in settings for word in ("-c", setting)), *arguments],
            cwd=cwd or self.folder,
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None, ok: bool = True, **environment: str) -> str:
        """What git prints; fails unless it ends as it should."""
        process = self.start(*arguments, cwd=cwd, **environment)
        said, _ = process.communicate(timeout=120)
        assert (process.returncode == 0) == ok, said
        return said

    def clone(self, repository: str, name: str) -> Path:
        self.run("clone", "--quiet", self.url(repository), name)
        return self.folder / name

    def commit(self, tree: Path, files: dict[str, str | bytes], message: str = "change") -> str:
        """Commit files in a work tree; the commit's id."""
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content.encode() if isinstance(content, str) else content)
        self.run("add", "--all", cwd=tree)
        self.run("commit", "--quiet", "--message", message, cwd=tree)
        return self.run("rev-parse", "HEAD", cwd=tree).strip()


class Events:
    """What EventBridge sends to a queue."""

    def __init__(self, cloud: CloudUnderTest, name: str, repository: str) -> None:
        self._cloud = cloud
        self.url, arn = cloud.queue(name)
        pattern = {"source": ["aws.codecommit"], "detail": {"repositoryName": [repository]}}
        events = cloud.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def take(self, count: int, cloud: CloudUnderTest | None = None) -> list[dict[str, Any]]:
        """The next ``count`` events; fails when there are more."""
        sqs = (cloud or self._cloud).client("sqs")
        url = sqs.get_queue_url(QueueName=self.url.rpartition("/")[2])["QueueUrl"]
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
            return len(found) >= count

        wait_until(enough)
        assert len(found) == count, found
        return found


@pytest.fixture(scope="module")
def running(shared_cloud: Callable[..., localcloud.Running]) -> localcloud.Running:
    return shared_cloud(speed=SPEED, service_modules=MODULES)


@pytest.fixture
def git(cloud: CloudUnderTest, tmp_path: Path) -> GitClient:
    return GitClient(tmp_path, cloud.running)


@pytest.fixture
def codecommit(cloud: CloudUnderTest) -> Any:
    return cloud.client("codecommit")


@pytest.fixture
def repository(codecommit: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty repository for one test."""
    name = request.node.name.partition("[")[0][-90:].replace("test_", "")
    codecommit.create_repository(repositoryName=name)
    yield name
    codecommit.delete_repository(repositoryName=name)


@pytest.fixture
def main(codecommit: Any, repository: str) -> Branch:
    return Branch(codecommit, repository)
