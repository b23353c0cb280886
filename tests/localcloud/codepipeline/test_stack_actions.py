"""CloudFormation actions (CodePipeline User Guide, "AWS CloudFormation deploy action reference")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import World, broken_template, stack, topic_template

pytestmark = pytest.mark.cloud


def test_a_source_is_deployed_and_deployed_again_without_a_change(world: World) -> None:
    name = world.name()
    source = world.source(name, {"template.json": topic_template(TopicName=name)})
    first = world.create(name, [source], [stack("Deploy", name, namespace="Out")])
    assert world.ended(name, first) == "Succeeded", world.actions(name, first)
    assert world.stack_status(name) == "CREATE_COMPLETE"
    deployed = world.actions(name, first)["Deploy"]
    assert deployed["output"]["outputVariables"] == {"Topic": f"arn:aws:sns:us-east-1:000000000000:{name}"}
    second = world.begin(name)
    assert world.ended(name, second) == "Succeeded"
    summary = world.actions(name, second)["Deploy"]["output"]["executionResult"]["externalExecutionSummary"]
    assert "No updates are to be performed" in summary
