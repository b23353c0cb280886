"""Stopping, time limits, concurrency, and the cloud's own end."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import localcloud
from localcloud.clock import Clock
from localcloud.cloud import Cloud
from localcloud.codebuild.builds import run
from localcloud.codebuild.service import CodeBuild
from tests.localcloud.codebuild.conftest import ENVIRONMENT, MODULES, ROLE, Bench, alive, context, phases
from tests.localcloud.conftest import wait_until

pytestmark = pytest.mark.cloud

FOREVER = """\
version: 0.2
phases:
  build:
    commands:
      - sleep 1000 & echo $! > {pids}
      - setsid sleep 1001 & echo $! >> {pids}
      - echo $$ >> {pids}; touch {pids}.ready; sleep 1002
  post_build:
    commands:
      - touch {pids}.after
"""


def running_pids(pids: Path) -> list[int]:
    """The processes of a build of FOREVER, once it is on its last command."""
    wait_until(lambda: pids.with_name(f"{pids.name}.ready").exists())
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 3
    assert all(alive(pid) for pid in found)
    return found


def gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


def test_stop_build_ends_everything_at_once(bench: Bench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    build_id = bench.start(bench.project(FOREVER.format(pids=pids)))
    found = running_pids(pids)
    stopped = bench.codebuild.stop_build(id=build_id)["build"]
    assert stopped["buildStatus"] == "STOPPED"
    assert gone(found)
    build = bench.finished(build_id)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert not pids.with_name("pids.after").exists()
    assert bench.codebuild.stop_build(id=build_id)["build"]["endTime"] == build["endTime"]
    assert not list((Path(bench.running.state_dir) / "work").glob(f"*/codebuild/{build_id.partition(':')[2]}"))


def test_two_builds_run_at_once_and_a_third_waits(bench: Bench, tmp_path: Path) -> None:
    """Builds meet in a file that each waits for the other to write; more than there is room for are QUEUED."""
    commands = ["touch DIR/$ME", "while [ ! -e DIR/$OTHER ]; do sleep 0.05; done"]
    commands += ["while [ ! -e DIR/end ]; do sleep 0.05; done"]
    meeting = f"version: 0.2\nphases: {{build: {{commands: {json.dumps(commands)}}}}}\n".replace("DIR", str(tmp_path))
    project = bench.project(meeting)
    room = max(2, os.cpu_count() or 2)
    names = [f"n{number}" for number in range(room)]
    builds = [
        bench.start(
            project,
            environmentVariablesOverride=[
                {"name": "ME", "value": name},
                {"name": "OTHER", "value": names[(number + 1) % room]},
            ],
        )
        for number, name in enumerate(names)
    ]
    wait_until(lambda: all((tmp_path / name).exists() for name in names))
    waiting, dropped = bench.start(project), bench.start(project)
    assert bench.get(waiting)["currentPhase"] == "QUEUED"
    assert bench.codebuild.stop_build(id=dropped)["build"]["buildStatus"] == "STOPPED"
    assert f"{room} builds run, 1 wait" in bench.running.status()["services"]["codebuild"]
    (tmp_path / "end").touch()
    for build_id in builds:
        assert bench.finished(build_id)["buildStatus"] == "SUCCEEDED"
    wait_until(lambda: bench.get(waiting)["currentPhase"] != "QUEUED")
    bench.codebuild.stop_build(id=waiting)


def test_a_build_that_waits_too_long_times_out_on_the_clouds_clock(bench: Bench, tmp_path: Path) -> None:
    """queuedTimeoutInMinutes: 5 minutes are half a second at speed 600."""
    pids = tmp_path / "pids"
    project = bench.project(FOREVER.format(pids=pids), queuedTimeoutInMinutes=5)
    running = [bench.start(project) for _ in range(max(2, os.cpu_count() or 2))]
    build = bench.finished(bench.start(project))
    assert build["buildStatus"] == phases(build)["QUEUED"] == "TIMED_OUT"
    for build_id in running:
        bench.codebuild.stop_build(id=build_id)


def test_a_projects_own_limit(bench: Bench, tmp_path: Path) -> None:
    """CreateProject, concurrentBuildLimit: builds beyond it are throttled and not run."""
    project = bench.project(FOREVER.format(pids=tmp_path / "pids"), concurrentBuildLimit=1)
    build_id = bench.start(project)
    with pytest.raises(bench.codebuild.exceptions.AccountLimitExceededException, match="more than 1 builds"):
        bench.start(project)
    bench.codebuild.stop_build(id=build_id)


@pytest.fixture
def service(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeBuild]:
    """The service in this process, next to a running cloud, with minutes of a tenth of a second."""
    monkeypatch.setattr(run, "MINUTE", 0.1)
    work = tmp_path / "work"
    work.mkdir()
    environment = bench.running.environment

    def client(name: str) -> Any:
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )

    with (work / "lifeline").open("w") as lifeline:
        fcntl.flock(lifeline, fcntl.LOCK_EX)
        cloud = Cloud(
            account="000000000000",
            region="us-east-1",
            endpoint_url=bench.running.endpoint_url,
            state=tmp_path / "state",
            work=work,
            clock=Clock(60),
            client=client,
            environment=environment,
        )
        service = CodeBuild(cloud)
        service.start()
        yield service
        service.stop()


def start(service: CodeBuild, buildspec: str, minutes: int) -> str:
    project = {
        "name": "in-process",
        "source": {"type": "NO_SOURCE", "buildspec": buildspec},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": ENVIRONMENT,
        "serviceRole": ROLE,
        "timeoutInMinutes": minutes,
    }
    service.call("CreateProject", project)
    return str(service.call("StartBuild", {"projectName": "in-process"})["build"]["id"])


def finished(service: CodeBuild, build_id: str) -> dict[str, Any]:
    def complete() -> dict[str, Any] | None:
        build = service.call("BatchGetBuilds", {"ids": [build_id]})["builds"][0]
        return dict(build) if build["buildComplete"] else None

    found: dict[str, Any] = wait_until(complete)
    return found


def test_a_time_limit_ends_everything(service: CodeBuild, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    build_id = start(service, FOREVER.format(pids=pids), 20)
    found = running_pids(pids)
    build = finished(service, build_id)
    assert gone(found)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("TIMED_OUT", "TIMED_OUT")
    assert context(build, "BUILD") == ("BUILD_TIMED_OUT", "Build has timed out after 20 minutes.")
    assert not pids.with_name("pids.after").exists()
    assert list((tmp_path / "work" / "codebuild").iterdir()) == []


def test_the_services_end_is_that_of_its_builds(service: CodeBuild, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    build_id = start(service, FOREVER.format(pids=pids), 10_000)
    found = running_pids(pids)
    service._scheduler.stop()
    assert gone(found)
    build = service.call("BatchGetBuilds", {"ids": [build_id]})["builds"][0]
    assert (build["buildStatus"], context(build, "BUILD")[1]) == ("FAULT", "The local cloud ended during the build")


def test_what_a_build_leaves_unwritable_is_removed(bench: Bench) -> None:
    build = bench.run("version: 0.2\nphases: {build: {commands: ['mkdir -p a/b; touch a/b/c; chmod 500 a/b a']}}\n")
    assert build["buildStatus"] == "SUCCEEDED"


def test_a_killed_cloud_takes_its_builds_along_and_says_so(state_dir: Path, tmp_path: Path) -> None:
    """What ran is at fault after the restart, what was queued runs."""
    bench = Bench(localcloud.start(state_dir, port=0, speed=60, service_modules=MODULES))
    pids = tmp_path / "pids"
    first = bench.start(bench.project(FOREVER.format(pids=pids)))
    found = running_pids(pids)
    project = bench.project(
        "version: 0.2\nphases: {build: {commands: ['[ -e DIR ] || sleep 1003']}}\n".replace("DIR", str(tmp_path / "go"))
    )
    others = [bench.start(project) for _ in range(max(2, os.cpu_count() or 2))]
    queued = others[-1]
    wait_until(lambda: "BUILD" in phases(bench.get(others[0])))
    assert bench.get(queued)["currentPhase"] == "QUEUED"
    os.kill(bench.running.pid, signal.SIGKILL)
    wait_until(lambda: gone(found))
    (tmp_path / "go").touch()
    bench = Bench(localcloud.start(state_dir, port=0, speed=60, service_modules=MODULES))
    build = bench.get(first)
    assert (build["buildStatus"], build["buildComplete"]) == ("FAULT", True)
    assert context(build, "BUILD") == ("INTERNAL_ERROR", "The local cloud ended during the build")
    assert bench.finished(queued)["buildStatus"] == "SUCCEEDED"
    assert bench.build(project)["buildNumber"] == len(others) + 1


def test_stop_is_heard_before_the_first_command(bench: Bench) -> None:
    """Whatever a build is doing when it is stopped, it ends, and never succeeds after that."""
    project = bench.project("version: 0.2\nphases: {build: {commands: [sleep 1004]}}\n")
    for _ in range(5):
        build_id = bench.start(project)
        bench.codebuild.stop_build(id=build_id)
        assert bench.finished(build_id)["buildStatus"] == "STOPPED"
