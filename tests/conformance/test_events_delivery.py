"""Amazon EventBridge: events, from PutEvents to a target."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import unchecked
from tests.conformance.test_events_rules import queue_for

PUT = "eventbridge/latest/APIReference/API_PutEvents.html"
RECORDED = "localstack:tests/aws/services/events/"


class Route:
    """A rule for a source of its own, with a queue as its target."""

    def __init__(self, aws: Account, **settings: Any) -> None:
        self.events, self.source = aws.client("events"), aws.name("source")
        self.rule = aws.name("rule")
        self.events.put_rule(Name=self.rule, EventPattern=json.dumps({"source": [self.source]}))
        aws.later(self.events.delete_rule, Name=self.rule)
        self.url, queue = queue_for(aws, self.rule)
        target = {"Id": "queue", "Arn": queue, **settings}
        self.events.put_targets(Rule=self.rule, Targets=[target])
        aws.later(self.events.remove_targets, Rule=self.rule, Ids=["queue"])

    def put(self, detail: Any = None, **settings: Any) -> Any:
        entry = {"Source": self.source, "DetailType": "Order", "Detail": json.dumps(detail or {"n": 1}), **settings}
        return self.events.put_events(Entries=[entry])


@behaviour("events", "PutEvents", "An event reaches the target of a rule that matches it", PUT)
def test_delivered(aws: Account) -> None:
    route = Route(aws)
    answer = route.put({"n": 1}, Resources=["arn:aws:s3:::b"], Time=datetime(2026, 11, 28, 10, 0, 0, tzinfo=UTC))
    assert answer["FailedEntryCount"] == 0
    assert json.loads(aws.receive(route.url)["Body"]) == {
        "version": "0",
        "id": answer["Entries"][0]["EventId"],
        "detail-type": "Order",
        "source": route.source,
        "account": aws.account,
        "time": "2026-11-28T10:00:00Z",
        "region": aws.region,
        "resources": ["arn:aws:s3:::b"],
        "detail": {"n": 1},
    }


@behaviour(
    "events",
    ("DisableRule", "EnableRule", "PutEvents"),
    "A disabled rule delivers nothing",
    "eventbridge/latest/APIReference/API_DisableRule.html",
)
def test_disabled(aws: Account) -> None:
    route = Route(aws)
    route.events.disable_rule(Name=route.rule)
    route.put({"n": 1})
    route.events.enable_rule(Name=route.rule)
    route.put({"n": 2})
    assert json.loads(aws.receive(route.url)["Body"])["detail"] == {"n": 2}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail.order"}, {"id": 7, "tags": ["a"]}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.order.id", "type": "$.detail-type"},
                    "InputTemplate": '{"id": <id>, "text": "<type> number <id>"}',
                }
            },
            {"id": 7, "text": "Order number 7"},
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"order": "$.detail.order"},
                    "InputTemplate": '{"order": <order>, "rule": <aws.events.rule-name>}',
                }
            },
            None,
        ),
    ],
    ids=["input", "path", "transformer", "variables"],
)
@behaviour(
    "events",
    "PutTargets",
    "A target gets what {settings} makes of the event",
    RECORDED
    + "test_events_inputs.py::TestInputTransformer::test_put_events_with_input_transformer_input_template_json",
)
def test_input(aws: Account, settings: dict[str, Any], expected: Any) -> None:
    route = Route(aws, **settings)
    route.put({"order": {"id": 7, "tags": ["a"]}})
    got = json.loads(aws.receive(route.url)["Body"])
    assert got == (expected or {"order": {"id": 7, "tags": ["a"]}, "rule": route.rule})


@behaviour(
    "events",
    ("PutEvents", "PutTargets"),
    "A function is invoked by a rule that its policy names",
    "eventbridge/latest/userguide/eb-use-resource-based.html",
)
def test_function(aws: Account) -> None:
    url, _ = aws.queue()
    source = (
        "import boto3, json, os\ndef handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['QUEUE'], MessageBody=json.dumps(event['detail']))"
    )
    actions = {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}
    function = aws.function(
        source,
        Role=aws.role("lambda.amazonaws.com", actions),
        Environment={"Variables": {"QUEUE": url}},
        MemorySize=256,
        Timeout=30,
    )
    events, name, label = aws.client("events"), aws.name("rule"), aws.name("source")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": [label]}))["RuleArn"]
    aws.later(events.delete_rule, Name=name)
    aws.client("lambda").add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn,
    )
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    aws.later(events.remove_targets, Rule=name, Ids=["f"])
    events.put_events(Entries=[{"Source": label, "DetailType": "t", "Detail": '{"n": 3}'}])
    assert json.loads(aws.receive(url, 60)["Body"]) == {"n": 3}


@pytest.mark.parametrize("detail", ["not json", '["a"]', '"text"', '{"open": ', "1"])
@behaviour(
    "events",
    "PutEvents",
    "The detail {detail} is malformed",
    RECORDED + "test_events.py::TestEvents::test_put_event_malformed_detail",
)
def test_malformed_detail(aws: Account, detail: str) -> None:
    entries = [
        {"Source": "conformance", "DetailType": "t", "Detail": detail},
        {"Source": "conformance", "DetailType": "t", "Detail": "{}"},
    ]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0] == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    assert "EventId" in answer["Entries"][1]


@pytest.mark.parametrize("member", ["Source", "DetailType", "Detail"])
@behaviour(
    "events",
    "PutEvents",
    "An entry without {member} fails",
    RECORDED + "test_events.py::TestEvents::test_put_events_without_source",
)
def test_missing_member(aws: Account, member: str) -> None:
    entry = {"Source": "conformance", "DetailType": "t", "Detail": "{}"}
    del entry[member]
    answer = aws.client("events").put_events(Entries=[entry])
    words = f"Parameter {member} is not valid. Reason: {member} is a required argument."
    assert answer["Entries"] == [{"ErrorCode": "InvalidArgument", "ErrorMessage": words}]


@behaviour("events", "PutEvents", "Sources of AWS are refused", PUT)
def test_source_of_aws(aws: Account) -> None:
    answer = aws.client("events").put_events(Entries=[{"Source": "aws.ec2", "DetailType": "t", "Detail": "{}"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


@behaviour(
    "events",
    "PutEvents",
    "Eleven entries are refused",
    RECORDED + "test_events.py::TestEvents::test_put_events_exceed_limit_ten_entries",
)
def test_eleven_entries(aws: Account) -> None:
    entry = {"Source": "conformance", "DetailType": "t", "Detail": "{}"}
    with aws.refused("ValidationException", "at 'entries' failed to satisfy constraint: Member must have length less"):
        unchecked(aws, "events").put_events(Entries=[entry] * 11)


@behaviour(
    "events",
    "PutEvents",
    "Entries of more than 256 KB are refused",
    RECORDED + "test_events.py::TestEvents::test_put_event_with_too_big_detail",
)
def test_large_entries(aws: Account) -> None:
    detail = json.dumps({"text": "x" * (256 * 1024)})
    with aws.refused("ValidationException", "Total size of the entries in the request is over the limit."):
        aws.client("events").put_events(Entries=[{"Source": "conformance", "DetailType": "t", "Detail": detail}])


@behaviour(
    "events",
    ("CreateEventBus", "DescribeEventBus", "ListEventBuses", "DeleteEventBus"),
    "A bus is there until it is deleted; the default bus stays",
    RECORDED + "test_events.py::TestEventBus::test_create_multiple_event_buses_same_name",
)
def test_buses(aws: Account) -> None:
    events, bus = aws.client("events"), aws.name("bus")
    events.create_event_bus(Name=bus)
    assert events.describe_event_bus(Name=bus)["Arn"].endswith(f":event-bus/{bus}")
    assert bus in [each["Name"] for each in events.list_event_buses()["EventBuses"]]
    with aws.refused("ResourceAlreadyExistsException", f"Event bus {bus} already exists."):
        events.create_event_bus(Name=bus)
    events.delete_event_bus(Name=bus)
    with aws.refused("ResourceNotFoundException", f"Event bus {bus} does not exist."):
        events.describe_event_bus(Name=bus)
    with aws.refused("ValidationException", "Cannot delete event bus default."):
        events.delete_event_bus(Name="default")


@behaviour(
    "events",
    ("TagResource", "ListTagsForResource", "UntagResource"),
    "Rules have tags",
    "eventbridge/latest/APIReference/API_TagResource.html",
)
def test_tags(aws: Account) -> None:
    events, name = aws.client("events"), aws.name("rule")
    arn = events.put_rule(Name=name, EventPattern='{"source": ["a"]}', Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    aws.later(events.delete_rule, Name=name)
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
