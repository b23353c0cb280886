"""The workshop's bucket, as the inference client sees it: read, write, list, delete; nothing else of S3."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contract.errors import ResultError
from helpers.target.explain import MISSING, Target, code_of, explained


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a listing."""

    key: str
    size: int
    last_modified: dt.datetime


@dataclasses.dataclass(frozen=True)
class Stored:
    """An object's bytes, its media type and its user-defined metadata."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Store:
    """A bucket.

    Parameters
    ----------
    client : boto3 S3 client
        Safe for use from several threads, as boto3's clients are.
    bucket : str
        Its name.
    target : Target
        For error messages.

    Raises
    ------
    TargetError
        By every method, when S3 refuses or does not answer.
    """

    def __init__(self, client: Any, bucket: str, target: Target) -> None:
        self._client, self.bucket, self._target = client, bucket, target

    def uri(self, key: str) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def key_of(self, uri: object) -> str:
        """The key in ``uri``; a :class:`ResultError` when that is not in this bucket."""
        start = f"s3://{self.bucket}/"
        if not isinstance(uri, str) or not uri.startswith(start) or len(uri) == len(start):
            raise ResultError(f"{uri!r} is not in the workshop's bucket {self.bucket}: not read.")
        return uri[len(start) :]

    def read(self, key: str) -> Stored | None:
        """The object at ``key``, or None when there is none."""
        with explained(f"reading {self.uri(key)}", self._target):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
                return Stored(answer["Body"].read(), answer.get("ContentType", ""), answer.get("Metadata", {}))
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def start_of(self, key: str, count: int) -> str | None:
        """The first ``count`` bytes of the object at ``key`` as text, or None when there is none."""
        with explained(f"reading {self.uri(key)}", self._target):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{count - 1}")
                return str(answer["Body"].read().decode("utf-8", "replace"))
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                if code_of(error) == "InvalidRange":  # of an object without a single byte
                    return ""
                raise

    def read_json(self, key: str) -> dict[str, Any] | None:
        """The JSON object at ``key``, or None when there is none; :class:`ResultError` when it is something else."""
        stored = self.read(key)
        if stored is None:
            return None
        try:
            content = json.loads(stored.body)
        except ValueError as error:
            raise ResultError(f"{self.uri(key)} is not JSON: {error}. See the log of who wrote it.") from error
        if not isinstance(content, dict):
            raise ResultError(f"{self.uri(key)} holds {type(content).__name__}; expected a JSON object.")
        return content

    def look(self, key: str) -> Entry | None:
        """Size and time of the object at ``key``, or None when there is none.

        By listing, since a listing gives the time as the store keeps it, and HeadObject in whole seconds.
        """
        return next((entry for entry in self.entries(key, until=key, page=1) if entry.key == key), None)

    def exists(self, key: str) -> bool:
        """Whether there is an object at ``key``."""
        return self.look(key) is not None

    def entries(self, prefix: str, *, after: str = "", until: str = "", page: int = 1000) -> Iterator[Entry]:
        """All objects under ``prefix`` in the order of their keys, page by page.

        Parameters
        ----------
        prefix : str
            Beginning of the keys.
        after : str, optional
            Leave out keys up to and including this one.
        until : str, optional
            Stop at the first key that sorts after this one.
        page : int, optional
            Keys for each call, 1 to 1000.
        """
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix, "MaxKeys": page}
        if after:
            arguments["StartAfter"] = after
        while True:
            with explained(f"listing {self.uri(prefix)}", self._target):
                answer = self._client.list_objects_v2(**arguments)
            for item in answer.get("Contents", []):
                if until and item["Key"] > until:
                    return
                yield Entry(item["Key"], item["Size"], item["LastModified"])
            if not answer.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = answer["NextContinuationToken"]

    def write(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str] | None = None) -> None:
        """Store an object.

        Parameters
        ----------
        key : str
            Where.
        body : bytes
            Its content.
        content_type : str
            Its media type.
        metadata : mapping, optional
            User-defined metadata, ASCII.
        """
        with explained(f"writing {self.uri(key)}", self._target):
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, Metadata=dict(metadata or {})
            )

    def delete(self, key: str) -> None:
        """Delete the object at ``key``; when there is none, nothing happens."""
        with explained(f"deleting {self.uri(key)}", self._target):
            self._client.delete_object(Bucket=self.bucket, Key=key)
