"""A model, a configuration and an endpoint that the tests of SageMaker and Application Auto Scaling share."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localcloud.conftest import wait_until

if TYPE_CHECKING:
    from tests.conformance.conftest import Account

SCRIPT = """
import json, os, time


def model_fn(model_dir):
    return "loaded"


def input_fn(body, content_type):
    return json.loads(body)


try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:

    class BaseInferenceToolkitError(Exception):
        def __init__(self, status_code, message, phrase):
            super().__init__(message)
            self.status_code, self.message, self.phrase = status_code, message, phrase


class Foreign(Exception):
    status_code = 400


def predict_fn(data, model):
    time.sleep(data.get("sleep", 0))
    if data.get("refuse"):
        raise BaseInferenceToolkitError(400, "width must be a multiple of 8", "Bad Request")
    if data.get("foreign"):
        raise Foreign("the model is broken")
    if data.get("raise"):
        raise ValueError("the model is broken")
    return {**data, "model": model, "fill": "x" * data.get("fill", 0), "folder": os.environ["SM_MODEL_DIR"]}


def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
ALLOWED = ["s3:*", "sns:Publish", "logs:*", "cloudwatch:PutMetricData", "ecr:*"]
VARIANT = "AllTraffic"
MISSING = "arn:aws:iam::{}:role/nobody"


def trust(service: str) -> str:
    """A trust policy for one service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def archive(script: str = SCRIPT) -> bytes:
    """A model.tar.gz with this code/inference.py."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(script)
        tar.addfile(info, io.BytesIO(script.encode()))
    return out.getvalue()


