"""CodeBuild for the local cloud: buildspecs that really run, in processes on this machine."""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.codebuild.cloudformation import resource_types
from localcloud.codebuild.service import CodeBuild
from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codebuild`` of ``cloud``, with its CloudFormation types."""
    service = CodeBuild(cloud)
    service.resource_types = resource_types(service)
    return [service]
