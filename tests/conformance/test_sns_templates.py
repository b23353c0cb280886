"""Amazon SNS and SQS: topics, subscriptions and queues of templates behave as those of the API."""

from __future__ import annotations

import json

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.notifications import bodies

SNS = "AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html"
QUEUE_POLICY = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [{"Ref": "Queue"}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                }
            ],
        },
    },
}


@behaviour(
    "sns",
    ("GetTopicAttributes", "Publish", "ListSubscriptionsByTopic"),
    "A FIFO topic of a template is one, delivers to its subscriptions, and has the policy and display name of others",
    SNS,
)
def test_topic(aws: Account) -> None:
    stack = aws.stack(
        {
            "Resources": {
                "Topic": {
                    "Type": "AWS::SNS::Topic",
                    "Properties": {
                        "TopicName": f"{aws.name()}.fifo",
                        "FifoTopic": True,
                        "ContentBasedDeduplication": True,
                    },
                },
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Policy": QUEUE_POLICY,
                "Subscription": {
                    "Type": "AWS::SNS::Subscription",
                    "DependsOn": "Policy",
                    "Properties": {
                        "TopicArn": {"Ref": "Topic"},
                        "Protocol": "sqs",
                        "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
                        "RawMessageDelivery": True,
                        "FilterPolicyScope": "MessageBody",
                        "FilterPolicy": {"colour": ["red"]},
                    },
                },
            },
            "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}, "Queue": {"Value": {"Ref": "Queue"}}},
        }
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    values = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    sns, arn = aws.client("sns"), values["Topic"]
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (attributes["FifoTopic"], attributes["ContentBasedDeduplication"]) == ("true", "true")
    assert attributes["DisplayName"] == ""
    assert "Condition" in json.loads(attributes["Policy"])["Statement"][0]
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
    for colour in ("red", "blue"):
        sns.publish(TopicArn=arn, Message=json.dumps({"colour": colour}), MessageGroupId="g")
    assert bodies(aws, values["Queue"]) == ['{"colour": "red"}']


@behaviour(
    "sns",
    "ListSubscriptionsByTopic",
    "An e-mail address of a template waits for confirmation, as any other",
    "AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html",
)
def test_email(aws: Account) -> None:
    subscription = {"Protocol": "email", "Endpoint": "nobody@example.com"}
    stack = aws.stack(
        {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Subscription": [subscription]}}},
            "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}},
        }
    )
    listed = aws.client("sns").list_subscriptions_by_topic(TopicArn=stack["Outputs"][0]["OutputValue"])
    assert [each["SubscriptionArn"] for each in listed["Subscriptions"]] == ["PendingConfirmation"]
