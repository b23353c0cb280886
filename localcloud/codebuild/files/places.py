"""Where a build's files are, and the transfers to and from S3 that its steps share."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.codebuild.failures import PhaseFailed, client_error
from localcloud.codebuild.stop import Stop

CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Places:
    """The folders of one build, all below ``root``, which is removed with it."""

    root: Path

    @property
    def source(self) -> Path:
        """CODEBUILD_SRC_DIR."""
        return self.root / "src"

    @property
    def home(self) -> Path:
        """HOME; stands for /root."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.root / "tmp"

    @property
    def control(self) -> Path:
        """Files of the cloud itself: the shell's commands, archives on their way."""
        return self.root / "control"

    def secondary(self, identifier: str) -> Path:
        """CODEBUILD_SRC_DIR_<identifier>."""
        return self.root / "secondary" / identifier

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.source, self.home, self.temporary, self.control):
            folder.mkdir(parents=True)


def remove_tree(folder: Path) -> None:
    """Remove ``folder`` even when a build has left folders in it that may not be written."""
    for root, names, _ in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder)


def split_location(location: str) -> tuple[str, str]:
    """Bucket and key of ``bucket/key``, ``s3://bucket/key`` or ``arn:aws:s3:::bucket/key``."""
    for prefix in ("arn:aws:s3:::", "s3://"):
        location = location.removeprefix(prefix)
    bucket, _, key = location.partition("/")
    return bucket, key


@dataclasses.dataclass(frozen=True)
class Storage:
    """S3, for one build: a transfer ends when the build is stopped."""

    cloud: Cloud
    stop: Stop

    def download(self, bucket: str, key: str, target: Path, version: str | None, what: str) -> str | None:
        """Write an object to ``target``; return its version id, if it has one.

        Parameters
        ----------
        bucket, key : str
        target : Path
        version : str or None
            The version to read; None reads the newest.
        what : str
            The object's role in the build, for messages.

        Raises
        ------
        PhaseFailed
            CLIENT_ERROR, with what S3 said.
        """
        wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        try:
            answer = self.cloud.client("s3").get_object(**wanted)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as output:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    self.stop.check()
                    output.write(chunk)
        except ClientError as error:
            raise _not_there(error, f"{what}: s3://{bucket}/{key}") from error
        found = answer.get("VersionId")
        return None if found in (None, "null") else str(found)

    def list(self, bucket: str, prefix: str, what: str) -> list[str]:
        """Keys below ``prefix``.

        Parameters
        ----------
        bucket, prefix : str
        what : str
            The objects' role in the build, for messages.

        Raises
        ------
        PhaseFailed
            CLIENT_ERROR, with what S3 said.
        """
        try:
            pages = self.cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]
        except ClientError as error:
            raise _not_there(error, f"{what}: s3://{bucket}/{prefix}") from error

    def upload(self, path: Path, bucket: str, key: str, metadata: dict[str, str], what: str) -> None:
        """Store ``path``.

        Parameters
        ----------
        path : Path
        bucket, key : str
        metadata : dict of str
            Of the object.
        what : str
            The file's role in the build, for messages.

        Raises
        ------
        PhaseFailed
            CLIENT_ERROR, with what S3 said.
        """
        client = self.cloud.client("s3")
        try:
            self.stop.check()
            # Not upload_file: it would leave threads that nothing waits for when the build is stopped.
            with path.open("rb") as body:
                client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        except ClientError as error:
            raise _not_there(error, f"{what}: s3://{bucket}/{key}") from error


def _not_there(error: ClientError, where: str) -> PhaseFailed:
    details: dict[str, Any] = dict(error.response.get("Error", {}))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return client_error(f"{details.get('Code')}: {details.get('Message')} status code: {status} for {where}")
