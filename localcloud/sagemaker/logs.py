"""The lines of containers and of the platform in CloudWatch Logs.

SageMaker Developer Guide, "Log groups and streams that Amazon SageMaker AI logs": group
``/aws/sagemaker/Endpoints/<endpoint>``, stream ``<variant>/<instance id>`` for what the container prints and, for
asynchronous endpoints, ``<variant>/<instance id>/data-log`` for what the platform says of each request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.clock import iso_timestamp
from localcloud.logs import LogShipper


class EndpointLogs:
    """Each endpoint's log group."""

    def __init__(self, client: Callable[[], Any], may_log: Callable[[str, str, str, str], bool]) -> None:
        """Write logs.

        Parameters
        ----------
        client : callable
            Gives the client of CloudWatch Logs.
        may_log : callable
            ``may_log(role, session, group, stream)``: whether the execution role may; without, nothing is logged.
        """
        self._shipper = LogShipper(client, "sagemaker-logs")
        self._may_log = may_log
        self._roles: dict[str, tuple[str, str]] = {}

    def write_with(self, endpoint: str, role: str, session: str) -> None:
        """Write the log of ``endpoint`` with the rights of ``role`` from now on."""
        self._roles[endpoint] = (role, session)

    def start(self) -> None:
        """Begin to deliver."""
        self._shipper.start()

    def stop(self) -> None:
        """Deliver what is left, then end."""
        self._shipper.stop()

    def line(self, endpoint: str, stream: str, text: str) -> None:
        """Log one line of a container.

        Parameters
        ----------
        endpoint, stream : str
            The endpoint's name, and ``<variant>/<instance id>``.
        text : str
        """
        group, role = f"/aws/sagemaker/Endpoints/{endpoint}", self._roles.get(endpoint)
        if role is None or self._may_log(*role, group, stream):
            self._shipper.line(group, stream, text)

    def data_log(self, endpoint: str, stream: str, inference_id: str, text: str) -> None:
        """Log one line of the platform about a request, in the form that AWS writes.

        Parameters
        ----------
        endpoint, stream : str
            The endpoint's name, and ``<variant>/<instance id>``.
        inference_id, text : str
        """
        self.line(endpoint, f"{stream}/data-log", f"{iso_timestamp(zone='')}:[sagemaker logs] [{inference_id}] {text}")
