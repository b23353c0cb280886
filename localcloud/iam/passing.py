"""Where a role is handed over to a service: its giver needs ``iam:PassRole``.

IAM User Guide, "Grant a user permissions to pass a role to an AWS service", and the Service Authorization Reference's
columns "Dependent actions".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.rules import Call

_PASSED = {
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("codebuild", "CreateProject"): ("serviceRole", "codebuild.amazonaws.com"),
    ("codebuild", "UpdateProject"): ("serviceRole", "codebuild.amazonaws.com"),
    ("codebuild", "StartBuild"): ("serviceRoleOverride", "codebuild.amazonaws.com"),
    ("application-autoscaling", "RegisterScalableTarget"): ("RoleARN", "application-autoscaling.amazonaws.com"),
    ("cloudformation", "CreateStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "UpdateStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "DeleteStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "CreateChangeSet"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "ContinueUpdateRollback"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("events", "PutRule"): ("RoleArn", "events.amazonaws.com"),
    ("logs", "PutSubscriptionFilter"): ("roleArn", "logs.amazonaws.com"),
}
"""The parameter with the role, and the service that gets it."""


def passed_roles(call: Call) -> Iterator[tuple[str, str]]:
    """Each role that ``call`` hands over, and the service principal that gets it."""
    parameters = call.parameters
    found = _PASSED.get((call.service, call.operation))
    if found is not None and parameters.get(found[0]) and not _is_service_linked(parameters[found[0]]):
        yield str(parameters[found[0]]), found[1]
    if (call.service, call.operation) == ("events", "PutTargets"):
        for target in parameters.get("Targets", []):
            if target.get("RoleArn"):
                yield str(target["RoleArn"]), "events.amazonaws.com"
    if call.service == "codepipeline" and call.operation in ("CreatePipeline", "UpdatePipeline"):
        yield from _of_pipeline(parameters.get("pipeline") or {})


def _of_pipeline(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if pipeline.get("roleArn"):
        yield str(pipeline["roleArn"]), "codepipeline.amazonaws.com"
    for stage in pipeline.get("stages", []):
        for action in stage.get("actions", []):
            if action.get("roleArn"):
                yield str(action["roleArn"]), "codepipeline.amazonaws.com"
            role = (action.get("configuration") or {}).get("RoleArn")
            if role and (action.get("actionTypeId") or {}).get("provider") == "CloudFormation":
                yield str(role), "cloudformation.amazonaws.com"


def _is_service_linked(role: str) -> bool:
    """A service-linked role is its service's own and is not passed (IAM User Guide, "Service-linked roles")."""
    return ":role/aws-service-role/" in role
