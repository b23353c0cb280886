"""AWS Secrets Manager: what builds read secrets with."""

from __future__ import annotations

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "secretsmanager/latest/apireference/"
MISSING = "Secrets Manager can't find the specified secret."


def secret(aws: Account, text: str = "hush") -> str:
    """A new secret; its name."""
    name = aws.name("secret")
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString=text)
    aws.later(secrets.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    return name


@behaviour(
    "secretsmanager",
    ("CreateSecret", "GetSecretValue"),
    "A secret is read by name and by ARN",
    API + "API_GetSecretValue.html",
)
def test_read(aws: Account) -> None:
    secrets, name = aws.client("secretsmanager"), secret(aws)
    found = secrets.get_secret_value(SecretId=name)
    assert (found["Name"], found["SecretString"], found["VersionStages"]) == (name, "hush", ["AWSCURRENT"])
    assert found["ARN"].startswith(f"arn:aws:secretsmanager:{aws.region}:{aws.account}:secret:{name}-")
    assert secrets.get_secret_value(SecretId=found["ARN"])["SecretString"] == "hush"


@behaviour(
    "secretsmanager", ("PutSecretValue", "GetSecretValue"),
    "A new value is AWSCURRENT, and the one before AWSPREVIOUS", API + "API_PutSecretValue.html",
)  # fmt: skip
def test_versions(aws: Account) -> None:
    secrets, name = aws.client("secretsmanager"), secret(aws, "one")
    secrets.put_secret_value(SecretId=name, SecretString="two")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"


@behaviour(
    "secretsmanager", "CreateSecret", "A name that is taken: ResourceExistsException", API + "API_CreateSecret.html"
)
def test_taken(aws: Account) -> None:
    name = secret(aws)
    with aws.refused("ResourceExistsException", "already exists"):
        aws.client("secretsmanager").create_secret(Name=name, SecretString="x")


@behaviour(
    "secretsmanager", ("GetSecretValue", "DescribeSecret", "PutSecretValue", "DeleteSecret"),
    "What is not there: ResourceNotFoundException", API + "API_GetSecretValue.html",
)  # fmt: skip
def test_missing(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    for ask, more in (
        (secrets.get_secret_value, {}),
        (secrets.describe_secret, {}),
        (secrets.put_secret_value, {"SecretString": "x"}),
        (secrets.delete_secret, {}),
    ):
        with aws.refused("ResourceNotFoundException", MISSING):
            ask(SecretId=aws.name("nowhere"), **more)


@behaviour(
    "secretsmanager", ("DeleteSecret", "GetSecretValue", "RestoreSecret"),
    "A deleted secret is not read until it is restored", API + "API_DeleteSecret.html",
)  # fmt: skip
def test_deleted(aws: Account) -> None:
    secrets, name = aws.client("secretsmanager"), secret(aws)
    assert "DeletionDate" in secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    with aws.refused("InvalidRequestException", "marked for deletion"):
        secrets.get_secret_value(SecretId=name)
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "hush"


@pytest.mark.parametrize("days", [6, 31])
@behaviour(
    "secretsmanager",
    "DeleteSecret",
    "A recovery window is 7 to 30 days: {days} is refused",
    API + "API_DeleteSecret.html",
)
def test_window(aws: Account, days: int) -> None:
    name = secret(aws)
    with aws.refused("InvalidParameterException"):
        aws.client("secretsmanager").delete_secret(SecretId=name, RecoveryWindowInDays=days)


@behaviour(
    "secretsmanager",
    ("DescribeSecret", "ListSecrets"),
    "A secret is described and listed",
    API + "API_ListSecrets.html",
)
def test_described(aws: Account) -> None:
    secrets, name = aws.client("secretsmanager"), secret(aws)
    assert secrets.describe_secret(SecretId=name)["Name"] == name
    pages = secrets.get_paginator("list_secrets").paginate()
    assert name in [each["Name"] for page in pages for each in page["SecretList"]]


@behaviour("secretsmanager", "CreateSecret", "A name has no spaces", API + "API_CreateSecret.html")
def test_name(aws: Account) -> None:
    with aws.refused("ValidationException", "Invalid name"):
        aws.client("secretsmanager").create_secret(Name="a b", SecretString="x")
