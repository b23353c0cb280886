"""The AWS CLI, version 1, which pip installs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import localcloud
from localcloud.process.credentials import GIT_HELPER
from tests.clients.conftest import Client, environment_with

pytestmark = [pytest.mark.cloud, pytest.mark.rare]

ROLE_STACK = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            },
        }
    },
    "Outputs": {"Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
}


@pytest.fixture
def cli(running: localcloud.Running, tmp_path: Path) -> Client:
    return Client(environment_with("awscli==1.46.3"), running, tmp_path)


def answer(cli: Client, *command: str) -> Any:
    said = cli.run("aws", *command, "--output", "json")
    return json.loads(said) if said.strip() else None


def test_s3(cli: Client) -> None:
    (cli.home / "a.txt").write_text("hello")
    cli.run("aws", "s3", "mb", "s3://cli-bucket")
    cli.run("aws", "s3", "cp", "a.txt", "s3://cli-bucket/x/a.txt")
    assert "a.txt" in cli.run("aws", "s3", "ls", "s3://cli-bucket/x/")
    cli.run("aws", "s3", "sync", "s3://cli-bucket", "down")
    assert (cli.home / "down" / "x" / "a.txt").read_text() == "hello"
    cli.run("aws", "s3", "mv", "s3://cli-bucket/x/a.txt", "s3://cli-bucket/b.txt")
    url = cli.run("aws", "s3", "presign", "s3://cli-bucket/b.txt").strip()
    assert (
        cli.run("python", "-c", f"import urllib.request as r; print(r.urlopen({url!r}).read().decode())") == "hello\n"
    )
    cli.run("aws", "s3", "rb", "s3://cli-bucket", ok=False)
    cli.run("aws", "s3", "rb", "s3://cli-bucket", "--force")
    assert "NoSuchBucket" in cli.run("aws", "s3", "ls", "s3://cli-bucket", ok=False)


def test_messages(cli: Client, running: localcloud.Running) -> None:
    # Version 1 calls AWS's old address for SQS, whatever AWS_ENDPOINT_URL says; `localcloud env` says so, too.
    there = ("--endpoint-url", running.endpoint_url)
    url = answer(cli, "sqs", "create-queue", "--queue-name", "cli-queue", *there)["QueueUrl"]
    topic = answer(cli, "sns", "create-topic", "--name", "cli-topic")["TopicArn"]
    queue = answer(cli, "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn", *there)
    arn = queue["Attributes"]["QueueArn"]
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    attributes = json.dumps({"Policy": json.dumps(allowed)})
    cli.run("aws", "sqs", "set-queue-attributes", "--queue-url", url, "--attributes", attributes, *there)
    cli.run("aws", "sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", arn)
    cli.run("aws", "sns", "publish", "--topic-arn", topic, "--message", "hello")
    (message,) = answer(cli, "sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "5", *there)[
        "Messages"
    ]
    assert json.loads(message["Body"])["Message"] == "hello"
    assert url in answer(cli, "sqs", "list-queues", *there)["QueueUrls"]


def test_stacks(cli: Client) -> None:
    (cli.home / "stack.json").write_text(json.dumps(ROLE_STACK))
    deploy = ("aws", "cloudformation", "deploy", "--stack-name", "cli-stack", "--template-file", "stack.json")
    assert "InsufficientCapabilities" in cli.run(*deploy, ok=False)
    cli.run(*deploy, "--capabilities", "CAPABILITY_IAM")
    assert "No changes to deploy" in cli.run(*deploy, "--capabilities", "CAPABILITY_IAM", ok=False)
    cli.run("aws", "cloudformation", "wait", "stack-create-complete", "--stack-name", "cli-stack")
    (stack,) = answer(cli, "cloudformation", "describe-stacks", "--stack-name", "cli-stack")["Stacks"]
    assert stack["Outputs"][0]["OutputValue"].startswith("arn:aws:iam::000000000000:role/")
    cli.run("aws", "cloudformation", "delete-stack", "--stack-name", "cli-stack")
    cli.run("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", "cli-stack")


def test_functions_and_logs(cli: Client, role: str) -> None:
    trust = json.dumps(ROLE_STACK["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"])
    made = answer(cli, "iam", "create-role", "--role-name", "cli-role", "--assume-role-policy-document", trust)
    allowed = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}'
    cli.run(
        "aws", "iam", "put-role-policy", "--role-name", "cli-role", "--policy-name", "p", "--policy-document", allowed
    )
    with zipfile.ZipFile(cli.home / "code.zip", "w") as bundle:
        bundle.writestr("index.py", "def handler(event, context):\n    print('seen', event['n'])\n    return event\n")
    cli.run(
        "aws", "lambda", "create-function", "--function-name", "cli-function", "--runtime", "python3.12",
        "--handler", "index.handler", "--role", made["Role"]["Arn"], "--zip-file", "fileb://code.zip",
    )  # fmt: skip
    cli.run("aws", "lambda", "wait", "function-active-v2", "--function-name", "cli-function")
    cli.run("aws", "lambda", "invoke", "--function-name", "cli-function", "--payload", '{"n": 7}', "out.json")
    assert json.loads((cli.home / "out.json").read_text()) == {"n": 7}
    group = "/aws/lambda/cli-function"
    found = answer(cli, "logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", '"seen 7"')
    assert len(found["events"]) == 1


def test_sagemaker_and_scaling(cli: Client) -> None:
    assert answer(cli, "sagemaker", "list-endpoints")["Endpoints"] == []
    refused = cli.run("aws", "sagemaker", "describe-endpoint", "--endpoint-name", "nowhere", ok=False)
    assert "Could not find endpoint" in refused
    targets = answer(cli, "application-autoscaling", "describe-scalable-targets", "--service-namespace", "sagemaker")
    assert targets["ScalableTargets"] == []


def test_git_asks_for_the_keys_as_env_tells(cli: Client, running: localcloud.Running) -> None:
    """``aws codecommit credential-helper`` answers for AWS's own hosts alone; ``localcloud env`` says what does."""
    cli.run("aws", "codecommit", "create-repository", "--repository-name", "cli-repository")
    url = f"{running.endpoint_url}/v1/repos/cli-repository"
    asked = ("-c", "credential.helper=", "-c", "credential.UseHttpPath=true", "-c")
    helper = "credential.helper=!aws codecommit credential-helper $@"
    cli.run("git", *asked, helper, "ls-remote", url, ok=False, GIT_TERMINAL_PROMPT="0")
    cli.run("git", *asked, f"credential.helper={GIT_HELPER}", "ls-remote", url, GIT_TERMINAL_PROMPT="0")
