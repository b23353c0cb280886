"""A target made of moto's S3 and SSM and of small fakes for the endpoint, with a clock that only the test moves."""

import dataclasses
import datetime as dt
import functools
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from PIL import Image

from contract import ids, settings
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from helpers.target.explain import Target
from helpers.target.pace import Timer
from helpers.target.targets import Access

BUCKET, ENDPOINT = "workshop-bucket", "genai-async-endpoint"
RECEIVED = dt.datetime(2026, 11, 22, 20, 45, 12, 345000, dt.UTC)


class Clock:
    """Sleeping moves the time on and carries out what is due; nobody really waits."""

    def __init__(self) -> None:
        self.time, self.slept, self.due = 1000.0, [], []

    def now(self) -> float:
        return self.time

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        self.due.append((self.time + seconds, action))

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        assert len(self.slept) < 10_000, "a wait that never ends"
        self.time += seconds
        ready = [action for moment, action in self.due if moment <= self.time]
        self.due = [item for item in self.due if item[0] > self.time]
        for action in ready:
            action()


def refusal(code: str, message: str = "no", operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Runtime:
    """InvokeEndpointAsync: notes the calls, and refuses when told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refuse: Callable[[dict[str, Any]], Exception | None] = lambda call: None

    def invoke_endpoint_async(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        error = self.refuse(call)
        if error:
            raise error
        name = call["InferenceId"]
        return {
            "InferenceId": name,
            "OutputLocation": f"s3://{BUCKET}/output/{name}-uuid.out",
            "FailureLocation": f"s3://{BUCKET}/failures/{name}-uuid-error.out",
        }


class SageMaker:
    def __init__(self) -> None:
        self.instances, self.asked, self.error = 1, 0, None

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        self.asked += 1
        if self.error:
            raise self.error
        variants = [{"VariantName": "AllTraffic", "CurrentInstanceCount": self.instances}]
        return {"EndpointName": EndpointName, "EndpointStatus": "InService", "ProductionVariants": variants}


class Logs:
    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def filter_log_events(self, **call: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"events": [{"logStreamName": stream, "message": message} for stream, message in self.events]}


class CloudWatch:
    """Two metrics and the alarms; None for a metric without data."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {"ApproximateBacklogSize": None, "HasBacklogWithoutCapacity": None}
        self.states = {"wake": "OK", "TargetTracking-AlarmHigh-1": "OK", "TargetTracking-AlarmLow-2": "ALARM"}
        self.queries: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def get_metric_data(self, MetricDataQueries: list[dict[str, Any]], **call: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.queries = MetricDataQueries
        found = {query["Id"]: self.values[query["MetricStat"]["Metric"]["MetricName"]] for query in MetricDataQueries}
        times = [RECEIVED, RECEIVED + dt.timedelta(minutes=1), RECEIVED - dt.timedelta(minutes=1)]  # in any order
        empty: dict[str, list[Any]] = {"Timestamps": [], "Values": []}
        return {
            "MetricDataResults": [
                {"Id": key, **(empty if value is None else {"Timestamps": times, "Values": [-1.0, value, -2.0]})}
                for key, value in found.items()
            ]
        }

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.states[name]} for name in AlarmNames]}


class AutoScaling:
    def __init__(self) -> None:
        self.activities: list[dict[str, Any]] = []

    def describe_scaling_policies(self, **call: Any) -> dict[str, Any]:
        assert call["ResourceId"] == f"endpoint/{ENDPOINT}/variant/AllTraffic"
        tracking = [{"AlarmName": f"TargetTracking-Alarm{side}"} for side in ("High-1", "Low-2")]
        return {
            "ScalingPolicies": [
                {"PolicyName": "FollowBacklog", "Alarms": tracking},
                {"PolicyName": "WakeFromZero", "Alarms": [{"AlarmName": "wake"}]},
            ]
        }

    def describe_scaling_activities(self, **call: Any) -> dict[str, Any]:
        return {"ScalingActivities": self.activities}


@dataclasses.dataclass(frozen=True)
class FakeAccess(Access):
    """An Access whose clients the test made."""

    clients: dict[str, Any] = dataclasses.field(default_factory=dict)

    def client(self, service: str, region: str = "") -> Any:
        return self.clients[service]


