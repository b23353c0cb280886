"""Whose rights a pipeline's work has.

CodePipeline User Guide, "Manage the CodePipeline service role", and "Action structure requirements": an action's
``roleArn`` is "assumed through the roleArn for the pipeline".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.services import ServiceError

PRINCIPAL = "codepipeline.amazonaws.com"


def acting_as_pipeline(cloud: Cloud, declaration: Mapping[str, Any], service: str) -> Any:
    """A boto3 client for ``service`` with the rights of the pipeline's role."""
    return cloud.client_as(service, str(declaration["roleArn"]), session_name(str(declaration["name"])), PRINCIPAL)


def acting_as_action(cloud: Cloud, pipeline: str, role: str, action_role: str, service: str) -> Any:
    """The same with the rights of an action's own role if it has one (``action_role``), else of the pipeline's."""
    name = session_name(pipeline)
    if action_role:
        return cloud.client_through(service, action_role, role, name, PRINCIPAL)
    return cloud.client_as(service, role, name, PRINCIPAL)


def session_name(pipeline: str) -> str:
    """The name of the session with which a pipeline acts."""
    return pipeline[:64]


def check_role(cloud: Cloud, declaration: Mapping[str, Any]) -> None:
    """Refuse a pipeline whose role does not exist or does not trust CodePipeline; raises :class:`ServiceError`."""
    role = str(declaration["roleArn"])
    if not cloud.can_assume(role, PRINCIPAL):
        message = f"CodePipeline is not authorized to perform AssumeRole on role {role}"
        raise ServiceError("InvalidStructureException", message)
