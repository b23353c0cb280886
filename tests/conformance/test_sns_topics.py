"""Amazon SNS: topics, their attributes, permissions and tags."""

from __future__ import annotations

import json

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.notifications import topic

API = "sns/latest/api/API_{}.html".format
RECORDED = "localstack:tests/aws/services/sns/test_sns.py::{}".format


@behaviour("sns", ("CreateTopic", "DeleteTopic"), "CreateTopic is idempotent; DeleteTopic, too", API("CreateTopic"))
def test_create_again(aws: Account) -> None:
    sns = aws.client("sns")
    arn = topic(aws)
    assert sns.create_topic(Name=arn.rpartition(":")[2])["TopicArn"] == arn
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)


@pytest.mark.parametrize("name", ["", "a" * 257, "a b", "a.fifo", "a/b", "ü"])
@behaviour("sns", "CreateTopic", "The topic name {name!r:.20} is refused", API("CreateTopic"))
def test_names(aws: Account, name: str) -> None:
    with aws.refused("InvalidParameter", "Invalid parameter: Topic Name", status=400):
        aws.client("sns").create_topic(Name=name)


@behaviour("sns", "CreateTopic", "A FIFO topic's name ends in .fifo", API("CreateTopic"))
def test_fifo_name(aws: Account) -> None:
    with aws.refused("InvalidParameter", "Topic Name"):
        aws.client("sns").create_topic(Name=aws.name(), Attributes={"FifoTopic": "true"})


@behaviour(
    "sns",
    "CreateTopic",
    "Creating a topic that exists with other attributes is refused",
    RECORDED("TestSNSTopicCrudV2::test_create_topic_different_attrs"),
)
def test_other_attributes(aws: Account) -> None:
    arn = topic(aws, DisplayName="one")
    message = "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    with aws.refused("InvalidParameter", message):
        aws.client("sns").create_topic(Name=arn.rpartition(":")[2], Attributes={"DisplayName": "two"})


@behaviour(
    "sns",
    "CreateTopic",
    "Creating a topic that exists with other tags is refused",
    RECORDED("TestSNSTopicCrud::test_create_duplicate_topic_with_more_tags"),
)
def test_other_tags(aws: Account) -> None:
    arn = topic(aws)
    with aws.refused("InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags"):
        aws.client("sns").create_topic(Name=arn.rpartition(":")[2], Tags=[{"Key": "a", "Value": "b"}])


@behaviour(
    "sns",
    "GetTopicAttributes",
    "A new topic has a policy for its account, no display name, and counts its subscriptions",
    RECORDED("TestSNSTopicCrud::test_create_topic_test_arn"),
)
def test_attributes(aws: Account) -> None:
    arn = topic(aws)
    found = aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert set(found) == {
        *("DisplayName", "EffectiveDeliveryPolicy", "Owner", "Policy", "TopicArn"),
        *("SubscriptionsConfirmed", "SubscriptionsDeleted", "SubscriptionsPending"),
    }
    statement = json.loads(found["Policy"])["Statement"][0]
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": aws.account}}
    assert "SNS:Publish" in statement["Action"]


@behaviour("sns", "GetTopicAttributes", "A topic that does not exist is NotFound", API("GetTopicAttributes"))
def test_unknown(aws: Account) -> None:
    with aws.refused("NotFound", "Topic does not exist", status=404):
        aws.client("sns").get_topic_attributes(TopicArn=f"arn:aws:sns:{aws.region}:{aws.account}:{aws.name()}")


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("topic", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:topic", "TopicArn Reason: An ARN must have at least 6 elements, not 5"),
        ("arn:aws:sns:eu-central-1:000000000000:topic", "Invalid parameter: TopicArn"),
    ],
)
@behaviour(
    "sns",
    "GetTopicAttributes",
    "The topic ARN {arn!r} is refused",
    RECORDED("TestSNSMultiRegions::test_cross_region_access"),
)
def test_arns(aws: Account, arn: str, message: str) -> None:
    with aws.refused("InvalidParameter", message):
        aws.client("sns").get_topic_attributes(TopicArn=arn)


