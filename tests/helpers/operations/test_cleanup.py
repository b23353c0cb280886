"""Clean-up in a real local cloud, with small stacks named as the workshop's: what is left must be found and said."""

import dataclasses
import json

import pytest

import localcloud
from contract import settings
from contract.errors import DeploymentError
from contract.settings import Settings
from helpers.delivery import deployment
from helpers.inference.connection import Connection, connect
from helpers.operations import cleanup, costs, inventory

pytestmark = pytest.mark.cloud
NAME = "tidy"


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    state = tmp_path_factory.mktemp("cloud")
    localcloud.start(state, port=0, speed=60, provision_seconds=30, region="us-east-1")
    try:
        yield connect(settings.load(environ={"WORKSHOP_WORKSHOP_NAME": NAME}), start=False, state=state)
    finally:
        localcloud.stop(state)


@pytest.fixture(autouse=True)
def clean(connection, monkeypatch):
    """Each test begins with an empty account, and what it leaves goes again."""
    monkeypatch.setitem(cleanup.SETTLE_SECONDS, "local", 1.0)
    # The CDK's way is in tests/helpers/operations/deployed; here is the way without it.
    monkeypatch.setattr(deployment, "destroy", no_cdk)
    yield
    s3 = connection.client("s3")
    for bucket in (item["Name"] for item in s3.list_buckets()["Buckets"]):
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    report = cleanup.clean_up(connection, lambda text: None)
    for bucket in (item["Name"] for item in s3.list_buckets()["Buckets"]):
        s3.delete_bucket(Bucket=bucket)
    assert all(check.state == "ok" for check in report if check.name.startswith("Stack ")), str(report)


def no_cdk(connection, progress):
    raise DeploymentError("the CDK's CLI or Node.js is missing: run make setup.")


SOON = {"Delay": 0.2, "MaxAttempts": 150}


def tags():
    return [{"Key": "workshop", "Value": NAME}]


def execution_role(client):
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return client("iam").create_role(RoleName="someone-s", AssumeRolePolicyDocument=document)["Role"]["Arn"]


def stack(connection, name, **resources):
    client = connection.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=SOON)


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "workshop", "Value": NAME}]}}
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"Tags": [{"Key": "workshop", "Value": NAME}]}}


def quiet(text: str) -> None:
    pass


def with_settings(connection: Connection, **tables) -> Connection:
    chosen: Settings = connection.settings
    for table, values in tables.items():
        chosen = dataclasses.replace(chosen, **{table: dataclasses.replace(getattr(chosen, table), **values)})
    return Connection(chosen, connection._access)


def test_a_clean_account_passes_again_and_again(connection):
    for _ in range(2):
        report = cleanup.clean_up(connection, quiet)
        assert report.ok, str(report)
        assert report["Stack tidy-app"].found == "not there, as it should be"


def test_stacks_go_even_when_the_cdk_is_broken(connection):
    stack(connection, "tidy-app", Queue=QUEUE)
    stack(connection, "tidy-models", Bucket=BUCKET)
    said = []
    report = cleanup.clean_up(connection, said.append)
    assert report.ok, str(report)
    assert report["Stack tidy-app"].found == "deleted"
    assert report["Stack tidy-models"].found == "deleted"
    assert any("asking CloudFormation itself" in line for line in said)
    assert connection.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_dry_run_changes_nothing_and_names_what_would_go(connection):
    stack(connection, "tidy-app", Queue=QUEUE)
    report = cleanup.clean_up(connection, quiet, dry_run=True)
    assert "would be deleted, with 1 resources" in report["Stack tidy-app"].found
    assert len(connection.client("sqs").list_queues()["QueueUrls"]) == 1
    assert inventory.find_stack(connection, "tidy-app").status == "CREATE_COMPLETE"


def test_a_stack_that_cannot_be_deleted_shows_its_reason_and_what_to_do(connection):
    """A bucket that is not empty fails the deletion of its stack, as on AWS."""
    stack(connection, "tidy-app", Bucket=BUCKET)
    (bucket,) = (item["Name"] for item in connection.client("s3").list_buckets()["Buckets"])
    connection.client("s3").put_object(Bucket=bucket, Key="precious", Body=b"x")
    report = cleanup.clean_up(connection, quiet)
    check = report["Stack tidy-app"]
    assert check.state == "fail"
    assert "DELETE_FAILED" in check.found
    assert "not empty" in check.found
    assert "empty it in the S3 console" in check.fix
    assert not report.ok
    assert report["S3 buckets"].state == "fail"


