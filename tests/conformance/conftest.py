"""One cloud for all conformance tests of a worker, or an AWS account: ``pytest tests/conformance --target aws``."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import localcloud
from tests.conformance.behaviours import behaviours
from tests.conformance.hosting import hosting
from tests.localcloud.conftest import wait_until, zipped

__all__ = ["Account", "account", "aws", "hosting"]

SPEED = 240


class Account:
    """The account under test: clients, names that nobody else has, and clean-up.

    Attributes
    ----------
    local : bool
        Whether it is the local cloud, and no account at AWS.
    account, region : str
    endpoint_url : str or None
        Where the local cloud is.
    called : set
        (service, operation) of every call that was made, to check that a test proves what it claims.
    """

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self.local = endpoint_url is not None
        self.endpoint_url = endpoint_url
        self.session = session
        self.region = session.region_name
        self.called: set[tuple[str, str]] = set()
        self._clients: dict[str, Any] = {}
        self._cleanup: list[Callable[[], Any]] = []
        self.account = self.client("sts").get_caller_identity()["Account"]

    def client(self, service: str, session: boto3.Session | None = None, **options: Any) -> Any:
        """A client; one for all, unless there are options or a session of another caller."""
        if service in self._clients and not options and session is None:
            return self._clients[service]
        config = options.pop("config", None) or Config(retries={"total_max_attempts": 1})
        made = (session or self.session).client(service, endpoint_url=self.endpoint_url, config=config, **options)
        made.meta.events.register("before-call", self._note)
        if not options and session is None:
            self._clients[service] = made
        return made

    def _note(self, model: Any, **_: Any) -> None:
        self.called.add((model.service_model.service_name, model.name))

    def name(self, prefix: str = "conformance") -> str:
        """A name that is not taken."""
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    def later(self, action: Callable[..., Any], **arguments: Any) -> None:
        """Call ``action`` after the test; errors are left alone, since the resource may be gone."""
        self._cleanup.append(lambda: action(**arguments))

    @contextlib.contextmanager
    def lasting(self, make: Callable[..., str], *arguments: Any, **settings: Any) -> Iterator[str]:
        """What ``make(…)`` makes, for the tests of a file: it is removed after the block, and not after a test."""
        of_the_test, self._cleanup = self._cleanup, []
        try:
            made = make(*arguments, **settings)
        finally:
            of_the_block, self._cleanup = self._cleanup, of_the_test
        try:
            yield made
        finally:
            _carry_out(of_the_block)

    def clean(self) -> None:
        """Do what :meth:`later` was asked to do, last first."""
        _carry_out(self._cleanup)

    @contextlib.contextmanager
    def refused(self, code: str, *parts: str, status: int | None = None) -> Iterator[None]:
        """The block ends with an AWS error of this code, whose message has all ``parts``."""
        with pytest.raises(ClientError) as caught:
            yield
        error = caught.value.response["Error"]
        assert error["Code"] == code, error
        for part in parts:
            assert part in error["Message"], error
        if status is not None:
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

    def role(self, service: str = "lambda.amazonaws.com", *statements: dict[str, Any]) -> str:
        """A new role that trusts ``service`` and has ``statements`` as its policy; its ARN."""
        iam, name = self.client("iam"), self.name("role")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        self.later(iam.delete_role, RoleName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=document)
            self.later(iam.delete_role_policy, RoleName=name, PolicyName="test")
        return str(arn)

    def function(self, source: str, **settings: Any) -> str:
        """A new Python function with ``handler`` in ``source``; its ARN."""
        function, name = self.client("lambda"), self.name("function")
        logs = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
        arn = function.create_function(
            FunctionName=name,
            Handler=settings.pop("Handler", "index.handler"),
            Code={"ZipFile": zipped(source)},
            Role=settings.pop("Role", None) or self.role("lambda.amazonaws.com", logs),
            Runtime=settings.pop("Runtime", "python3.12"),
            **settings,
        )["FunctionArn"]
        self.later(function.delete_function, FunctionName=name)
        return str(arn)

    def queue(self, **attributes: str) -> tuple[str, str]:
        """A new queue; its URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name("queue"), Attributes=attributes)["QueueUrl"]
        self.later(sqs.delete_queue, QueueUrl=url)
        attribute = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, attribute["QueueArn"]

    def receive(self, url: str, seconds: float = 20.0) -> Any:
        """The next message of a queue."""
        sqs = self.client("sqs")
        return wait_until(
            lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"), seconds
        )[0]

    def bucket(self) -> str:
        """A new bucket, emptied and removed after the test; its name."""
        s3, name = self.client("s3"), self.name("bucket")
        s3.create_bucket(Bucket=name)
        self.later(s3.delete_bucket, Bucket=name)
        self.later(self._empty, name=name)
        return name

    def _empty(self, name: str) -> None:
        s3 = self.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])

    def stack(self, template: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """A new stack, as described when nothing is in progress any more."""
        cloudformation, name = self.client("cloudformation"), self.name("stack")
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), **settings)
        self.later(cloudformation.delete_stack, StackName=name)
        return self.settled(name)

    def settled(self, name: str) -> dict[str, Any]:
        """The description of a stack when nothing is in progress any more."""
        cloudformation = self.client("cloudformation")

        def done() -> Any:
            described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            return None if described["StackStatus"].endswith("IN_PROGRESS") else described

        return wait_until(done, 60 if self.local else 900)


def _carry_out(actions: list[Callable[[], Any]]) -> None:
    while actions:
        with contextlib.suppress(ClientError):
            actions.pop()()


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if request.config.getoption("--target") == "aws":
        session = boto3.Session()
        if session.get_credentials() is None:
            pytest.skip("NOTHING WAS TESTED ON AWS: --target aws needs credentials, and this environment has none")
        yield Account(session)
        return
    state = tmp_path_factory.mktemp("conformance")
    running = localcloud.start(state, port=0, speed=SPEED, provision_seconds=60)
    environment = running.environment
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name=environment["AWS_REGION"]
    )
    try:
        yield Account(session, environment["AWS_ENDPOINT_URL"])
    finally:
        localcloud.stop(state)


@pytest.fixture(scope="module")
def role(account: Account) -> Iterator[str]:
    """One role that Lambda may assume, for the functions of a file."""
    with account.lasting(account.role) as arn:
        yield arn


@pytest.fixture
def aws(account: Account, request: pytest.FixtureRequest) -> Iterator[Account]:
    claims = behaviours(request.node)
    if not account.local and all(claim.verdict == "refused" for claim in claims):
        pytest.skip("the local cloud refuses this on its own account; AWS does not")
    account.called.clear()
    try:
        yield account
        missing = {(claim.service, name) for claim in claims for name in claim.operations} - account.called
        assert not missing, f"the test claims to prove these operations and does not call them: {sorted(missing)}"
    finally:
        account.clean()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/conformance/" in item.path.as_posix() and not behaviours(item):
            raise pytest.UsageError(f"{item.nodeid} is a conformance test without @behaviour")
