"""``iam:PassRole``, and the roles that services are given: who may hand them over, and whom they must trust."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, caller
from tests.localcloud.conftest import zipped

PASSING = "IAM/latest/UserGuide/id_roles_use_passrole.html"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


def pipeline(role: str) -> dict[str, Any]:
    """A declaration."""

    def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, **more}

    place = {"S3Bucket": "conformance-none", "S3ObjectKey": "k.zip", "PollForSourceChanges": "false"}
    source = action("Source", "Source", "S3", configuration=place, outputArtifacts=[{"name": "S"}])
    return {
        "name": "conformance-none",
        "roleArn": role,
        "artifactStore": {"type": "S3", "location": "conformance-none"},
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Approve", "actions": [action("Approve", "Approval", "Manual")]},
        ],
    }


def creations(role: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """For each service that is given a role: client, method, and arguments."""
    return {
        "lambda": (
            "lambda",
            "create_function",
            {
                "FunctionName": "conformance-none",
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Code": {"ZipFile": zipped("def handler(event, context): pass\n")},
                "Role": role,
            },
        ),
        "sagemaker": (
            "sagemaker",
            "create_model",
            {"ModelName": "conformance-none", "PrimaryContainer": {"Image": IMAGE}, "ExecutionRoleArn": role},
        ),
        "codebuild": (
            "codebuild",
            "create_project",
            {
                "name": "conformance-none",
                "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [ls]}}\n"},
                "artifacts": {"type": "NO_ARTIFACTS"},
                "environment": {
                    "type": "LINUX_CONTAINER",
                    "image": "aws/codebuild/standard:7.0",
                    "computeType": "BUILD_GENERAL1_SMALL",
                },
                "serviceRole": role,
            },
        ),
        "codepipeline": ("codepipeline", "create_pipeline", {"pipeline": pipeline(role)}),
        "cloudformation": (
            "cloudformation",
            "create_stack",
            {
                "StackName": "conformance-none",
                "TemplateBody": '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}',
                "RoleARN": role,
            },
        ),
        "events": (
            "events",
            "put_targets",
            {
                "Rule": "conformance-none",
                "Targets": [
                    {"Id": "1", "Arn": "arn:aws:codepipeline:us-east-1:000000000000:none", "RoleArn": role},
                ],
            },
        ),
    }


@behaviour("iam", (), "Handing a role to {service} needs iam:PassRole for it", PASSING)
@pytest.mark.parametrize("service", sorted(creations("")))
def test_pass_role(aws: Account, service: str) -> None:
    role = aws.role(f"{service}.amazonaws.com")
    name, method, arguments = creations(role)[service]
    client = aws.client(name, session=caller(aws, allow(f"{service}:*"), allow("iam:PassRole", f"{role}-other")))
    code = "AccessDenied" if service == "cloudformation" else "AccessDeniedException"
    with aws.refused(code, f"is not authorized to perform: iam:PassRole on resource: {role}"):
        getattr(client, method)(**arguments)


@behaviour("iam", (), "iam:PassedToService limits to which service a role may be handed", PASSING)
def test_passed_to_service(aws: Account) -> None:
    role = aws.role("lambda.amazonaws.com")
    limit = {"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}}
    session = caller(aws, allow("lambda:*"), allow("iam:PassRole", role, Condition=limit))
    _, method, arguments = creations(role)["lambda"]
    with aws.refused("AccessDeniedException", "iam:PassRole"):
        getattr(aws.client("lambda", session=session), method)(**arguments)


REFUSALS = {
    "lambda": (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
        "lambda/latest/dg/lambda-intro-execution-role.html",
    ),
    "sagemaker": ("ValidationException", "Could not assume role {role}.", "sagemaker/latest/dg/sagemaker-roles.html"),
    "codebuild": (
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole on {role}",
        "codebuild/latest/userguide/setting-up-service-role.html",
    ),
    "codepipeline": (
        "InvalidStructureException",
        "CodePipeline is not authorized to perform AssumeRole on role {role}",
        "codepipeline/latest/userguide/how-to-custom-role.html",
    ),
    "cloudformation": (
        "ValidationError",
        "Role {role} is invalid or cannot be assumed",
        "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
    ),
}


@behaviour(
    "iam", "CreateRole", "{service} refuses a role that trusts another service", "IAM/latest/UserGuide/id_roles.html"
)
@pytest.mark.parametrize("service", sorted(REFUSALS))
def test_trust(aws: Account, service: str) -> None:
    role = aws.role("ec2.amazonaws.com")
    name, method, arguments = creations(role)[service]
    code, words, _ = REFUSALS[service]
    with aws.refused(code, words.format(role=role)):
        getattr(aws.client(name), method)(**arguments)


@behaviour("iam", (), "{service} refuses a role that does not exist", "IAM/latest/UserGuide/id_roles.html")
@pytest.mark.parametrize("service", sorted(REFUSALS))
def test_missing_role(aws: Account, service: str) -> None:
    role = f"arn:aws:iam::{aws.account}:role/conformance-nobody"
    name, method, arguments = creations(role)[service]
    code, words, _ = REFUSALS[service]
    with aws.refused(code, words.format(role=role)):
        getattr(aws.client(name), method)(**arguments)
