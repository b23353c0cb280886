"""What the pieces of the SageMaker services share."""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from localcloud.cloud import Cloud
from localcloud.sagemaker.logs import EndpointLogs
from localcloud.sagemaker.metrics import Metrics
from localcloud.sagemaker.requests import RequestQueue
from localcloud.services import ServiceError
from localcloud.store import Store


@dataclasses.dataclass(frozen=True)
class Shared:
    """The shared pieces, made once for each cloud."""

    cloud: Cloud
    store: Store
    queue: RequestQueue
    logs: EndpointLogs
    metrics: Metrics

    @property
    def provision_seconds(self) -> float:
        """Real seconds that a new instance takes to come up before its container starts."""
        return self.cloud.clock.real(float(self.cloud.options.get("provision_seconds", 120)))


def invalid(message: str) -> ServiceError:
    """SageMaker's error for nearly everything that a caller got wrong."""
    return ServiceError("ValidationException", message)


def not_offered(what: str, instead: str = "") -> ServiceError:
    """A feature of AWS that this cloud does not copy."""
    return invalid(f"The local cloud does not offer {what}.{' ' + instead if instead else ''}")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """``("bucket", "a/key")`` of ``s3://bucket/a/key``; raises :class:`ValueError` for any other form."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is not of the form s3://bucket/key")
    # Not parts.path: a key may hold "?" and "#".
    return parts.netloc, uri.split("/", 3)[3] if uri.count("/") > 2 else ""


def join_uri(base: str, *names: str) -> str:
    """Put ``names`` below an S3 URI with single slashes between."""
    return "/".join([base.rstrip("/"), *(name.strip("/") for name in names)])


def resource_arn(cloud: Cloud, kind: str, name: str) -> str:
    """The ARN of a SageMaker resource; names in ARNs are in lower case, as AWS writes them.

    Parameters
    ----------
    cloud : Cloud
    kind : str
        ``model``, ``endpoint-config`` or ``endpoint``.
    name : str
    """
    return cloud.arn("sagemaker", f"{kind}/{name.lower()}")
