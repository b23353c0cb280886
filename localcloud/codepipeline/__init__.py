"""CodePipeline for the local cloud: executions from source to deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services import Cloud, Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codepipeline`` of ``cloud``."""
    return []
