"""The errors of this package: every one says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class WorkshopError(Exception):
    """Base of all errors that the helpers raise on purpose."""


class SettingsError(WorkshopError):
    """``workshop.toml`` or an environment variable holds a value that is not allowed."""


class TargetError(WorkshopError):
    """The local cloud or the AWS account cannot be reached, or refuses what we need."""


class NotDeployedError(TargetError):
    """The stacks (or their SSM parameters) are not there."""


class DeploymentError(WorkshopError):
    """CDK or CloudFormation ended with an error."""


class ModelError(WorkshopError):
    """The model is unknown to JumpStart, or its artifacts are not what an endpoint can load."""


class SourceError(WorkshopError):
    """The workshop's code cannot be pushed: uncommitted changes, Git refuses, or somebody else pushed meanwhile."""


class PipelineError(WorkshopError):
    """The pipeline failed, was stopped, or did not start; the message says what failed and shows its log.

    Attributes
    ----------
    execution : Execution or None
        How far it came.
    """

    def __init__(self, message: str, execution: Any = None) -> None:
        super().__init__(message)
        self.execution = execution


class ParameterError(WorkshopError, ValueError):
    """A generation parameter is outside of what the model accepts; nothing was uploaded."""


class JobFailed(WorkshopError):  # noqa: N818 - reads as the state that it reports
    """The endpoint or a Lambda gave up on this request; the message holds the reason.

    Attributes
    ----------
    reason : str
        What the endpoint said, without our words around it.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class SubmissionError(TargetError):
    """Some of several requests were not accepted.

    Parameters
    ----------
    message : str
        How many were refused, and why the first one was.
    accepted, refused : sequence of Job
        See below.

    Attributes
    ----------
    accepted, refused : list of Job
        Those that run, and those that do not; ``job.submit()`` tries one of the latter again.
    """

    def __init__(self, message: str, accepted: Sequence[Any], refused: Sequence[Any]) -> None:
        super().__init__(message)
        self.accepted, self.refused = list(accepted), list(refused)


class JobTimeoutError(WorkshopError, TimeoutError):
    """The deadline passed; the job goes on, and ``resume`` finds it again."""


class ResultError(WorkshopError):
    """A result in the bucket is missing, incomplete or not what its manifest says."""


class NotebookError(WorkshopError):
    """A notebook does not run to its end, or cannot be started as asked."""
