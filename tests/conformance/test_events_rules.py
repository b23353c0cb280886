"""Amazon EventBridge: rules, schedules and targets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "eventbridge/latest/APIReference/"
GUIDE = "eventbridge/latest/userguide/"
RECORDED = "localstack:tests/aws/services/events/"
PATTERN = json.dumps({"source": ["conformance"]})


def rule(aws: Account, **settings: Any) -> str:
    events, name = aws.client("events"), aws.name("rule")
    given = {"EventPattern": PATTERN, **settings}
    events.put_rule(Name=name, **{key: value for key, value in given.items() if value is not None})
    aws.later(events.delete_rule, Name=name)
    return name


def target(aws: Account, name: str, **settings: Any) -> None:
    events = aws.client("events")
    given = {"Id": "one", "Arn": f"arn:aws:sqs:{aws.region}:{aws.account}:any", **settings}
    events.put_targets(Rule=name, Targets=[given])
    aws.later(events.remove_targets, Rule=name, Ids=[given["Id"]])


def queue_for(aws: Account, name: str) -> tuple[str, str]:
    """A queue that the rule may send to; its URL and ARN."""
    url, arn = aws.queue()
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{aws.region}:{aws.account}:rule/{name}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


@behaviour(
    "events",
    ("PutRule", "DescribeRule", "ListRules", "DeleteRule"),
    "A rule is kept until it is deleted",
    API + "API_PutRule.html",
)
def test_life_cycle(aws: Account) -> None:
    events, name = aws.client("events"), aws.name("rule")
    arn = events.put_rule(Name=name, EventPattern=PATTERN, Description="d")["RuleArn"]
    assert arn == f"arn:aws:events:{aws.region}:{aws.account}:rule/{name}"
    found = events.describe_rule(Name=name)
    assert (found["State"], found["EventPattern"], found["Description"]) == ("ENABLED", PATTERN, "d")
    assert [each["Name"] for each in events.list_rules(NamePrefix=name)["Rules"]] == [name]
    events.delete_rule(Name=name)
    assert events.list_rules(NamePrefix=name)["Rules"] == []
    events.delete_rule(Name=name)


@behaviour("events", "PutRule", "A rule with neither pattern nor schedule is refused", API + "API_PutRule.html")
def test_neither(aws: Account) -> None:
    with aws.refused("ValidationException", "EventPattern or ScheduleExpression must be specified."):
        rule(aws, EventPattern=None)


@pytest.mark.parametrize(
    "schedule",
    [
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "rate(1 week)",
        "rate(1.5 hours)",
        "rate(minute)",
        "every hour",
        "at(2030-01-01T00:00:00)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(7 20 * * NOT *)",
        "cron(71 8 1 * ? *)",
        "cron(0 1 * * * *)",
    ],
)
@behaviour(
    "events",
    "PutRule",
    "The schedule {schedule} is refused",
    RECORDED + "test_events_schedule.py::TestScheduleCron::tests_put_rule_with_invalid_schedule_cron",
)
def test_invalid_schedule(aws: Account, schedule: str) -> None:
    with aws.refused("ValidationException", "Parameter ScheduleExpression is not valid."):
        rule(aws, EventPattern=None, ScheduleExpression=schedule)


@pytest.mark.parametrize(
    "schedule", ["rate(1 minute)", "rate(5 days)", "cron(0/15 * * * ? *)", "cron(0 2 ? * SAT#3 *)"]
)
@behaviour(
    "events",
    "PutRule",
    "The schedule {schedule} is taken",
    RECORDED + "test_events_schedule.py::TestScheduleCron::tests_put_rule_with_schedule_cron",
)
def test_schedule(aws: Account, schedule: str) -> None:
    name = rule(aws, EventPattern=None, ScheduleExpression=schedule)
    assert aws.client("events").describe_rule(Name=name)["ScheduleExpression"] == schedule


@behaviour(
    "events",
    "PutTargets",
    "A rule with a rate sends events to its target",
    RECORDED + "test_events_schedule.py::TestScheduleRate::tests_schedule_rate_target_sqs",
)
def test_schedule_runs(aws: Account) -> None:
    name = rule(aws, EventPattern=None, ScheduleExpression="rate(1 minute)")
    url, queue = queue_for(aws, name)
    target(aws, name, Arn=queue)
    event = json.loads(aws.receive(url, 90)["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == [f"arn:aws:events:{aws.region}:{aws.account}:rule/{name}"]


@behaviour(
    "events",
    ("CreateEventBus", "PutRule", "DeleteEventBus"),
    "Schedules are refused on buses that are not the default",
    RECORDED + "test_events_schedule.py::TestScheduleRate::tests_put_rule_with_schedule_custom_event_bus",
)
def test_schedule_on_a_bus(aws: Account) -> None:
    events, bus = aws.client("events"), aws.name("bus")
    events.create_event_bus(Name=bus)
    try:
        with aws.refused("ValidationException", "ScheduleExpression is supported only on the default event bus."):
            events.put_rule(Name="r", EventBusName=bus, ScheduleExpression="rate(1 minute)")
    finally:
        events.delete_event_bus(Name=bus)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('{"source": "a"}', '"source" must be an object or an array'),
        ('{"source": []}', "Empty arrays are not allowed"),
        ('["a"]', "Filter is not an object"),
        ('{"source": [{"starts": "a"}]}', "Unrecognized match type starts"),
        ('{"detail": {"n": [{"numeric": [">", "a"]}]}}', "Value of > must be numeric"),
        ('{"detail": {"n": [{"prefix": 1}]}}', "prefix match pattern must be a string"),
        ('{"detail": {"n": [{"cidr": "10.0.0.0"}]}}', "Malformed CIDR, one '/' required"),
    ],
    ids=lambda value: value.replace("/", ""),
)
@behaviour(
    "events",
    ("PutRule", "TestEventPattern"),
    "The pattern {pattern} is refused",
    RECORDED + "test_events_patterns.py::TestEventPattern::test_event_pattern",
)
def test_invalid_pattern(aws: Account, pattern: str, reason: str) -> None:
    words = "Event pattern is not valid. Reason: " + reason
    with aws.refused("InvalidEventPatternException", words):
        rule(aws, EventPattern=pattern)
    with aws.refused("InvalidEventPatternException", words):
        aws.client("events").test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))


EVENT = {
    "id": "1",
    "account": "123456789012",
    "source": "app.orders",
    "time": "2026-11-28T10:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:s3:::b"],
    "detail-type": "Order",
    "detail": {
        "n": 5,
        "name": "Anna",
        "ip": "10.0.0.7",
        "file": "a/b.png",
        "none": None,
        "list": ["x", "y"],
        "empty": [],
    },
}


@pytest.mark.parametrize(
    ("matcher", "yes", "no"),
    [
        ("exact", {"n": [5, 6]}, {"n": [6]}),
        ("text", {"name": ["Anna"]}, {"name": ["anna"]}),
        ("null", {"none": [None]}, {"name": [None]}),
        ("prefix", {"name": [{"prefix": "An"}]}, {"name": [{"prefix": "n"}]}),
        ("suffix", {"file": [{"suffix": ".png"}]}, {"file": [{"suffix": ".jpg"}]}),
        ("equals-ignore-case", {"name": [{"equals-ignore-case": "aNNA"}]}, {"name": [{"equals-ignore-case": "ann"}]}),
        ("wildcard", {"file": [{"wildcard": "a/*.png"}]}, {"file": [{"wildcard": "b/*"}]}),
        ("anything-but", {"n": [{"anything-but": [1, 2]}]}, {"n": [{"anything-but": 5}]}),
        (
            "anything-but prefix",
            {"name": [{"anything-but": {"prefix": "B"}}]},
            {"name": [{"anything-but": {"prefix": "A"}}]},
        ),
        ("numeric", {"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": [{"numeric": [">", 5]}]}),
        ("cidr", {"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": [{"cidr": "10.1.0.0/16"}]}),
        ("exists", {"n": [{"exists": True}]}, {"n": [{"exists": False}]}),
        ("not exists", {"other": [{"exists": False}]}, {"other": [{"exists": True}]}),
        ("one of a list", {"list": ["y"]}, {"list": ["z"]}),
        ("or", {"$or": [{"n": [1]}, {"name": ["Anna"]}]}, {"$or": [{"n": [1]}, {"name": ["Otto"]}]}),
        ("and", {"n": [5], "name": ["Anna"]}, {"n": [5], "name": ["Otto"]}),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
@behaviour("events", "TestEventPattern", "{matcher} matches what it should", GUIDE + "eb-create-pattern-operators.html")
def test_match(aws: Account, matcher: str, yes: Any, no: Any) -> None:
    for detail, expected in ((yes, True), (no, False)):
        pattern = json.dumps({"source": ["app.orders"], "detail": detail})
        answer = aws.client("events").test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))
        assert answer["Result"] is expected


@pytest.mark.parametrize("event", ["not json", '["a"]', "{}"])
@behaviour(
    "events",
    "TestEventPattern",
    "The event {event!r} is refused",
    RECORDED + "test_events_patterns.py::TestEventPattern::test_plain_string_payload",
)
def test_invalid_event(aws: Account, event: str) -> None:
    with aws.refused("ValidationException", "Parameter Event is not valid."):
        aws.client("events").test_event_pattern(EventPattern=PATTERN, Event=event)


@pytest.mark.parametrize("operation", ["describe_rule", "enable_rule", "disable_rule"])
@behaviour(
    "events",
    (),
    "{operation} of a rule that does not exist is refused",
    RECORDED + "test_events.py::TestEventRule::test_describe_nonexistent_rule",
)
def test_unknown_rule(aws: Account, operation: str) -> None:
    with aws.refused("ResourceNotFoundException", "Rule none does not exist on EventBus default."):
        getattr(aws.client("events"), operation)(Name="none")


@behaviour(
    "events",
    ("PutTargets", "ListTargetsByRule", "RemoveTargets"),
    "Targets of a rule that does not exist are refused",
    API + "API_PutTargets.html",
)
def test_targets_of_an_unknown_rule(aws: Account) -> None:
    events, words = aws.client("events"), "Rule none does not exist on EventBus default."
    with aws.refused("ResourceNotFoundException", words):
        events.put_targets(Rule="none", Targets=[{"Id": "a", "Arn": f"arn:aws:sqs:{aws.region}:{aws.account}:q"}])
    with aws.refused("ResourceNotFoundException", words):
        events.list_targets_by_rule(Rule="none")
    with aws.refused("ResourceNotFoundException", words):
        events.remove_targets(Rule="none", Ids=["a"])


@pytest.mark.parametrize("operation", ["put_rule", "list_rules"])
@behaviour("events", (), "{operation} on a bus that does not exist is refused", API + "API_PutRule.html")
def test_unknown_bus(aws: Account, operation: str) -> None:
    given = {"Name": "r", "EventPattern": PATTERN} if operation == "put_rule" else {}
    with aws.refused("ResourceNotFoundException", "Event bus none does not exist."):
        getattr(aws.client("events"), operation)(EventBusName="none", **given)


@behaviour(
    "events",
    "DeleteRule",
    "A rule with targets is not deleted",
    RECORDED + "test_events.py::TestEventRule::test_delete_rule_with_targets",
)
def test_delete_with_targets(aws: Account) -> None:
    name = rule(aws)
    target(aws, name)
    with aws.refused("ValidationException", "Rule can't be deleted since it has targets."):
        aws.client("events").delete_rule(Name=name)


@behaviour(
    "events",
    ("PutTargets", "ListTargetsByRule", "RemoveTargets"),
    "A target is replaced by its id, and removed",
    API + "API_PutTargets.html",
)
def test_targets(aws: Account) -> None:
    events, name = aws.client("events"), rule(aws)
    target(aws, name)
    target(aws, name, Input='"x"')
    (found,) = events.list_targets_by_rule(Rule=name)["Targets"]
    assert found["Input"] == '"x"'
    events.remove_targets(Rule=name, Ids=["one"])
    assert events.list_targets_by_rule(Rule=name)["Targets"] == []


@behaviour(
    "events",
    "PutTargets",
    "A sixth target is refused",
    RECORDED + "test_events.py::TestEventTarget::test_add_exceed_fife_targets_per_rule",
)
def test_six_targets(aws: Account) -> None:
    name = rule(aws)
    for number in range(5):
        target(aws, name, Id=str(number))
    with aws.refused("LimitExceededException", "The requested resource exceeds the maximum number allowed."):
        target(aws, name, Id="5")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"Arn": "arn:aws:codepipeline:us-east-1:000000000000:p"},
            "RoleArn is required for target arn:aws:codepipeline",
        ),
        (
            {"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:s"},
            "RoleArn is required for target arn:aws:states",
        ),
        ({"Arn": "no-arn"}, "Parameter no-arn is not valid. Reason: Provided Arn is not in correct format."),
        (
            {"Id": "!@#"},
            "at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        ({"Input": "{not"}, "JSON syntax error in input for target one"),
        (
            {"Input": '"a"', "InputPath": "$.detail"},
            "Only one of Input, InputPath, or InputTransformer must be provided",
        ),
        (
            {"InputTransformer": {"InputTemplate": '"<key>"'}},
            "InputTemplate for target one contains invalid placeholder key.",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@behaviour("events", "PutTargets", "The target {settings} is refused", API + "API_PutTargets.html")
def test_invalid_target(aws: Account, settings: dict[str, Any], words: str) -> None:
    name = rule(aws)
    with aws.refused("ValidationException", words):
        target(aws, name, **settings)


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        ("log groups", {"Arn": "arn:aws:logs:us-east-1:000000000000:log-group:/g"}),
        ("builds", {"Arn": "arn:aws:codebuild:us-east-1:000000000000:project/p", "RoleArn": "arn:aws:iam::1:role/r"}),
        ("dead letters", {"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q"}}),
    ],
    ids=["logs", "builds", "dead-letters"],
)
@behaviour("events", "PutTargets", "Targets with {what} are not offered", API + "API_PutTargets.html", "refused")
def test_not_offered(aws: Account, what: str, settings: dict[str, Any]) -> None:
    with aws.refused("ValidationException", "The local cloud"):
        target(aws, rule(aws), **settings)
