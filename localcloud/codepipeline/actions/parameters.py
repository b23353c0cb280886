"""Parameters of a CloudFormation action: TemplateConfiguration, ParameterOverrides and their two functions.

CloudFormation User Guide, "CodePipeline: configuration properties reference" and "Using parameter override functions
with CodePipeline pipelines".
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from localcloud.codepipeline.actions.job import ActionError, Job

LARGEST_OVERRIDES = 1024
"""Bytes: "There is a maximum size limit of 1 kilobyte for the JSON object that can be stored in ParameterOverrides"."""
GET_PARAM, GET_ARTIFACT_ATT = "Fn::GetParam", "Fn::GetArtifactAtt"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What CloudFormation gets besides the template."""

    parameters: dict[str, str]
    tags: dict[str, str]
    stack_policy: str | None

    def as_request(self) -> dict[str, Any]:
        """In the shape of CreateStack, UpdateStack and CreateChangeSet; without the stack policy."""
        request: dict[str, Any] = {
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        }
        if self.tags:
            request["Tags"] = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return request


def _wrong(message: str) -> ActionError:
    return ActionError(message, "ConfigurationError")


def settings_of(job: Job) -> Settings:
    """Read the template configuration file, then let the overrides win."""
    configuration = _template_configuration(job)
    parameters = {key: _text(key, value) for key, value in configuration.get("Parameters", {}).items()}
    for key, value in _overrides(job).items():
        parameters[key] = _resolved(job, key, value)
    tags = {key: _text(key, value) for key, value in configuration.get("Tags", {}).items()}
    policy = configuration.get("StackPolicy")
    return Settings(parameters, tags, json.dumps(policy) if policy else None)


def file_of(job: Job, key: str) -> str:
    """The text of the file that ``<artifact>::<file>`` in the configuration's ``key`` names."""
    artifact, _, path = job.configuration[key].partition("::")
    return job.store.read(job.input(artifact), path)


def _template_configuration(job: Job) -> dict[str, Any]:
    if not job.configuration.get("TemplateConfiguration"):
        return {}
    artifact, _, path = job.configuration["TemplateConfiguration"].partition("::")
    found = job.store.read_json(job.input(artifact), path)
    unknown = sorted(set(found) - {"Parameters", "Tags", "StackPolicy"})
    if unknown:
        raise _wrong(f"TemplateConfiguration {path} has {', '.join(unknown)}; known: Parameters, StackPolicy, Tags")
    for part in found:
        if not isinstance(found[part], dict):
            raise _wrong(f"TemplateConfiguration {path}: {part} must be a JSON object")
    return found


def _overrides(job: Job) -> dict[str, Any]:
    text = job.configuration.get("ParameterOverrides", "{}")
    size = len(text.encode())
    if size > LARGEST_OVERRIDES:
        raise _wrong(f"ParameterOverrides has {size} bytes; CodePipeline takes at most {LARGEST_OVERRIDES}")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(f"ParameterOverrides is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise _wrong("ParameterOverrides must be a JSON object")
    return found


def _resolved(job: Job, key: str, value: Any) -> str:
    if not isinstance(value, dict):
        return _text(key, value)
    function, arguments = next(iter(value.items()), ("", None))
    if len(value) == 1 and isinstance(arguments, list) and all(isinstance(item, str) for item in arguments):
        if function == GET_PARAM and len(arguments) == 3:
            return _get_param(job, *arguments)
        if function == GET_ARTIFACT_ATT and len(arguments) == 2:
            return _get_artifact_att(job, *arguments)
    raise _wrong(
        f"ParameterOverrides: the parameter {key} must be text, {GET_PARAM} of [artifact, file, key] or "
        f"{GET_ARTIFACT_ATT} of [artifact, attribute], not {json.dumps(value)}"
    )


def _get_param(job: Job, name: str, path: str, key: str) -> str:
    found = job.store.read_json(job.input(name), path)
    if key not in found:
        has = ", ".join(sorted(found)) or "none"
        raise _wrong(f"{GET_PARAM}: {path} in the artifact {name} has no key {key}; it has {has}")
    return _text(key, found[key])


def _get_artifact_att(job: Job, name: str, attribute: str) -> str:
    artifact = job.input(name)
    values = {
        "BucketName": artifact.bucket,
        "ObjectKey": artifact.key,
        "URL": f"https://s3.amazonaws.com/{artifact.bucket}/{artifact.key}",
    }
    if attribute not in values:
        raise _wrong(f"{GET_ARTIFACT_ATT} knows {', '.join(values)}, not {attribute}")
    return values[attribute]


def _text(key: str, value: Any) -> str:
    """Parameters are text; numbers and booleans of a JSON file become what CloudFormation would read."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _wrong(f"The value of {key} must be text or a number, not {json.dumps(value)}")
