"""Network isolation of a container, as far as a process of this machine can be isolated without rights of its own.

SageMaker Developer Guide, "Run training and inference containers in internet-free mode": the container makes no network
calls, not even to Amazon S3, and has no credentials. Here Python's own sockets are closed, which is what boto3, pip,
urllib and their like use. A library that opens sockets by itself, or a program that the model starts, is not held back.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any

_OUTWARD = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"))
_NAMES = frozenset(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"))


def isolate() -> None:
    """Refuse every connection that this process tries to make from now on, to this machine too; there is no way back.

    A container has a loopback of its own; here it would be that of this machine, with the cloud and everybody's
    services on it.
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: https://docs.python.org/3/library/audit_events.html."""
    if event in _NAMES:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    if event in _OUTWARD and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
