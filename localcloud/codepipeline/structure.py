"""Whether a pipeline's declaration is valid, in the words of AWS where they are known.

CodePipeline User Guide, "Pipeline structure reference" (requirements for pipelines, stages and actions). What is valid
on AWS and not offered here is refused as well, with a message that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from localcloud.codepipeline.action_types import ACTION_TYPES, ActionType, is_source, key_of, offered
from localcloud.codepipeline.variables import references
from localcloud.services import ServiceError

GIT_PROVIDERS = ("CodeStarSourceConnection", "GitHub", "Bitbucket", "GitLab")
LARGEST_RUN_ORDER = 999
_UNOFFERED_STAGE_KEYS = ("beforeEntry", "onSuccess", "onFailure", "blockers")
_UNOFFERED_ACTION_KEYS = ("commands", "outputVariables", "environmentVariables")
_BUILT_IN_NAMESPACES = ("variables", "codepipeline")


def _structure(message: str) -> ServiceError:
    return ServiceError("InvalidStructureException", message)


def _action(message: str) -> ServiceError:
    return ServiceError("InvalidActionDeclarationException", message)


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def check(pipeline: dict[str, Any], region: str) -> None:
    """Raise :class:`ServiceError` for the first thing that is wrong with the declaration ``pipeline``."""
    stages = pipeline["stages"]
    if len(stages) < 2:
        raise _structure(
            f"Pipeline has only {len(stages)} stage(s). There should be a minimum of 2 stages in a pipeline"
        )
    _check_kind(pipeline)
    _check_store(pipeline, region)
    duplicate = _twice(stage["name"] for stage in stages)
    if duplicate:
        raise _structure(f"Stage names must be unique within a pipeline: {duplicate} has been used more than once")
    for position, stage in enumerate(stages):
        _check_stage(stage, first=position == 0)
    for stage in stages:
        for action in stage["actions"]:
            _check_action(action, region)
    _check_artifacts(stages)
    _check_namespaces(pipeline)


def _check_kind(pipeline: dict[str, Any]) -> None:
    mode, kind = pipeline.get("executionMode", "SUPERSEDED"), pipeline.get("pipelineType", "V1")
    if mode == "PARALLEL":
        raise _structure("The local cloud does not offer the execution mode PARALLEL: use SUPERSEDED or QUEUED")
    if kind == "V1":
        if mode != "SUPERSEDED":
            raise _structure(f"Execution mode {mode} is available for pipelines of type V2 only")
        if pipeline.get("variables"):
            raise _structure("Pipeline variables are available for pipelines of type V2 only")
    if pipeline.get("triggers"):
        raise _structure(
            "Triggers filter the events of a Git provider, and the local cloud reaches no Git provider: use "
            "CodeCommit as the source, and an EventBridge rule"
        )
    duplicate = _twice(variable["name"] for variable in pipeline.get("variables", []))
    if duplicate:
        raise _structure(f"Pipeline variables must have unique names: {duplicate} has been used more than once")


def _check_store(pipeline: dict[str, Any], region: str) -> None:
    if ("artifactStore" in pipeline) == ("artifactStores" in pipeline):
        raise _structure("You must include either artifactStore or artifactStores in your pipeline, but not both")
    other = sorted(set(pipeline.get("artifactStores", {})) ^ {region}) if "artifactStores" in pipeline else []
    if other:
        raise _structure(f"The local cloud is one region: artifactStores must have an entry for {region} only")


def _check_stage(stage: dict[str, Any], *, first: bool) -> None:
    name, actions = stage["name"], stage["actions"]
    for key in _UNOFFERED_STAGE_KEYS:
        if stage.get(key):
            raise _structure(f"The local cloud does not offer {key}, which stage {name} declares")
    if not actions:
        raise _structure(f"Stage {name} contains no action")
    duplicate = _twice(action["name"] for action in actions)
    if duplicate:
        raise _structure(f"Action names must be unique within a stage: {duplicate} has been used more than once")
    if first and not all(is_source(action) for action in actions):
        raise _structure("Pipeline should start with a stage that only contains source actions")
    if not first and any(is_source(action) for action in actions):
        raise _structure(f"Only the first stage of a pipeline may contain source actions, not {name}")


def _check_action(action: dict[str, Any], region: str) -> None:
    name = action["name"]
    kind = _known_type(action, region)
    for key in _UNOFFERED_ACTION_KEYS:
        if action.get(key):
            raise _action(f"Action {name} declares {key}, which belongs only to the Commands action")
    order = action.get("runOrder", 1)
    if not 1 <= order <= LARGEST_RUN_ORDER:
        raise _action(f"Action {name} has run order {order}; it must be 1 to {LARGEST_RUN_ORDER}")
    if action.get("region", region) != region:
        raise _action(f"Action {name} is for {action['region']}, and the local cloud has only {region}")
    if "timeoutInMinutes" in action and action["actionTypeId"]["provider"] != "Manual":
        raise _action(f"Action {name}: timeoutInMinutes is available to the manual approval action only")
    for word, bounds in (("input", kind.inputs), ("output", kind.outputs)):
        count = len(action.get(f"{word}Artifacts", []))
        if count < bounds[0]:
            raise _action(
                f"Action {name} declares {count} {word} artifacts which is less than the minimum count ({bounds[0]})"
            )
        if count > bounds[1]:
            raise _action(
                f"Action {name} declares {count} {word} artifacts which is more than the maximum count ({bounds[1]})"
            )
    _check_configuration(action, kind)


def _known_type(action: dict[str, Any], region: str) -> ActionType:
    type_id = action["actionTypeId"]
    kind = ACTION_TYPES.get(key_of(action))
    if kind is not None and type_id["owner"] == "AWS" and type_id["version"] == "1":
        return kind
    named = ", ".join(
        f"{word.capitalize()}: '{type_id[word]}'" for word in ("category", "provider", "owner", "version")
    )
    advice = f"the local cloud offers {offered()}, all with owner AWS and version 1"
    if type_id["provider"] in GIT_PROVIDERS:
        advice = "the local cloud reaches no Git provider; use CodeCommit as the source"
    shown = region.upper().replace("-", "_")
    raise _action(f"ActionType ({named}) in action '{action['name']}' is not available in region {shown}: {advice}")


def _check_configuration(action: dict[str, Any], kind: ActionType) -> None:
    name, configuration = action["name"], action.get("configuration", {})
    for key in configuration:
        if key not in kind.required and key not in kind.optional:
            raise _action(f"Action configuration for action '{name}' contains unknown configuration '{key}'")
    for key in kind.required:
        if not configuration.get(key):
            raise _action(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    provider = action["actionTypeId"]["provider"]
    if provider == "CodeCommit" and configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
        raise _action(f"Action {name}: the local cloud offers OutputArtifactFormat CODE_ZIP only")
    if provider == "CodeBuild":
        _check_build(action, configuration)
    if provider == "CloudFormation":
        _check_stack(action, configuration)
    if provider == "S3" and not is_source(action):
        if configuration["Extract"] not in ("true", "false"):
            raise _action(f"Action {name}: Extract must be true or false, not {configuration['Extract']}")
        if configuration["Extract"] == "false" and not configuration.get("ObjectKey"):
            raise _action(f"Action configuration for action '{name}' is missing required configuration 'ObjectKey'")


def _check_build(action: dict[str, Any], configuration: dict[str, str]) -> None:
    name = action["name"]
    if configuration.get("BatchEnabled", "false") == "true":
        raise _action(f"Action {name}: the local cloud does not offer batch builds (BatchEnabled)")
    inputs = [artifact["name"] for artifact in action["inputArtifacts"]]
    if len(inputs) > 1 and configuration.get("PrimarySource") not in inputs:
        raise _action(
            f"Action {name} has several input artifacts, so its PrimarySource must be one of {', '.join(inputs)}"
        )


STACK_MODES = {
    "CREATE_UPDATE": ("TemplatePath",),
    "REPLACE_ON_FAILURE": ("TemplatePath",),
    "CHANGE_SET_REPLACE": ("TemplatePath", "ChangeSetName"),
    "CHANGE_SET_EXECUTE": ("ChangeSetName",),
    "DELETE_ONLY": (),
}
"""Modes of CloudFormation actions, and what each requires besides the stack's name."""


