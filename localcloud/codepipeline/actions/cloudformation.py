"""CloudFormation as deploy action (CodePipeline User Guide, "AWS CloudFormation deploy action reference")."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from localcloud.codepipeline.actions import stacks
from localcloud.codepipeline.actions.job import ActionError, Job, Outcome
from localcloud.codepipeline.actions.parameters import file_of, settings_of
from localcloud.codepipeline.roles import acting_as_action

LARGEST_BODY = 51_200
"""Bytes of a template that an API call takes (CloudFormation quotas); larger ones go by S3."""
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_CREATED, _UPDATED = ("CREATE_COMPLETE",), ("UPDATE_COMPLETE",)


def run_cloudformation(job: Job) -> Outcome:
    """Carry out the action's mode.

    Raises
    ------
    ActionError
        With what CloudFormation said.
    """
    modes: dict[str, Callable[[Job], Outcome]] = {
        "CREATE_UPDATE": _create_update,
        "REPLACE_ON_FAILURE": _replace_on_failure,
        "CHANGE_SET_REPLACE": _change_set_replace,
        "CHANGE_SET_EXECUTE": _change_set_execute,
        "DELETE_ONLY": _delete_only,
    }
    try:
        return modes[job.configuration["ActionMode"]](job)
    except ClientError as error:
        said = error.response["Error"]
        raise ActionError(
            f"{said['Message']} (Service: AmazonCloudFormation; Error Code: {said['Code']}; "
            f"Operation: {error.operation_name})"
        ) from error


def _name(job: Job) -> str:
    return job.configuration["StackName"]


def _request(job: Job) -> tuple[dict[str, Any], str | None]:
    """What CreateStack, UpdateStack and CreateChangeSet have in common, and the stack policy."""
    settings = settings_of(job)
    request = {"StackName": _name(job), **_template(job), **settings.as_request()}
    if job.configuration.get("Capabilities"):
        request["Capabilities"] = [item.strip() for item in job.configuration["Capabilities"].split(",")]
    if job.configuration.get("RoleArn"):
        request["RoleARN"] = job.configuration["RoleArn"]
    return request, settings.stack_policy


def _template(job: Job) -> dict[str, str]:
    text = file_of(job, "TemplatePath")
    body = text.encode()
    if len(body) <= LARGEST_BODY:
        return {"TemplateBody": text}
    place = job.store.new("template")
    # By the pipeline: an action's own role needs to read artifacts alone. The CDK grants it no more (aws-cdk,
    # aws-codepipeline-actions/lib/cloudformation/pipeline-actions.ts, grantRead), whatever the template's size.
    s3 = acting_as_action(job.cloud, job.pipeline, job.role, "", "s3")
    s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, **job.store.encryption)
    return {"TemplateURL": f"{job.cloud.endpoint_url}/{place.bucket}/{place.key}"}


def _done(job: Job, stack: dict[str, Any], summary: str) -> Outcome:
    """Outputs of the stack become output variables, and the output artifact when there is one."""
    values = stacks.outputs_of(stack)
    _write(job, values)
    return Outcome(variables=values, external_id=stack["StackId"], summary=summary)


def _write(job: Job, content: dict[str, Any]) -> None:
    if job.outputs:
        files = {job.configuration["OutputFileName"]: json.dumps(content, indent=2, default=str)}
        job.store.put_files(job.outputs[0], files)


def _create_update(job: Job) -> Outcome:
    stack = stacks.settled(job, _name(job))
    return _create(job) if stack is None else _update(job, stack)


def _create(job: Job) -> Outcome:
    request, policy = _request(job)
    if policy:
        request["StackPolicyBody"] = policy
    stack_id = job.client("cloudformation").create_stack(**request)["StackId"]
    job.report(stack_id, "", "")
    return _done(job, stacks.finish(job, stack_id, _CREATED), "Stack created")


def _update(job: Job, stack: dict[str, Any]) -> Outcome:
    stacks.check_updatable(stack)
    request, policy = _request(job)
    if policy:
        request["StackPolicyBody"] = policy
    job.report(stack["StackId"], "", "")
    try:
        job.client("cloudformation").update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return _done(job, stack, "No updates are to be performed.")
    return _done(job, stacks.finish(job, stack["StackId"], _UPDATED), "Stack updated")


def _replace_on_failure(job: Job) -> Outcome:
    stack = stacks.settled(job, _name(job))
    if stack is not None and stack["StackStatus"] in stacks.FAILED_CREATION:
        _delete(job, stack)
        stack = None
    return _create(job) if stack is None else _update(job, stack)


def _delete_only(job: Job) -> Outcome:
    stack = stacks.settled(job, _name(job))
    if stack is None:
        return Outcome(summary="There is no such stack")
    _delete(job, stack)
    return Outcome(external_id=stack["StackId"], summary="Stack deleted")


def _delete(job: Job, stack: dict[str, Any]) -> None:
    job.report(stack["StackId"], "", "")
    job.client("cloudformation").delete_stack(StackName=stack["StackId"])
    stacks.finish(job, stack["StackId"], ("DELETE_COMPLETE",))


def _change_set(job: Job) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = job.client("cloudformation").describe_change_set(
            StackName=_name(job), ChangeSetName=job.configuration["ChangeSetName"]
        )
    except ClientError as error:
        said = error.response["Error"]
        no_stack = said["Code"] == "ValidationError" and "does not exist" in said["Message"]
        if no_stack or said["Code"] in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
            return None
        raise
    return found


def _is_empty(change_set: dict[str, Any]) -> bool:
    reason = change_set.get("StatusReason", "")
    return change_set["Status"] == "FAILED" and any(words in reason for words in _NO_CHANGES)


def _change_set_replace(job: Job) -> Outcome:
    cloudformation, stack = job.client("cloudformation"), stacks.settled(job, _name(job))
    new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    if stack is not None and not new:
        stacks.check_updatable(stack)
    request, _ = _request(job)
    if _change_set(job) is not None:
        cloudformation.delete_change_set(StackName=_name(job), ChangeSetName=job.configuration["ChangeSetName"])
    created = cloudformation.create_change_set(
        **request,
        ChangeSetName=job.configuration["ChangeSetName"],
        ChangeSetType="CREATE" if new else "UPDATE",
        Description=f"Created by the pipeline {job.pipeline}, execution {job.execution_id}",
    )
    job.report(created["Id"], "", "")
    while True:
        change_set = _change_set(job)
        if change_set is None:
            raise ActionError(f"The change set {job.configuration['ChangeSetName']} was deleted by somebody else")
        if not change_set["Status"].endswith(("PENDING", "IN_PROGRESS")):
            break
        job.wait(stacks.POLL)
    if change_set["Status"] != "CREATE_COMPLETE" and not _is_empty(change_set):
        raise ActionError(
            f"Change set {job.configuration['ChangeSetName']} of the stack {_name(job)} ended in "
            f"{change_set['Status']}: {change_set.get('StatusReason', 'no reason given')}"
        )
    summary = "Change set is empty" if _is_empty(change_set) else "Change set created"
    change_set.pop("ResponseMetadata", None)
    _write(job, change_set)
    return Outcome(external_id=created["Id"], summary=summary)


def _change_set_execute(job: Job) -> Outcome:
    cloudformation, stack = job.client("cloudformation"), stacks.settled(job, _name(job))
    name, change_set = job.configuration["ChangeSetName"], _change_set(job)
    if stack is None or change_set is None:
        raise ActionError(f"ChangeSet [{name}] does not exist in the stack {_name(job)}")
    if _is_empty(change_set):
        return _done(job, stack, f"Nothing to execute: {change_set['StatusReason']}")
    if stack["StackStatus"] != "REVIEW_IN_PROGRESS":
        stacks.check_updatable(stack)
    job.report(change_set["ChangeSetId"], "", "")
    cloudformation.execute_change_set(StackName=_name(job), ChangeSetName=name)
    return _done(job, stacks.finish(job, stack["StackId"], _CREATED + _UPDATED), "Change set executed")
