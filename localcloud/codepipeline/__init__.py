"""CodePipeline for the local cloud: executions from source to deployment.

It sees CodeCommit, CodeBuild, CloudFormation, S3 and SNS through their public APIs only, as the service on AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services import Cloud, Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codepipeline`` of ``cloud``."""
    from localcloud.codepipeline.service import CodePipeline

    return [CodePipeline(cloud)]
