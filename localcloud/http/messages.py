"""One HTTP request, its response, and who signed the request."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Request:
    """One HTTP request. ``path`` is as sent (still percent-encoded), header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True)
class CredentialScope:
    """Who signed a request, and for which region and service."""

    access_key: str
    region: str
    service: str


_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_PRESIGNED = re.compile(r"([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


def credential_scope(request: Request) -> CredentialScope | None:
    """The signature's scope: ``Authorization`` header, or a presigned URL's ``X-Amz-Credential``; None if unsigned."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS4-HMAC-SHA256"):
        match = _CREDENTIAL.search(authorization)
        return CredentialScope(*match.groups()) if match else None
    if "X-Amz-Credential" in request.query:
        match = _PRESIGNED.fullmatch(request.query["X-Amz-Credential"][-1])
        return CredentialScope(*match.groups()) if match else None
    if authorization.startswith("AWS ") and ":" in authorization:  # S3's old signature
        return CredentialScope(authorization[4:].partition(":")[0], "", "s3")
    if "AWSAccessKeyId" in request.query:  # S3's old presigned URLs, which botocore still makes by default
        return CredentialScope(request.query["AWSAccessKeyId"][-1], "", "s3")
    return None


def basic_user(request: Request) -> str | None:
    """The access key in HTTP Basic credentials, without the session token that ``%`` may join to it; None if absent."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except ValueError:
        return None
    return user.partition("%")[0]