@pytest.mark.parametrize(
    ("kind", "make", "remove"),
    [
        ("SQS queues", lambda c: c("sqs").create_queue(QueueName="tidy-app-x"),
         lambda c: c("sqs").delete_queue(QueueUrl=c("sqs").get_queue_url(QueueName="tidy-app-x")["QueueUrl"])),
        ("SNS topics", lambda c: c("sns").create_topic(Name="tidy-pipeline-x"),
         lambda c: c("sns").delete_topic(TopicArn=c("sns").list_topics()["Topics"][0]["TopicArn"])),
        ("S3 buckets", lambda c: c("s3").create_bucket(Bucket="tidy-models-x"),
         lambda c: c("s3").delete_bucket(Bucket="tidy-models-x")),
        ("Log groups", lambda c: c("logs").create_log_group(logGroupName="/aws/codebuild/tidy-pipeline-X"),
         lambda c: c("logs").delete_log_group(logGroupName="/aws/codebuild/tidy-pipeline-X")),
        ("SSM parameters", lambda c: c("ssm").put_parameter(Name="/tidy/model", Value="x", Type="String"),
         lambda c: c("ssm").delete_parameter(Name="/tidy/model")),
        ("EventBridge rules", lambda c: c("events").put_rule(Name="tidy-pipeline-r", ScheduleExpression="rate(1 day)"),
         lambda c: c("events").delete_rule(Name="tidy-pipeline-r")),
        ("CodeCommit repositories", lambda c: c("codecommit").create_repository(repositoryName=NAME),
         lambda c: c("codecommit").delete_repository(repositoryName=NAME)),
        ("CloudWatch alarms", lambda c: c("cloudwatch").put_metric_alarm(
            AlarmName="tidy-app-a", Namespace="n", MetricName="m", Period=60, EvaluationPeriods=1, Threshold=1,
            Statistic="Sum", ComparisonOperator="GreaterThanThreshold"),
         lambda c: c("cloudwatch").delete_alarms(AlarmNames=["tidy-app-a"])),
        ("SageMaker models", lambda c: c("sagemaker").create_model(
            ModelName="ImageModelX", Tags=tags(), ExecutionRoleArn=execution_role(c),
            PrimaryContainer={"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0"}),
         lambda c: (c("sagemaker").delete_model(ModelName="ImageModelX"), c("iam").delete_role(RoleName="someone-s"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_left_of_any_kind_is_found(connection, kind, make, remove):
    make(connection.client)
    try:
        report = cleanup.clean_up(connection, quiet)
    finally:
        remove(connection.client)
    assert [check.name for check in report.failed] == [kind]
    assert report[kind].found.startswith("1 left:")


def test_what_carries_the_tag_is_found_whatever_its_name(connection):
    sqs = connection.client("sqs")
    url = sqs.create_queue(QueueName="made-by-hand", tags={"workshop": NAME})["QueueUrl"]
    try:
        report = cleanup.clean_up(connection, quiet)
    finally:
        sqs.delete_queue(QueueUrl=url)
    assert [check.name for check in report.failed] == [f"Tag workshop={NAME}"]
    assert "made-by-hand" in report.failed[0].found


def test_another_workshop_is_not_ours(connection):
    sqs = connection.client("sqs")
    urls = [
        sqs.create_queue(QueueName="tidy2-app-x", tags={"workshop": "tidy2"})["QueueUrl"],
        sqs.create_queue(QueueName="untidy-app-x")["QueueUrl"],
    ]
    try:
        assert cleanup.clean_up(connection, quiet).ok
        assert len(sqs.list_queues()["QueueUrls"]) == 2
    finally:
        for url in urls:
            sqs.delete_queue(QueueUrl=url)


def test_what_was_tagged_once_and_is_gone_does_not_count(connection, monkeypatch):
    """Resource Groups Tagging API Reference, GetResources: it returns "tagged or previously tagged resources"."""
    gone = [
        "arn:aws:s3:::tidy-app-gone",
        "arn:aws:sqs:us-east-1:000000000000:gone",
        "arn:aws:sns:us-east-1:000000000000:gone",
        "arn:aws:lambda:us-east-1:000000000000:function:gone",
        "arn:aws:ssm:us-east-1:000000000000:parameter/tidy/gone",
        "arn:aws:logs:us-east-1:000000000000:log-group:gone",
        "arn:aws:cloudwatch:us-east-1:000000000000:alarm:gone",
        "arn:aws:events:us-east-1:000000000000:rule/gone",
        "arn:aws:codecommit:us-east-1:000000000000:gone",
        "arn:aws:codebuild:us-east-1:000000000000:project/gone",
        "arn:aws:codepipeline:us-east-1:000000000000:gone",
        "arn:aws:cloudformation:us-east-1:000000000000:stack/gone/1",
        "arn:aws:iam::000000000000:role/gone",
    ]
    assert [arn for arn in gone if inventory.exists(connection, arn)] == []


def test_a_kind_that_we_do_not_know_counts_as_there(connection):
    assert inventory.exists(connection, "arn:aws:dynamodb:us-east-1:000000000000:table/x")


def test_a_bucket_that_shall_stay_is_named_with_its_price_and_no_failure(connection):
    """[bucket] keep: the stack retains it, so after its deletion it is there, with its tag."""
    keeping = with_settings(connection, bucket={"keep": True})
    s3, bucket = connection.client("s3"), "tidy-app-requestsbucket-x"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags()})
    s3.put_object(Bucket=bucket, Key="images/1.png", Body=b"x" * 2_000_000)
    report = cleanup.clean_up(keeping, quiet)
    assert report.ok, str(report)
    assert "1 objects, 2.0 MB" in report["Stays: the bucket"].found
    assert costs.usd(0.002 * 0.023) in report["Stays: the bucket"].found
    assert not cleanup.clean_up(connection, quiet).ok, "without keep it is left by mistake"


def test_log_groups_of_services_go_with_the_stack(connection):
    """SageMaker and CodeBuild make them by themselves, so no stack knows them."""
    logs = connection.client("logs")
    client = connection.client("cloudformation")
    template = {"Resources": {"Queue": QUEUE}, "Outputs": {"EndpointName": {"Value": "AsyncEndpointA-1"}}}
    client.create_stack(StackName="tidy-app", TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName="tidy-app", WaiterConfig=SOON)
    ours = ["/aws/sagemaker/Endpoints/AsyncEndpointA-1", "/aws/lambda/tidy-app-CustomS3"]
    others = ["/aws/sagemaker/Endpoints/AsyncEndpointB-2", "/aws/lambda/other"]
    for name in (*ours, *others):
        logs.create_log_group(logGroupName=name)
    assert cleanup.clean_up(connection, quiet).ok
    assert {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]} == set(others)


def test_log_groups_that_have_outlived_their_stack_go_too(connection):
    """Somebody deleted the stacks in the console: what services made by themselves is still there."""
    logs = connection.client("logs")
    for name in ("/aws/sagemaker/Endpoints/tidy-app-ml-m5-large", "/aws/lambda/tidy-app-CustomS3"):
        logs.create_log_group(logGroupName=name)
    assert cleanup.clean_up(connection, quiet).ok


def test_a_log_group_that_comes_again_late_is_deleted_again(connection, monkeypatch):
    """A service that writes its last lines after the deletion makes its group anew."""
    monkeypatch.setitem(cleanup.SETTLE_SECONDS, "local", 20.0)
    logs, name = connection.client("logs"), "/aws/lambda/tidy-app-CustomS3"
    stack(connection, "tidy-app", Queue=QUEUE)
    original, late = cleanup._look_after, iter([True])

    def look(*arguments):
        if next(late, False):
            logs.create_log_group(logGroupName=name)
        return original(*arguments)

    monkeypatch.setattr(cleanup, "_look_after", look)
    assert cleanup.clean_up(connection, quiet).ok
    assert name not in {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}


def test_a_kind_that_may_not_be_listed_is_a_warning_and_hides_no_other(connection, monkeypatch):
    from tests.helpers.conftest import refusal

    def denied(connection):
        raise refusal("AccessDeniedException", "not you")

    monkeypatch.setitem(inventory._LOOKS, "IAM roles", denied)
    report = cleanup.clean_up(connection, quiet)
    assert report.ok
    assert report["IAM roles"].state == "warn"
    assert "not you" in report["IAM roles"].found
    assert report["SQS queues"].state == "ok"


def test_local_files_go_only_when_asked(connection, tmp_path):
    build = tmp_path / "build"
    build.mkdir()
    (build / "file").write_bytes(b"x")
    assert "stays" in cleanup.clean_up(connection, quiet, build=build)["Local files"].found
    assert build.exists()
    cleanup.clean_up(connection, quiet, dry_run=True, local_files=True, build=build)
    assert build.exists()
    assert "removed" in cleanup.clean_up(connection, quiet, local_files=True, build=build)["Local files"].found
    assert not build.exists()


def test_what_it_would_have_cost(connection):
    month = costs.estimate(connection.settings, 0, 730, requests=0, pipeline_runs=0)
    found = cleanup.clean_up(connection, quiet)["Had it stayed"].found
    assert costs.usd(month.always_on) in found
    assert costs.usd(month.scaled_to_zero) in found
