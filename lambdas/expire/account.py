"""What the function sees and does in the account: the only place with boto3."""

import functools
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError


@functools.cache
def _client(service: str) -> Any:
    make: Any = boto3.client  # its stubs want a literal for the service
    return make(service)


def deadline(parameter: str) -> str:
    """Return the value of the SSM parameter."""
    return str(_client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"])


def stack_status(name: str) -> str | None:
    """Return the status of a stack, None when there is none of this name."""
    try:
        found = _client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        # CloudFormation has no code of its own for it: ValidationError, "Stack with id … does not exist".
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    status = str(found["StackStatus"])
    return None if status == "DELETE_COMPLETE" else status


def delete_stack(name: str) -> None:
    """Start to delete a stack.

    With no role named, CloudFormation takes "the role that was previously associated with the stack", the one that the
    CDK's bootstrap made for it, and needs no `iam:PassRole` of this function.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    _client("cloudformation").delete_stack(StackName=name)


def log_groups(prefix: str) -> Iterator[str]:
    """Return the names of the log groups that begin so."""
    pages = _client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    for page in pages:
        yield from (str(group["logGroupName"]) for group in page["logGroups"])


def delete_log_group(name: str) -> None:
    """Delete a log group; one that is gone already is fine."""
    try:
        _client("logs").delete_log_group(logGroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
