"""Application Auto Scaling for the local cloud: variants of SageMaker endpoints, by alarms of CloudWatch.

It sees endpoints and alarms through their public APIs only, as the service on AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.cloud import Cloud
    from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``application-autoscaling`` of ``cloud``."""
    from localcloud.autoscaling.cloudformation import resource_types
    from localcloud.autoscaling.service import ApplicationAutoScaling

    service = ApplicationAutoScaling(cloud)
    service.resource_types = resource_types(service)
    return [service]
