"""Decides who may enter the local cloud.

Refused: what a browser or another machine's name could send (a request with an ``Origin``, a foreign ``Host``), every
access key that this cloud did not issue, and every request that is not signed with that key's secret.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import re
from collections.abc import Callable
from xml.sax.saxutils import escape

import cbor2

from localcloud.http.messages import (
    CredentialScope,
    Request,
    Response,
    basic_credentials,
    basic_token,
    credential_scope,
)
from localcloud.http.signatures import SignatureError, payload_hash, session_token, verify, verify_git

LIVENESS_PATH = "/_localcloud/health"
"""Answered without a signature: whether the cloud is ready."""
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
# However many slashes and dots stand before it, and whatever its letters' case.
_EMULATORS_OWN = re.compile(r"[/.]*/_(ministack|localstack|aws)(/|$)", re.IGNORECASE)
_XML = ("s3", "route53", "cloudfront")
"""Services, by their name in signatures, whose errors are XML although their requests are not forms."""
_REPOSITORY = re.compile(r"(/v1/repos/[^/]+)(/.*)?")


@dataclasses.dataclass(frozen=True)
class IssuedKey:
    """What this cloud knows of an access key that it gave out. ``token`` is empty for one that is not temporary."""

    secret: str
    token: str = ""


class Gate:
    """Decides whether a request may enter."""

    def __init__(
        self,
        access_key: str,
        secret: str,
        *,
        issued: Callable[[str], IssuedKey | SignatureError | None],
        callback: Callable[[str], bool],
        mounted: Callable[[str], bool] = lambda path: False,
    ) -> None:
        """Admit anyone who has ``secret``.

        Parameters
        ----------
        access_key, secret : str
            Of this cloud's administrator.
        issued : callable
            What is known of a key that this cloud itself issued (STS sessions, which the CDK and functions work with;
            IAM users): the key, why it is not good any more, or None when it is unknown.
        callback : callable
            Whether a path is one that this cloud gave out unsigned, with a secret in it (CloudFormation's ResponseURL).
        mounted : callable
            Whether a path is for clients that know HTTP Basic authentication and no AWS signature (Git).
        """
        self._administrator = (access_key, IssuedKey(secret))
        self._issued = issued
        self._callback = callback
        self._mounted = mounted

    def refusal(self, request: Request) -> Response | None:
        """The refusal of a request whose body has not been read, or None when it may go on."""
        if "origin" in request.headers:
            return refused(
                request, "AccessDenied", "The local cloud does not answer browsers: this request has an Origin."
            )
        if not _is_local(request.host_name):
            host = request.headers.get("host", "")
            return refused(request, "AccessDenied", f"The local cloud is not {host!r}; it answers to 127.0.0.1 only.")
        path = request.decoded_path
        if path == LIVENESS_PATH or (self._callback(path) and request.method == "PUT"):
            return None
        if self._mounted(path):
            return self._challenge(request)
        scope = credential_scope(request)
        if scope is None:
            return _unsigned(request)
        if _EMULATORS_OWN.match(path):
            return refused(request, "AccessDenied", f"{path} is MiniStack's own and not part of this cloud.")
        return None if self.waits_for_body(request) else self._signature_refusal(request, scope)

    def waits_for_body(self, request: Request) -> bool:
        """Whether it takes the body to check the signature; then :meth:`body_refusal` must be asked, too."""
        path = request.decoded_path
        if path == LIVENESS_PATH or (self._callback(path) and request.method == "PUT") or self._mounted(path):
            return False
        return payload_hash(request) is None

    def body_refusal(self, request: Request) -> Response | None:
        """The refusal of a request with its body, for which :meth:`waits_for_body` is true; None when it may enter."""
        scope = credential_scope(request)
        return _unsigned(request) if scope is None else self._signature_refusal(request, scope)

    def _known(self, access_key: str) -> IssuedKey:
        """What is known of ``access_key``; raises :class:`SignatureError` when it is not good."""
        key, administrator = self._administrator
        if access_key == key:
            return administrator
        found = self._issued(access_key)
        if isinstance(found, SignatureError):
            raise found
        if found is None:
            raise SignatureError("InvalidClientTokenId", _foreign(access_key))
        return found

    def _signature_refusal(self, request: Request, scope: CredentialScope) -> Response | None:
        try:
            known = self._known(scope.access_key)
            _check_token(known, session_token(request))
            verify(request, known.secret)
        except SignatureError as error:
            return refused(request, error.code, error.message)
        return None

    def _challenge(self, request: Request) -> Response | None:
        """Ask for HTTP Basic credentials: an access key, and a signature for the repository."""
        given = basic_credentials(request)
        if given is None:
            challenge = {"www-authenticate": 'Basic realm="local cloud"', "content-type": "text/plain"}
            line = b"The local cloud asks for an access key as user name, and a signature as password.\n"
            return Response(401, challenge, line)
        access_key, password = given
        repository = _REPOSITORY.fullmatch(request.path)
        try:
            known = self._known(access_key)
            _check_token(known, basic_token(request))
            path = repository[1] if repository else request.path
            verify_git(path, request.host_name, known.secret, password)
        except SignatureError as error:
            return Response(403, {"content-type": "text/plain"}, f"{error.message}\n".encode())
        return None


def _check_token(known: IssuedKey, given: str) -> None:
    """A temporary key is nothing without its token."""
    if not hmac.compare_digest(known.token.encode(), given.encode("utf-8", "replace")):
        raise SignatureError("InvalidClientTokenId", "The security token included in the request is invalid.")


def _foreign(access_key: str) -> str:
    return (
        f"The access key {access_key!r} is not the one of this local cloud: "
        'take it from `eval "$(python -m localcloud env)"`.'
    )


def _is_local(name: str) -> bool:
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def _unsigned(request: Request) -> Response:
    """The refusal of a request that no access key signs; a form for S3 has its signature among its fields."""
    if request.method == "POST" and request.headers.get("content-type", "").startswith("multipart/form-data"):
        message = (
            "The local cloud takes no forms with a signed policy (POST Object, generate_presigned_post): upload with "
            "a presigned URL for PUT (generate_presigned_url), which it takes."
        )
        return _s3_error("NotImplemented", message, 501)
    if {"Signature", "Expires"} & request.query.keys():
        message = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        return _s3_error("AccessDenied", message, 403)
    return refused(request, "MissingAuthenticationToken", "Request is missing Authentication Token")


def _s3_error(code: str, message: str, status: int) -> Response:
    body = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return Response(status, {"content-type": "application/xml"}, body.encode())


def refused(request: Request, code: str, message: str, status: int = 403) -> Response:
    """An error in the protocol that the client speaks, so that it shows the message and not a parser's complaint."""
    scope = credential_scope(request)
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Response(status, headers, cbor2.dumps({"__type": code, "message": message}))
    if scope is not None and scope.service == "ec2":
        body = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        return Response(status, {"content-type": "text/xml"}, f"<Response><Errors>{body}</Errors></Response>".encode())
    if scope is not None and scope.service == "s3" and not request.path.startswith("/v20180820/"):
        return _s3_error(code, message, status)
    form = "x-www-form-urlencoded" in request.headers.get("content-type", "") or "Action" in request.query
    if form or (scope is not None and scope.service in _XML):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
        )
        return Response(status, {"content-type": "text/xml"}, body.encode())
    body = json.dumps({"__type": code, "message": message})  # also of rest-json, which looks at the header
    return Response(status, {"content-type": "application/json", "x-amzn-errortype": code}, body.encode())
