"""Decides who may enter the local cloud.

Refused: what a browser or another machine's name could send (a request with an ``Origin``, a foreign ``Host``), and
every access key that this cloud did not issue.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

from localcloud.http.messages import Request, Response, basic_user, credential_scope

LIVENESS_PATH = "/_localcloud/health"
"""Answered without a signature: whether the cloud is ready."""
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """Decides whether a request may enter."""

    def __init__(
        self,
        access_key: str,
        *,
        issued: Callable[[str], bool],
        callback: Callable[[str], bool],
        mounted: Callable[[str], bool] = lambda path: False,
    ) -> None:
        """Admit ``access_key``.

        Parameters
        ----------
        access_key : str
            The access key of this cloud.
        issued : callable
            Whether this cloud itself issued a key (STS sessions, which the CDK works with; IAM users).
        callback : callable
            Whether a path is one that this cloud gave out unsigned, with a secret in it (CloudFormation's ResponseURL).
        mounted : callable
            Whether a path is for clients that know HTTP Basic authentication and no AWS signature (Git).
        """
        self._access_key = access_key
        self._issued = issued
        self._callback = callback
        self._mounted = mounted

    def refusal(self, request: Request) -> Response | None:
        """The refusal, or None when the request may enter."""
        if "origin" in request.headers:
            return _refused(
                request, "AccessDenied", "The local cloud does not answer browsers: this request has an Origin."
            )
        if not _is_local(request.headers.get("host", "")):
            host = request.headers.get("host", "")
            return _refused(request, "AccessDenied", f"The local cloud is not {host!r}; it answers to 127.0.0.1 only.")
        if request.path == LIVENESS_PATH or self._callback(request.path):
            return None
        if self._mounted(request.path):
            return self._challenge(request)
        scope = credential_scope(request)
        if scope is None:
            return _refused(request, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if not self._known(scope.access_key):
            return _refused(request, "InvalidClientTokenId", _foreign(scope.access_key))
        if request.path.startswith(("/_ministack/", "/_localstack/", "/_aws/")):
            return _refused(request, "AccessDenied", f"{request.path} is MiniStack's own and not part of this cloud.")
        return None

    def _known(self, access_key: str) -> bool:
        return access_key == self._access_key or self._issued(access_key)

    def _challenge(self, request: Request) -> Response | None:
        """Ask for HTTP Basic credentials; the password is a signature, which is not verified here either."""
        access_key = basic_user(request)
        if access_key is None:
            challenge = {"www-authenticate": 'Basic realm="local cloud"', "content-type": "text/plain"}
            return Response(401, challenge, b"The local cloud asks for an access key as user name.\n")
        if not self._known(access_key):
            return Response(403, {"content-type": "text/plain"}, _foreign(access_key).encode() + b"\n")
        return None


def _foreign(access_key: str) -> str:
    return (
        f"The access key {access_key!r} is not the one of this local cloud: "
        'take it from `eval "$(python -m localcloud env)"`.'
    )


def _is_local(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def _refused(request: Request, code: str, message: str) -> Response:
    """403 in the protocol that the client speaks, so that it shows the message and not a parser's complaint."""
    scope = credential_scope(request)
    if scope is not None and scope.service == "s3":
        body = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        return Response(403, {"content-type": "application/xml"}, body.encode())
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
        )
        return Response(403, {"content-type": "text/xml"}, body.encode())
    body = json.dumps({"__type": code, "message": message})
    return Response(403, {"content-type": "application/json", "x-amzn-errortype": code}, body.encode())
