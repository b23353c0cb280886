"""STS: who may assume which role, and what a session is."""

from __future__ import annotations

import datetime

import boto3
import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, assume, caller, deny, policy, trusting_role

ASSUME = "STS/latest/APIReference/API_AssumeRole.html"
TRUST = "IAM/latest/UserGuide/id_roles_update-role-trust-policy.html"


@behaviour("sts", ("AssumeRole", "GetCallerIdentity"), "A session's ARN has the role's and the session's name", ASSUME)
def test_session(aws: Account) -> None:
    role = trusting_role(aws)
    found = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me", DurationSeconds=900)
    arn = f"arn:aws:sts::{aws.account}:assumed-role/{role.rpartition('/')[2]}/me"
    assert found["AssumedRoleUser"]["Arn"] == arn
    keys = found["Credentials"]
    assert keys["AccessKeyId"].startswith("ASIA")
    left = keys["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 880 < left.total_seconds() < 910
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=aws.region)
    identity = aws.client("sts", session=session).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (aws.account, arn)
    assert identity["UserId"].endswith(":me")


@behaviour(
    "sts",
    "GetCallerIdentity",
    "Nobody can be denied GetCallerIdentity",
    "STS/latest/APIReference/API_GetCallerIdentity.html",
)
def test_identity_is_never_denied(aws: Account) -> None:
    session = caller(aws, deny("*"))
    assert ":assumed-role/" in aws.client("sts", session=session).get_caller_identity()["Arn"]


@behaviour("sts", "AssumeRole", "A role that trusts only a service is not for callers of the account", TRUST)
def test_service_role(aws: Account) -> None:
    role = aws.role("lambda.amazonaws.com")
    with aws.refused("AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: " + role, status=403):
        aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me")


@behaviour("sts", "AssumeRole", "A role that does not exist is refused like one that is not allowed", ASSUME)
def test_missing_role(aws: Account) -> None:
    role = f"arn:aws:iam::{aws.account}:role/{aws.name('none')}"
    with aws.refused("AccessDenied", "sts:AssumeRole", role, status=403):
        aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me")


@behaviour("sts", "AssumeRole", "A trust policy that names the account leaves it to the caller's policy", TRUST)
def test_account_in_trust(aws: Account) -> None:
    role = trusting_role(aws)
    with aws.refused("AccessDenied", "sts:AssumeRole", role):
        aws.client("sts", session=caller(aws)).assume_role(RoleArn=role, RoleSessionName="me")
    permitted = caller(aws, allow("sts:AssumeRole", role))
    aws.client("sts", session=permitted).assume_role(RoleArn=role, RoleSessionName="me")


@behaviour("sts", "AssumeRole", "A trust policy that names a role of the account is enough", TRUST)
def test_role_in_trust(aws: Account) -> None:
    first = trusting_role(aws)
    second = trusting_role(aws, principal={"AWS": first})
    found = aws.client("sts", session=assume(aws, first)).assume_role(RoleArn=second, RoleSessionName="me")
    assert second.rpartition("/")[2] in found["AssumedRoleUser"]["Arn"]


@behaviour("sts", "AssumeRole", "An external id in the trust policy's condition must be given", ASSUME)
def test_external_id(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.name("role")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{aws.account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    aws.later(iam.delete_role, RoleName=name)
    with aws.refused("AccessDenied", "sts:AssumeRole"):
        aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
    aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me", ExternalId="secret")


@behaviour("sts", "AssumeRole", "A session policy limits the session further", ASSUME)
def test_session_policy(aws: Account) -> None:
    session = assume(aws, trusting_role(aws, allow("*")), Policy=policy(allow("sns:ListTopics")))
    aws.client("sns", session=session).list_topics()
    with aws.refused("AccessDenied", "sqs:listqueues"):
        aws.client("sqs", session=session).list_queues()


@behaviour("sts", "AssumeRole", "A duration of {seconds} s is refused", ASSUME)
@pytest.mark.parametrize("seconds", [43201])
def test_duration(aws: Account, seconds: int) -> None:
    with aws.refused("ValidationError", "durationSeconds"):
        aws.client("sts").assume_role(RoleArn=trusting_role(aws), RoleSessionName="me", DurationSeconds=seconds)


@behaviour("sts", "AssumeRole", "Not longer than the role's maximum session duration", ASSUME)
def test_maximum_duration(aws: Account) -> None:
    with aws.refused(
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    ):
        aws.client("sts").assume_role(RoleArn=trusting_role(aws), RoleSessionName="me", DurationSeconds=7200)


@behaviour(
    "sts",
    "AssumeRole",
    "The keys of a session without its token are not valid",
    "IAM/latest/UserGuide/id_credentials_temp_use-resources.html",
)
def test_token(aws: Account) -> None:
    keys = assume(aws, trusting_role(aws, allow("*"))).get_credentials()
    bare = boto3.Session(keys.access_key, keys.secret_key, region_name=aws.region)
    with aws.refused("InvalidClientTokenId"):
        aws.client("sns", session=bare).list_topics()


@behaviour("sts", "AssumeRole", "A session ends with its role", "IAM/latest/UserGuide/id_roles_manage_delete.html")
def test_deleted_role(aws: Account) -> None:
    role = trusting_role(aws)
    session = assume(aws, role)
    aws.client("iam").delete_role(RoleName=role.rpartition("/")[2])
    with aws.refused("AccessDenied"):
        aws.client("sqs", session=session).list_queues()
