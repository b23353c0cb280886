"""What ``python -m localcloud env --role ARN`` asks for: a session of any role, for the cloud's administrator.

AWS gives nobody a session of a role that trusts only a service; here it shows what such a role may do.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Any, Protocol

from localcloud.http.messages import Request, credential_scope
from localcloud.iam.roles import SESSION_SECONDS, Sessions
from localcloud.services import Receive, Scope, Send

PREFIX = "/_localcloud/role-sessions/"
NAME = "localcloud"
"""Of the session."""


class _Keys(Sessions, Protocol):
    def is_root(self, access_key: str) -> bool:
        """Whether the key is the administrator's."""


class RoleSessions:
    """A small ASGI application below :data:`PREFIX`; the gate has verified who asks.

    Parameters
    ----------
    sessions : Permissions
    """

    def __init__(self, sessions: _Keys) -> None:
        self._sessions = sessions

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, answer = self._answer(scope)
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> tuple[int, dict[str, Any]]:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        signed = credential_scope(Request(scope["method"], str(scope["path"]), {}, headers, b""))
        if signed is None or not self._sessions.is_root(signed.access_key):
            return 403, {"message": "only the administrator of this cloud gets sessions of any role"}
        role = urllib.parse.unquote(str(scope["path"]).removeprefix(PREFIX))
        if self._sessions.role(role) is None:
            return 404, {"message": f"there is no role {role}"}
        found = self._sessions.session(role, NAME, SESSION_SECONDS)
        return 200, {
            "AWS_ACCESS_KEY_ID": found.access_key,
            "AWS_SECRET_ACCESS_KEY": found.secret_key,
            "AWS_SESSION_TOKEN": found.token,
        }
