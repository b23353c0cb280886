"""Amazon S3: lifecycle, CORS and notifications of a bucket."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
LIFECYCLE = "localstack:tests/aws/services/s3/test_s3.py::TestS3BucketLifecycle::test_put_bucket_lifecycle_conf_exc"
NOTIFICATIONS = "localstack:tests/aws/services/s3/test_s3_notifications_sqs.py::"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
RULE: dict[str, Any] = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 7}}


def put_rules(aws: Account, *rules: dict[str, Any]) -> str:
    bucket = aws.bucket()
    kept = [{name: value for name, value in rule.items() if value is not None} for rule in rules]
    aws.client("s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": kept})
    return bucket


@behaviour(
    "s3",
    ("PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
    "A lifecycle configuration is stored and given back; here nothing expires, on AWS it would within a day",
    API + "API_PutBucketLifecycleConfiguration.html",
    "differs",
)
def test_lifecycle(aws: Account) -> None:
    s3 = aws.client("s3")
    abort = {"ID": "s", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    bucket = put_rules(aws, RULE, abort)
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [(rule["ID"], rule["Status"]) for rule in found] == [("r", "Enabled"), ("s", "Enabled")]
    assert (found[0]["Expiration"], found[0]["Filter"]) == ({"Days": 7}, {"Prefix": "a/"})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    with aws.refused("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)


@behaviour(
    "s3",
    "PutBucketLifecycleConfiguration",
    "A rule without an action is refused",
    "AmazonS3/latest/userguide/intro-lifecycle-rules.html",
)
def test_a_rule_without_an_action(aws: Account) -> None:
    with aws.refused("InvalidRequest", "At least one action needs to be specified in a rule", status=400):
        put_rules(aws, {**RULE, "Expiration": None})


@behaviour("s3", "PutBucketLifecycleConfiguration", "A rule with {case} is refused as malformed", LIFECYCLE)
@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("no filter and no prefix", {"Filter": None}),
        ("filter and prefix", {"Prefix": "b"}),
        ("two conditions outside And", {"Filter": {"Prefix": "a", "ObjectSizeGreaterThan": 5}}),
        ("one condition in And", {"Filter": {"And": {"Prefix": "a"}}}),
        ("days and a delete marker", {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}),
        ("an expiration of versions without days", {"NoncurrentVersionExpiration": {}}),
        ("an unknown status", {"Status": "On"}),
        ("an unknown storage class", {"Transitions": [{"Days": 1, "StorageClass": "CHEAP"}]}),
    ],
)
def test_a_malformed_rule(aws: Account, case: str, change: dict[str, Any]) -> None:
    with aws.refused("MalformedXML", MALFORMED, status=400):
        put_rules(aws, {**RULE, **change})


@behaviour("s3", "PutBucketLifecycleConfiguration", "A lifecycle configuration without rules is refused", LIFECYCLE)
def test_no_rules(aws: Account) -> None:
    with aws.refused("MalformedXML", MALFORMED, status=400):
        put_rules(aws)


@behaviour(
    "s3",
    "PutBucketLifecycleConfiguration",
    "An expiration at another time than midnight, or after {days} days, is refused",
    LIFECYCLE,
)
@pytest.mark.parametrize("days", [0, -1])
def test_a_wrong_time(aws: Account, days: int) -> None:
    with aws.refused("InvalidArgument", "'Date' must be at midnight GMT", status=400):
        put_rules(aws, {**RULE, "Expiration": {"Date": dt.datetime(2030, 1, 1, 7, tzinfo=dt.UTC)}})
    with aws.refused("InvalidArgument", "'Days' for Expiration action must be a positive integer", status=400):
        put_rules(aws, {**RULE, "Expiration": {"Days": days}})


@behaviour(
    "s3",
    "PutBucketLifecycleConfiguration",
    "Two rules of one ID are refused",
    API + "API_PutBucketLifecycleConfiguration.html",
)
def test_one_id_twice(aws: Account) -> None:
    with aws.refused("InvalidArgument", "Rule ID must be unique", status=400):
        put_rules(aws, RULE, RULE)


# CORS


def put_cors(aws: Account, *rules: dict[str, Any]) -> str:
    bucket = aws.bucket()
    aws.client("s3").put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})
    return bucket


@behaviour(
    "s3",
    ("PutBucketCors", "GetBucketCors", "DeleteBucketCors"),
    "A CORS configuration is stored, given back and removed; browsers are refused at the door here",
    API + "API_PutBucketCors.html",
    "differs",
)
def test_cors(aws: Account) -> None:
    s3, rule = aws.client("s3"), {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"]}
    bucket = put_cors(aws, rule)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    s3.delete_bucket_cors(Bucket=bucket)
    with aws.refused("NoSuchCORSConfiguration", "The CORS configuration does not exist", status=404):
        s3.get_bucket_cors(Bucket=bucket)


@behaviour(
    "s3",
    "PutBucketCors",
    "Methods that CORS does not know, and no rules, are refused",
    "localstack:tests/aws/services/s3/test_s3_cors.py::TestS3Cors::test_put_cors_invalid_rules",
)
def test_wrong_cors(aws: Account) -> None:
    message = "Found unsupported HTTP method in CORS config. Unsupported method is MYMETHOD"
    with aws.refused("InvalidRequest", message, status=400):
        put_cors(aws, {"AllowedMethods": ["GET", "MYMETHOD"], "AllowedOrigins": ["*"]})
    with aws.refused("MalformedXML", MALFORMED, status=400):
        put_cors(aws)


# Notifications


def open_queue(aws: Account) -> tuple[str, str]:
    """A queue to which S3 may send; URL and ARN."""
    url, arn = aws.queue()
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def notify(aws: Account, bucket: str, arn: str, kind: str = "Queue", **settings: Any) -> None:
    name = {"Queue": "QueueArn", "Topic": "TopicArn", "LambdaFunction": "LambdaFunctionArn"}[kind]
    configuration = {name: arn, "Events": ["s3:ObjectCreated:*"], **settings}
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={f"{kind}Configurations": [configuration]}
    )


@behaviour(
    "s3",
    ("PutBucketNotificationConfiguration", "GetBucketNotificationConfiguration", "PutObject"),
    "S3 tests the queue at once, then tells it of objects that fit the filter, with their keys encoded",
    "AmazonS3/latest/userguide/notification-content-structure.html",
)
def test_notification(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    url, arn = open_queue(aws)
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".png"}]
    notify(aws, bucket, arn, Id="mine", Filter={"Key": {"FilterRules": rules}})
    assert json.loads(aws.receive(url)["Body"])["Event"] == "s3:TestEvent"
    found = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]
    assert (found["Id"], found["QueueArn"], found["Events"]) == ("mine", arn, ["s3:ObjectCreated:*"])
    for key in ("out/a.png", "in/a.txt", "in/a b+ü.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"xyz")
    (record,) = json.loads(aws.receive(url)["Body"])["Records"]
    assert (record["eventName"], record["eventSource"], record["s3"]["configurationId"]) == (
        "ObjectCreated:Put", "aws:s3", "mine",
    )  # fmt: skip
    assert record["s3"]["object"]["key"] == "in/a+b%2B%C3%BC.png"
    assert (record["s3"]["object"]["size"], record["s3"]["bucket"]["name"]) == (3, bucket)


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "A {kind} that is not there is refused",
    NOTIFICATIONS + "TestS3NotificationsToSQS::test_invalid_sqs_arn",
)
@pytest.mark.parametrize(("kind", "place"), [("Queue", "sqs"), ("Topic", "sns"), ("LambdaFunction", "lambda")])
def test_no_destination(aws: Account, kind: str, place: str) -> None:
    bucket = aws.bucket()
    arn = f"arn:aws:{place}:{aws.region}:{aws.account}:{'function:' if place == 'lambda' else ''}{aws.name()}"
    with aws.refused("InvalidArgument", "Unable to validate the following destination configurations", status=400):
        notify(aws, bucket, arn, kind)


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "A queue to which S3 may not send is refused",
    "AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",
)
def test_a_closed_destination(aws: Account) -> None:
    bucket, (_, arn) = aws.bucket(), aws.queue()
    with aws.refused("InvalidArgument", "Unable to validate the following destination configurations", status=400):
        notify(aws, bucket, arn)


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "A function is told about objects when its policy lets S3 invoke it",
    "AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",
)
def test_a_function_as_destination(aws: Account) -> None:
    bucket, arn = aws.bucket(), aws.function("def handler(event, context): pass")
    with aws.refused("InvalidArgument", "Unable to validate the following destination configurations", status=400):
        notify(aws, bucket, arn, "LambdaFunction")
    aws.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )
    notify(aws, bucket, arn, "LambdaFunction")


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "An ARN that is not one is refused",
    NOTIFICATIONS + "TestS3NotificationsToSQS::test_invalid_sqs_arn",
)
def test_not_an_arn(aws: Account) -> None:
    bucket = aws.bucket()
    with aws.refused("InvalidArgument", "The ARN could not be parsed", status=400):
        notify(aws, bucket, "invalid-queue")


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "An event that S3 does not know is refused",
    API + "API_PutBucketNotificationConfiguration.html",
)
def test_an_unknown_event(aws: Account) -> None:
    bucket, (_, arn) = aws.bucket(), open_queue(aws)
    with aws.refused("MalformedXML", status=400):
        notify(aws, bucket, arn, Events=["s3:ObjectPainted"])


@behaviour(
    "s3",
    "PutBucketNotificationConfiguration",
    "A filter on something else than prefix and suffix is refused",
    NOTIFICATIONS + "TestS3NotificationsToSQS::test_bucket_notification_with_invalid_filter_rules",
)
def test_a_wrong_filter(aws: Account) -> None:
    bucket, (_, arn) = aws.bucket(), open_queue(aws)
    with aws.refused("InvalidArgument", "filter rule name must be either prefix or suffix", status=400):
        notify(aws, bucket, arn, Filter={"Key": {"FilterRules": [{"Name": "INVALID", "Value": "x"}]}})
