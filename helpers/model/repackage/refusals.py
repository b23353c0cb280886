"""S3's refusals in words: which artifact or bucket, what happened, what to do."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import ModelError
from helpers.target.explain import Target, code_of, explained, translated
from helpers.target.targets import LOOPBACK

GONE = frozenset(("404", "NoSuchKey", "NotFound"))
CHANGED = frozenset(("412", "PreconditionFailed"))


def target_of(s3: Any) -> Target:
    """The target of an S3 client, for messages."""
    local = urllib.parse.urlsplit(s3.meta.endpoint_url).hostname in LOOPBACK
    return Target("local", s3.meta.endpoint_url) if local else Target("aws", str(s3.meta.region_name))


def changed(uri: str) -> ModelError:
    """The artifact is not the one any more that was looked at first."""
    return ModelError(f"{uri} changed while it was read: somebody published another version just now; run this again.")


@contextlib.contextmanager
def reading(s3: Any, uri: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Calls that read an artifact; their errors become ModelError or TargetError.

    Parameters
    ----------
    s3 : boto3 client
        Whose calls they are.
    uri : str
        What is read.
    passing : tuple of exception types
        These go through as they are.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in GONE or code == "NoSuchBucket":
            raise ModelError(
                f"{uri} is not there, although JumpStart names it: choose another [model] version in workshop.toml."
            ) from error
        if code in CHANGED:
            raise changed(uri) from error
        raise translated(error, f"reading {uri}", target_of(s3)) from error
    except BotoCoreError as error:
        if isinstance(error, passing):
            raise
        raise translated(error, f"reading {uri}", target_of(s3)) from error


def storing(s3: Any, bucket: str, key: str, doing: str = "writing") -> contextlib.AbstractContextManager[None]:
    """Calls about the model bucket; their errors become TargetError.

    Parameters
    ----------
    s3 : boto3 client
        Whose calls they are.
    bucket, key : str
        What they are about.
    doing : str
        What they do, for the message.
    """
    return explained(f"{doing} s3://{bucket}/{key}", target_of(s3))


@contextlib.contextmanager
def copying(s3: Any, source: str, bucket: str, key: str) -> Iterator[None]:
    """Server-side copies; their errors become ModelError or TargetError.

    Parameters
    ----------
    s3 : boto3 client
        Whose calls they are.
    source : str
        URI of what is copied.
    bucket, key : str
        Where it goes.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) in CHANGED:
            raise changed(source) from error
        raise translated(error, f"copying {source} to s3://{bucket}/{key}", target_of(s3)) from error
    except BotoCoreError as error:
        raise translated(error, f"copying {source} to s3://{bucket}/{key}", target_of(s3)) from error
