"""One HTTP request, its response, and who signed the request."""

from __future__ import annotations

import base64
import dataclasses
import re
import urllib.parse
from collections.abc import Mapping

_BUCKET_HOST = re.compile(r"(.+?)(?:\.s3(?:[.-][a-z0-9-]+)?)?\.localhost")


@dataclasses.dataclass(frozen=True)
class Request:
    """One HTTP request. ``path`` is as sent (still percent-encoded), header names are lower-case.

    Signatures are made over :attr:`path`; everything that decides what a request may do and who answers it looks at
    :attr:`decoded_path`, which is also what MiniStack sees.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def decoded_path(self) -> str:
        """The path with its percent-encoding undone, once."""
        return urllib.parse.unquote(self.path)

    @property
    def host_name(self) -> str:
        """The host without its port."""
        host = self.headers.get("host", "")
        name, _, port = host.rpartition(":")
        return name if port.isdigit() else host

    @property
    def bucket_of_host(self) -> str:
        """S3's bucket where the host names it (``bucket.localhost``, virtual-hosted style); empty where it does not."""
        match = _BUCKET_HOST.fullmatch(self.host_name)
        return match[1] if match and match[1] != "s3" else ""


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


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Access key and password of HTTP Basic credentials; None if absent.

    The session token that ``%`` may join to the key (CodeCommit's way) is left out.
    """
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user.partition("%")[0], password


def basic_token(request: Request) -> str:
    """The session token of HTTP Basic credentials; empty without."""
    encoded = request.headers.get("authorization", "").partition(" ")[2]
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0].partition("%")[2]
    except ValueError:
        return ""
