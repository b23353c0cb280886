"""What the local cloud adds to MiniStack's CloudFormation, Lambda and CloudWatch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.ministack.stacks import _handlers
from localcloud.services import ServiceError
from tests.localcloud.conftest import CloudUnderTest, wait_until, zipped

pytestmark = pytest.mark.cloud

TAGGED = [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]


def bucket_template(*, cleaned: bool, versioned: bool = True) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled" if versioned else "Suspended"},
                **({"Tags": TAGGED} if cleaned else {}),
            },
        }
    }
    if cleaned:
        resources["Cleaner"] = {
            "Type": "Custom::S3AutoDeleteObjects",
            "Properties": {"ServiceToken": "arn:aws:lambda:::function:x", "BucketName": {"Ref": "Bucket"}},
        }
    return {"Resources": resources, "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}}}


def test_auto_delete_objects_empties_a_versioned_bucket_of_more_than_a_page(cloud: CloudUnderTest) -> None:
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    bucket = cloud.deploy("cleaned", bucket_template(cleaned=True))["Bucket"]
    for version in range(2):
        for number in range(15):
            s3.put_object(Bucket=bucket, Key=f"a/{number}", Body=f"{version}".encode())
    s3.delete_object(Bucket=bucket, Key="a/0")
    cloudformation.delete_stack(StackName="cleaned")
    wait_until(lambda: bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]})


def test_a_bucket_with_objects_is_not_deleted_without_it(cloud: CloudUnderTest) -> None:
    """AWS refuses; MiniStack itself deletes it."""
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    bucket = cloud.deploy("full", bucket_template(cleaned=False, versioned=False))["Bucket"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    cloudformation.delete_stack(StackName="full")
    assert wait_until(lambda: cloud.settled("full"))["StackStatus"] == "DELETE_FAILED"
    events = cloudformation.describe_stack_events(StackName="full")["StackEvents"]
    assert any("is not empty" in event.get("ResourceStatusReason", "") for event in events)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": version["Key"], "VersionId": version["VersionId"]}
                for version in s3.list_object_versions(Bucket=bucket)["Versions"]
            ]
        },
    )
    cloudformation.delete_stack(StackName="full")
    wait_until(lambda: bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]})


def test_tags_of_a_bucket_are_kept(cloud: CloudUnderTest) -> None:
    bucket = cloud.deploy("tagged", bucket_template(cleaned=True))["Bucket"]
    assert cloud.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGGED


def function_template(bucket: str, retries: int | None = None) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "DeadPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Dead"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "sns.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Dead", "Arn"]},
                            "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}},
                        }
                    ],
                },
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": "arn:aws:iam::000000000000:role/r",
                "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
                "DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                "ReservedConcurrentExecutions": 3,
                "LoggingConfig": {"LogGroup": "/test/function"},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com",
                "SourceArn": {"Ref": "Topic"},
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "lambda",
                "Endpoint": {"Fn::GetAtt": ["Function", "Arn"]},
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}],
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
            },
        },
    }
    if retries is not None:
        resources["Retries"] = {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": retries,
            },
        }
    names = {"Queue": "Dead", "Topic": "Topic", "Function": "Function", "Alarm": "Alarm"}
    return {"Resources": resources, "Outputs": {key: {"Value": {"Ref": name}} for key, name in names.items()}}


FAILING = """
def handler(event, context):
    print('attempt')
    raise ValueError('no ' + event['Records'][0]['Sns']['Message'])
