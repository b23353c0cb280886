"""Stacks as an action sees them: what state they are in, when they are done, and what went wrong."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from localcloud.codepipeline.actions.job import ActionError, Job

POLL = 0.2
"""Real seconds between two looks at a stack or change set."""
SETTLE_SECONDS = 10.0
"""Real seconds. An execution that an update of its pipeline started may be back before that update's stack is done:
on AWS the source actions take longer than that. So a stack that is being worked on is given this long."""
FAILED_CREATION = ("CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED")
"""REPLACE_ON_FAILURE deletes a stack in one of these states first (configuration properties reference)."""
UPDATABLE = (
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
)


def describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """The stack (by name or id), or None when there is none; a deleted one counts as none."""
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def settled(job: Job, name: str) -> dict[str, Any] | None:
    """The stack as soon as nothing works on it, or as it is after :data:`SETTLE_SECONDS`."""
    stack = describe(job.client("cloudformation"), name)
    waited = 0.0
    while stack is not None and _working(stack["StackStatus"]) and waited < SETTLE_SECONDS:
        job.wait(POLL)
        waited += POLL
        stack = describe(job.client("cloudformation"), name)
    return stack


def check_updatable(stack: dict[str, Any]) -> None:
    """Refuse in AWS's words what cannot be updated."""
    if stack["StackStatus"] not in UPDATABLE:
        raise ActionError(
            f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated. (Service: "
            "AmazonCloudFormation; Status Code: 400; Error Code: ValidationError)"
        )


def _working(status: str) -> bool:
    return status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def finish(job: Job, stack_id: str, expected: tuple[str, ...]) -> dict[str, Any]:
    """Wait until the stack's operation has ended, and return the stack.

    Parameters
    ----------
    job : Job
    stack_id : str
    expected : tuple of str
        The statuses that are a success.

    Raises
    ------
    ActionError
        With the first resource that failed.
    """
    while True:
        stack: dict[str, Any] = job.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"][0]
        if not _working(stack["StackStatus"]):
            break
        job.wait(POLL)
    if stack["StackStatus"] not in expected:
        raise ActionError(f"Stack {stack['StackName']} ended in {stack['StackStatus']}: {first_failure(job, stack)}")
    return stack


def first_failure(job: Job, stack: dict[str, Any]) -> str:
    """The first resource that failed in the stack's last operation, and why."""
    events: list[dict[str, Any]] = []
    for page in (
        job.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    ):
        events += page["StackEvents"]
    failures: list[str] = []
    for event in events:  # newest first, as the API gives them
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        if event["LogicalResourceId"] == stack["StackName"]:
            if status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
                break
            if not status.endswith("_FAILED"):
                continue
        if status.endswith("_FAILED") and "cancelled" not in reason.lower():
            failures.append(f"{event['LogicalResourceId']} ({event['ResourceType']}) {status}: {reason}")
    if failures:
        return failures[-1]
    return str(stack.get("StackStatusReason") or "no reason given")


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    """The outputs of a stack."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
