"""Amazon SNS: filter policies, which are taken and what they let pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.notifications import attribute, bodies, subscribed, topic

RECORDED = "localstack:tests/aws/services/sns/test_sns_filter_policy.py::{}".format

POLICIES: dict[str, tuple[object, str]] = {
    "a value that is not in a list": ({"a": "b"}, '"a" must be an object or an array'),
    "an empty list": ({"a": []}, "Empty arrays are not allowed"),
    "a list in a list": ({"a": [["b"]]}, "Match value must be String, number, true, false, or null"),
    "an operator that does not exist": ({"a": [{"foo": 1}]}, "Unrecognized match type foo"),
    "two operators in one rule": ({"a": [{"prefix": "b", "suffix": "c"}]}, "Only one key allowed in match expression"),
    "a suffix that is a number": ({"a": [{"suffix": 1}]}, "suffix match pattern must be a string"),
    "exists no": ({"a": [{"exists": "no"}]}, "exists match pattern must be either true or false."),
    "anything-but suffix": ({"a": [{"anything-but": {"suffix": "b"}}]}, "Unsupported anything-but pattern: suffix"),
    "an empty numeric": ({"a": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
    "a numeric operator ==": ({"a": [{"numeric": ["==", 1]}]}, "Unrecognized numeric range operator: =="),
    "a numeric text": ({"a": [{"numeric": ["=", "1"]}]}, "Value of equals must be numeric"),
    "a numeric without value": ({"a": [{"numeric": [">="]}]}, "Value of >= must be numeric"),
    "a range from its top": ({"a": [{"numeric": ["<", 9, ">", 1]}]}, "Too many elements in numeric expression"),
    "a range upside down": ({"a": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top"),
    "a range of three": ({"a": [{"numeric": [">", 1, "<", 3, "<", 5]}]}, "Too many terms in numeric range expression"),
    "a cidr without bits": ({"a": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
    "a cidr of letters": ({"a": [{"cidr": "xx.11.xx/8"}]}, "Nonstandard IP address: xx.11.xx"),
    "six keys": ({key: ["a"] for key in "abcdef"}, "Filter policy can not have more than 5 keys"),
    "151 values": ({"a": [str(i) for i in range(151)]}, "Filter policy is too complex"),
    "15 times 11 values": ({"a": list("abcdefghijklmno"), "b": list("abcdefghijk")}, "Filter policy is too complex"),
}


@pytest.mark.parametrize("case", POLICIES)
@behaviour(
    "sns",
    "Subscribe",
    "A filter policy with {case} is refused",
    RECORDED("TestSNSFilterPolicyConditions"),
)
def test_refused(aws: Account, case: str) -> None:
    policy, reason = POLICIES[case]
    with aws.refused("InvalidParameter", f"Invalid parameter: Attributes Reason: FilterPolicy: {reason}"):
        aws.client("sns").subscribe(
            TopicArn=topic(aws),
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{aws.region}:{aws.account}:nobody",
            Attributes={"FilterPolicy": json.dumps(policy)},
        )


@behaviour(
    "sns",
    "Subscribe",
    "A filter policy on attributes cannot be nested",
    RECORDED("TestSNSFilterPolicyCrud::test_sub_filter_policy_nested_property"),
)
def test_nested(aws: Account) -> None:
    with aws.refused("InvalidParameter", "MessageAttributes does not support nested filter policy"):
        aws.client("sns").subscribe(
            TopicArn=topic(aws),
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{aws.region}:{aws.account}:nobody",
            Attributes={"FilterPolicy": '{"a": {"b": ["c"]}}'},
        )


@behaviour(
    "sns",
    "Subscribe",
    "The combinations of a nested policy count its depth: 3 x 4 x 2 x 3 x 1 x 3 are too many",
    "sns/latest/dg/subscription-filter-policy-constraints.html",
)
def test_nested_combinations(aws: Account) -> None:
    policy = {"a": {"b": {"c": list("1234")}}, "d": {"e": list("123")}, "f": list("123")}
    with aws.refused("InvalidParameter", "Filter policy is too complex"):
        aws.client("sns").subscribe(
            TopicArn=topic(aws),
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{aws.region}:{aws.account}:nobody",
            Attributes={"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody"},
        )


red, blue = {"colour": attribute("red")}, {"colour": attribute("blue")}
both = {"colour": attribute('["red", "blue"]', "String.Array")}
size_5, size_11 = {"size": attribute("5", "Number")}, {"size": attribute("11.0", "Number")}
other = {"shape": attribute("round")}
BY_ATTRIBUTES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {
    "a text": ({"colour": ["red"]}, [red, both], [blue, other, {}]),
    "another case of letters": ({"colour": [{"equals-ignore-case": "RED"}]}, [red], [blue]),
    "prefix": ({"colour": [{"prefix": "re"}]}, [red, both], [blue]),
    "suffix": ({"colour": [{"suffix": "ue"}]}, [blue, both], [red]),
    "anything-but": ({"colour": [{"anything-but": ["red"]}]}, [blue, both], [red, other]),
    "anything-but prefix": ({"colour": [{"anything-but": {"prefix": "r"}}]}, [blue], [red]),
    "exists true": ({"colour": [{"exists": True}]}, [red], [other, {}]),
    "exists false": ({"colour": [{"exists": False}]}, [other], [red, {}]),
    "a number": ({"size": [11]}, [size_11], [size_5, {"size": attribute("11")}]),
    "numeric": ({"size": [{"numeric": [">", 1, "<=", 5]}]}, [size_5], [size_11, {"size": attribute("5")}]),
    "cidr": (
        {"address": [{"cidr": "10.0.0.0/24"}]},
        [{"address": attribute("10.0.0.255")}],
        [{"address": attribute("10.0.1.0")}, {"address": attribute("10.0.0.256")}],
    ),
    "two keys, which are both to match": (
        {"colour": ["red"], "size": [5]},
        [{**red, **size_5}],
        [red, size_5, {**red, **size_11}],
    ),
    "$or": ({"$or": [{"colour": ["red"]}, {"size": [5]}]}, [red, size_5], [blue, size_11]),
    "a text, for a binary attribute": ({"colour": ["red"]}, [], [{"colour": attribute(b"red", "Binary")}]),
}


@pytest.mark.parametrize("case", BY_ATTRIBUTES)
@behaviour(
    "sns",
    ("Publish", "Subscribe"),
    "A filter policy on attributes: {case}",
    "sns/latest/dg/string-value-matching.html",
)
def test_by_attributes(aws: Account, case: str) -> None:
    policy, passing, kept = BY_ATTRIBUTES[case]
    arn = topic(aws)
    url, _ = subscribed(aws, arn, FilterPolicy=json.dumps(policy), RawMessageDelivery="true")
    for index, attributes in enumerate([*passing, *kept]):
        aws.client("sns").publish(TopicArn=arn, Message=str(index), MessageAttributes=attributes)
    assert sorted(bodies(aws, url)) == [str(index) for index in range(len(passing))]


def s3_event(*records: tuple[str, str]) -> dict[str, Any]:
    return {"Records": [{"eventName": name, "s3": {"object": {"key": key}}} for name, key in records]}


AUTO = {"Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}}
BY_BODY: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "of an S3 event, whose records are a list": (
        AUTO,
        [s3_event(("ObjectCreated:Put", "auto-1")), s3_event(("ObjectRemoved:", "x"), ("ObjectCreated:Put", "auto-1"))],
        [s3_event(("ObjectRemoved:Delete", "auto-1")), s3_event(("ObjectCreated:Put", "home-1"))],
    ),
    "that matches no single element of a list": (
        AUTO,
        [],
        [s3_event(("ObjectCreated:Put", "home-1"), ("ObjectRemoved:Delete", "auto-1"))],
    ),
    "with an element of a list of texts": (
        {"headers": {"to": ["one"]}},
        [{"headers": {"to": ["one", "two"]}}, {"headers": {"to": "one"}}],
        [{"headers": {"to": ["two"]}}, {"to": "one"}],
    ),
    "with a dot in a key": (
        {"object.nested": ["x"]},
        [{"object": {"nested": "x"}}, {"object.nested": "x"}],
        [{"object": {"nested": "y"}}],
    ),
    "with numbers, null and false": (
        {"a": [1.5, None, False]},
        [{"a": 1.5}, {"a": None}, {"a": False}],
        [{"a": "1.5"}, {"a": 0}, {"b": 1.5}],
    ),
    "with $or inside of an object": (
        {"detail": {"scope": ["s"], "$or": [{"source": ["a"]}, {"type": ["b"]}]}},
        [{"detail": {"scope": "s", "source": "a"}}, {"detail": {"scope": "s", "type": "b"}}],
        [{"detail": {"scope": "s"}}, {"detail": {"source": "a"}}, {"detail": {"scope": "s", "type": "a"}}],
    ),
    "with exists": (
        {"a": [{"exists": True}], "b": [{"exists": False}]},
        [{"a": "x"}],
        [{"a": "x", "b": 1}, {"a": ""}, {"c": 1}],
    ),
    "that is not a JSON object": ({"a": ["x"]}, [], ["x", ["x"], 1]),
}


@pytest.mark.parametrize("case", BY_BODY)
@behaviour(
    "sns",
    ("Publish", "Subscribe"),
    "A filter policy on a message body {case}",
    RECORDED("TestSNSFilterPolicyBody"),
)
def test_by_body(aws: Account, case: str) -> None:
    policy, passing, kept = BY_BODY[case]
    arn = topic(aws)
    settings = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"}
    url, _ = subscribed(aws, arn, fifo=False, **settings)
    for message in [*passing, *kept]:
        aws.client("sns").publish(TopicArn=arn, Message=json.dumps(message))
    assert sorted(bodies(aws, url)) == sorted(json.dumps(each) for each in passing)


@behaviour(
    "sns",
    ("PublishBatch", "Subscribe"),
    "Each message of a batch is filtered on its own",
    RECORDED("TestSNSFilterPolicyBody::test_filter_policy_for_batch"),
)
def test_batch(aws: Account) -> None:
    arn = topic(aws)
    url, _ = subscribed(aws, arn, FilterPolicy=json.dumps({"colour": ["red"]}), RawMessageDelivery="true")
    entries = [
        {"Id": "1", "Message": "one", "MessageAttributes": red},
        {"Id": "2", "Message": "two", "MessageAttributes": blue},
    ]
    aws.client("sns").publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert bodies(aws, url) == ["one"]