"""


@pytest.fixture(scope="module")
def code(cloud: CloudUnderTest) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="code-bucket")
    cloud.role("r", "lambda.amazonaws.com")
    s3.put_object(Bucket="code-bucket", Key="code.zip", Body=zipped(FAILING))
    return "code-bucket"


def attempts(cloud: CloudUnderTest) -> int:
    logs = cloud.client("logs")
    return sum(
        event["message"].strip() == "attempt"
        for stream in logs.describe_log_streams(logGroupName="/test/function")["logStreams"]
        for event in logs.get_log_events(logGroupName="/test/function", logStreamName=stream["logStreamName"])["events"]
    )


def test_a_notification_that_fails_three_times_is_dead_lettered_and_alarmed(cloud: CloudUnderTest, code: str) -> None:
    outputs = cloud.deploy("failing", function_template(code))
    configuration = cloud.client("lambda").get_function(FunctionName=outputs["Function"])
    assert configuration["Configuration"]["DeadLetterConfig"]["TargetArn"].endswith(outputs["Queue"].rpartition("/")[2])
    assert configuration["Concurrency"]["ReservedConcurrentExecutions"] == 3
    cloud.client("sns").publish(TopicArn=outputs["Topic"], Message="first")
    message = cloud.receive(outputs["Queue"], 40)
    assert json.loads(message["Body"])["Records"][0]["Sns"]["Message"] == "first"
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no first"
    assert attempts(cloud) == 3
    sqs, cloudwatch = cloud.client("sqs"), cloud.client("cloudwatch")
    sqs.change_message_visibility(
        QueueUrl=outputs["Queue"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )

    def alarmed(state: str) -> Any:
        return cloudwatch.describe_alarms(AlarmNames=[outputs["Alarm"]], StateValue=state)["MetricAlarms"]

    (alarm,) = wait_until(lambda: alarmed("ALARM"))
    assert "greater than or equal to the threshold (1.0)" in alarm["StateReason"]
    sqs.purge_queue(QueueUrl=outputs["Queue"])
    wait_until(lambda: alarmed("OK"))
    history = cloudwatch.describe_alarm_history(AlarmName=outputs["Alarm"])["AlarmHistoryItems"]
    assert {"Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"} <= {
        h["HistorySummary"] for h in history
    }
    statistics = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {
                "Id": "errors",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": "Errors",
                        "Dimensions": [{"Name": "FunctionName", "Value": outputs["Function"]}],
                    },
                    "Period": 3600,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=alarm["StateUpdatedTimestamp"].timestamp() - 3600,
        EndTime=alarm["StateUpdatedTimestamp"].timestamp() + 3600,
    )
    assert sum(statistics["MetricDataResults"][0]["Values"]) == 3


def test_maximum_retry_attempts_of_the_template_are_honoured(cloud: CloudUnderTest, code: str) -> None:
    outputs = cloud.deploy("once", function_template(code, retries=0))
    before = attempts(cloud)
    cloud.client("sns").publish(TopicArn=outputs["Topic"], Message="second")
    cloud.receive(outputs["Queue"])
    assert attempts(cloud) - before == 1


def test_a_notification_for_a_deleted_function_reaches_the_subscriptions_queue(
    cloud: CloudUnderTest, code: str
) -> None:
    outputs = cloud.deploy("deleted", function_template(code))
    cloud.client("lambda").delete_function(FunctionName=outputs["Function"])
    cloud.client("sns").publish(TopicArn=outputs["Topic"], Message="third")
    assert json.loads(cloud.receive(outputs["Queue"])["Body"])["Message"] == "third"


def test_change_sets_exports_and_updates_work(cloud: CloudUnderTest) -> None:
    cloudformation = cloud.client("cloudformation")
    template = {
        "Parameters": {"Name": {"Type": "String", "Default": "one"}},
        "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Name"}}}},
        "Outputs": {"Value": {"Value": {"Fn::GetAtt": ["P", "Value"]}, "Export": {"Name": "exported"}}},
    }
    assert cloud.deploy("changing", template)["Value"] == "one"
    cloudformation.create_change_set(
        StackName="changing",
        ChangeSetName="c",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "two"}],
    )
    wait_until(
        lambda: (
            cloudformation.describe_change_set(StackName="changing", ChangeSetName="c")["Status"] == "CREATE_COMPLETE"
        )
    )
    cloudformation.execute_change_set(StackName="changing", ChangeSetName="c")
    wait_until(lambda: cloud.settled("changing")["Outputs"][0]["OutputValue"] == "two")
    assert {export["Name"]: export["Value"] for export in cloudformation.list_exports()["Exports"]}["exported"] == "two"


def test_functions_see_a_lambda_function_and_not_this_machine(cloud: CloudUnderTest) -> None:
    """Only the runtime's packages can be imported, and only Lambda's and AWS's variables are there."""
    cloud.create_function(
        "inspect",
        "import os, importlib.util\n"
        "def handler(event, context):\n"
        "    import boto3\n"
        "    names = ['boto3', 'botocore', 'numpy', 'ministack', 'localcloud', 'extract_images', 'PIL', 'yaml']\n"
        "    account = boto3.client('sts').get_caller_identity()['Account']\n"
        "    found = [n for n in names if importlib.util.find_spec(n)]\n"
        "    return {'found': found, 'environment': dict(os.environ), 'account': account}\n",
        Environment={"Variables": {"MINE": "1", "LOG_LEVEL": "DEBUG"}},
        Timeout=30,
    )
    answer = json.loads(cloud.client("lambda").invoke(FunctionName="inspect")["Payload"].read())
    assert answer["found"] == ["boto3", "botocore"]
    assert answer["account"] == "000000000000"
    environment = answer["environment"]
    assert (environment["MINE"], environment["LOG_LEVEL"]) == ("1", "DEBUG")
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")  # those of the role
    expected = {name: value for name, value in cloud.running.environment.items() if name not in keys}
    assert {name: environment[name] for name in expected} == expected
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "inspect"
    for name in keys:
        assert environment[name] != cloud.running.environment[name]
    for name in ("GATEWAY_PORT", "PERSIST_STATE", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "LOCALCLOUD_LIFELINE"):
        assert name not in environment


