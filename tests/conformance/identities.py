"""Callers with little rights, for tests of permissions."""

from __future__ import annotations

import json
from typing import Any

import boto3

from tests.conformance.conftest import Account


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows ``action``."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that denies ``action``."""
    return allow(action, resource, **more) | {"Effect": "Deny"}


def trusting_role(aws: Account, *statements: dict[str, Any], principal: Any = None, **settings: Any) -> str:
    """A new role that the account's own callers may assume, with ``statements`` as its policy; its ARN."""
    iam, name = aws.client("iam"), aws.name("caller")
    trusted = principal or {"AWS": f"arn:aws:iam::{aws.account}:root"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust), **settings)["Role"]["Arn"]
    aws.later(iam.delete_role, RoleName=name)
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=policy(*statements))
        aws.later(iam.delete_role_policy, RoleName=name, PolicyName="rights")
    return str(arn)


def assume(aws: Account, role: str, name: str = "somebody", **settings: Any) -> boto3.Session:
    """A session of ``role``."""
    found = aws.client("sts").assume_role(RoleArn=role, RoleSessionName=name, **settings)["Credentials"]
    return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], region_name=aws.region)


def caller(aws: Account, *statements: dict[str, Any]) -> boto3.Session:
    """A session of a new role that has ``statements`` as its policy."""
    return assume(aws, trusting_role(aws, *statements))
