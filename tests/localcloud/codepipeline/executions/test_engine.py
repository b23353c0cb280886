"""What only the engine itself can show: outcomes that come too late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.cloud import Cloud
from localcloud.codepipeline.executions import controls
from localcloud.codepipeline.executions.engine import Engine
from localcloud.codepipeline.executions.records import Records, running
from tests.localcloud.codepipeline.conftest import approval


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    cloud = Cloud(
        account="000000000000",
        region="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        state=tmp_path,
        work=tmp_path,
        clock=Clock(1),
        client=lambda service: None,  # approvals call nothing
        environment={},
    )
    engine = Engine(cloud, Records(tmp_path / "pipelines.sqlite"))
    engine.start()
    yield engine
    engine.stop()


def row() -> dict[str, Any]:
    stages = [{"name": name, "actions": [approval()]} for name in ("One", "Two")]
    store = {"type": "S3", "location": "bucket"}
    declaration = {
        "name": "pipe",
        "version": 1,
        "roleArn": "arn:aws:iam::000000000000:role/pipe",
        "artifactStore": store,
        "stages": stages,
    }
    return {"Declaration": declaration, "Created": time.time(), "Tags": {}, "Seen": {}, "Disabled": {}}


def test_the_outcome_of_a_cancelled_action_counts_for_nothing(engine: Engine) -> None:
    execution = engine.begin(row(), ("CreatePipeline", "me"), {})
    (action,) = running(execution)
    controls.cancel(engine, "pipe")
    engine.finished(execution["Id"], action["Id"], {"Status": "Succeeded"})
    assert (execution["Status"], action["Status"]) == ("Cancelled", "Abandoned")
    assert "Two" not in execution["Stages"]


def test_the_outcome_for_a_deleted_pipeline_counts_for_nothing(engine: Engine) -> None:
    execution = engine.begin(row(), ("CreatePipeline", "me"), {})
    (action,) = running(execution)
    controls.drop(engine, "pipe")
    engine.finished(execution["Id"], action["Id"], {"Status": "Succeeded"})
    assert engine.records.executions("pipe") == []
