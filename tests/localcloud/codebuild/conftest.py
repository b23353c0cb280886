"""A local cloud with CodeBuild, and CodeCommit for sources, which all tests of this folder share."""

from __future__ import annotations

import io
import stat
import subprocess
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

MODULES = ["localcloud.codecommit", "localcloud.codebuild"]
SPEED = 600
"""A cloud minute is a tenth of a second."""
ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
ROLE = "arn:aws:iam::000000000000:role/build"
BUCKET = "builds"


def zipped(files: Mapping[str, str | bytes | tuple[int, str]]) -> bytes:
    """A zip of ``files``: name → content, or (mode, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            mode, text = content if isinstance(content, tuple) else (stat.S_IFREG | 0o644, content)
            member = zipfile.ZipInfo(name)
            member.create_system = 3
            member.external_attr = mode << 16
            bundle.writestr(member, text)
    return buffer.getvalue()


class Bench(CloudUnderTest):
    """A running cloud, its clients, and short ways to build."""

    def __init__(self, running: localcloud.Running) -> None:
        super().__init__(running)
        self.codebuild = self.client("codebuild")
        self.s3 = self.client("s3")
        self.role("build", "codebuild.amazonaws.com")
        if BUCKET not in [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]:
            self.s3.create_bucket(Bucket=BUCKET)

    def put(self, key: str, files: Mapping[str, Any]) -> str:
        """A source zip in S3; its location."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=zipped(files))
        return f"{BUCKET}/{key}"

    def project(self, buildspec: str = "", files: Mapping[str, Any] | None = None, **settings: Any) -> str:
        """A project with ``buildspec`` inline, and ``files`` as its source if there are any; its name."""
        name = f"project-{uuid.uuid4().hex[:8]}"
        source: dict[str, Any] = {"type": "NO_SOURCE"}
        if files is not None:
            source = {"type": "S3", "location": self.put(f"source/{name}.zip", files)}
        if buildspec:
            source["buildspec"] = textwrap.dedent(buildspec)
        wanted = {
            "name": name,
            "source": source,
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": ENVIRONMENT,
            "serviceRole": ROLE,
        }
        self.codebuild.create_project(**wanted | settings)
        return name

    def start(self, project: str, **overrides: Any) -> str:
        """Start a build; its id."""
        return str(self.codebuild.start_build(projectName=project, **overrides)["build"]["id"])

    def get(self, build_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.codebuild.batch_get_builds(ids=[build_id])["builds"][0]
        return found

    def finished(self, build_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """The build's document when it is complete."""

        def complete() -> dict[str, Any] | None:
            build = self.get(build_id)
            return build if build["buildComplete"] else None

        found: dict[str, Any] = wait_until(complete, seconds)
        return found

    def build(self, project: str, **overrides: Any) -> dict[str, Any]:
        return self.finished(self.start(project, **overrides))

    def run(self, buildspec: str, files: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
        """Make a project and build it once."""
        return self.build(self.project(buildspec, files, **settings))

    def log(self, build: Mapping[str, Any]) -> list[str]:
        """The lines of a build's log."""
        lines: list[str] = []
        wanted = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
        logs, token = self.client("logs"), None
        while True:
            answer = logs.get_log_events(**wanted, startFromHead=True, **({"nextToken": token} if token else {}))
            lines += [event["message"] for event in answer["events"]]
            if not answer["events"] or answer["nextForwardToken"] == token:
                return lines
            token = answer["nextForwardToken"]

    def printed(self, build: Mapping[str, Any]) -> list[str]:
        """What the commands printed."""
        return [line for line in self.log(build) if not line.startswith("[Container]") and line.strip()]

    def files(self, key: str) -> dict[str, bytes]:
        """The members of a zip in the bucket."""
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as bundle:
            return {name: bundle.read(name) for name in bundle.namelist()}


def phases(build: Mapping[str, Any]) -> dict[str, str]:
    """Status by phase, in the order in which they ran."""
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def context(build: Mapping[str, Any], phase: str) -> tuple[str, str]:
    """Status code and message of a phase."""
    found = next(each for each in build["phases"] if each["phaseType"] == phase)
    return found["contexts"][0]["statusCode"], found["contexts"][0]["message"]


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")


@pytest.fixture(scope="module")
def running(shared_cloud: Callable[..., localcloud.Running]) -> localcloud.Running:
    return shared_cloud(speed=SPEED, service_modules=MODULES)


@pytest.fixture(scope="module")
def bench(running: localcloud.Running) -> Bench:
    return Bench(running)
