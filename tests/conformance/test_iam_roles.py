"""IAM's roles and policies as records: what can be created, read and deleted, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, policy

API = "IAM/latest/APIReference/"
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


@behaviour("iam", ("CreateRole", "GetRole"), "A role is returned as created", f"{API}API_CreateRole.html")
def test_role(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.name("role")
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=TRUST, Description="for a test", MaxSessionDuration=7200
    )["Role"]
    aws.later(iam.delete_role, RoleName=name)
    found = iam.get_role(RoleName=name)["Role"]
    assert made["Arn"] == found["Arn"] == f"arn:aws:iam::{aws.account}:role/{name}"
    assert (found["Path"], found["Description"], found["MaxSessionDuration"]) == ("/", "for a test", 7200)
    assert found["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert found["RoleId"].startswith("AROA")


@behaviour("iam", "CreateRole", "A role's path is part of its ARN", "IAM/latest/UserGuide/reference_identifiers.html")
def test_path(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.name("role")
    made = iam.create_role(RoleName=name, Path="/service/a/", AssumeRolePolicyDocument=TRUST)["Role"]
    aws.later(iam.delete_role, RoleName=name)
    assert made["Arn"] == f"arn:aws:iam::{aws.account}:role/service/a/{name}"


@behaviour("iam", "CreateRole", "A name that is taken is refused: EntityAlreadyExists", f"{API}API_CreateRole.html")
def test_role_twice(aws: Account) -> None:
    name = aws.role().rpartition("/")[2]
    with aws.refused("EntityAlreadyExists", f"Role with name {name} already exists."):
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)


@behaviour(
    "iam", "CreateRole", "A trust policy that is not a policy is refused: {document}", f"{API}API_CreateRole.html"
)
@pytest.mark.parametrize("document", ["{", '{"Version": "2012-10-17"}', '{"Statement": [{"Effect": "Maybe"}]}'])
def test_malformed_trust(aws: Account, document: str) -> None:
    with aws.refused("MalformedPolicyDocument"):
        aws.client("iam").create_role(RoleName=aws.name("role"), AssumeRolePolicyDocument=document)


@behaviour("iam", (), "{operation} of a role that is not there: NoSuchEntity", f"{API}API_GetRole.html")
@pytest.mark.parametrize(
    ("operation", "method", "arguments"),
    [
        ("GetRole", "get_role", {}),
        ("DeleteRole", "delete_role", {}),
        ("PutRolePolicy", "put_role_policy", {"PolicyName": "p", "PolicyDocument": policy(allow("s3:*"))}),
        ("GetRolePolicy", "get_role_policy", {"PolicyName": "p"}),
        ("ListRolePolicies", "list_role_policies", {}),
        ("ListAttachedRolePolicies", "list_attached_role_policies", {}),
        ("UpdateAssumeRolePolicy", "update_assume_role_policy", {"PolicyDocument": TRUST}),
        ("TagRole", "tag_role", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ],
)
def test_missing_role(aws: Account, operation: str, method: str, arguments: dict[str, str]) -> None:
    with aws.refused("NoSuchEntity", "cannot be found", status=404):
        getattr(aws.client("iam"), method)(RoleName="conformance-nobody", **arguments)


@behaviour(
    "iam",
    ("PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy"),
    "An inline policy is kept, listed, replaced and deleted",
    f"{API}API_PutRolePolicy.html",
)
def test_inline_policy(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.role().rpartition("/")[2]
    for action in ("s3:GetObject", "s3:PutObject"):
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow(action)))
        aws.later(iam.delete_role_policy, RoleName=name, PolicyName="p")
        found = iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"]
        assert found["Statement"][0]["Action"] == action
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p"]
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    with aws.refused("NoSuchEntity"):
        iam.get_role_policy(RoleName=name, PolicyName="p")


@behaviour("iam", "PutRolePolicy", "A policy document that is not JSON is refused", f"{API}API_PutRolePolicy.html")
def test_malformed_policy(aws: Account) -> None:
    name = aws.role().rpartition("/")[2]
    with aws.refused("MalformedPolicyDocument"):
        aws.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument="{not json")


@behaviour(
    "iam",
    ("CreatePolicy", "GetPolicy", "GetPolicyVersion", "AttachRolePolicy", "ListAttachedRolePolicies", "DeletePolicy"),
    "A managed policy is attached and listed, and cannot be deleted meanwhile",
    f"{API}API_DeletePolicy.html",
)
def test_managed_policy(aws: Account) -> None:
    iam, role = aws.client("iam"), aws.role().rpartition("/")[2]
    made = iam.create_policy(PolicyName=aws.name("policy"), PolicyDocument=policy(allow("s3:GetObject")))["Policy"]
    arn = made["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    aws.later(iam.detach_role_policy, RoleName=role, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached == [{"PolicyName": made["PolicyName"], "PolicyArn": arn}]
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (found["DefaultVersionId"], found["AttachmentCount"]) == ("v1", 1)
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["IsDefaultVersion"]
    assert version["Document"]["Statement"][0]["Action"] == "s3:GetObject"
    with aws.refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)


@behaviour("iam", "DetachRolePolicy", "A policy is detached once", f"{API}API_DetachRolePolicy.html")
def test_detach(aws: Account) -> None:
    iam, role = aws.client("iam"), aws.role().rpartition("/")[2]
    arn = iam.create_policy(PolicyName=aws.name("policy"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    with aws.refused("NoSuchEntity"):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)


@behaviour("iam", "AttachRolePolicy", "A policy must exist to be attached", f"{API}API_AttachRolePolicy.html")
def test_attach_nothing(aws: Account) -> None:
    role = aws.role().rpartition("/")[2]
    with aws.refused("NoSuchEntity"):
        aws.client("iam").attach_role_policy(
            RoleName=role, PolicyArn=f"arn:aws:iam::{aws.account}:policy/{aws.name('none')}"
        )


@behaviour("iam", "DeleteRole", "A role with a policy cannot be deleted", f"{API}API_DeleteRole.html")
def test_delete_conflict(aws: Account) -> None:
    role = aws.role("lambda.amazonaws.com", allow("s3:*")).rpartition("/")[2]
    with aws.refused("DeleteConflict", "Cannot delete entity, must delete policies first.", status=409):
        aws.client("iam").delete_role(RoleName=role)


@behaviour("iam", "ListRoles", "Roles are listed by path, a page at a time", f"{API}API_ListRoles.html")
def test_list_roles(aws: Account) -> None:
    iam, path = aws.client("iam"), f"/{aws.name('path')}/"
    names = [aws.name("role") for _ in range(3)]
    for name in names:
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=TRUST)
        aws.later(iam.delete_role, RoleName=name)
    first = iam.list_roles(PathPrefix=path, MaxItems=2)
    assert (len(first["Roles"]), first["IsTruncated"]) == (2, True)
    rest = iam.list_roles(PathPrefix=path, MaxItems=2, Marker=first["Marker"])
    found = [role["RoleName"] for role in first["Roles"] + rest["Roles"]]
    assert (sorted(found), rest["IsTruncated"]) == (sorted(names), False)


@behaviour(
    "iam", ("UpdateAssumeRolePolicy", "UpdateRole"), "Trust and description can be changed", f"{API}API_UpdateRole.html"
)
def test_update(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.role().rpartition("/")[2]
    other = TRUST.replace("lambda", "codebuild")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=other)
    iam.update_role(RoleName=name, Description="changed", MaxSessionDuration=3600)
    found = iam.get_role(RoleName=name)["Role"]
    assert (found["AssumeRolePolicyDocument"], found["Description"]) == (json.loads(other), "changed")


@behaviour(
    "iam", ("TagRole", "ListRoleTags", "UntagRole"), "Tags are added, replaced and removed", f"{API}API_TagRole.html"
)
def test_tags(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.role().rpartition("/")[2]
    iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "3"}])
    iam.untag_role(RoleName=name, TagKeys=["b"])
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "a", "Value": "3"}]


@behaviour("iam", "ListPolicies", "The account's own policies can be listed alone", f"{API}API_ListPolicies.html")
def test_list_policies(aws: Account) -> None:
    iam, name = aws.client("iam"), aws.name("policy")
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    aws.later(iam.delete_policy, PolicyArn=arn)
    pages = iam.get_paginator("list_policies").paginate(Scope="Local")
    assert arn in [each["Arn"] for page in pages for each in page["Policies"]]


@behaviour("iam", "CreatePolicy", "A policy without statements is refused", f"{API}API_CreatePolicy.html")
def test_empty_policy(aws: Account) -> None:
    with aws.refused("MalformedPolicyDocument"):
        aws.client("iam").create_policy(PolicyName=aws.name("policy"), PolicyDocument='{"Version": "2012-10-17"}')