def test_alarms_look_at_their_own_dimensions(cloud: CloudUnderTest) -> None:
    """MiniStack's evaluation mixes all dimensions of a metric."""
    cloudwatch = cloud.client("cloudwatch")
    for name in ("quiet", "loud"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Test",
            MetricName="Noise",
            Dimensions=[{"Name": "Who", "Value": name}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )

    def states() -> dict[str, str]:
        for name, value in (("quiet", 1), ("loud", 9)):
            dimensions = [{"Name": "Who", "Value": name}]
            cloudwatch.put_metric_data(
                Namespace="Test", MetricData=[{"MetricName": "Noise", "Dimensions": dimensions, "Value": value}]
            )
        found = cloudwatch.describe_alarms(AlarmNames=["quiet", "loud"])["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    wait_until(lambda: states() == {"quiet": "OK", "loud": "ALARM"})


def test_an_alarm_notifies_its_topic(cloud: CloudUnderTest) -> None:
    url, queue = cloud.queue("alarm-queue")
    topic = cloud.client("sns").create_topic(Name="alarm-topic")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="silence",
        Namespace="Test",
        MetricName="NeverPublished",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[topic],
    )
    message = json.loads(json.loads(cloud.receive(url)["Body"])["Message"])
    assert (message["AlarmName"], message["NewStateValue"]) == ("silence", "ALARM")


def test_metric_math_is_refused(cloud: CloudUnderTest) -> None:
    with pytest.raises(ClientError, match="metric math"):
        cloud.client("cloudwatch").put_metric_alarm(
            AlarmName="math",
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            Metrics=[{"Id": "e", "Expression": "1", "ReturnData": True}],
        )


class Refusing:
    name = "AWS::Test::Refusing"
    replacing = ("Name",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        raise ServiceError("LimitExceeded", "one too many")

    def update(self, physical_id: str, old: Any, new: Any, stack: str) -> tuple[str, dict[str, Any]]:
        return physical_id, {"Old": old, "New": new}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        return None


def test_a_resource_types_error_fails_the_event_with_its_message() -> None:
    handlers = _handlers(Refusing())
    with pytest.raises(
        ValueError, match=r'Resource handler returned message: "one too many" \(HandlerErrorCode: Limit'
    ):
        handlers["create"]("L", {}, "stack")
    assert handlers["update"]("p", 1, 2, "stack") == ("p", {"Old": 1, "New": 2})
