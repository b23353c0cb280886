"""PollForSourceChanges (CodePipeline User Guide, "Start a pipeline with a source change")."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import World, approval, zipped

pytestmark = pytest.mark.cloud

SEVERAL_POLLS = 0.9
"""Real seconds; the cloud of these tests polls five times a second."""


def polled(world: World, name: str) -> dict[str, Any]:
    source = world.source(name, {"a.txt": "one"})
    del source["configuration"]["PollForSourceChanges"]
    return source


def test_a_new_object_starts_the_pipeline_once(world: World) -> None:
    name = world.name()
    first = world.create(name, [polled(world, name)], [approval()])
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    time.sleep(SEVERAL_POLLS)
    assert len(world.executions(name)) == 1
    world.client("s3").put_object(Bucket="sources", Key=f"{name}.zip", Body=zipped({"a.txt": "two"}))
    wait_until(lambda: len(world.executions(name)) > 1)
    newest = world.executions(name)[0]
    assert newest["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Source"}
    world.answer(name)
    assert world.ended(name, newest["pipelineExecutionId"]) == "Succeeded"
    time.sleep(SEVERAL_POLLS)
    assert len(world.executions(name)) == 2


def test_a_source_that_fails_is_not_tried_again_without_a_change(world: World) -> None:
    name, s3 = world.name(), world.client("s3")
    s3.create_bucket(Bucket=name)  # without versioning, which the source action refuses
    s3.put_object(Bucket=name, Key="a.zip", Body=zipped({"a.txt": "one"}))
    source = polled(world, name)
    source["configuration"] |= {"S3Bucket": name, "S3ObjectKey": "a.zip"}
    first = world.create(name, [source], [approval()])
    assert world.ended(name, first) == "Failed"
    assert "has no versioning" in world.error(name, first, "Source")["message"]
    time.sleep(SEVERAL_POLLS)
    assert len(world.executions(name)) <= 2  # the object was new to the poll, once
