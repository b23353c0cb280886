"""Where a container fetches the credentials of its role, and does so again before they expire.

AWS SDKs and Tools Reference Guide, "Container credential provider": ``AWS_CONTAINER_CREDENTIALS_FULL_URI`` may name
127.0.0.1 over HTTP, and ``AWS_CONTAINER_AUTHORIZATION_TOKEN`` is sent as ``Authorization``. (The relative form, which
SageMaker uses, means an address that a laptop does not have.)
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import time

from localcloud.clock import iso_timestamp
from localcloud.iam.roles import Credentials, Roles
from localcloud.services import Receive, Scope, Send, ServiceError

logger = logging.getLogger(__name__)

PREFIX = "/_localcloud/credentials/"
_LEFT_SECONDS = 1800.0


class ContainerCredentials:
    """Gives out credentials to anyone who has an address and its token: the environment of one container.

    Parameters
    ----------
    roles : Roles
    endpoint_url : str
        Of this cloud.
    """

    def __init__(self, roles: Roles, endpoint_url: str) -> None:
        self._roles = roles
        self._endpoint_url = endpoint_url
        self._given: dict[str, tuple[str, str, str, str]] = {}
        self._sessions: dict[str, Credentials] = {}

    def variables(self, role: str, session: str, principal: str) -> dict[str, str]:
        """The environment variables of a container that acts with ``role``.

        Parameters
        ----------
        role, session, principal : str
            See :meth:`localcloud.cloud.Cloud.client_as`.
        """
        path, token = PREFIX + secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        self._given[path] = (token, role, session, principal)
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self._endpoint_url + path,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    def serves(self, path: str) -> bool:
        """Whether ``path`` is one that was given out."""
        return path in self._given

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a small ASGI application."""
        status, answer = self._answer(scope)
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[int, dict[str, str]]:
        path = str(scope["path"])
        token, role, session, principal = self._given.get(path, ("", "", "", ""))
        shown = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        if scope["method"] != "GET" or not token or not hmac.compare_digest(shown, token.encode()):
            return 403, {"code": "AccessDenied", "message": "these credentials are for one container"}
        found = self._sessions.get(path)
        if found is None or found.expires - time.time() < _LEFT_SECONDS:
            try:
                found = self._sessions[path] = self._roles.assume(role, session, principal)
            except ServiceError as error:
                logger.warning("no credentials for a container: %s", error.message)
                return 400, {"code": error.code, "message": error.message}
        return 200, {
            "RoleArn": role,
            "AccessKeyId": found.access_key,
            "SecretAccessKey": found.secret_key,
            "Token": found.token,
            "Expiration": iso_timestamp(found.expires, precision="seconds"),
        }
