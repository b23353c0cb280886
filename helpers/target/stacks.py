"""The stacks as CloudFormation has them, and the CDK's CLI that deploys them."""

from __future__ import annotations

from botocore.exceptions import ClientError

from contract.settings import ROOT
from helpers.target.handle import Handle

BOOTSTRAP_STACK = "CDKToolkit"
"""What ``cdk bootstrap`` deploys: the bucket for assets, and the roles."""
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
