"""What a service of the local cloud is: operations on one side, CloudFormation types on the other.

What it gets to know of the cloud around it is in :mod:`localcloud.cloud`.

The front (``localcloud.http.front``) reads a request with botocore's service model, validates it, calls
:meth:`Service.call` in a worker thread, validates the answer and writes it in the service's protocol. A service
therefore sees and returns plain dictionaries in the shape that boto3 documents, and knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol


class ServiceError(Exception):
    """An error that the caller gets as AWS would send it.

    Parameters
    ----------
    code, message : str
        AWS's name of the error, and what was wrong.
    status : int
        Of HTTP.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


AlarmAction = Callable[[str, dict[str, Any], str], None]
"""``callback(action_arn, alarm, new_state)``; see :meth:`localcloud.cloud.Cloud.alarm_action`."""

EventTarget = Callable[[str, dict[str, Any]], None]
"""``callback(target_arn, event)``; see :meth:`localcloud.cloud.Cloud.event_target`."""

ACCOUNT = "000000000000"
"""The one account of a local cloud."""

DEFAULT_REGION = "us-east-1"
"""Of a cloud that is started without one, and of S3's old signatures, which name none."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""


class ResourceType(Protocol):
    """One CloudFormation type, as CloudFormation calls it. Properties arrive with every intrinsic resolved.

    All three may block: they run on a worker thread. They raise :class:`ServiceError` to fail the stack's event.
    """

    name: str
    """``AWS::SageMaker::Endpoint``"""
    replacing: tuple[str, ...]
    """Properties whose change makes a new resource."""

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """Create it; return what ``Ref`` gives and the attributes for ``Fn::GetAtt``."""

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Change it in place."""

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete it; a resource that is already gone is not an error."""


class Service(Protocol):
    """One AWS service of the local cloud.

    A service may also have ``summary() -> list[str]``: lines for ``python -m localcloud status``; and ``mounts``, a
    mapping of path prefixes (``/v1/repos/``) to ASGI applications, for clients that speak no AWS protocol. Those may
    enter with HTTP Basic credentials whose user name is an access key of this cloud, as Git does with CodeCommit.
    """

    name: str
    """botocore's name: ``sagemaker``, ``sagemaker-runtime``, ``application-autoscaling``."""
    resource_types: tuple[ResourceType, ...]
    """Set by ``create_services`` once the service exists: its types call it."""

    def start(self) -> None:
        """Load durable state and start background work; the cloud answers requests by now."""

    def stop(self) -> None:
        """Stop background work and every process of this service; durable state stays."""

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation.

        Raises
        ------
        ServiceError
            As AWS would answer; an operation that is not offered here raises ``UnsupportedOperation`` saying so.
        """


Operation = Callable[[dict[str, Any]], dict[str, Any]]
"""One operation of a service: parameters in, answer out."""


def dispatch(
    operations: dict[str, Operation], service: str, operation: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Carry out ``operation``.

    Parameters
    ----------
    operations : dict
        What the service offers, by name.
    service, operation : str
    parameters : dict

    Raises
    ------
    ServiceError
        ``UnsupportedOperation``, with the names of those that are offered; or what the operation raises.
    """
    if operation not in operations:
        offered = ", ".join(sorted(operations))
        message = f"The local cloud's {service} does not offer {operation}. It offers: {offered}."
        raise ServiceError("UnsupportedOperation", message)
    return operations[operation](parameters)
