"""What policies allow and deny, and the words of a denial."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, assume, caller, deny, policy, trusting_role

LOGIC = "IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
DENIED = "IAM/latest/UserGuide/troubleshoot_access-denied.html"
REFERENCE = "service-authorization/latest/reference/"

CALLS: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "application-autoscaling:DescribeScalableTargets": (
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": "sagemaker"},
        "AccessDeniedException",
        "*",
    ),
    "cloudformation:DescribeStacks": (
        "cloudformation",
        "describe_stacks",
        {"StackName": "no-such"},
        "AccessDenied",
        "arn:aws:cloudformation:{region}:{account}:stack/no-such/*",
    ),
    "cloudwatch:PutMetricData": (
        "cloudwatch",
        "put_metric_data",
        {"Namespace": "Test", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
        "AccessDenied",
        "*",
    ),
    "codebuild:StartBuild": (
        "codebuild",
        "start_build",
        {"projectName": "no-such"},
        "AccessDeniedException",
        "arn:aws:codebuild:{region}:{account}:project/no-such",
    ),
    "codecommit:GetBranch": (
        "codecommit",
        "get_branch",
        {"repositoryName": "no-such", "branchName": "main"},
        "AccessDeniedException",
        "arn:aws:codecommit:{region}:{account}:no-such",
    ),
    "codepipeline:StartPipelineExecution": (
        "codepipeline",
        "start_pipeline_execution",
        {"name": "no-such"},
        "AccessDeniedException",
        "arn:aws:codepipeline:{region}:{account}:no-such",
    ),
    "events:PutRule": (
        "events",
        "put_rule",
        {"Name": "no-such", "ScheduleExpression": "rate(5 minutes)"},
        "AccessDeniedException",
        "arn:aws:events:{region}:{account}:rule/no-such",
    ),
    "iam:GetRole": ("iam", "get_role", {"RoleName": "no-such"}, "AccessDenied", "arn:aws:iam::{account}:role/no-such"),
    "lambda:InvokeFunction": (
        "lambda",
        "invoke",
        {"FunctionName": "no-such"},
        "AccessDeniedException",
        "arn:aws:lambda:{region}:{account}:function:no-such",
    ),
    "logs:CreateLogGroup": (
        "logs",
        "create_log_group",
        {"logGroupName": "/no/such"},
        "AccessDeniedException",
        "arn:aws:logs:{region}:{account}:log-group:/no/such",
    ),
    "s3:GetObject": (
        "s3",
        "get_object",
        {"Bucket": "no-such", "Key": "a/b"},
        "AccessDenied",
        "arn:aws:s3:::no-such/a/b",
    ),
    "sagemaker:CreateEndpoint": (
        "sagemaker",
        "create_endpoint",
        {"EndpointName": "No-Such", "EndpointConfigName": "none"},
        "AccessDeniedException",
        "arn:aws:sagemaker:{region}:{account}:endpoint",
    ),
    "sagemaker:InvokeEndpointAsync": (
        "sagemaker-runtime",
        "invoke_endpoint_async",
        {"EndpointName": "No-Such", "InputLocation": "s3://a/b"},
        "AccessDeniedException",
        "arn:aws:sagemaker:{region}:{account}:endpoint/no-such",
    ),
    "SNS:Publish": (
        "sns",
        "publish",
        {"TopicArn": "arn:aws:sns:{region}:{account}:no-such", "Message": "m"},
        "AuthorizationError",
        "arn:aws:sns:{region}:{account}:no-such",
    ),
    "sqs:createqueue": (
        "sqs",
        "create_queue",
        {"QueueName": "no-such"},
        "AccessDenied",
        "arn:aws:sqs:{region}:{account}:no-such",
    ),
    "ssm:GetParameter": (
        "ssm",
        "get_parameter",
        {"Name": "/no/such"},
        "AccessDeniedException",
        "arn:aws:ssm:{region}:{account}:parameter/no/such",
    ),
    "sts:AssumeRole": (
        "sts",
        "assume_role",
        {"RoleArn": "arn:aws:iam::{account}:role/no-such", "RoleSessionName": "me"},
        "AccessDenied",
        "arn:aws:iam::{account}:role/no-such",
    ),
}


@behaviour("iam", (), "Without a policy {action} is denied, naming caller, action and resource", DENIED)
@pytest.mark.parametrize("action", CALLS)
def test_implicit_deny(aws: Account, action: str) -> None:
    service, method, arguments, code, resource = CALLS[action]
    places = {"account": aws.account, "region": aws.region}
    given = {key: value.format(**places) if isinstance(value, str) else value for key, value in arguments.items()}
    role = trusting_role(aws)
    who = f"arn:aws:sts::{aws.account}:assumed-role/{role.rpartition('/')[2]}/somebody"
    client = aws.client(service, session=assume(aws, role))
    with aws.refused(code, f"User: {who} is not authorized to perform: {action}", resource.format(**places)):
        getattr(client, method)(**given)


@behaviour("iam", "PutRolePolicy", "An explicit deny wins over an allow", LOGIC)
def test_explicit_deny(aws: Account) -> None:
    somebody = caller(aws, allow("sqs:*"), deny("sqs:ListQueues"))
    with aws.refused("AccessDenied", "with an explicit deny in an identity-based policy"):
        aws.client("sqs", session=somebody).list_queues()


@behaviour("iam", "PutRolePolicy", "{text}", "IAM/latest/UserGuide/reference_policies_elements_action.html")
@pytest.mark.parametrize(
    ("text", "statement", "allowed"),
    [
        ("An action matches whatever its case", allow("SQS:listqueues"), True),
        ("A star in an action matches the rest", allow("sqs:List*"), True),
        ("A question mark matches one character", allow("sqs:ListQueue?"), True),
        ("NotAction allows everything else", {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, True),
        ("NotAction does not allow what it names", {"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"}, False),
        ("Another service's action does not match", allow("sns:*"), False),
    ],
)
def test_action(aws: Account, text: str, statement: dict[str, Any], allowed: bool) -> None:
    sqs = aws.client("sqs", session=caller(aws, statement))
    if allowed:
        assert "ResponseMetadata" in sqs.list_queues()
        return
    with aws.refused("AccessDenied"):
        sqs.list_queues()


@behaviour("iam", "PutRolePolicy", "Key prefixes: {text}", f"{REFERENCE}list_amazons3.html")
@pytest.mark.parametrize(
    ("text", "resource", "key", "allowed"),
    [
        ("the prefix that is allowed", "arn:aws:s3:::{bucket}/input/*", "input/a", True),
        ("another prefix is denied", "arn:aws:s3:::{bucket}/input/*", "output/a", False),
        ("prefixes are case-sensitive", "arn:aws:s3:::{bucket}/Input/*", "input/a", False),
        ("another bucket is denied", "arn:aws:s3:::{bucket}-other/*", "input/a", False),
        ("the bucket's own ARN is not its objects'", "arn:aws:s3:::{bucket}", "input/a", False),
    ],
)
def test_prefix(aws: Account, text: str, resource: str, key: str, allowed: bool) -> None:
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"here")
    s3 = aws.client("s3", session=caller(aws, allow("s3:GetObject", resource.format(bucket=bucket))))
    if allowed:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"here"
        return
    with aws.refused("AccessDenied", "s3:GetObject", f'"arn:aws:s3:::{bucket}/{key}"', status=403):
        s3.get_object(Bucket=bucket, Key=key)


@behaviour("iam", (), "{operation} needs {action}", f"{REFERENCE}list_amazons3.html")
@pytest.mark.parametrize(
    ("operation", "arguments", "action"),
    [
        ("list_objects_v2", {}, "s3:ListBucket"),
        ("get_bucket_location", {}, "s3:GetBucketLocation"),
        ("put_object", {"Key": "k", "Body": b""}, "s3:PutObject"),
        ("delete_object", {"Key": "k"}, "s3:DeleteObject"),
        ("create_multipart_upload", {"Key": "k"}, "s3:PutObject"),
        ("get_bucket_notification_configuration", {}, "s3:GetBucketNotification"),
        ("get_bucket_encryption", {}, "s3:GetEncryptionConfiguration"),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}, "s3:DeleteObject"),
        ("copy_object", {"Key": "k", "CopySource": "other/k"}, "s3:PutObject"),
    ],
)
def test_s3_action(aws: Account, operation: str, arguments: dict[str, Any], action: str) -> None:
    bucket = aws.bucket()
    with aws.refused("AccessDenied", f"is not authorized to perform: {action} on resource"):
        getattr(aws.client("s3", session=caller(aws)), operation)(Bucket=bucket, **arguments)


@behaviour("iam", "PutRolePolicy", "CopyObject needs to read its source, too", f"{REFERENCE}list_amazons3.html")
def test_copy_reads(aws: Account) -> None:
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key="source", Body=b"")
    s3 = aws.client("s3", session=caller(aws, allow("s3:PutObject")))
    with aws.refused("AccessDenied", "s3:GetObject", f"arn:aws:s3:::{bucket}/source"):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/source")


@behaviour("iam", "PutRolePolicy", "s3:prefix limits what ListObjectsV2 may list", f"{REFERENCE}list_amazons3.html")
def test_prefix_condition(aws: Account) -> None:
    bucket = aws.bucket()
    limit = {"StringLike": {"s3:prefix": ["input/*"]}}
    s3 = aws.client("s3", session=caller(aws, allow("s3:ListBucket", Condition=limit)))
    assert s3.list_objects_v2(Bucket=bucket, Prefix="input/")["KeyCount"] == 0
    with aws.refused("AccessDenied"):
        s3.list_objects_v2(Bucket=bucket, Prefix="output/")


@behaviour(
    "iam", "PutRolePolicy", "DescribeStacks without a name needs ListStacks, too, and no stack's ARN is enough for it",
    "AWSCloudFormation/latest/APIReference/API_DescribeStacks.html",
)  # fmt: skip
def test_all_stacks(aws: Account) -> None:
    lists, describes = allow("cloudformation:ListStacks"), "cloudformation:DescribeStacks"
    both = aws.client("cloudformation", session=caller(aws, lists, allow(describes)))
    assert "Stacks" in both.describe_stacks()
    one = aws.client("cloudformation", session=caller(aws, allow(describes)))
    with aws.refused("AccessDenied", "not authorized to perform: cloudformation:ListStacks"):
        one.describe_stacks()
    narrow = allow(describes, f"arn:aws:cloudformation:{aws.region}:{aws.account}:stack/*/*")
    with aws.refused("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks"):
        aws.client("cloudformation", session=caller(aws, lists, narrow)).describe_stacks()


CONDITIONS = "IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"


@behaviour("iam", "PutRolePolicy", "Condition {operator} on {key}: {allowed}", CONDITIONS)
@pytest.mark.parametrize(
    ("operator", "key", "value", "allowed"),
    [
        ("StringEquals", "cloudwatch:namespace", "Mine", True),
        ("StringEquals", "cloudwatch:namespace", "mine", False),
        ("StringNotEquals", "cloudwatch:namespace", "Mine", False),
        ("StringEqualsIgnoreCase", "cloudwatch:namespace", "mine", True),
        ("StringLike", "cloudwatch:namespace", "M*", True),
        ("StringEquals", "aws:RequestedRegion", "eu-north-9", False),
        ("Bool", "aws:SecureTransport", "true", True),
        ("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", False),
        ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", True),
        ("Null", "cloudwatch:namespace", "true", False),
        ("StringEqualsIfExists", "aws:NoSuchKey", "x", True),
        ("StringEquals", "aws:NoSuchKey", "x", False),
    ],
)
def test_condition(aws: Account, operator: str, key: str, value: str, allowed: bool) -> None:
    statement = allow("cloudwatch:PutMetricData", Condition={operator: {key: value}})
    cloudwatch = aws.client("cloudwatch", session=caller(aws, statement))
    data = {"Namespace": "Mine", "MetricData": [{"MetricName": "m", "Value": 1.0}]}
    if allowed:
        cloudwatch.put_metric_data(**data)
        return
    with aws.refused("AccessDenied", "cloudwatch:PutMetricData"):
        cloudwatch.put_metric_data(**data)


@behaviour(
    "iam",
    ("CreateRole", "CreatePolicy"),
    "A permissions boundary limits what a role's policies allow",
    "IAM/latest/UserGuide/access_policies_boundaries.html",
)
def test_boundary(aws: Account) -> None:
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName=aws.name("boundary"), PolicyDocument=policy(allow("sns:*")))["Policy"]["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    somebody = assume(aws, trusting_role(aws, allow("*"), PermissionsBoundary=arn))
    aws.client("sns", session=somebody).list_topics()
    with aws.refused("AccessDenied", "sqs:listqueues"):
        aws.client("sqs", session=somebody).list_queues()


@behaviour("iam", "AttachRolePolicy", "An attached managed policy counts as an inline one does", LOGIC)
def test_managed_policy_counts(aws: Account) -> None:
    iam, role = aws.client("iam"), trusting_role(aws)
    arn = iam.create_policy(PolicyName=aws.name("policy"), PolicyDocument=policy(allow("sqs:List*")))["Policy"]["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    iam.attach_role_policy(RoleName=role.rpartition("/")[2], PolicyArn=arn)
    aws.later(iam.detach_role_policy, RoleName=role.rpartition("/")[2], PolicyArn=arn)
    aws.client("sqs", session=assume(aws, role)).list_queues()


@behaviour(
    "iam", "DeleteRolePolicy", "What a session may do changes with its role's policies at once", LOGIC, "differs"
)
def test_change_counts_at_once(aws: Account) -> None:
    """On AWS it takes some seconds."""
    role = trusting_role(aws, allow("sqs:ListQueues"))
    sqs = aws.client("sqs", session=assume(aws, role))
    sqs.list_queues()
    aws.client("iam").delete_role_policy(RoleName=role.rpartition("/")[2], PolicyName="rights")
    with aws.refused("AccessDenied"):
        sqs.list_queues()


@behaviour("s3", "PutBucketPolicy", "A bucket policy that denies everybody denies the account's root, too", LOGIC)
def test_bucket_policy_denies_root(aws: Account) -> None:
    bucket, s3 = aws.bucket(), aws.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    statement = {**deny("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    aws.later(s3.delete_bucket_policy, Bucket=bucket)
    with aws.refused("AccessDenied", "explicit deny in a resource-based policy"):
        s3.get_object(Bucket=bucket, Key="k")


@behaviour("s3", "PutBucketPolicy", "A bucket policy alone lets a role of the account in that it names", LOGIC)
def test_bucket_policy_allows(aws: Account) -> None:
    bucket, s3, role = aws.bucket(), aws.client("s3"), trusting_role(aws)
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    statement = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": {"AWS": role}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    aws.later(s3.delete_bucket_policy, Bucket=bucket)
    theirs = aws.client("s3", session=assume(aws, role))
    assert theirs.get_object(Bucket=bucket, Key="k")["Body"].read() == b"here"


@behaviour("sqs", "SetQueueAttributes", "A queue policy that names the account leaves it to the caller's own", LOGIC)
def test_queue_policy_delegates(aws: Account) -> None:
    url, arn = aws.queue()
    statement = {**allow("sqs:*", arn), "Principal": {"AWS": aws.account}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    with aws.refused("AccessDenied", "sqs:sendmessage"):
        aws.client("sqs", session=caller(aws)).send_message(QueueUrl=url, MessageBody="m")
