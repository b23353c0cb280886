"""Amazon EventBridge: which rules have a target."""

from __future__ import annotations

import json

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account


@behaviour(
    "events",
    "ListRuleNamesByTarget",
    "The rules that have a target are found by its ARN, and none for a target that no rule has",
    "eventbridge/latest/APIReference/API_ListRuleNamesByTarget.html",
)
def test_rules_of_a_target(aws: Account) -> None:
    events, (_, arn), (_, other) = aws.client("events"), aws.queue(), aws.queue()
    names = sorted(aws.name("rule") for _ in range(2))
    for name in names:
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        aws.later(events.delete_rule, Name=name)
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        aws.later(events.remove_targets, Rule=name, Ids=["queue"])
    assert sorted(events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]) == names
    assert events.list_rule_names_by_target(TargetArn=other)["RuleNames"] == []
