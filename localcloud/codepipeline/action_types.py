"""Which actions a pipeline may have here, with the configuration keys and the numbers of artifacts of each.

CodePipeline User Guide, "Action structure reference" and "Number of input and output artifacts for each action type".
"""

from __future__ import annotations

import dataclasses
from typing import Any

Key = tuple[str, str]
"""Category and provider; the owner is ``AWS`` and the version ``1`` for all of them."""


@dataclasses.dataclass(frozen=True)
class ActionType:
    """What an action of one type may declare: numbers are (least, most)."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    inputs: tuple[int, int]
    outputs: tuple[int, int]


_CODEBUILD = ActionType(
    ("ProjectName",), ("PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"), (1, 5), (0, 5)
)
ACTION_TYPES: dict[Key, ActionType] = {
    ("Source", "CodeCommit"): ActionType(
        ("RepositoryName", "BranchName"), ("PollForSourceChanges", "OutputArtifactFormat"), (0, 0), (1, 1)
    ),
    ("Source", "S3"): ActionType(
        ("S3Bucket", "S3ObjectKey"), ("PollForSourceChanges", "AllowOverrideForS3ObjectKey"), (0, 0), (1, 1)
    ),
    ("Build", "CodeBuild"): _CODEBUILD,
    ("Test", "CodeBuild"): _CODEBUILD,
    ("Deploy", "CloudFormation"): ActionType(
        ("ActionMode", "StackName"),
        (
            "Capabilities",
            "ChangeSetName",
            "OutputFileName",
            "ParameterOverrides",
            "RoleArn",
            "TemplateConfiguration",
            "TemplatePath",
        ),
        (0, 10),
        (0, 1),
    ),
    ("Deploy", "S3"): ActionType(("BucketName", "Extract"), ("ObjectKey",), (1, 1), (0, 0)),
    ("Approval", "Manual"): ActionType((), ("CustomData", "ExternalEntityLink", "NotificationArn"), (0, 0), (0, 0)),
}


def key_of(action: dict[str, Any]) -> Key:
    """Category and provider of a declared action."""
    return action["actionTypeId"]["category"], action["actionTypeId"]["provider"]


def is_source(action: dict[str, Any]) -> bool:
    """Whether ``action`` is a source action."""
    return bool(action["actionTypeId"]["category"] == "Source")


def offered() -> str:
    """All of them, for error messages."""
    return ", ".join(f"{category} {provider}" for category, provider in sorted(ACTION_TYPES))
