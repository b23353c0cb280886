"""The stacks as CloudFormation has them, and the CDK's CLI that deploys them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, WaiterError

from contract.settings import ROOT
from helpers.target.explain import explained
from helpers.target.handle import Handle

BOOTSTRAP_STACK = "CDKToolkit"
"""What ``cdk bootstrap`` deploys: the bucket for assets, and the roles."""
BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The SSM parameter in which every bootstrap stack says its version, whatever the stack is called.
https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html"""
CDK = ROOT / ".tools" / "cdk" / "node_modules" / "aws-cdk" / "bin" / "cdk"


def stack_outputs(connection: Handle, stack: str) -> dict[str, str] | None:
    """Outputs of a stack; None when there is no such stack."""
    found = _described(connection, stack)
    return None if found is None else {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}


def stack_status(connection: Handle, stack: str) -> str | None:
    """CloudFormation's status of a stack; None when there is no such stack."""
    found = _described(connection, stack)
    return None if found is None else str(found["StackStatus"])


def _described(connection: Handle, stack: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as problem:
        if "does not exist" in str(problem):
            return None
        raise
    return found


def delete_stack(connection: Handle, stack: str, *, delay: int, seconds: int) -> WaiterError | None:
    """Delete a stack without the CDK, and wait until it is gone.

    Parameters
    ----------
    connection : Handle
        The target.
    stack : str
        Its name.
    delay, seconds : int
        How often to look, and for how long.

    Returns
    -------
    botocore.exceptions.WaiterError or None
        What says that it was not deleted (why is in the stack's events); None when it is gone.
    """
    client = connection.client("cloudformation")
    with explained(f"deleting stack {stack}", connection.target):
        client.delete_stack(StackName=stack)
        try:
            client.get_waiter("stack_delete_complete").wait(
                StackName=stack, WaiterConfig={"Delay": delay, "MaxAttempts": seconds // delay}
            )
        except WaiterError as error:
            return error
    return None


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
