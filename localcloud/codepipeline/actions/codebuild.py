"""CodeBuild as build and test action (CodePipeline User Guide, "AWS CodeBuild build and test action reference")."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from localcloud.codepipeline.actions.job import ActionError, Job, Outcome
from localcloud.codepipeline.artifacts import Artifact

POLL = 0.25
"""Real seconds between two looks at the build."""


def run_codebuild(job: Job) -> Outcome:
    """Start a build and see it through.

    Raises
    ------
    ActionError
        When the build cannot be started, does not succeed, or is deleted.
    """
    codebuild = job.client("codebuild")
    project = job.configuration["ProjectName"]
    try:
        build = codebuild.start_build(**_request(job))["build"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        said = error.response["Error"]["Message"]
        raise ActionError(
            f"Error calling startBuild: {said} (Service: AWSCodeBuild; Error Code: {code})", "ConfigurationError"
        ) from error
    while not build.get("buildComplete"):
        job.report(build["id"], _log(build), "")
        job.wait(POLL)
        found = codebuild.batch_get_builds(ids=[build["id"]])["builds"]
        if not found:
            raise ActionError(f"The build {build['id']} of the project {project} is gone")
        build = found[0]
    job.report(build["id"], _log(build), "")
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionError(_failure(build))
    exported = {item["name"]: item.get("value", "") for item in build.get("exportedEnvironmentVariables", [])}
    return Outcome(variables=exported, external_id=build["id"], external_url=_log(build))


def _request(job: Job) -> dict[str, Any]:
    primary = job.input(job.configuration.get("PrimarySource", job.inputs[0].name))
    request: dict[str, Any] = {
        "projectName": job.configuration["ProjectName"],
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": _location(primary),
    }
    others = [artifact for artifact in job.inputs if artifact != primary]
    request["secondarySourcesOverride"] = [
        {"type": "S3", "location": _location(artifact), "sourceIdentifier": artifact.name} for artifact in others
    ]
    # One output artifact is the build's primary one; several are its secondary ones, by name.
    if len(job.outputs) == 1:
        request["artifactsOverride"] = _destination(job.outputs[0])
    else:
        request["artifactsOverride"] = {"type": "NO_ARTIFACTS"}
    request["secondaryArtifactsOverride"] = [
        _destination(artifact) | {"artifactIdentifier": artifact.name}
        for artifact in (job.outputs if len(job.outputs) > 1 else ())
    ]
    # The build says who started it, as on AWS ("Environment variables in build environments": CODEBUILD_INITIATOR).
    initiator = {"name": "CODEBUILD_INITIATOR", "value": f"codepipeline/{job.pipeline}", "type": "PLAINTEXT"}
    variables = _variables(job.configuration.get("EnvironmentVariables", "[]"))
    request["environmentVariablesOverride"] = [*variables, initiator]
    return request


def _location(artifact: Artifact) -> str:
    return f"{artifact.bucket}/{artifact.key}"


def _destination(artifact: Artifact) -> dict[str, str]:
    folder, _, name = artifact.key.rpartition("/")
    return {
        "type": "S3",
        "location": artifact.bucket,
        "path": folder,
        "namespaceType": "NONE",
        "name": name,
        "packaging": "ZIP",
    }


def _variables(text: str) -> list[dict[str, str]]:
    """The action's EnvironmentVariables: a JSON list of ``{"name", "value", "type"}``."""
    try:
        found = json.loads(text)
        return [
            {"name": str(item["name"]), "value": str(item["value"]), "type": str(item.get("type", "PLAINTEXT"))}
            for item in found
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ActionError(
            f'EnvironmentVariables must be a JSON list of {{"name", "value", "type"}}: {error!r}', "ConfigurationError"
        ) from error


def _log(build: dict[str, Any]) -> str:
    return str(build.get("logs", {}).get("deepLink", ""))


def _failure(build: dict[str, Any]) -> str:
    """AWS's sentence, with the first phase that failed and what it said."""
    text = f"Build terminated with state: {build['buildStatus']}."
    for phase in build.get("phases", []):
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            context: dict[str, Any] = next((item for item in phase.get("contexts", []) if item.get("message")), {})
            code = context.get("statusCode") or phase["phaseStatus"]
            return f"{text} Phase: {phase['phaseType']}, Code: {code}, Message: {context.get('message', '')}"
    return text