@behaviour("sns", "SetTopicAttributes", "SetTopicAttributes changes an attribute", API("SetTopicAttributes"))
def test_set_attribute(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Pictures")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Pictures"


@pytest.mark.parametrize("name", ["FifoTopic", "Owner", "Colour", "ContentBasedDeduplication"])
@behaviour(
    "sns",
    "SetTopicAttributes",
    "The attribute {name} of a standard topic cannot be set",
    RECORDED("TestSNSTopicCrudV2::test_topic_get_attributes_with_fifo_false"),
)
def test_set_unknown_attribute(aws: Account, name: str) -> None:
    with aws.refused("InvalidParameter", "Invalid parameter: AttributeName"):
        aws.client("sns").set_topic_attributes(TopicArn=topic(aws), AttributeName=name, AttributeValue="true")


@behaviour("sns", "SetTopicAttributes", "A topic's policy must be JSON", API("SetTopicAttributes"))
def test_policy(aws: Account) -> None:
    with aws.refused("InvalidParameter", "Policy"):
        aws.client("sns").set_topic_attributes(TopicArn=topic(aws), AttributeName="Policy", AttributeValue="{nope")


@pytest.mark.parametrize("name", ["KmsMasterKeyId", "DeliveryPolicy", "LambdaSuccessFeedbackRoleArn", "ArchivePolicy"])
@behaviour(
    "sns", "CreateTopic", "The topic attribute {name} is not offered", API("SetTopicAttributes"), verdict="refused"
)
def test_attributes_not_offered(aws: Account, name: str) -> None:
    with aws.refused("InvalidParameter", "The local cloud does not offer"):
        aws.client("sns").create_topic(Name=aws.name(), Attributes={name: "x"})


@behaviour("sns", "ListTopics", "ListTopics answers 100 topics a page, and a token for more", API("ListTopics"))
def test_list(aws: Account) -> None:
    sns = aws.client("sns")
    arns = {topic(aws) for _ in range(101)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    assert first["NextToken"]
    listed = [each["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for each in page["Topics"]]
    assert arns <= set(listed)
    assert len(listed) == len(set(listed))
    with aws.refused("InvalidParameter", "NextToken"):
        sns.list_topics(NextToken="nonsense")


@behaviour(
    "sns",
    ("AddPermission", "RemovePermission"),
    "AddPermission adds a statement to the topic's policy, RemovePermission removes it",
    RECORDED("TestSNSTopicCrudV2::test_topic_add_permission"),
)
def test_permissions(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)

    def statements() -> dict[str, object]:
        policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
        return {each["Sid"]: each for each in policy["Statement"]}

    sns.add_permission(TopicArn=arn, Label="one", AWSAccountId=[aws.account], ActionName=["Publish"])
    assert statements()["one"] == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{aws.account}:root"},
        "Action": "SNS:Publish",
        "Resource": arn,
    }
    sns.remove_permission(TopicArn=arn, Label="one")
    assert set(statements()) == {"__default_statement_ID"}


@behaviour(
    "sns",
    "AddPermission",
    "A label that exists and an action that does not are refused",
    RECORDED("TestSNSTopicCrudV2::test_add_permission_errors"),
)
def test_permission_errors(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    sns.add_permission(TopicArn=arn, Label="one", AWSAccountId=[aws.account], ActionName=["Publish"])
    with aws.refused("InvalidParameter", "Invalid parameter: Statement already exists"):
        sns.add_permission(TopicArn=arn, Label="one", AWSAccountId=[aws.account], ActionName=["Publish"])
    with aws.refused("InvalidParameter", "Policy statement action out of service scope!"):
        sns.add_permission(TopicArn=arn, Label="two", AWSAccountId=[aws.account], ActionName=["Fly"])


@behaviour(
    "sns",
    ("TagResource", "UntagResource", "ListTagsForResource"),
    "Tags are added, replaced, listed and removed",
    RECORDED("TestSNSTopicCrud::test_tags"),
)
def test_tags(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "3"}]


@behaviour("sns", "TagResource", "The same key twice is refused", RECORDED("TestSNSTopicCrud::test_tags"))
def test_duplicate_tags(aws: Account) -> None:
    with aws.refused("InvalidParameter", "Invalid parameter: Duplicated keys are not allowed."):
        aws.client("sns").tag_resource(ResourceArn=topic(aws), Tags=[{"Key": "a", "Value": each} for each in "12"])


@behaviour("sns", "TagResource", "Tags of a topic that does not exist are ResourceNotFound", API("TagResource"))
def test_tags_of_nothing(aws: Account) -> None:
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:{aws.name()}"
    with aws.refused("ResourceNotFound", "Resource does not exist", status=404):
        aws.client("sns").tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])


@behaviour("sns", "TagResource", "A topic has 50 tags at most", API("TagResource"))
def test_too_many_tags(aws: Account) -> None:
    sns, arn = aws.client("sns"), topic(aws)
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    with aws.refused("TagLimitExceeded", "tag quota"):
        sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "one more", "Value": ""}])
