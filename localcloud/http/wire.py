"""Which operation of which service a request for MiniStack asks for, and with what parameters."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.http.cbor import CborProtocol
from localcloud.http.messages import Request, Response
from localcloud.http.protocol import JsonProtocol, RestJsonProtocol, service_model
from localcloud.http.query import QueryProtocol
from localcloud.http.rest_xml import RestXmlProtocol
from localcloud.services import ServiceError

OFFERED = (
    "cloudformation", "cloudwatch", "events", "iam", "kms", "lambda", "logs",
    "resourcegroupstaggingapi", "s3", "secretsmanager", "sns", "sqs", "ssm", "sts",
)  # fmt: skip
"""The services of MiniStack that this cloud offers, by botocore's names."""
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])?(:\d+)?")
_BUCKET_HOST = re.compile(r"([a-z0-9-]+\.)?(s3([.-][a-z0-9-]+)?\.)?localhost(:\d+)?")
_PATH = re.compile(r"/|/\d{12}/[^/]+/?|/20\d\d-\d\d-\d\d/.*|/service/[^/]+/operation/[^/]+")
"""The root; SQS's queues; Lambda, whose paths begin with a date; the CBOR protocol."""
_DETOUR = re.compile(
    r"/_|/(iceberg|v20180820|v2|oauth2|login|logout|restapis|Execute|BatchExecute)|.*/\.well-known/(jwks|openid)"
)
"""Paths that MiniStack answers as another service, whatever a request is signed for; a bucket may be called so."""
_SIGNED_AS = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}


class WireProtocol(Protocol):
    """One of AWS's protocols, for one service."""

    def matches(self, request: Request) -> bool:
        """Whether ``request``, which is signed for the service, speaks this protocol."""

    def parse(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Operation and parameters; raises :class:`ServiceError`."""

    def response(self, operation: str, result: Mapping[str, Any]) -> Response:
        """The answer."""

    def error(self, error: ServiceError) -> Response:
        """The refusal."""


@functools.lru_cache
def protocols(service: str) -> tuple[WireProtocol, ...]:
    """The protocols that ``service`` speaks, each to be asked whether a request is in it."""
    model = service_model(service)
    makers: dict[str, Any] = {
        "smithy-rpc-v2-cbor": CborProtocol,
        "json": JsonProtocol,
        "rest-json": RestJsonProtocol,
        "rest-xml": RestXmlProtocol,
        "query": QueryProtocol,
    }
    spoken = list(model.metadata.get("protocols") or [model.metadata["protocol"]])
    if service == "sqs":  # its older protocol, which its model does not name any more
        spoken.append("query")
    return tuple(makers[name](model) for name in spoken if name in makers)


def find(service: str, request: Request) -> WireProtocol | None:
    """The protocol in which ``request`` asks ``service``; None when it speaks none of the service's.

    MiniStack looks at host, path and ``X-Amz-Target`` before it looks at what a request is signed for; a request that
    it would take for another service's is none of this one's.
    """
    if not (_s3_place if service == "s3" else _plain_place)(request):
        return None
    found = next((protocol for protocol in protocols(service) if protocol.matches(request)), None)
    return None if "x-amz-target" in request.headers and not isinstance(found, JsonProtocol) else found


def _plain_place(request: Request) -> bool:
    """Whether host and path are those of an API: no function's URL, no website, no page of MiniStack."""
    return _HOST.fullmatch(request.headers.get("host", "")) is not None and _PATH.fullmatch(request.path) is not None


def _s3_place(request: Request) -> bool:
    """Whether host and path are those of a bucket."""
    host = request.headers.get("host", "")
    return (_HOST.fullmatch(host) or _BUCKET_HOST.fullmatch(host)) is not None and not _DETOUR.match(
        request.decoded_path
    )


def service_of(signed_for: str) -> str | None:
    """The name in botocore of a service by its name in a signature; None when it is not offered."""
    name = _SIGNED_AS.get(signed_for, signed_for)
    return name if name in OFFERED else None
