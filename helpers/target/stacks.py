"""The stacks as CloudFormation has them, and the CDK's CLI that deploys them."""

from __future__ import annotations

from botocore.exceptions import ClientError

from contract.settings import ROOT
from helpers.target.handle import Handle

BOOTSTRAP_STACK = "CDKToolkit"
"""What ``cdk bootstrap`` deploys: the bucket for assets, and the roles."""
BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The SSM parameter in which every bootstrap stack says its version, whatever the stack is called.
https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html"""
CDK = ROOT / ".tools" / "cdk" / "node_modules" / "aws-cdk" / "bin" / "cdk"


def stack_outputs(connection: Handle, stack: str) -> dict[str, str] | None:
    """Outputs of a stack; None when there is no such stack."""
    try:
        found = connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as problem:
        if "does not exist" in str(problem):
            return None
        raise
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}


def stack_status(connection: Handle, stack: str) -> str | None:
    """CloudFormation's status of a stack; None when there is no such stack."""
    try:
        return str(connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except ClientError as problem:
        if "does not exist" in str(problem):
            return None
        raise


def is_bootstrapped(connection: Handle) -> bool:
    """Whether account and region are ready for the CDK, by the stack of its CLI or by one of an event."""
    if stack_outputs(connection, BOOTSTRAP_STACK) is not None:
        return True
    try:
        connection.client("ssm").get_parameter(Name=BOOTSTRAP_VERSION)
    except ClientError as problem:
        # Those who may not look may not bootstrap either, and that error says what to do.
        if problem.response["Error"]["Code"] in ("ParameterNotFound", "AccessDeniedException"):
            return False
        raise
    return True