@functools.cache
def real_clients() -> tuple[boto3.Session, Any, Any]:
    """Made once, since reading botocore's models takes longer than a test; moto answers them all the same."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session, session.client("s3"), session.client("ssm")


class Backend:
    """What AWS does with a request, step by step."""

    def __init__(self) -> None:
        session, self.s3, self.ssm = real_clients()
        self.runtime, self.sagemaker, self.logs, self.clock = Runtime(), SageMaker(), Logs(), Clock()
        self.cloudwatch, self.autoscaling = CloudWatch(), AutoScaling()
        self.clients = {
            "s3": self.s3,
            "ssm": self.ssm,
            "sagemaker-runtime": self.runtime,
            "sagemaker": self.sagemaker,
            "logs": self.logs,
            "cloudwatch": self.cloudwatch,
            "application-autoscaling": self.autoscaling,
        }
        self.s3.create_bucket(Bucket=BUCKET)
        self.values = {
            "bucket-name": BUCKET,
            "endpoint-name": ENDPOINT,
            "success-topic-arn": "arn:aws:sns:us-east-1:123456789012:success",
            "error-topic-arn": "arn:aws:sns:us-east-1:123456789012:error",
            "model": "model-txt2img-smallworld",
        }
        for name, value in self.values.items():
            self.ssm.put_parameter(Name=f"/genai-async/{name}", Value=value, Type="String")
        access = FakeAccess(Target("local", "http://127.0.0.1:1"), session, {}, clients=self.clients)
        self.connection = Connection(settings.Settings(), access, Timer(self.clock.now, self.clock.sleep))

    def put(self, key: str, body: bytes | dict[str, Any]) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body if isinstance(body, bytes) else json.dumps(body).encode())

    def keys(self, prefix: str = "") -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def notification(self, job: Job, **changes: Any) -> dict[str, Any]:
        return {
            "awsRegion": "us-east-1",
            "eventTime": "2026-11-22T20:45:15.500Z",
            "receivedTime": "2026-11-22T20:45:12.345Z",
            "invocationStatus": "Completed",
            "requestParameters": {
                "endpointName": ENDPOINT,
                "inputLocation": f"s3://{BUCKET}/{ids.request_key(job.id)}",
            },
            "responseParameters": {
                "contentType": "application/json",
                "outputLocation": f"s3://{BUCKET}/output/{job.id}-uuid.out",
            },
            "inferenceId": job.id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            **changes,
        }

    def answer(self, job: Job, *arrays: np.ndarray) -> None:
        """The endpoint stores its output."""
        images = [array.tolist() for array in arrays or (picture(),)]
        self.put(f"output/{job.id}-uuid.out", {"generated_images": images, "prompt": job.request["prompt"]})

    def notify(self, job: Job, **changes: Any) -> None:
        """save_status stores the notification."""
        self.put(ids.status_key(job.id), self.notification(job, **changes))

    def extract(self, job: Job, *arrays: np.ndarray, **changes: Any) -> dict[str, Any]:
        """extract_images stores pictures and manifest."""
        entries = []
        for number, array in enumerate(arrays or (picture(),)):
            key, body = f"{ids.images_prefix(job.id)}{number}.png", png(array)
            self.put(key, body)
            size = {"width": array.shape[1], "height": array.shape[0], "bytes": len(body)}
            entries.append({"key": key, **size, "sha256": hashlib.sha256(body).hexdigest()})
        manifest = {
            "inferenceId": job.id,
            "prompt": job.request["prompt"],
            "images": entries,
            "source": f"s3://{BUCKET}/output/{job.id}-uuid.out",
            "createdAt": "2026-11-22T20:45:15.500Z",
            **changes,
        }
        self.put(ids.manifest_key(job.id), manifest)
        return manifest

    def finish(self, job: Job, *arrays: np.ndarray) -> None:
        self.answer(job, *arrays)
        self.notify(job)
        self.extract(job, *arrays)

    def fail(self, job: Job, reason: str = "ClientError: Received client error (400) from model.") -> None:
        self.notify(job, invocationStatus="Failed", failureReason=reason, responseParameters=None)

    def restarted(self) -> Connection:
        """Another kernel's connection to the same target."""
        access = FakeAccess(self.connection.target, real_clients()[0], {}, clients=self.clients)
        return Connection(settings.Settings(), access, Timer(self.clock.now, self.clock.sleep))


def picture(height: int = 8, width: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def backend():
    with mock_aws():
        yield Backend()


@pytest.fixture
def draw():
    """Makes a small random picture."""
    return picture


@pytest.fixture
def refuse():
    """Makes the error that a service sends."""
    return refusal
