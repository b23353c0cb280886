"""Amazon SageMaker hosting for the local cloud: models, endpoints and asynchronous inference.

An instance is a process of its own (:mod:`localcloud.sagemaker.container`), so this file imports nothing: the
processes start through this package and should not carry the control plane with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services import Cloud, Service


def create_services(cloud: Cloud) -> list[Service]:
    """The services ``sagemaker`` and ``sagemaker-runtime`` of ``cloud``."""
    from localcloud.sagemaker.service import build

    return build(cloud)
