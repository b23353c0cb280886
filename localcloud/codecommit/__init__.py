"""CodeCommit for the local cloud: Git repositories that `git clone` and `git push` reach, and its API."""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.codecommit.cloudformation import resource_types
from localcloud.codecommit.service import CodeCommit
from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codecommit`` of ``cloud``, with its CloudFormation types."""
    service = CodeCommit(cloud)
    service.resource_types = resource_types(service)
    return [service]
