"""CodePipeline for the local cloud: executions from source to deployment.

It sees CodeCommit, CodeBuild, CloudFormation, S3 and SNS through their public APIs only, as the service on AWS does.
"""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.codepipeline.cloudformation import resource_types
from localcloud.codepipeline.service import CodePipeline
from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codepipeline`` of ``cloud``, with its CloudFormation types."""
    service = CodePipeline(cloud)
    service.resource_types = resource_types(service)
    return [service]
