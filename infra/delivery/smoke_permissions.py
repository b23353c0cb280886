"""What the smoke test may do: what any client of the workshop does, and nothing else."""

from __future__ import annotations

import aws_cdk as cdk

from contract import names
from contract.settings import Settings
from infra.delivery.builds import Build

FOLDERS = (names.REQUESTS, names.OUTPUT, names.FAILURES, names.STATUS, names.IMAGES)


def allow_smoke_test(build: Build, settings: Settings) -> None:
    """Let a build find the application by its names, put a request, invoke the endpoint and read what came of it.

    The application's stack names bucket and endpoint, and is deployed later. The bucket is known by the stack's name at
    the beginning of its own; the endpoint by that too, whatever instance type follows, and by its tag.
    """
    stack = cdk.Stack.of(build)
    name = settings.workshop.name
    parameters = stack.format_arn(service="ssm", resource="parameter", resource_name=f"{name}/*")
    build.allow("ssm:GetParameters", resources=[parameters])
    bucket = f"arn:{stack.partition}:s3:::{settings.application_stack}-*"
    read = [f"{bucket}/{folder}/*" for folder in FOLDERS]
    write = [f"{bucket}/{names.REQUESTS}/*"]
    build.allow("s3:GetObject", resources=read)
    build.allow("s3:PutObject", resources=write)
    build.allow("s3:ListBucket", resources=[bucket])
    mark = {"StringEquals": {f"aws:ResourceTag/{names.TAG}": name}}
    endpoints = names.endpoint_prefix(settings.application_stack)
    endpoint = stack.format_arn(service="sagemaker", resource="endpoint", resource_name=f"{endpoints}*")
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    build.allow(
        "sagemaker:InvokeEndpointAsync",
        "sagemaker:DescribeEndpoint",
        resources=[endpoint],
        conditions=mark,
    )
    if settings.security.kms:
        keys = stack.format_arn(service="kms", resource="key", resource_name="*")
        build.allow("kms:Decrypt", "kms:GenerateDataKey", resources=[keys], conditions=mark)
        build.accept_wildcards(keys, reason="The application's key is made later; its tag says which it is.")
    build.accept_wildcards(
        parameters, bucket, *read, endpoint, reason="The application's stack names its resources later, by these marks."
    )
