"""Artifacts: zip files in the pipeline's artifact store."""

from __future__ import annotations

import dataclasses
import io
import json
import secrets
import string
import zipfile
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

PIPELINE_LETTERS, ARTIFACT_LETTERS, RANDOM_LETTERS = 20, 10, 7
"""Parts of a key as CodePipeline makes them: ``<pipeline>/<artifact>/<random>``."""


class ArtifactError(Exception):
    """An artifact, or a file in it, is missing or is not what an action needs."""


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One artifact of one execution."""

    name: str
    bucket: str
    key: str

    def as_record(self) -> dict[str, str]:
        """As executions keep it."""
        return {"Name": self.name, "Bucket": self.bucket, "Key": self.key}

    @staticmethod
    def of(record: Mapping[str, str]) -> Artifact:
        """The artifact of a record."""
        return Artifact(record["Name"], record["Bucket"], record["Key"])


class ArtifactStore:
    """The artifact store of a pipeline: a bucket, perhaps with a key of KMS.

    Parameters
    ----------
    s3 : client
    pipeline : str
    declaration : mapping
        ``artifactStore`` of the API.
    """

    def __init__(self, s3: Any, pipeline: str, declaration: Mapping[str, Any]) -> None:
        self._s3 = s3
        self._pipeline = pipeline
        self.bucket = str(declaration["location"])
        key = declaration.get("encryptionKey")
        self.encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["id"]} if key else {}

    def new(self, name: str) -> Artifact:
        """A place for the artifact ``name``; nothing is written."""
        letters = string.ascii_letters + string.digits
        end = "".join(secrets.choice(letters) for _ in range(RANDOM_LETTERS))
        key = f"{self._pipeline[:PIPELINE_LETTERS]}/{name[:ARTIFACT_LETTERS]}/{end}"
        return Artifact(name, self.bucket, key)

    def put(self, artifact: Artifact, body: bytes) -> None:
        """Write an artifact."""
        self._s3.put_object(
            Bucket=artifact.bucket, Key=artifact.key, Body=body, ContentType="application/zip", **self.encryption
        )

    def put_files(self, artifact: Artifact, files: Mapping[str, str]) -> None:
        """Write an artifact that has text ``files``."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        self.put(artifact, buffer.getvalue())

    def open(self, artifact: Artifact) -> zipfile.ZipFile:
        """Read an artifact.

        Raises
        ------
        ArtifactError
            When it is gone, or is not a zip file.
        """
        try:
            body = self._s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
        except ClientError as error:
            where = f"s3://{artifact.bucket}/{artifact.key}"
            raise ArtifactError(f"Artifact {artifact.name} cannot be read from {where}: {error}") from error
        try:
            return zipfile.ZipFile(io.BytesIO(body))
        except zipfile.BadZipFile as error:
            raise ArtifactError(f"Artifact {artifact.name} is not a zip file: {error}") from error

    def read(self, artifact: Artifact, path: str) -> str:
        """The text of one file of an artifact; raises :class:`ArtifactError` when it is missing or not text."""
        with self.open(artifact) as archive:
            try:
                return archive.read(path).decode()
            except KeyError:
                raise ArtifactError(f"File [{path}] does not exist in artifact [{artifact.name}]") from None
            except UnicodeDecodeError as error:
                raise ArtifactError(f"File [{path}] in artifact [{artifact.name}] is not text: {error}") from error

    def read_json(self, artifact: Artifact, path: str) -> dict[str, Any]:
        """The JSON object in one file of an artifact; raises :class:`ArtifactError` when it is not one."""
        text = self.read(artifact, path)
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ArtifactError(f"File [{path}] in artifact [{artifact.name}] is not valid JSON: {error}") from error
        if not isinstance(found, dict):
            raise ArtifactError(f"File [{path}] in artifact [{artifact.name}] does not hold a JSON object")
        return found
