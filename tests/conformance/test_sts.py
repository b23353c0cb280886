"""AWS Security Token Service."""

from __future__ import annotations

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account


@behaviour(
    "sts",
    "GetCallerIdentity",
    "GetCallerIdentity names the caller's account and ARN",
    "STS/latest/APIReference/API_GetCallerIdentity.html",
)
def test_caller_identity(aws: Account) -> None:
    identity = aws.client("sts").get_caller_identity()
    assert identity["Account"] == aws.account
    assert identity["Arn"].startswith("arn:aws:")
