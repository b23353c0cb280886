"""What ``python -m localcloud env --role ARN`` asks for: a session of any role, for the cloud's administrator.

AWS gives nobody a session of a role that trusts only a service; here it shows what such a role may do.
"""

from __future__ import annotations

import urllib.parse
from typing import Any, Protocol

from localcloud.http.asgi import head_of, json_response, send_response
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
        await send_response(send, json_response(*self._answer(head_of(scope))))

    def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        signed = credential_scope(request)
        if signed is None or not self._sessions.is_root(signed.access_key):
            return 403, {"message": "only the administrator of this cloud gets sessions of any role"}
        role = urllib.parse.unquote(request.decoded_path.removeprefix(PREFIX))
        if self._sessions.role(role) is None:
            return 404, {"message": f"there is no role {role}"}
        found = self._sessions.session(role, NAME, SESSION_SECONDS)
        return 200, {
            "AWS_ACCESS_KEY_ID": found.access_key,
            "AWS_SECRET_ACCESS_KEY": found.secret_key,
            "AWS_SESSION_TOKEN": found.token,
        }
