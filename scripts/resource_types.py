"""Write ``localcloud/ministack/cloudformation/resource_types.json`` from the resource schemas that cfn-lint carries.

The schemas are CloudFormation's own, as AWS publishes them. Only the types that the local cloud offers are kept, and
of each what decides whether properties are valid. ``python scripts/resource_types.py`` after an update of cfn-lint; a
test fails when the file is not what this writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint

TARGET = Path(__file__).parents[1] / "localcloud/ministack/cloudformation/resource_types.json"
TYPES = [
    "AWS::Budgets::Budget",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::ECR::Repository",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::ResourcePolicy",
    "AWS::Logs::SubscriptionFilter",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",
]
_SECTIONS = (
    "conditionalCreateOnlyProperties",
    "createOnlyProperties",
    "definitions",
    "properties",
    "primaryIdentifier",
    "readOnlyProperties",
    "required",
)
_KEYWORDS = frozenset(
    [
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "enum",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "type",
        "uniqueItems",
    ]
)
_NAMED = ("definitions", "patternProperties", "properties")


def main() -> None:
    """Write the file."""
    TARGET.write_text(content())


def content() -> str:
    """The file's content: JSON with one type in each line."""
    lines = ",\n".join(
        f"{json.dumps(name)}:{json.dumps(_reduced(_schema(name)), separators=(',', ':'), sort_keys=True)}"
        for name in sorted(TYPES)
    )
    return f"{{\n{lines}\n}}\n"


def _schema(name: str) -> dict[str, Any]:
    schemas = Path(cfnlint.__file__).parent / "data/schemas"
    file = json.loads((schemas / "providers/us-east-1.json").read_text())[name]
    document: dict[str, Any] = json.loads((schemas / f"resources/{file}.json").read_text())
    return {section: document[section] for section in _SECTIONS if section in document}


def _reduced(node: Any, named: bool = False) -> Any:
    """``node`` without what only describes; ``named`` when its keys are names and no keywords."""
    if isinstance(node, list):
        return [_reduced(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = node if named else {key: each for key, each in node.items() if key in (*_KEYWORDS, *_SECTIONS)}
    return {key: _reduced(each, not named and key in _NAMED) for key, each in kept.items()}


if __name__ == "__main__":
    main()
