"""A local cloud, started once for each module that asks for it, and what tests of every service need."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

import localcloud


def wait_until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``condition`` gives as soon as that is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"not within {seconds:g} s: {condition}")


class CloudUnderTest:
    """A running cloud and boto3 clients for it."""

    def __init__(self, running: localcloud.Running) -> None:
        self.running = running
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **options: Any) -> Any:
        """A client of its own when there are options, else one for all: making one takes longer than most calls."""
        environment = self.running.environment
        if not options and service in self._clients:
            return self._clients[service]
        made = boto3.client(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
            **options,
        )
        if not options:
            self._clients[service] = made
        return made

    def role(self, name: str, *services: str) -> str:
        """The ARN of a role that may do everything and that ``services`` may assume; made unless it is there."""
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        try:
            iam.create_role(
                RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            )
            iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=json.dumps(document))
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        return f"arn:aws:iam::000000000000:role/{name}"

    def create_function(self, name: str, source: str, **settings: Any) -> str:
        """Create a Python function; its ARN."""
        return self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=self.role("test", "lambda.amazonaws.com"),
            Handler="index.handler",
            Code={"ZipFile": zipped(source)},
            **settings,
        )["FunctionArn"]

    def queue(self, name: str) -> tuple[str, str]:
        """Create a queue to which AWS's services may send; its URL and ARN."""
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        services = [f"{service}.amazonaws.com" for service in ("events", "sns", "s3")]
        send = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
        url = self.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        return url, arn

    def subscribe_function(self, topic: str, function: str) -> str:
        """Subscribe a function to a topic, which may invoke it; the subscription's ARN."""
        self.client("lambda").add_permission(
            FunctionName=function,
            StatementId="topic",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topic,
        )
        subscribed = self.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
        return str(subscribed["SubscriptionArn"])

    def receive(self, url: str, seconds: float = 20.0) -> Any:
        """The next message of a queue."""
        sqs = self.client("sqs")
        return wait_until(
            lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"), seconds
        )[0]

    def deploy(self, stack: str, template: dict[str, Any], *, update: bool = False) -> dict[str, str]:
        """Create or update a stack; its outputs."""
        cloudformation = self.client("cloudformation")
        act = cloudformation.update_stack if update else cloudformation.create_stack
        act(StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
        described = self.settled(stack)
        assert described["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), described
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def settled(self, stack: str) -> dict[str, Any]:
        """The description of a stack when nothing is in progress any more."""
        cloudformation = self.client("cloudformation")

        def done() -> Any:
            described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return None if described["StackStatus"].endswith("IN_PROGRESS") else described

        return wait_until(done)


def zipped(source: str) -> bytes:
    """A bundle with ``index.py``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("index.py", source)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def service_modules() -> Sequence[str]:
    """Which services of our own the cloud has: none, unless a folder says otherwise."""
    return ()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, service_modules: Sequence[str]) -> Iterator[localcloud.Running]:
    state = tmp_path_factory.mktemp("cloud")
    running = localcloud.start(state, port=0, speed=240, service_modules=service_modules)
    try:
        yield running
    finally:
        localcloud.stop(state)


@pytest.fixture(scope="module")
def cloud(running: localcloud.Running) -> CloudUnderTest:
    return CloudUnderTest(running)


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., localcloud.Running]]:
    """``shared_cloud(**settings)``: a cloud that the files of a folder share, because their tests keep to own names.

    It runs until another one is asked for: at most one at a time, however many folders there are.
    """
    present: list[tuple[dict[str, Any], Path, localcloud.Running]] = []

    def end() -> None:
        while present:
            localcloud.stop(present.pop()[1])

    def get(**settings: Any) -> localcloud.Running:
        if not present or present[0][0] != settings:
            end()
            state = tmp_path_factory.mktemp("shared-cloud")
            present.append((settings, state, localcloud.start(state, port=0, **settings)))
        return present[0][2]

    yield get
    end()


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for the state of a cloud that the test itself starts."""
    yield tmp_path / "state"
    localcloud.stop(tmp_path / "state")