def _check_stack(action: dict[str, Any], configuration: dict[str, str]) -> None:
    name, mode = action["name"], configuration["ActionMode"]
    if mode not in STACK_MODES:
        raise _action(f"Action {name}: ActionMode must be one of {', '.join(STACK_MODES)}, not {mode}")
    for key in STACK_MODES[mode]:
        if not configuration.get(key):
            raise _action(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    if action.get("outputArtifacts") and not configuration.get("OutputFileName"):
        raise _action(f"Action {name} has an output artifact and no OutputFileName: there is nothing to put into it")
    inputs = {artifact["name"] for artifact in action.get("inputArtifacts", [])}
    for key in ("TemplatePath", "TemplateConfiguration"):
        artifact, separator, _ = configuration.get(key, "").partition("::")
        if configuration.get(key) and not separator:
            raise _action(f"Action {name}: {key} must be <input artifact>::<file>, not {configuration[key]}")
        if separator and artifact not in inputs:
            raise _action(
                f"Action {name}: {key} names the artifact {artifact}, which is not an input artifact of the action"
            )


def _check_artifacts(stages: list[dict[str, Any]]) -> None:
    produced: set[str] = set()
    for stage in stages:
        for group in _groups(stage["actions"]):
            for action in group:
                for artifact in action.get("inputArtifacts", []):
                    if artifact["name"] not in produced:
                        raise _structure(
                            f"Input Artifact Bundle {artifact['name']} in action {action['name']} is not declared as "
                            "Output Artifact Bundle in any of the preceding actions"
                        )
            for action in group:
                for artifact in action.get("outputArtifacts", []):
                    if artifact["name"] in produced:
                        raise _structure(
                            "Output Artifact Bundle name must be unique within the pipeline. "
                            f"{artifact['name']} has been used more than once."
                        )
                    produced.add(artifact["name"])


def _check_namespaces(pipeline: dict[str, Any]) -> None:
    declared = {variable["name"] for variable in pipeline.get("variables", [])}
    known: set[str] = set()
    for stage in pipeline["stages"]:
        for group in _groups(stage["actions"]):
            for action in group:
                _check_references(action, declared, known)
            for namespace in (action["namespace"] for action in group if action.get("namespace")):
                if namespace in known or namespace in _BUILT_IN_NAMESPACES:
                    raise _structure(
                        f"Namespaces must be unique within the pipeline: {namespace} has been used more than once"
                    )
                known.add(namespace)


def _check_references(action: dict[str, Any], declared: set[str], known: set[str]) -> None:
    for value in action.get("configuration", {}).values():
        for namespace, name in references(value):
            if namespace == "variables" and name not in declared:
                raise _action(f"Action {action['name']} refers to the pipeline variable {name}, which is not declared")
            if namespace not in known and namespace not in _BUILT_IN_NAMESPACES:
                raise _action(f"Action {action['name']} names the namespace {namespace}, which no action before it has")


def _groups(actions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The actions of a stage, those of one run order together, in the order in which they start."""
    orders = sorted({action.get("runOrder", 1) for action in actions})
    return [[action for action in actions if action.get("runOrder", 1) == order] for order in orders]


def with_defaults(pipeline: dict[str, Any]) -> dict[str, Any]:
    """A declaration as GetPipeline shows it: with type, mode, and each action's run order and lists."""
    stages = []
    for stage in pipeline["stages"]:
        actions = [
            {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []} | action
            for action in stage["actions"]
        ]
        stages.append(stage | {"actions": actions})
    return {"pipelineType": "V1", "executionMode": "SUPERSEDED"} | pipeline | {"stages": stages}
