"""What a ``kill -9`` of the cloud leaves of pipelines and executions."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import localcloud
from tests.localcloud.codepipeline.conftest import MODULES, World, approval, stack, topic_template
from tests.localcloud.conftest import wait_until

pytestmark = pytest.mark.cloud


def restarted(world: World, state: Path, speed: float) -> World:
    """The same cloud after its violent death."""
    os.kill(world.running.pid, signal.SIGKILL)
    wait_until(lambda: localcloud.running(state) is None)
    again = object.__new__(World)
    again.__dict__ |= world.__dict__ | {"_clients": {}}
    again.running = localcloud.start(state, port=0, speed=speed, service_modules=MODULES)
    again.pipelines = again.client("codepipeline")
    return again


def slow_template() -> dict[str, Any]:
    """A stack that waits an hour for a signal which nobody sends, so the action runs when the cloud dies."""
    template = topic_template()
    template["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waiting = {"Handle": {"Ref": "Handle"}, "Timeout": "3600", "Count": 1}
    template["Resources"]["Wait"] = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waiting}
    return template


def test_what_ran_is_failed_and_what_waited_goes_on(state_dir: Path) -> None:
    world = World(localcloud.start(state_dir, port=0, speed=1, service_modules=MODULES))
    files = {"slow.json": slow_template(), "template.json": topic_template()}
    deploy = stack("Deploy", "slow", TemplatePath="Source::slow.json")
    first = world.create("running", [world.source("running", files)], [deploy], [stack("After", "after")])
    wait_until(lambda: world.stack_status("slow") == "CREATE_IN_PROGRESS")
    second = world.begin("running")
    wait_until(lambda: world.stage("running", "Stage1")["inboundExecutions"])
    asked = world.create("asking", [world.source("asking", files)], [approval()])
    token = world.token("asking")

    world = restarted(world, state_dir, speed=240)
    assert world.ended("running", first) == "Failed"
    error = world.error("running", first, "Deploy")
    assert error == {
        "code": "JobFailed",
        "message": "The local cloud ended during Deploy. Retry the stage Stage1.",
    }
    assert world.stage("running", "Stage1")["latestExecution"]["pipelineExecutionId"] == second
    world.answer("asking", token=token)
    assert world.ended("asking", asked) == "Succeeded"


def test_a_stack_whose_update_was_interrupted_can_be_updated(state_dir: Path) -> None:
    world = World(localcloud.start(state_dir, port=0, speed=240, service_modules=MODULES))
    first = world.create("pipe", [world.source("pipe", {"template.json": topic_template()})], [stack("Deploy", "slow")])
    assert world.ended("pipe", first) == "Succeeded"
    world.source("pipe", {"template.json": slow_template()})
    second = world.begin("pipe")
    wait_until(lambda: world.stack_status("slow") == "UPDATE_IN_PROGRESS")
    saved = state_dir / "ministack"  # written a third of a second after a change (localcloud/NOT_AS_ON_AWS.md)
    wait_until(lambda: any('"UPDATE_IN_PROGRESS"' in file.read_text() for file in saved.glob("*.json")))

    world = restarted(world, state_dir, speed=240)
    assert world.ended("pipe", second) == "Failed"
    assert world.stack_status("slow") == "UPDATE_FAILED"
    world.source("pipe", {"template.json": topic_template(DisplayName="fixed")})
    third = world.begin("pipe")
    assert world.ended("pipe", third) == "Succeeded", world.actions("pipe", third)
    assert world.stack_status("slow") == "UPDATE_COMPLETE"
