"""The environment of a build (AWS CodeBuild User Guide, "Environment variables in build environments")."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.codebuild.buildspec.grammar import Buildspec
from localcloud.codebuild.failures import PhaseFailed
from localcloud.process.environment import inherited

RESERVED = "CODEBUILD_"


@dataclasses.dataclass
class Resolved:
    """Variables with their values; ``secrets`` are those that no log shows and no build exports."""

    values: dict[str, str] = dataclasses.field(default_factory=dict)
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)

    def add(self, name: str, value: str, *, secret: bool) -> None:
        """Set a variable, in place of one of the same name.

        Parameters
        ----------
        name, value : str
        secret : bool
            Whether the value is kept out of logs and exports.
        """
        self.values[name] = value
        self.secrets.pop(name, None)
        if secret:
            self.secrets[name] = value


def base(cloud: Cloud, home: str, temporary: str) -> dict[str, str]:
    """What stands for the build image, and the way to this cloud; nothing else of the host.

    Parameters
    ----------
    cloud : Cloud
    home, temporary : str
        HOME and TMPDIR.
    """
    found = inherited()
    found |= {str(name): str(value) for name, value in (cloud.options.get("build_variables") or {}).items()}
    return found | {"HOME": home, "TMPDIR": temporary} | dict(cloud.environment) | inherited(())


def resolve(cloud: Cloud, spec: Buildspec, project: list[dict[str, Any]]) -> Resolved:
    """Variables of the buildspec, then those of project and StartBuild, which take precedence.

    Parameters
    ----------
    cloud : Cloud
        Where parameters and secrets are looked up.
    spec : Buildspec
    project : list of dict
        ``environmentVariables`` of the plan.

    Raises
    ------
    PhaseFailed
        For a parameter or a secret that does not exist.
    """
    found = Resolved()
    for name, value in spec.variables.items():
        found.add(name, value, secret=False)
    for name, parameter in spec.parameter_store.items():
        found.add(name, _parameter(cloud, parameter), secret=True)
    for name, reference in spec.secrets_manager.items():
        found.add(name, _secret(cloud, reference), secret=True)
    for variable in project:
        name, value, kind = variable["name"], variable["value"], variable.get("type", "PLAINTEXT")
        if kind == "PARAMETER_STORE":
            value = _parameter(cloud, value)
        elif kind == "SECRETS_MANAGER":
            value = _secret(cloud, value)
        found.add(name, value, secret=kind != "PLAINTEXT")
    return found


def _parameter(cloud: Cloud, name: str) -> str:
    try:
        answer = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            raise PhaseFailed("Decrypted Variables Error", f"parameter does not exist: {name}") from error
        raise PhaseFailed("Decrypted Variables Error", f"{name}: {error}") from error
    return str(answer["Parameter"]["Value"])


def split_reference(reference: str) -> tuple[str, str, str, str]:
    """``secret-id:json-key:version-stage:version-id`` in its parts; the id may be an ARN, which has colons itself."""
    parts = reference.split(":")
    count = 7 if reference.startswith("arn:") else 1
    rest = [*parts[count:], "", "", ""]
    return ":".join(parts[:count]), rest[0], rest[1], rest[2]


def _secret(cloud: Cloud, reference: str) -> str:
    name, key, stage, version = split_reference(reference)
    wanted = {"SecretId": name}
    wanted |= {"VersionStage": stage} if stage else {}
    wanted |= {"VersionId": version} if version else {}
    try:
        text = str(cloud.client("secretsmanager").get_secret_value(**wanted)["SecretString"])
    except ClientError as error:
        details = error.response["Error"]
        raise PhaseFailed("Secrets Manager Error", f"{details['Code']}: {details['Message']}: {name}") from error
    except KeyError:
        raise PhaseFailed("Secrets Manager Error", f"{name} holds binary data, not text") from None
    if not key:
        return text
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        raise PhaseFailed("Secrets Manager Error", f"{name} has no key {key!r}, or is not a JSON object") from None
    return value if isinstance(value, str) else json.dumps(value)


def documented(record: Mapping[str, Any], plan: Mapping[str, Any], source_directory: str) -> dict[str, str]:
    """The CODEBUILD_ variables that the User Guide lists, and CI, as the current agent sets it.

    Parameters
    ----------
    record : mapping
        The build's document.
    plan : mapping
        See :mod:`localcloud.codebuild.plans`.
    source_directory : str
        The folder of the primary source.
    """
    source = plan["source"]
    locations = {
        "S3": f"s3://{source.get('location', '').removeprefix('arn:aws:s3:::')}",
        "CODECOMMIT": source.get("location", ""),
    }
    found = {
        "CI": "true",
        "CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": record["arn"],
        "CODEBUILD_BUILD_ID": record["id"],
        "CODEBUILD_BUILD_IMAGE": plan["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_INITIATOR": record["initiator"],
        "CODEBUILD_KMS_KEY_ID": record.get("encryptionKey", ""),
        "CODEBUILD_LOG_PATH": record["logs"].get("streamName", ""),
        "CODEBUILD_PROJECT_ARN": plan["projectArn"],
        "CODEBUILD_SOURCE_REPO_URL": locations.get(source["type"], ""),
        "CODEBUILD_SRC_DIR": source_directory,
        "CODEBUILD_START_TIME": str(int(record["startTime"] * 1000)),
    }
    if record.get("resolvedSourceVersion"):
        found["CODEBUILD_RESOLVED_SOURCE_VERSION"] = record["resolvedSourceVersion"]
    if plan.get("sourceVersion"):
        found["CODEBUILD_SOURCE_VERSION"] = plan["sourceVersion"]
    return found
