"""AWS Key Management Service: keys of stacks, and whether they are going."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "kms/latest/APIReference/"


def key(aws: Account) -> str:
    """A new key that ends after the test; its id."""
    kms = aws.client("kms")
    made = kms.create_key(Description="conformance")["KeyMetadata"]["KeyId"]
    aws.later(kms.schedule_key_deletion, KeyId=made, PendingWindowInDays=7)
    return str(made)


@behaviour(
    "kms",
    ("CreateKey", "DescribeKey"),
    "A new key is enabled, symmetric and the customer's",
    API + "API_CreateKey.html",
)
def test_new(aws: Account) -> None:
    made = key(aws)
    found = aws.client("kms").describe_key(KeyId=made)["KeyMetadata"]
    assert (found["KeyState"], found["KeySpec"], found["KeyManager"]) == ("Enabled", "SYMMETRIC_DEFAULT", "CUSTOMER")
    assert found["Arn"] == f"arn:aws:kms:{aws.region}:{aws.account}:key/{made}"


@behaviour("kms", "DescribeKey", "A key that is not there: NotFoundException", API + "API_DescribeKey.html")
def test_missing(aws: Account) -> None:
    with aws.refused("NotFoundException"):
        aws.client("kms").describe_key(KeyId="12345678-1234-1234-1234-123456789012")


@behaviour(
    "kms", ("ScheduleKeyDeletion", "DescribeKey"),
    "A key whose deletion is scheduled is PendingDeletion until then", API + "API_ScheduleKeyDeletion.html",
)  # fmt: skip
def test_scheduled(aws: Account) -> None:
    kms, made = aws.client("kms"), key(aws)
    kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)
    found = kms.describe_key(KeyId=made)["KeyMetadata"]
    assert found["KeyState"] == "PendingDeletion"
    days = (found["DeletionDate"] - dt.datetime.now(dt.UTC)).total_seconds() / 86400
    assert 6.9 < days < 7.1


@behaviour("kms", "ListKeys", "Keys are listed", API + "API_ListKeys.html")
def test_listed(aws: Account) -> None:
    made = key(aws)
    pages = aws.client("kms").get_paginator("list_keys").paginate()
    assert made in [each["KeyId"] for page in pages for each in page["Keys"]]


@pytest.mark.parametrize("days", [6, 31])
@behaviour(
    "kms",
    "ScheduleKeyDeletion",
    "A key waits 7 to 30 days for its end: {days} is refused",
    API + "API_ScheduleKeyDeletion.html",
)
def test_window(aws: Account, days: int) -> None:
    made = key(aws)
    with aws.refused("ValidationException"):
        aws.client("kms").schedule_key_deletion(KeyId=made, PendingWindowInDays=days)
