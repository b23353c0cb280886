"""Amazon SageMaker hosting for the local cloud: models, endpoints and asynchronous inference.

An instance is a process of its own (:mod:`localcloud.sagemaker.container`), so this file imports nothing: the
processes start through this package and should not carry the control plane with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.cloud import Cloud
    from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The services ``sagemaker`` and ``sagemaker-runtime`` of ``cloud``."""
    from localcloud.sagemaker.cloudformation import resource_types
    from localcloud.sagemaker.runtime import Runtime
    from localcloud.sagemaker.service import SageMaker

    control = SageMaker(cloud)
    control.resource_types = resource_types(control)
    return [control, Runtime(control)]
