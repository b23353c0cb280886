"""Which of AWS's services a region has: asked of AWS, and without an answer looked up in botocore's own list.

AWS publishes the list as public SSM parameters. Not every region answers for them, and those that lack a service are
often among the ones that do not:
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import DeploymentError
from contract.settings import Settings
from helpers.target.handle import Handle

ANSWERING = frozenset(
    (
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-east-1", "ap-south-1", "ap-northeast-1",
        "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2",
        "eu-west-3", "eu-north-1", "sa-east-1",
    )
)  # fmt: skip
"""The regions in which the parameters can be asked for, says the page above."""
ELSEWHERE = "us-east-1"
PATH = "/aws/service/global-infrastructure/services/{service}/regions"

DEPLOYMENT: Mapping[str, str] = {
    "sagemaker": "SageMaker",
    "lambda": "Lambda",
    "sns": "SNS",
    "sqs": "SQS",
    "ssm": "Systems Manager",
    "cloudformation": "CloudFormation",
    "cloudwatch": "CloudWatch",
    "logs": "CloudWatch Logs",
    "application-autoscaling": "Application Auto Scaling",
}
"""What ``deploy`` needs of a region: boto3's name of a client to the service's."""
BUILDS: Mapping[str, str] = {"codebuild": "CodeBuild", "codepipeline": "CodePipeline", "events": "EventBridge"}
SOURCES: Mapping[str, Mapping[str, str]] = {
    "codecommit": {"codecommit": "CodeCommit"},
    # botocore lists regions under the service's earlier name only.
    "connection": {"codestar-connections": "CodeConnections"},
}


# Services that these regions have, but whose resources CloudFormation does not make there, say the schemas that it
# publishes for each region (cfn-lint 1.58 holds them; tests/infra/test_regions.py compares). It is asked before it is
# believed: such gaps close.
NOT_BY_CLOUDFORMATION: Mapping[str, tuple[str, frozenset[str]]] = {
    "codecommit": (
        "AWS::CodeCommit::Repository",
        frozenset(
            (
                "af-south-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
                "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1",
                "me-central-1", "mx-central-1",
            )
        ),
    ),
    "sagemaker": ("AWS::SageMaker::Endpoint", frozenset(("me-central-1",))),
}  # fmt: skip


def pipeline_services(settings: Settings) -> dict[str, str]:
    """What ``deploy_pipeline`` needs besides: it depends on where the code comes from."""
    return {**BUILDS, **SOURCES[settings.pipeline.source]}


@dataclasses.dataclass(frozen=True)
class Lacking:
    """Services that a region does not have.

    Attributes
    ----------
    region : str
    services : tuple of str
        Their names; empty when none is lacking.
    source : str
        Who says so.
    """

    region: str
    services: tuple[str, ...]
    source: str

    def __bool__(self) -> bool:
        return bool(self.services)

    def __str__(self) -> str:
        *others, last = self.services or ("service",)
        names = f"{', '.join(others)} and {last}" if others else last
        return f"{self.region} has no {names}, says {self.source}"


def lacking(connection: Handle, services: Mapping[str, str]) -> Lacking:
    """Those of ``services`` that the workshop's region does not have; none on the local target.

    Parameters
    ----------
    connection : Handle
        The target; on AWS it is asked.
    services : mapping
        Such as :data:`DEPLOYMENT`.
    """
    region = connection.settings.workshop.region
    if connection.settings.workshop.target == "local":
        return Lacking(region, (), "the local cloud")
    partition = _session().get_partition_for_region(region)
    asked = _told_by_aws(connection, region, list(services)) if partition == "aws" else {}
    missing, sources = [], set()
    for service, name in services.items():
        there, source = asked.get(service, ()), "AWS's list of services by region"
        if not there:  # not answered, not permitted, or under another name
            there, source = _listed_by_botocore(service, partition), "boto3's list of endpoints"
        if there and region not in there:
            missing.append(name)
            sources.add(source)
        elif not _made_by_cloudformation(connection, service, region):
            missing.append(name)
            sources.add("CloudFormation")
    return Lacking(region, tuple(missing), " and ".join(sorted(sources)))


def _told_by_aws(connection: Handle, region: str, services: Sequence[str]) -> dict[str, list[str]]:
    client = connection.client("ssm", "" if region in ANSWERING else ELSEWHERE)
    found: dict[str, list[str]] = {}
    for service in services:
        try:
            pages = client.get_paginator("get_parameters_by_path").paginate(Path=PATH.format(service=service))
            found[service] = [str(item["Value"]) for page in pages for item in page["Parameters"]]
        except (BotoCoreError, ClientError):
            break  # what one call may not do, or cannot reach, the next one cannot either
    return found


def _made_by_cloudformation(connection: Handle, service: str, region: str) -> bool:
    kind, without = NOT_BY_CLOUDFORMATION.get(service, ("", frozenset()))
    if region not in without:
        return True
    try:
        connection.client("cloudformation").describe_type(Type="RESOURCE", TypeName=kind)
    except (BotoCoreError, ClientError):  # TypeNotFoundException, or not permitted
        return False
    return True


@functools.cache
def _session() -> Any:
    """Reads botocore's endpoints once."""
    return boto3.Session()


def _listed_by_botocore(service: str, partition: str) -> list[str]:
    listed: list[str] = _session().get_available_regions(service, partition_name=partition)
    return listed


def require(connection: Handle, services: Mapping[str, str], what: str, otherwise: str) -> None:
    """Refuse to begin what the region cannot finish.

    Parameters
    ----------
    connection : Handle
        The target.
    services : mapping
        What is needed.
    what : str
        What needs it, for the message: ``"the pipeline"``.
    otherwise : str
        What to do instead, as a sentence.

    Raises
    ------
    DeploymentError
        A service is lacking; nothing was deployed.
    """
    if found := lacking(connection, services):
        raise DeploymentError(f"{found}, and {what} needs it. Nothing was deployed. {otherwise}")
