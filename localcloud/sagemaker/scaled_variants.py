"""What SageMaker asks of Application Auto Scaling when an endpoint is updated or deleted.

SageMaker Developer Guide, "Update endpoints that use auto scaling" and "Delete endpoints configured for auto scaling".
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.sagemaker.endpoints import Endpoint
from localcloud.sagemaker.shared import invalid

_TARGET = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def _resource_id(endpoint: Endpoint) -> str:
    return f"endpoint/{endpoint.name}/variant/{endpoint.deployment.variant_name}"


def registered(cloud: Cloud, endpoint: Endpoint) -> bool:
    """Whether the endpoint's variant is a scalable target."""
    found = cloud.client("application-autoscaling").describe_scalable_targets(
        **_TARGET, ResourceIds=[_resource_id(endpoint)]
    )
    return bool(found["ScalableTargets"])


def check_scaled_variant(endpoint: Endpoint, wanted: Mapping[str, Any]) -> None:
    """Refuse an update that would remove a variant that scales, or change its instance type.

    Another model on the same type is fine.

    Parameters
    ----------
    endpoint : Endpoint
        Its variant is a scalable target.
    wanted : mapping
        The variant in the new configuration.

    Raises
    ------
    ServiceError
        The endpoint keeps its configuration.
    """
    present = endpoint.deployment.variant
    if (wanted["VariantName"], wanted["InstanceType"]) != (present["VariantName"], present["InstanceType"]):
        raise invalid(
            f'The variant(s) "{present["VariantName"]}" must be deregistered as scalable targets with AWS Auto Scaling '
            "before they can be removed or have their instance type updated."
        )


def deregister(cloud: Cloud, endpoint: Endpoint) -> None:
    """Deregister the variant of an endpoint that is being deleted, with its policies and their alarms."""
    with contextlib.suppress(cloud.client("application-autoscaling").exceptions.ObjectNotFoundException):
        cloud.client("application-autoscaling").deregister_scalable_target(**_TARGET, ResourceId=_resource_id(endpoint))
