"""Clients and credentials with which services of the cloud act as a role, renewed by the SDK before they expire."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any, Protocol

from localcloud.services import ServiceError

SESSION_SECONDS = 3600.0
"""Of the wall: what AWS gives a role's session."""


class Credentials(Protocol):
    """A role's session."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expires(self) -> float: ...


class Sessions(Protocol):
    """What gives out sessions: :class:`localcloud.ministack.permissions.Permissions`."""

    def role(self, role_arn: str) -> dict[str, object] | None:
        """A role; None when there is none."""

    def trusts(self, role_arn: str, principal: str) -> bool:
        """Whether the role exists and lets this service assume it."""

    def session(self, role_arn: str, name: str, seconds: float) -> Credentials:
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

    def assume(self, role_arn: str, session_name: str, service: str, seconds: float = SESSION_SECONDS) -> Credentials:
        """Credentials of a role that ``service`` assumes.

        Parameters
        ----------
        role_arn, session_name : str
        service : str
            Its principal: ``sagemaker.amazonaws.com``.
        seconds : float
            How long they are good for, on the wall.

        Raises
        ------
        ServiceError
            AccessDenied, when there is no such role or it does not trust the service.
        """
        if not self._sessions.trusts(role_arn, service):
            message = f"User: {service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ServiceError("AccessDenied", message, 403)
        return self._sessions.session(role_arn, session_name, seconds)

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
        return self._client(key, lambda: _as_metadata(lambda: self.assume(role_arn, session_name, service)))

    def client_through(self, client: str, role_arn: str, via: str, session_name: str, service: str) -> Any:
        """:meth:`client` for a role that is assumed with the rights of ``via``: STS decides, as for anybody."""

        def renew() -> dict[str, str]:
            sts = self.client("sts", via, session_name, service)
            given = sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name)["Credentials"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        return self._client((client, role_arn, session_name, via), renew)

    def _client(self, key: tuple[str, str, str, str], renew: Callable[[], dict[str, str]]) -> Any:
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(key[0], renew)
            return self._clients[key]

    def _make(self, client: str, renew: Callable[[], dict[str, str]]) -> Any:
        import boto3  # here, because only now does the environment name this cloud
        import botocore.session
        from botocore.config import Config
        from botocore.credentials import DeferredRefreshableCredentials

        session = botocore.session.get_session()
        credentials = DeferredRefreshableCredentials(renew, "assume-role")
        session.register_component("credential_provider", _Provider(credentials))
        config = Config(max_pool_connections=32, connect_timeout=5, read_timeout=300, region_name=self._region)
        made: Any = boto3.session.Session(botocore_session=session, region_name=self._region)
        return made.client(client, config=config)


class _Provider:
    """Hands renewable credentials to botocore's session."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        """As botocore's own resolver."""
        return self._credentials


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
