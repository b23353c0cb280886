"""What an action's provider gets, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codepipeline.artifacts import Artifact, ArtifactStore
from localcloud.codepipeline.roles import acting_as_action, session_name
from localcloud.rules import Call


class ActionError(Exception):
    """The action failed; ``code`` is that of ``errorDetails``: JobFailed, ConfigurationError, PermissionError …"""

    def __init__(self, message: str, code: str = "JobFailed") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnwantedError(Exception):
    """Nobody waits for the action's outcome: it was abandoned or cancelled, or the cloud ends."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of one action.

    Attributes
    ----------
    cloud : Cloud
    pipeline, execution_id, stage, action : str
    configuration : mapping
        With every variable resolved.
    inputs, outputs : tuple of Artifact
        As declared, in their order; ``outputs`` are places to write to.
    store : ArtifactStore
    override : mapping
        ``revisionType`` to ``revisionValue``: what StartPipelineExecution asked of this source action.
    wait : callable
        ``wait(seconds)`` of the wall; raises :class:`UnwantedError` as soon as nobody wants the outcome.
    report : callable
        ``report(id, url, summary)``: what runs elsewhere for this action, shown while it runs.
    token, started, timeout_minutes, resumed
        For approvals: what PutApprovalResult must show, since when (epoch) and how long the action waits, and whether
        it waited already when the cloud ended.
    role, action_role : str
        ARNs of the pipeline's role, and of the action's own (empty without).
    """

    cloud: Cloud
    pipeline: str
    execution_id: str
    stage: str
    action: str
    configuration: Mapping[str, str]
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]
    store: ArtifactStore
    override: Mapping[str, str]
    wait: Callable[[float], None]
    report: Callable[[str, str, str], None]
    token: str | None = None
    started: float = 0.0
    timeout_minutes: int | None = None
    resumed: bool = False
    role: str = ""
    action_role: str = ""

    def client(self, service: str) -> Any:
        """A boto3 client with the rights of the action's role if it has one, else of the pipeline's."""
        return acting_as_action(self.cloud, self.pipeline, self.role, self.action_role, service)

    def require(self, service: str, operation: str, **parameters: Any) -> None:
        """Ask whether the role may make a call that the action makes without HTTP; raises :class:`ServiceError`."""
        if self.cloud.authorizer is not None:
            call = Call(service, operation, parameters, self.cloud.account, self.cloud.region)
            role = self.action_role or self.role
            self.cloud.authorizer.require_of_role(role, session_name(self.pipeline), call)

    def input(self, name: str) -> Artifact:
        """The input artifact ``name``; raises :class:`ActionError` when the action has none of that name."""
        for artifact in self.inputs:
            if artifact.name == name:
                return artifact
        has = ", ".join(artifact.name for artifact in self.inputs) or "none"
        raise ActionError(f"{name} is not an input artifact of this action, which has {has}", "ConfigurationError")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run that succeeded leaves.

    Attributes
    ----------
    variables : mapping
        Output variables.
    revision : mapping
        Of source actions: ``Id``, ``ChangeId``, ``Summary``, ``Url``.
    external_id, external_url, summary : str
        Empty where there are none.
    """

    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    revision: Mapping[str, str] | None = None
    external_id: str = ""
    external_url: str = ""
    summary: str = ""


Provider = Callable[[Job], Outcome]
"""Runs an action to its end; raises :class:`ActionError` when it fails."""