class Hosting:
    """Everything that an asynchronous endpoint needs, under names that nobody else has.

    Attributes
    ----------
    bucket, role, success, error, inbox : str
        A bucket, an execution role's ARN, two topics' ARNs and the URL of a queue subscribed to both.
    model, config : str
        A model and a configuration with it; ``endpoint`` is made when it is asked for.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.unique = uuid.uuid4().hex[:10]
        self.bucket = f"hosting-{self.unique}"
        self.model = self.config = f"Shared-{self.unique}"
        self._endpoint = ""
        self._notices: list[dict[str, Any]] = []
        self._unchecked: dict[str, Any] = {}
        account.client("s3").create_bucket(Bucket=self.bucket)
        self.role = self._make_role()
        self.archive = self.put("models/model.tar.gz", archive())
        self._make_topics()
        account.client("sagemaker").create_model(**self.a_model(self.model))
        account.client("sagemaker").create_endpoint_config(**self.a_config(self.config))

    @property
    def image(self) -> str:
        """One of AWS's own."""
        return f"763104351884.dkr.ecr.{self._account.region}.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"

    def unchecked(self, service: str) -> Any:
        """A client that sends what boto3 would refuse to send."""
        if service not in self._unchecked:
            config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
            self._unchecked[service] = self._account.client(service, config=config)
        return self._unchecked[service]

    @property
    def endpoint(self) -> str:
        """The shared endpoint: one instance, in service."""
        if not self._endpoint:
            name = f"Shared-{self.unique}"
            self._account.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=self.config)
            self._endpoint = name
            assert self.settled(name)["EndpointStatus"] == "InService"
        return self._endpoint

    @property
    def resource(self) -> str:
        """The shared endpoint's variant, as Application Auto Scaling calls it."""
        return f"endpoint/{self.endpoint}/variant/{VARIANT}"

    def _make_role(self) -> str:
        iam, name = self._account.client("iam"), f"hosting-{self.unique}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust("sagemaker.amazonaws.com"))["Role"]["Arn"]
        statement = {"Effect": "Allow", "Action": ALLOWED, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="hosting", PolicyDocument=document)
        return str(arn)

    def _make_topics(self) -> None:
        sns, sqs = self._account.client("sns"), self._account.client("sqs")
        self.success = sns.create_topic(Name=f"success-{self.unique}")["TopicArn"]
        self.error = sns.create_topic(Name=f"error-{self.unique}")["TopicArn"]
        self.inbox = sqs.create_queue(QueueName=f"inbox-{self.unique}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**send, "Resource": arn}]})
        sqs.set_queue_attributes(QueueUrl=self.inbox, Attributes={"Policy": policy})
        for topic in (self.success, self.error):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def put(self, key: str, body: bytes | str) -> str:
        """Store an object; its URI."""
        self._account.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def read(self, uri: str) -> Any:
        """An object that holds JSON."""
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        return json.loads(self._account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def a_model(self, name: str, /, **changes: Any) -> dict[str, Any]:
        """CreateModel's parameters; ``changes`` are the container's, except for the role."""
        role = changes.pop("ExecutionRoleArn", self.role)
        container = {"Image": self.image, "ModelDataUrl": self.archive, **changes}
        kept = {key: value for key, value in container.items() if value is not None}
        return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": kept}

    def a_config(self, name: str, /, model: str = "", kind: str = "ml.m5.large", **more: Any) -> dict[str, Any]:
        """CreateEndpointConfig's parameters."""
        variant = {"VariantName": VARIANT, "ModelName": model or self.model, "InstanceType": kind}
        output = {
            "S3OutputPath": f"s3://{self.bucket}/output",
            "S3FailurePath": f"s3://{self.bucket}/failures",
            "NotificationConfig": {"SuccessTopic": self.success, "ErrorTopic": self.error},
        }
        client = {"MaxConcurrentInvocationsPerInstance": 4}
        return {
            "EndpointConfigName": name,
            "ProductionVariants": [variant | {"InitialInstanceCount": 1}],
            "AsyncInferenceConfig": {"ClientConfig": client, "OutputConfig": output},
            **more,
        }

    def new_endpoint(self, aws: Account, config: str = "") -> str:
        """An endpoint of the test's own, in service."""
        name = aws.name("endpoint")
        aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config or self.config)
        aws.later(aws.client("sagemaker").delete_endpoint, EndpointName=name)
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def new_config(self, aws: Account, **changes: Any) -> str:
        """A configuration of the test's own."""
        name = aws.name("config")
        aws.client("sagemaker").create_endpoint_config(**self.a_config(name, **changes))
        aws.later(aws.client("sagemaker").delete_endpoint_config, EndpointConfigName=name)
        return name

    def new_model(self, aws: Account, **changes: Any) -> str:
        """A model of the test's own."""
        name = aws.name("model")
        aws.client("sagemaker").create_model(**self.a_model(name, **changes))
        aws.later(aws.client("sagemaker").delete_model, ModelName=name)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        """DescribeEndpoint."""
        answer: dict[str, Any] = self._account.client("sagemaker").describe_endpoint(EndpointName=name)
        return answer

    def settled(self, name: str) -> dict[str, Any]:
        """The endpoint once it is in no passing state."""

        def found() -> dict[str, Any] | None:
            answer = self.describe(name)
            return None if answer["EndpointStatus"] in ("Creating", "Updating", "Deleting") else answer

        answer: dict[str, Any] = wait_until(found, self.patience)
        return answer

    def gone(self, name: str) -> None:
        """Wait until an endpoint is deleted."""

        def absent() -> bool:
            try:
                self.describe(name)
            except ClientError as error:
                return "Could not find" in str(error)
            return False

        wait_until(absent, self.patience)

    @property
    def patience(self) -> float:
        """Seconds to wait for instances."""
        return 30 if self._account.local else 1200

    def invoke(self, payload: Any, **parameters: Any) -> dict[str, Any]:
        """InvokeEndpointAsync on the shared endpoint, unless told otherwise."""
        if not {"Body", "InputLocation"} & set(parameters):
            parameters["InputLocation"] = self.put(f"requests/{uuid.uuid4()}.json", json.dumps(payload))
        answer: dict[str, Any] = self._account.client("sagemaker-runtime").invoke_endpoint_async(
            **{"ContentType": "application/json", "Accept": "application/json", **parameters}
            | ({} if "EndpointName" in parameters else {"EndpointName": self.endpoint})
        )
        return answer

    def notice(self, inference_id: str) -> dict[str, Any]:
        """The notification about one request."""
        sqs = self._account.client("sqs")

        def arrived() -> dict[str, Any] | None:
            for message in sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", []):
                self._notices.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
            return next((notice for notice in self._notices if notice["inferenceId"] == inference_id), None)

        found: dict[str, Any] = wait_until(arrived, self.patience)
        return found

    def close(self) -> None:
        """Remove everything."""
        client, role = self._account.client, self.role.rsplit("/", 1)[1]
        steps = [
            lambda: client("sagemaker").delete_endpoint(EndpointName=self._endpoint),
            lambda: client("sagemaker").delete_endpoint_config(EndpointConfigName=self.config),
            lambda: client("sagemaker").delete_model(ModelName=self.model),
            lambda: client("sns").delete_topic(TopicArn=self.success),
            lambda: client("sns").delete_topic(TopicArn=self.error),
            lambda: client("sqs").delete_queue(QueueUrl=self.inbox),
            lambda: client("iam").delete_role_policy(RoleName=role, PolicyName="hosting"),
            lambda: client("iam").delete_role(RoleName=role),
            lambda: self._account._empty(self.bucket),
            lambda: client("s3").delete_bucket(Bucket=self.bucket),
        ]
        for step in steps if self._endpoint else steps[1:]:
            try:
                step()
            except ClientError as error:
                print(f"left over: {error}")


@pytest.fixture(scope="session")
def hosting(account: Account) -> Iterator[Hosting]:
    made = Hosting(account)
    yield made
    made.close()
