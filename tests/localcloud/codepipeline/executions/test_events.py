"""EventBridge in both directions (CodePipeline User Guide, "Monitoring CodePipeline events")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localcloud.codepipeline.conftest import ROLE, World, approval, topic_template
from tests.localcloud.conftest import wait_until

pytestmark = pytest.mark.cloud


def listener(world: World, name: str) -> str:
    """A queue that gets every event of the pipeline ``name``."""
    events = world.client("events")
    url, arn = world.queue(name)
    pattern = {"source": ["aws.codepipeline"], "detail": {"pipeline": [name]}}
    events.put_rule(Name=f"{name}-heard", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"{name}-heard", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(world: World, url: str, count: int) -> list[dict[str, Any]]:
    """The next ``count`` events, in the order in which they occurred."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        messages = world.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            world.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        return len(found) >= count

    wait_until(enough)
    return found


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Kind, what it is about, and state."""
    rows = []
    for event in events:
        detail, kind = event["detail"], event["detail-type"].split()[1]
        about = detail.get("action", detail.get("stage", ""))
        rows.append((kind, about, detail["state"]))
    return rows


def test_every_change_of_state_is_an_event(world: World) -> None:
    name = world.name()
    url = listener(world, name)
    execution = world.create(name, [world.source(name, {"template.json": topic_template()})], [approval()])
    world.answer(name, "Rejected")
    assert world.ended(name, execution) == "Failed"
    events = heard(world, url, 10)
    assert sorted(told(events)) == sorted(
        [
            ("Pipeline", "", "STARTED"),
            ("Stage", "Source", "STARTED"),
            ("Action", "Source", "STARTED"),
            ("Action", "Source", "SUCCEEDED"),
            ("Stage", "Source", "SUCCEEDED"),
            ("Stage", "Stage1", "STARTED"),
            ("Action", "Approve", "STARTED"),
            ("Action", "Approve", "FAILED"),
            ("Stage", "Stage1", "FAILED"),
            ("Pipeline", "", "FAILED"),
        ]
    )
    first = next(event for event in events if event["detail-type"] == "CodePipeline Pipeline Execution State Change")
    assert first["resources"] == [f"arn:aws:codepipeline:us-east-1:000000000000:{name}"]
    started = next(event["detail"] for event in events if told([event])[0] == ("Pipeline", "", "STARTED"))
    assert (started["execution-id"], started["version"], started["pipeline-execution-attempt"]) == (execution, 1, 1)
    assert started["execution-trigger"]["trigger-type"] == "CreatePipeline"
    done = next(event["detail"] for event in events if told([event])[0] == ("Action", "Source", "SUCCEEDED"))
    assert done["type"] == {"owner": "AWS", "provider": "S3", "category": "Source", "version": "1"}
    assert done["output-artifacts"][0]["s3location"]["bucket"] == "artifacts"
    failed = next(event["detail"] for event in events if told([event])[0] == ("Action", "Approve", "FAILED"))
    assert failed["execution-result"]["error-code"] == "JobFailed"
    world.pipelines.retry_stage_execution(
        pipelineName=name, stageName="Stage1", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    again = heard(world, url, 3)
    assert sorted(told(again)) == [
        ("Action", "Approve", "STARTED"),
        ("Pipeline", "", "RESUMED"),
        ("Stage", "Stage1", "RESUMED"),
    ]
    assert {event["detail"]["pipeline-execution-attempt"] for event in again} == {2}


def test_a_rule_starts_a_pipeline(world: World) -> None:
    name, events = world.name(), world.client("events")
    first = world.create(name, [world.source(name, {"template.json": topic_template()})], [approval()])
    world.answer(name)
    assert world.ended(name, first) == "Succeeded"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    target = {"Id": "pipeline", "Arn": f"arn:aws:codepipeline:us-east-1:000000000000:{name}", "RoleArn": ROLE}
    events.put_targets(Rule=name, Targets=[target])
    events.put_events(Entries=[{"Source": name, "DetailType": "pushed", "Detail": "{}"}])
    newest = wait_until(lambda: [row for row in world.executions(name) if row["pipelineExecutionId"] != first])[0]
    assert newest["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": rule}
