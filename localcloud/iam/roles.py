"""Clients and credentials with which services of the cloud act as a role, renewed before they expire."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any, Protocol

from localcloud.services import ServiceError

RENEW_SECONDS = 900.0
"""Real seconds before the end of a session at which it is renewed, as the SDKs do."""


class Credentials(Protocol):
    """A role's session."""

    access_key: str
    secret_key: str
    token: str
    expires: float
    arn: str


class Sessions(Protocol):
    """What gives out sessions: :class:`localcloud.ministack.permissions.Permissions`."""

    def role(self, role_arn: str) -> dict[str, object] | None:
        """A role; None when there is none."""

    def trusts(self, role_arn: str, principal: str) -> bool:
        """Whether the role exists and lets this service assume it."""

    def session(self, role_arn: str, name: str) -> Credentials:
        """New credentials."""


class Roles:
    """Sessions of roles, for AWS's own services.

    Parameters
    ----------
    sessions : Sessions
    region : str
    """

    def __init__(self, sessions: Sessions, region: str) -> None:
        self._sessions = sessions
        self._region = region
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str, str], Any] = {}

    def assume(self, role_arn: str, session_name: str, service: str) -> Credentials:
        """Credentials of a role that ``service`` assumes.

        Parameters
        ----------
        role_arn, session_name : str
        service : str
            Its principal: ``sagemaker.amazonaws.com``.

        Raises
        ------
        ServiceError
            AccessDenied, when there is no such role or it does not trust the service.
        """
        if not self._sessions.trusts(role_arn, service):
            message = f"User: {service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ServiceError("AccessDenied", message, 403)
        return self._sessions.session(role_arn, session_name)

    def client(self, client: str, role_arn: str, session_name: str, service: str) -> Any:
        """A boto3 client whose calls are made with the role; safe to use from any thread.

        Parameters
        ----------
        client : str
            ``s3``.
        role_arn, session_name, service : str
            As for :meth:`assume`, which is called by the client's first call and again before its session ends; so a
            role that is not there, or trusts the service no more, fails the call with AccessDenied.
        """
        key = (client, role_arn, session_name, service)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(client, lambda: self.assume(role_arn, session_name, service))
            return self._clients[key]

    def _make(self, client: str, renew: Callable[[], Credentials]) -> Any:
        import boto3  # here, because only now does the environment name this cloud
        import botocore.session
        from botocore.config import Config
        from botocore.credentials import DeferredRefreshableCredentials

        session = botocore.session.get_session()
        credentials = DeferredRefreshableCredentials(lambda: _as_metadata(renew), "assume-role")
        session._credentials = credentials  # the only way to hand renewable credentials to botocore
        config = Config(max_pool_connections=32, connect_timeout=5, read_timeout=300, region_name=self._region)
        made: Any = boto3.session.Session(botocore_session=session, region_name=self._region)
        return made.client(client, config=config)


def _as_metadata(renew: Callable[[], Credentials]) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        session = renew()
    except ServiceError as error:  # as botocore reports it when STS says no
        answer = {"Error": {"Code": error.code, "Message": error.message}}
        raise ClientError(answer, "AssumeRole") from error  # type: ignore[arg-type]  # a response without metadata
    return {
        "access_key": session.access_key,
        "secret_key": session.secret_key,
        "token": session.token,
        "expiry_time": datetime.datetime.fromtimestamp(session.expires, datetime.UTC).isoformat(),
    }
