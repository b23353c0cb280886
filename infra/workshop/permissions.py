"""What a participant may do: the policy of the workshop, and what opening one's own space takes."""

from __future__ import annotations

import json
import re
from typing import Any

from aws_cdk import aws_iam as iam

from contract.settings import ROOT
from infra.errors import InfraError

POLICY = ROOT / "static" / "iam_policy.json"
"""Made by ``make participant-policy`` for the workshop's name in workshop.toml, any account and any region."""
INSTANCE_TYPES = ("ml.t3.medium", "ml.t3.large", "ml.t3.xlarge", "ml.m5.large", "ml.m5.xlarge")
"""On which a participant may run the space; ``system`` is what Studio itself asks for where no instance is rented."""
ROLE_LIMIT = 10_240
"""Characters of all inline policies of a role. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def of_workshop(name: str, template_name: str) -> list[dict[str, Any]]:
    """Statements of ``static/iam_policy.json`` for a workshop of another name.

    Parameters
    ----------
    name : str
        Of the participant's workshop.
    template_name : str
        The name that the file was made for.

    Raises
    ------
    InfraError
        The file is missing, or does not name the workshop that it should be for.
    """
    if not POLICY.exists():
        raise InfraError(f"{POLICY.relative_to(ROOT)} is missing: run make participant-policy.")
    text = POLICY.read_text(encoding="utf-8")
    if f":{template_name}-*" not in text:
        raise InfraError(
            f"{POLICY.relative_to(ROOT)} is not for the workshop {template_name}: make participant-policy."
        )
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return [
        {**each, "Resource": [_renamed(arn, template_name, name) for arn in each["Resource"]]} for each in statements
    ]


def _renamed(arn: str, old: str, new: str) -> str:
    return arn if old == new else arn.replace(old, new)


def of_studio(profile_arn: str) -> list[dict[str, Any]]:
    """Statements for one's own private space: see it, run it, stop it, on an instance that does not cost much.

    The statements are those of AmazonSageMakerFullAccess about private spaces, less what the workshop does not need:
    no new spaces, no shared ones, no apps without a space (Canvas, for example, which is billed by the hour).
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSageMakerFullAccess.html

    Parameters
    ----------
    profile_arn : str
        Of the user profile that may be opened.
    """
    own = "arn:aws:sagemaker:*:*:user-profile/${sagemaker:DomainId}/${sagemaker:UserProfileName}"
    conditions = {
        "ArnLike": {"sagemaker:OwnerUserProfileArn": own},
        "StringEquals": {"sagemaker:SpaceSharingType": ["Private"]},
    }
    cheap = {"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [*INSTANCE_TYPES, "system"]}}
    return [
        {
            "Sid": "LookAtStudio",
            "Effect": "Allow",
            "Action": [
                "sagemaker:DescribeApp", "sagemaker:DescribeDomain", "sagemaker:DescribeSpace",
                "sagemaker:DescribeUserProfile", "sagemaker:ListApps", "sagemaker:ListDomains",
                "sagemaker:ListSpaces", "sagemaker:ListTags", "sagemaker:ListUserProfiles",
            ],
            "Resource": ["*"],
        },
        {
            "Sid": "OpenStudio",
            "Effect": "Allow",
            "Action": ["sagemaker:CreatePresignedDomainUrl"],
            "Resource": [profile_arn],
        },
        {
            "Sid": "ChangeOwnSpace",
            "Effect": "Allow",
            "Action": ["sagemaker:UpdateSpace"],
            "Resource": ["arn:aws:sagemaker:*:*:space/${sagemaker:DomainId}/*"],
            "Condition": {**conditions, **cheap},
        },
        {
            "Sid": "RunOwnSpace",
            "Effect": "Allow",
            "Action": ["sagemaker:CreateApp"],
            "Resource": ["arn:aws:sagemaker:*:*:app/${sagemaker:DomainId}/*/*/*"],
            "Condition": {**conditions, **cheap},
        },
        {
            "Sid": "StopOwnSpace",
            "Effect": "Allow",
            "Action": ["sagemaker:DeleteApp"],
            "Resource": ["arn:aws:sagemaker:*:*:app/${sagemaker:DomainId}/*/*/*"],
            "Condition": conditions,
        },
        {
            "Sid": "TagWhatStudioMakes",
            "Effect": "Allow",
            "Action": ["sagemaker:AddTags"],
            "Resource": ["arn:aws:sagemaker:*:*:app/*"],
        },
    ]  # fmt: skip


def document(statements: list[dict[str, Any]]) -> iam.PolicyDocument:
    """The statements as a policy document of the CDK.

    Raises
    ------
    InfraError
        They are more than a role may have inline.
    """
    if (length := len("".join(json.dumps(statements).split()))) > ROLE_LIMIT:
        raise InfraError(f"the participant's policies have {length} characters, and a role may have {ROLE_LIMIT}.")
    return iam.PolicyDocument(
        statements=[iam.PolicyStatement.from_json(each) for each in statements],
        minimize=False,  # as they are written, so that a person can compare them with static/iam_policy.json
    )


def wildcards(statements: list[dict[str, Any]]) -> list[str]:
    """Resources with a wildcard, as cdk-nag writes them when it asks why."""
    return sorted(
        {re.sub(r"\$\{([^}]+)\}", r"<\1>", arn) for each in statements for arn in each["Resource"] if "*" in arn}
    )


def event_policy() -> dict[str, Any]:
    """What the role of Workshop Studio needs besides the workshop's policy: to open SageMaker Studio."""
    return {"Version": "2012-10-17", "Statement": of_studio("arn:aws:sagemaker:*:*:user-profile/*")}
