"""A real local cloud for these tests, and the smallest model that can do everything wrong on request."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.process import control

SPEED = 600.0
ROLE = "arn:aws:iam::000000000000:role/model"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6"
SUFFIX = uuid.uuid4().hex[:6]

SCRIPT = """
import importlib.util, json, logging, os, signal, sys, time

log = logging.getLogger("model")


class BaseInferenceToolkitError(Exception):
    pass  # the toolkit's own has this name: no other exception has a status


class BadRequest(BaseInferenceToolkitError):
    status_code = 400


def model_fn(model_dir):
    log.info("loaded from %s", model_dir)
    return open(os.path.join(model_dir, "weights.txt")).read()


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model, context):
    print("working on", data.get("n"), flush=True)
    time.sleep(data.get("sleep", 0))
    if data.get("raise") == 400:
        raise BadRequest("width=7: allowed are multiples of 8")
    if data.get("raise"):
        raise ValueError("the model is broken")
    if data.get("hang"):
        time.sleep(3600)
    if data.get("die"):
        marker = os.path.join(os.environ["MARKERS"], str(data["die"]))
        if not os.path.exists(marker) or data.get("always"):
            open(marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    found = [name for name in data.get("look for", []) if importlib.util.find_spec(name)]
    attributes = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    return {"n": data.get("n"), "pid": os.getpid(), "weights": model, "attributes": attributes,
            "environment": dict(os.environ), "found": found, "fill": "x" * data.get("fill", 0)}


def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""


def tarball(files: dict[str, str | bytes | tarfile.TarInfo]) -> bytes:
    """A .tar.gz of names and contents; a TarInfo goes in as it is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


GOOD = {"weights.txt": "w1", "code/inference.py": SCRIPT}


def eventually(check: Callable[[], Any], timeout: float = 20, what: str = "") -> Any:
    """The first true value of ``check``; fails after ``timeout`` seconds with the last one."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what or check.__name__} did not come true within {timeout} s; last value: {value!r}")
        time.sleep(0.05)


class World:
    """Clients of a running cloud, and shortcuts that tests read like sentences with."""

    def __init__(self, running: control.Running, markers: Path) -> None:
        self.running = running
        self.markers = markers
        self._clients: dict[str, Any] = {}
        self.bucket = "models-and-results"

    @staticmethod
    def alive(pid: int) -> bool:
        """Whether this process exists."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    @staticmethod
    def archive(changes: dict[str, Any]) -> bytes:
        """The good model with other files."""
        return tarball({**GOOD, **changes})

    def client(self, name: str) -> Any:
        if name not in self._clients:
            environment = self.running.environment
            self._clients[name] = boto3.client(
                name,
                endpoint_url=environment["AWS_ENDPOINT_URL"],
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                region_name=environment["AWS_REGION"],
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=40),
            )
        return self._clients[name]

    def prepare(self) -> None:
        """Bucket, the models' role, topics, and a queue subscribed to both."""
        self.client("s3").create_bucket(Bucket=self.bucket)
        iam, role = self.client("iam"), ROLE.rsplit("/", 1)[1]
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.create_role(
            RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        actions = ["s3:*", "sns:Publish", "logs:*", "cloudwatch:PutMetricData", "ecr:*"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=role, PolicyName="model", PolicyDocument=document)
        sns, sqs = self.client("sns"), self.client("sqs")
        self.success = sns.create_topic(Name="success")["TopicArn"]
        self.error = sns.create_topic(Name="error")["TopicArn"]
        self.inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**send, "Resource": arn}]})
        sqs.set_queue_attributes(QueueUrl=self.inbox, Attributes={"Policy": policy})
        for topic in (self.success, self.error):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._messages: list[dict[str, Any]] = []

    def put(self, key: str, body: bytes | str) -> str:
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def read(self, uri: str) -> bytes:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def exists(self, uri: str) -> bool:
        try:
            self.read(uri)
        except ClientError:
            return False
        return True

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def create_model(self, name: str, archive: bytes | None = None, **environment: str) -> None:
        url = self.put(f"models/{name}/model.tar.gz", self.archive({}) if archive is None else archive)
        container = {"Image": IMAGE, "ModelDataUrl": url}
        container["Environment"] = {"MARKERS": str(self.markers), **environment}
        self.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def create_config(self, name: str, model: str, count: int = 1, concurrency: int = 1) -> None:
        self.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": count,
                }
            ],
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
                "OutputConfig": {
                    "S3OutputPath": f"s3://{self.bucket}/output",
                    "S3FailurePath": f"s3://{self.bucket}/failures/",
                    "NotificationConfig": {"SuccessTopic": self.success, "ErrorTopic": self.error},
                },
            },
        )

    def create_endpoint(self, name: str, archive: bytes | None = None, count: int = 1, concurrency: int = 1) -> None:
        """Model, configuration and endpoint of one name; does not wait."""
        self.create_model(name, archive)
        self.create_config(name, name, count, concurrency)
        self.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)

    def describe(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client("sagemaker").describe_endpoint(EndpointName=name)
        return answer

    def settled(self, name: str, timeout: float = 20) -> dict[str, Any]:
        """The endpoint once it is in no passing state."""
        passing = ("Creating", "Updating", "Deleting")

        def settled() -> dict[str, Any] | None:
            answer = self.describe(name)
            return None if answer["EndpointStatus"] in passing else answer

        found: dict[str, Any] = eventually(settled, timeout, f"{name} in a settled state")
        return found

    def invoke(self, endpoint: str, payload: dict[str, Any], **parameters: Any) -> dict[str, Any]:
        location = self.put(f"requests/{uuid.uuid4()}.json", json.dumps(payload))
        answer: dict[str, Any] = self.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=endpoint,
            **{"InputLocation": location, "ContentType": "application/json", "Accept": "application/json"} | parameters,
        )
        return answer

    def notice(self, inference_id: str, timeout: float = 20) -> dict[str, Any]:
        """The notification for one request."""

        def arrived() -> dict[str, Any] | None:
            self._receive()
            return next((m for m in self._messages if m["inferenceId"] == inference_id), None)

        found: dict[str, Any] = eventually(arrived, timeout, f"the notification of {inference_id}")
        return found

    def notices(self) -> list[dict[str, Any]]:
        self._receive()
        return list(self._messages)

    def _receive(self) -> None:
        sqs = self.client("sqs")
        while True:
            batch = sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
            for message in batch:
                self._messages.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
            if not batch:
                return

    def pids(self, name: str) -> list[int]:
        """The processes of an endpoint, as the cloud's status shows them."""
        for line in self.running.status()["services"]["sagemaker"]:
            if line.startswith(f"endpoint {name}:"):
                inside = line.split("processes: ")[1].split(")")[0]
                return [] if inside == "none" else [int(pid) for pid in inside.split(", ")]
        return []


def start(state: Path, speed: float = SPEED, provision_seconds: float = 60) -> control.Running:
    return control.start(state, port=0, speed=speed, provision_seconds=provision_seconds)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="localcloud-sagemaker-"))
    markers = folder / "markers"
    markers.mkdir()
    running = start(folder / "state")
    try:
        found = World(running, markers)
        found.prepare()
        yield found
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def endpoint(world: World) -> str:
    """An endpoint in service that most tests share: one instance, four requests at a time."""
    world.create_endpoint("shared", concurrency=4)
    answer = world.settled("shared")
    assert answer["EndpointStatus"] == "InService", answer
    return "shared"
