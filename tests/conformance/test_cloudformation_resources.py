"""AWS CloudFormation: what fails a resource, and what then happens to the stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

GUIDE = "AWSCloudFormation/latest/UserGuide"
REFERENCE = "AWSCloudFormation/latest/TemplateReference"


def fails(aws: Account, resources: dict[str, Any], *parts: str, **settings: Any) -> str:
    """A stack of ``resources`` rolls back; the reason of the first failure has all ``parts``."""
    stack = aws.stack({"Resources": resources}, **settings)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE", stack
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    reason = str(next(e["ResourceStatusReason"] for e in reversed(events) if e["ResourceStatus"] == "CREATE_FAILED"))
    for part in parts:
        assert part in reason, reason
    return reason


def one(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"R": {"Type": type_name, "Properties": properties}}


@pytest.mark.parametrize(
    ("what", "type_name", "properties", "says"),
    [
        ("an unknown property", "AWS::SQS::Queue", {"Nope": 1}, "#: extraneous key [Nope] is not permitted"),
        (
            "an unknown property within another",
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled", "Nope": 1}},
            "#/VersioningConfiguration: extraneous key [Nope] is not permitted",
        ),
        ("a missing property", "AWS::SSM::Parameter", {"Type": "String"}, "#: required key [Value] not found"),
        (
            "a text for a number",
            "AWS::SQS::Queue",
            {"DelaySeconds": "soon"},
            "#/DelaySeconds: expected type: Integer, found: String",
        ),
        (
            "an object for a list",
            "AWS::SNS::Topic",
            {"Tags": {"a": "b"}},
            "#/Tags: expected type: JSONArray, found: JSONObject",
        ),
        ("a number that is too large", "AWS::SQS::Queue", {"DelaySeconds": 901}, "901 is not less or equal to 900"),
        (
            "an unknown value of an enumeration",
            "AWS::SSM::Parameter",
            {"Type": "Text", "Value": "x"},
            "#/Type: Text is not a valid enum value",
        ),
        ("retention of 8 days", "AWS::Logs::LogGroup", {"RetentionInDays": 8}, "8 is not a valid enum value"),
        ("an attribute that only AWS sets", "AWS::SQS::Queue", {"Arn": "x"}, "extraneous key [Arn] is not permitted"),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A resource with {what} fails and the stack rolls back",
    "cloudformation-cli/latest/userguide/resource-type-schema.html",
)
def test_properties(aws: Account, what: str, type_name: str, properties: dict[str, Any], says: str) -> None:
    reason = fails(aws, one(type_name, **properties), "Properties validation failed for resource R with message:")
    assert says in reason


@behaviour(
    "cloudformation",
    "CreateStack",
    "CloudFormation reads a number in a text, a truth value in a text, and a number for a text",
    "cloudformation-cli/latest/userguide/resource-type-schema.html",
)
def test_coercion(aws: Account) -> None:
    resources = {
        **one("AWS::SQS::Queue", DelaySeconds="5", SqsManagedSseEnabled="false"),
        "P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": 7}},
    }
    assert aws.stack({"Resources": resources})["StackStatus"] == "CREATE_COMPLETE"


def function(role: str, **properties: Any) -> dict[str, Any]:
    settings = {"Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": "x = 1"}, "Role": role}
    return one("AWS::Lambda::Function", **{**settings, **properties})


@pytest.mark.parametrize(
    ("what", "properties", "says"),
    [
        ("a time limit of 9999 s", {"Timeout": 9999}, "9999"),
        ("1 MB of memory", {"MemorySize": 1}, "1 is not greater or equal to 128"),
        ("an unknown runtime", {"Runtime": "python3.99"}, "python3.99"),
        ("code that is not in S3", {"Code": {"S3Bucket": "no-such-bucket-here", "S3Key": "k"}}, "NoSuchBucket"),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A function with {what} fails its stack",
    "lambda/latest/api/API_CreateFunction.html",
)
def test_function(aws: Account, what: str, properties: dict[str, Any], says: str) -> None:
    fails(aws, function(aws.role(), **properties), says)


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A function whose role is not there fails its stack",
    "lambda/latest/api/API_CreateFunction.html",
)
def test_function_role(aws: Account) -> None:
    role = f"arn:aws:iam::{aws.account}:role/{aws.name()}"
    fails(aws, function(role), "The role defined for the function cannot be assumed by Lambda.", "(Service: Lambda")


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "An alarm whose period is 7 seconds fails its stack",
    "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
)
def test_alarm(aws: Account) -> None:
    properties = {
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Period": 7,
    }
    fails(aws, one("AWS::CloudWatch::Alarm", **properties), "Period")


NOT_THERE = [
    (
        "A subscription to a missing topic",
        "AWS::SNS::Subscription",
        {"TopicArn": "{arn:sns}no-topic", "Protocol": "sqs", "Endpoint": "{arn:sqs}q"},
        "Topic does not exist",
    ),
    (
        "A topic policy of a missing topic",
        "AWS::SNS::TopicPolicy",
        {"Topics": ["{arn:sns}no-topic"], "PolicyDocument": {"Statement": []}},
        "Topic does not exist",
    ),
    (
        "A queue policy of a missing queue",
        "AWS::SQS::QueuePolicy",
        {"Queues": ["https://sqs.us-east-1.amazonaws.com/0/no-queue"], "PolicyDocument": {"Statement": []}},
        "The specified queue does not exist.",
    ),
    (
        "A bucket policy of a missing bucket",
        "AWS::S3::BucketPolicy",
        {
            "Bucket": "no-such-bucket-anywhere",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:DeleteBucket",
                        "Resource": "arn:aws:s3:::no-such-bucket-anywhere",
                    }
                ],
            },
        },
        "The specified bucket does not exist",
    ),
    (
        "A permission for a missing function",
        "AWS::Lambda::Permission",
        {"FunctionName": "no-function", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"},
        "Function not found",
    ),
    (
        "Settings of a missing function",
        "AWS::Lambda::EventInvokeConfig",
        {"FunctionName": "no-function", "Qualifier": "$LATEST", "MaximumRetryAttempts": 0},
        "Function not found",
    ),
    (
        "A metric filter of a missing log group",
        "AWS::Logs::MetricFilter",
        {
            "LogGroupName": "/no/group",
            "FilterPattern": "x",
            "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
        },
        "The specified log group does not exist.",
    ),
    (
        "A queue whose dead letters go to a missing queue",
        "AWS::SQS::Queue",
        {"RedrivePolicy": {"deadLetterTargetArn": "{arn:sqs}no-queue", "maxReceiveCount": 1}},
        "Dead letter target does not exist.",
    ),
]


@pytest.mark.parametrize(("what", "type_name", "properties", "says"), NOT_THERE)
@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "{what} fails its stack",
    f"{GUIDE}/troubleshooting.html",
)
def test_missing_target(aws: Account, what: str, type_name: str, properties: dict[str, Any], says: str) -> None:
    text = json.dumps(properties)
    for service in ("sns", "sqs"):
        text = text.replace(f"{{arn:{service}}}", f"arn:aws:{service}:{aws.region}:{aws.account}:")
    fails(aws, one(type_name, **json.loads(text)), says)


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A policy of a role that is not there fails its stack",
    f"{REFERENCE}/aws-resource-iam-policy.html",
)
def test_policy_of_missing_role(aws: Account) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    resource = one("AWS::IAM::Policy", PolicyName="p", PolicyDocument=document, Roles=[aws.name("role")])
    fails(aws, resource, "cannot be found", Capabilities=["CAPABILITY_IAM"])


@behaviour(
    "cloudformation",
    ("CreateStack", "DeleteStack"),
    "A queue that exists is neither taken over nor deleted at the rollback",
    f"{GUIDE}/troubleshooting.html",
)
def test_existing_queue(aws: Account) -> None:
    sqs = aws.client("sqs")
    url, arn = aws.queue()
    sqs.send_message(QueueUrl=url, MessageBody="precious")
    fails(aws, one("AWS::SQS::Queue", QueueName=arn.rpartition(":")[2]), "already exists")
    assert aws.receive(url)["Body"] == "precious"
    aws.client("cloudformation").delete_stack(StackName=aws.name("nothing"))


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A log group that exists fails the stack and keeps its events",
    f"{GUIDE}/troubleshooting.html",
)
def test_existing_log_group(aws: Account) -> None:
    logs, name = aws.client("logs"), aws.name("/group")
    logs.create_log_group(logGroupName=name)
    aws.later(logs.delete_log_group, logGroupName=name)
    fails(aws, one("AWS::Logs::LogGroup", LogGroupName=name), "already exists", "HandlerErrorCode: AlreadyExists")
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A topic, an alarm, a role, a function and a parameter that exist fail the stack and stay",
    f"{GUIDE}/troubleshooting.html",
)
def test_existing_others(aws: Account) -> None:
    topic = aws.client("sns").create_topic(Name=aws.name("topic"))["TopicArn"]
    aws.later(aws.client("sns").delete_topic, TopicArn=topic)
    fails(aws, one("AWS::SNS::Topic", TopicName=topic.rpartition(":")[2]), "already exists")
    assert aws.client("sns").get_topic_attributes(TopicArn=topic)
    alarm = {
        "AlarmName": aws.name("alarm"),
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Period": 60,
    }
    aws.client("cloudwatch").put_metric_alarm(**alarm)
    aws.later(aws.client("cloudwatch").delete_alarms, AlarmNames=[alarm["AlarmName"]])
    fails(aws, one("AWS::CloudWatch::Alarm", **alarm), "already exists")
    role = aws.role()
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}}],
    }
    document["Statement"][0]["Action"] = "sts:AssumeRole"  # type: ignore[index]  # it is a list of dictionaries
    named = one("AWS::IAM::Role", RoleName=role.rpartition("/")[2], AssumeRolePolicyDocument=document)
    fails(aws, named, "already exists", Capabilities=["CAPABILITY_NAMED_IAM"])
    assert aws.client("iam").get_role(RoleName=role.rpartition("/")[2])
    arn = aws.function("handler = print")
    fails(aws, function(role, FunctionName=arn.rpartition(":")[2]), "already exists")
    assert aws.client("lambda").get_function(FunctionName=arn)
    parameter = aws.name("/parameter")
    aws.client("ssm").put_parameter(Name=parameter, Type="String", Value="kept")
    aws.later(aws.client("ssm").delete_parameter, Name=parameter)
    fails(aws, one("AWS::SSM::Parameter", Name=parameter, Type="String", Value="x"), "already exists")
    assert aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"] == "kept"


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "What another stack made is named with that stack",
    f"{GUIDE}/troubleshooting.html",
)
def test_of_another_stack(aws: Account) -> None:
    name = aws.name("topic")
    owner = aws.stack({"Resources": one("AWS::SNS::Topic", TopicName=name)})
    fails(aws, one("AWS::SNS::Topic", TopicName=name), f"already exists in stack {owner['StackId']}")


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackEvents"),
    "A bucket with a name that S3 does not take fails its stack",
    "AmazonS3/latest/userguide/bucketnamingrules.html",
)
def test_bucket_name(aws: Account) -> None:
    stack = aws.stack({"Resources": one("AWS::S3::Bucket", BucketName="Bad_Name")})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    assert any(event["ResourceStatus"] == "CREATE_FAILED" for event in events)


@behaviour(
    "cloudformation",
    ("CreateStack", "DeleteStack", "DescribeStackResource"),
    "A name that CloudFormation gives is given once: a retained resource is not taken over by the next stack",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def test_retained(aws: Account) -> None:
    cloudformation, template = aws.client("cloudformation"), {"Resources": one("AWS::SQS::Queue")}
    template["Resources"]["R"]["DeletionPolicy"] = "Retain"
    stack = aws.stack(template)
    name = stack["StackName"]
    ask = {"StackName": name, "LogicalResourceId": "R"}
    first = cloudformation.describe_stack_resource(**ask)["StackResourceDetail"]["PhysicalResourceId"]
    aws.later(aws.client("sqs").delete_queue, QueueUrl=first)
    cloudformation.delete_stack(StackName=name)
    aws.settled(stack["StackId"])
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    aws.settled(name)
    second = cloudformation.describe_stack_resource(**ask)["StackResourceDetail"]["PhysicalResourceId"]
    aws.later(aws.client("sqs").delete_queue, QueueUrl=second)
    assert first != second
    aws.client("sqs").get_queue_attributes(QueueUrl=first, AttributeNames=["QueueArn"])


@behaviour(
    "cloudformation",
    ("CreateStack", "DescribeStackResources"),
    "An ECR repository, as the CDK's bootstrap makes one, has a name, an ARN and a URI; ECR itself is not offered here",
    f"{REFERENCE}/aws-resource-ecr-repository.html",
    "differs",
)
def test_repository_of_images(aws: Account) -> None:
    name = aws.name("images")
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["R", "Arn"]}}, "Uri": {"Value": {"Fn::GetAtt": ["R", "RepositoryUri"]}}}
    stack = aws.stack({"Resources": one("AWS::ECR::Repository", RepositoryName=name), "Outputs": outputs})
    described = aws.client("cloudformation").describe_stack_resources(StackName=stack["StackName"])
    assert [resource["PhysicalResourceId"] for resource in described["StackResources"]] == [name]
    values = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert values["Arn"] == f"arn:aws:ecr:{aws.region}:{aws.account}:repository/{name}"
    assert values["Uri"] == f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com/{name}"
