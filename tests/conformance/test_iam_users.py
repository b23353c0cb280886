"""IAM's users, groups and access keys."""

from __future__ import annotations

import boto3

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, policy

API = "IAM/latest/APIReference/"


def user(aws: Account) -> str:
    """A new user's name."""
    iam, name = aws.client("iam"), aws.name("user")
    iam.create_user(UserName=name)
    aws.later(iam.delete_user, UserName=name)
    return name


def keys(aws: Account, name: str) -> boto3.Session:
    """A session with a new access key of a user."""
    iam = aws.client("iam")
    made = iam.create_access_key(UserName=name)["AccessKey"]
    aws.later(iam.delete_access_key, UserName=name, AccessKeyId=made["AccessKeyId"])
    return boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], region_name=aws.region)


@behaviour(
    "iam",
    ("CreateUser", "GetUser", "ListUsers"),
    "A user is returned as created, and listed",
    f"{API}API_CreateUser.html",
)
def test_user(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    found = iam.get_user(UserName=name)["User"]
    assert (found["Arn"], found["Path"]) == (f"arn:aws:iam::{aws.account}:user/{name}", "/")
    assert found["UserId"].startswith("AIDA")
    pages = iam.get_paginator("list_users").paginate()
    assert name in [each["UserName"] for page in pages for each in page["Users"]]


@behaviour("iam", "CreateUser", "A name that is taken is refused", f"{API}API_CreateUser.html")
def test_twice(aws: Account) -> None:
    name = user(aws)
    with aws.refused("EntityAlreadyExists", f"User with name {name} already exists.", status=409):
        aws.client("iam").create_user(UserName=name)


@behaviour("iam", "DeleteUser", "A user with a policy is not deleted", f"{API}API_DeleteUser.html")
def test_delete_conflict(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    aws.later(iam.delete_user_policy, UserName=name, PolicyName="p")
    with aws.refused("DeleteConflict", status=409):
        iam.delete_user(UserName=name)


@behaviour("iam", "GetUser", "A user that is not there: NoSuchEntity", f"{API}API_GetUser.html")
def test_missing(aws: Account) -> None:
    with aws.refused("NoSuchEntity", "The user with name conformance-nobody cannot be found.", status=404):
        aws.client("iam").get_user(UserName="conformance-nobody")


@behaviour(
    "iam",
    ("CreateAccessKey", "PutUserPolicy", "DeleteUserPolicy"),
    "A user may do what an inline policy allows, and nothing else",
    f"{API}API_PutUserPolicy.html",
)
def test_user_policy(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    session = keys(aws, name)
    words = f"User: arn:aws:iam::{aws.account}:user/{name} is not authorized to perform: sqs:listqueues"
    with aws.refused("AccessDenied", words):
        aws.client("sqs", session=session).list_queues()
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("sqs:ListQueues")))
    aws.client("sqs", session=session).list_queues()
    iam.delete_user_policy(UserName=name, PolicyName="p")
    with aws.refused("AccessDenied", words):
        aws.client("sqs", session=session).list_queues()


@behaviour(
    "iam",
    ("AttachUserPolicy", "DetachUserPolicy"),
    "A managed policy counts for a user",
    f"{API}API_AttachUserPolicy.html",
)
def test_attached(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    arn = iam.create_policy(PolicyName=aws.name("policy"), PolicyDocument=policy(allow("sns:List*")))["Policy"]["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    aws.client("sns", session=keys(aws, name)).list_topics()
    iam.detach_user_policy(UserName=name, PolicyArn=arn)


@behaviour(
    "iam",
    ("CreateGroup", "AddUserToGroup", "PutGroupPolicy", "RemoveUserFromGroup", "DeleteGroupPolicy", "DeleteGroup"),
    "A group's policy counts for its members",
    "IAM/latest/UserGuide/id_groups.html",
)
def test_group(aws: Account) -> None:
    iam, name, group = aws.client("iam"), user(aws), aws.name("group")
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow("sns:ListTopics")))
    iam.add_user_to_group(GroupName=group, UserName=name)
    session = keys(aws, name)
    aws.client("sns", session=session).list_topics()
    iam.remove_user_from_group(GroupName=group, UserName=name)
    with aws.refused("AuthorizationError", "SNS:ListTopics"):
        aws.client("sns", session=session).list_topics()
    iam.delete_group_policy(GroupName=group, PolicyName="p")
    iam.delete_group(GroupName=group)


@behaviour(
    "iam",
    ("UpdateAccessKey", "ListAccessKeys"),
    "An inactive access key is not valid",
    "IAM/latest/UserGuide/id_credentials_access-keys.html",
)
def test_inactive_key(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    session = keys(aws, name)
    key = iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]
    assert key["Status"] == "Active"
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with aws.refused("InvalidClientTokenId"):
        aws.client("sns", session=session).list_topics()


@behaviour("iam", "DeleteAccessKey", "A deleted access key is not valid", f"{API}API_DeleteAccessKey.html")
def test_deleted_key(aws: Account) -> None:
    iam, name = aws.client("iam"), user(aws)
    session = keys(aws, name)
    iam.delete_access_key(UserName=name, AccessKeyId=session.get_credentials().access_key)
    with aws.refused("InvalidClientTokenId"):
        aws.client("sns", session=session).list_topics()
