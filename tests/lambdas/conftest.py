"""What the tests of the Lambdas share: AWS's events, a bucket, and freshly imported handlers."""

import copy
import importlib
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

BUCKET = "workshop-bucket"


class Events:
    """The fixtures in events/, exactly in the form that AWS documents, and variants of them.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
    """

    def load(self, name, **changes):
        """Return the event, its notification changed: a value of None removes the field."""
        event = json.loads((Path(__file__).parent / "events" / f"{name}.json").read_text())
        if changes:
            notification = {**json.loads(self.message(event)), **changes}
            kept = {key: value for key, value in notification.items() if value is not None}
            event["Records"][0]["Sns"]["Message"] = json.dumps(kept)
        return event

    def message(self, event):
        return event["Records"][0]["Sns"]["Message"]

    def joined(self, *events):
        return {"Records": [copy.deepcopy(record) for event in events for record in event["Records"]]}


@pytest.fixture
def events():
    return Events()


@pytest.fixture(scope="session")
def clients():
    """Two S3 clients of one moto, made once: a test's own, and the one that functions get."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield [boto3.client("s3", region_name="us-east-1") for _ in range(2)]


@pytest.fixture
def aws(clients, monkeypatch):
    """An S3 client of moto's, with the workshop's bucket in it, and nothing else."""
    client, of_functions = clients
    monkeypatch.setattr(boto3, "client", lambda service: {"s3": of_functions}[service])
    client.create_bucket(Bucket=BUCKET)
    yield client
    for entry in client.list_buckets()["Buckets"]:
        for item in client.list_objects_v2(Bucket=entry["Name"]).get("Contents", []):
            client.delete_object(Bucket=entry["Name"], Key=item["Key"])
        client.delete_bucket(Bucket=entry["Name"])


@pytest.fixture
def bucket(aws):
    """Call it to get all objects: `{key: (body, content type)}`."""

    def content():
        keys = [item["Key"] for item in aws.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        answers = {key: aws.get_object(Bucket=BUCKET, Key=key) for key in keys}
        return {key: (answer["Body"].read(), answer["ContentType"]) for key, answer in answers.items()}

    return content


@pytest.fixture
def imported(aws, monkeypatch):
    """Import a function's handler as a new Lambda instance would: environment first, nothing cached."""
    monkeypatch.setenv("BUCKET_NAME", BUCKET)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Workshop")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "INFO")

    def fresh(name):
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", name)
        for module in [module for module in sys.modules if module.split(".")[0] in (name, "shared")]:
            monkeypatch.delitem(sys.modules, module)
        # Powertools keeps one logger a service name, with the standard output of its first test.
        logging.Logger.manager.loggerDict.pop(name, None)
        return importlib.import_module(f"{name}.handler")

    return fresh


@pytest.fixture
def context():
    return SimpleNamespace(
        function_name="function",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
        aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
    )
