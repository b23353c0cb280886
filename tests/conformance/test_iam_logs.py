"""Logs that services write with a role, and what happens without the right to."""

from __future__ import annotations

from typing import Any

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow
from tests.localcloud.conftest import wait_until

SOURCE = "def handler(event, context):\n    print('said')\n    return 1\n"
LOGGING = "lambda/latest/dg/monitoring-cloudwatchlogs.html"


def group_of(aws: Account, function: str) -> str:
    """The function's log group, made before it runs."""
    group = f"/aws/lambda/{function.rpartition(':')[2]}"
    aws.client("logs").create_log_group(logGroupName=group)
    aws.later(aws.client("logs").delete_log_group, logGroupName=group)
    return group


def lines(aws: Account, group: str) -> list[str]:
    """What a log group has."""
    found: list[Any] = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"].rstrip() for event in found]


@behaviour("lambda", "Invoke", "A function's log needs the role's right to write it", LOGGING)
def test_function_with_rights(aws: Account) -> None:
    role = aws.role("lambda.amazonaws.com", allow(["logs:CreateLogStream", "logs:PutLogEvents"]))
    function = aws.function(SOURCE, Role=role)
    group = group_of(aws, function)
    aws.client("lambda").invoke(FunctionName=function)
    assert "said" in wait_until(lambda: lines(aws, group))


@behaviour("lambda", "Invoke", "Without that right a function runs, and its log stays empty", LOGGING)
def test_function_without_rights(aws: Account) -> None:
    function = aws.function(SOURCE, Role=aws.role("lambda.amazonaws.com", allow("logs:CreateLogStream")))
    group = group_of(aws, function)
    assert aws.client("lambda").invoke(FunctionName=function)["Payload"].read() == b"1"
    assert lines(aws, group) == []


@behaviour(
    "s3",
    "PutObject",
    "A bucket's notification invokes a function only when the function's policy lets the bucket",
    "AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html",
)
def test_bucket_to_function(aws: Account) -> None:
    url, arn = aws.queue()
    source = (
        "import boto3\ndef handler(event, context):\n"
        "    key = event['Records'][0]['s3']['object']['key']\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=key)\n"
    )
    function = aws.function(source, Role=aws.role("lambda.amazonaws.com", allow("sqs:SendMessage", arn)), Timeout=30)
    s3, bucket, functions = aws.client("s3"), aws.bucket(), aws.client("lambda")
    grant = {"FunctionName": function, "StatementId": "s3", "Principal": "s3.amazonaws.com"}
    grant |= {"Action": "lambda:InvokeFunction", "SourceArn": f"arn:aws:s3:::{bucket}"}
    functions.add_permission(**grant)
    wanted = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    functions.remove_permission(FunctionName=function, StatementId="s3")
    s3.put_object(Bucket=bucket, Key="lost", Body=b"")
    functions.add_permission(**grant)
    s3.put_object(Bucket=bucket, Key="told", Body=b"")
    assert aws.receive(url)["Body"] == "told"
