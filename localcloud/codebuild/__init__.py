"""CodeBuild for the local cloud: buildspecs that really run, in processes on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services import Cloud, Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codebuild`` of ``cloud``."""
    from localcloud.codebuild.service import CodeBuild

    return [CodeBuild(cloud)]
