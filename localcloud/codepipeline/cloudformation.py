"""``AWS::CodePipeline::Pipeline`` (CloudFormation Template Reference): Ref is the name, Fn::GetAtt knows Version."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from localcloud.codepipeline.service import CodePipeline
from localcloud.http.coercion import api_parameters
from localcloud.services import ResourceType, ServiceError

LONGEST_NAME = 100
OWN_PROPERTIES = ("DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags")
"""What the template has besides the pipeline's declaration."""
_VERBATIM = "Configuration"
"""Its keys are the action's own, not the API's."""


def physical_name(stack: str, logical_id: str) -> str:
    """``<stack>-<logical id>-<random>``, as CloudFormation makes them."""
    end = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
    return f"{stack}-{logical_id}"[: LONGEST_NAME - len(end) - 1] + f"-{end}"


def _lower(value: Any) -> Any:
    """Keys of the template (``RunOrder``) as the API has them (``runOrder``)."""
    if isinstance(value, list):
        return [_lower(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key[:1].lower() + key[1:]: _texts(item) if key == _VERBATIM else _lower(item) for key, item in value.items()
    }


def _texts(configuration: dict[str, Any]) -> dict[str, str]:
    """Values of an action's configuration are text; templates also have numbers, booleans and JSON there."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in configuration.items()
        if value is not None
    }


def declaration(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The API's declaration of the pipeline that the template describes."""
    wanted = {key: value for key, value in properties.items() if key not in OWN_PROPERTIES} | {"Name": name}
    if "ArtifactStores" in wanted:
        wanted["ArtifactStores"] = {item["Region"]: item["ArtifactStore"] for item in wanted["ArtifactStores"]}
    pipeline = _lower(wanted)
    if "artifactStores" in pipeline:  # a map of regions, whose names are not keys of the API
        pipeline["artifactStores"] = {key: _lower(value) for key, value in wanted["ArtifactStores"].items()}
    parameters = api_parameters("codepipeline", "CreatePipeline", {"pipeline": pipeline})
    found: dict[str, Any] = parameters["pipeline"]
    return found


def _tags(properties: dict[str, Any]) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags", [])}


def _disabled(properties: dict[str, Any]) -> dict[str, str]:
    items = properties.get("DisableInboundStageTransitions", [])
    return {str(item["StageName"]): str(item["Reason"]) for item in items}


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


class PipelineType:
    """Creating it starts the first execution; updating it in place may start another.

    Arguments and errors are those of :class:`localcloud.services.ResourceType`.
    """

    name = "AWS::CodePipeline::Pipeline"
    replacing: tuple[str, ...] = ("Name",)

    def __init__(self, control: CodePipeline) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreatePipeline."""
        name = properties.get("Name") or physical_name(stack, logical_id)
        tags = [{"key": key, "value": value} for key, value in _tags(properties).items()]
        row = self._control.create(declaration(name, properties), tags, _disabled(properties))
        return name, {"Version": str(row["Declaration"]["version"])}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """UpdatePipeline when the definition is another one, which cancels executions: this stack may be their work.

        Nothing here waits for an execution, so a pipeline can update itself.
        """
        wanted = declaration(physical_id, new)
        changed = wanted != declaration(physical_id, old)
        row = self._control.update(wanted) if changed else self._control.row(physical_id)
        self._update_transitions(physical_id, _disabled(old), _disabled(new))
        self._update_tags(physical_id, _tags(old), _tags(new))
        if changed and _true(new.get("RestartExecutionOnUpdate")):
            self._control.try_to_begin(physical_id, ("StartPipelineExecution", self._control.caller))
        return physical_id, {"Version": str(row["Declaration"]["version"])}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeletePipeline."""
        self._control.delete(physical_id)

    def _update_transitions(self, name: str, old: dict[str, str], new: dict[str, str]) -> None:
        for stage in old.keys() - new.keys():
            try:
                self._control.set_transition(name, stage, "Inbound", None)
            except ServiceError as error:
                if error.code != "StageNotFoundException":  # the stage went with its transition
                    raise
        for stage, reason in new.items():
            if old.get(stage) != reason:
                self._control.set_transition(name, stage, "Inbound", reason)

    def _update_tags(self, name: str, old: dict[str, str], new: dict[str, str]) -> None:
        arn = self._control.arn(name)
        gone = sorted(old.keys() - new.keys())
        if gone:
            self._control.call("UntagResource", {"resourceArn": arn, "tagKeys": gone})
        if new and new != old:
            tags = [{"key": key, "value": value} for key, value in new.items()]
            self._control.call("TagResource", {"resourceArn": arn, "tags": tags})


def resource_types(control: CodePipeline) -> tuple[ResourceType, ...]:
    """The one type."""
    return (PipelineType(control),)
