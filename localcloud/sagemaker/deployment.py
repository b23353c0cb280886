"""What one generation of an endpoint runs: a snapshot of its configuration and model, and how to start it.

A snapshot, because SageMaker keeps an endpoint running after its configuration or model is deleted.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.rules import Call
from localcloud.sagemaker.model_server import ModelServer
from localcloud.sagemaker.process import ContainerSpec
from localcloud.sagemaker.shared import Shared, bucket_and_key, join_uri
from localcloud.services import ServiceError

HEALTH_CHECK_SECONDS = 480
"""SageMaker Developer Guide, "How your container should respond to health check requests": 8 minutes after start."""


PRINCIPAL = "sagemaker.amazonaws.com"
SESSION = "SageMaker"
"""How SageMaker names its sessions of an execution role."""
_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<repository>[^:@]+).*")
_PULLING = ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class DeploymentFailed(Exception):  # noqa: N818 - named for what happened
    """An instance did not come up; the message is the endpoint's ``FailureReason``."""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """One endpoint's configuration and model at the moment when it was deployed."""

    endpoint: str
    config: dict[str, Any]
    model: dict[str, Any]

    @property
    def variant(self) -> dict[str, Any]:
        """The only production variant."""
        variant: dict[str, Any] = self.config["ProductionVariants"][0]
        return variant

    @property
    def variant_name(self) -> str:
        """``AllTraffic``, by habit."""
        return str(self.variant["VariantName"])

    @property
    def concurrency(self) -> int:
        """Requests that an instance works on at a time.

        AsyncInferenceClientConfig: "If no value is provided, SageMaker chooses an optimal value." Here that is 1: a
        laptop's cores are shared by all instances.
        """
        client: dict[str, Any] = self.config["AsyncInferenceConfig"].get("ClientConfig", {})
        return int(client.get("MaxConcurrentInvocationsPerInstance", 1))

    @property
    def output(self) -> dict[str, Any]:
        """The ``OutputConfig``: where answers go and who is told."""
        output: dict[str, Any] = self.config["AsyncInferenceConfig"]["OutputConfig"]
        return output

    @property
    def container(self) -> dict[str, Any]:
        """The model's container definition."""
        container: dict[str, Any] = self.model["PrimaryContainer"]
        return container

    @property
    def server(self) -> ModelServer:
        """The limits of the image's model server; raises :class:`ValueError` when the environment spoils one."""
        return ModelServer.of(self.container["Image"], self.container.get("Environment", {}))

    @property
    def start_seconds(self) -> float:
        """Real seconds within which a container must be ready."""
        return float(self.variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS))

    def output_location(self, unique: str, extension: str | None, filename: str | None) -> str:
        """Where an answer goes.

        Parameters
        ----------
        unique : str
            Names the answer unless ``filename`` does.
        extension, filename : str, optional
            InvokeEndpointAsync's ``S3OutputPathExtension`` and ``Filename``.
        """
        names = [extension] if extension else []
        return join_uri(self.output["S3OutputPath"], *names, filename or f"{unique}.out")

    def failure_location(self, unique: str) -> str | None:
        """Where the answer goes when the model failed; None without an ``S3FailurePath``."""
        path = self.output.get("S3FailurePath")
        return join_uri(path, f"{unique}-error.out") if path else None

    def new_folder(self, shared: Shared) -> tuple[str, Path]:
        """A new instance's id and its folder."""
        instance_id = "i-0" + secrets.token_hex(8)
        folder = shared.cloud.work / "sagemaker" / self.endpoint / instance_id
        folder.mkdir(parents=True)
        return instance_id, folder

    def spec(self, shared: Shared, folder: Path) -> ContainerSpec:
        """How to start a container in ``folder``; the credentials of its role are for it to fetch, as on AWS.

        An isolated one gets none. https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html
        """
        isolated = bool(self.model.get("EnableNetworkIsolation"))
        environment = {"SAGEMAKER_REGION": shared.cloud.region}
        if not isolated:
            environment |= {name: value for name, value in shared.cloud.environment.items() if name not in _KEYS}
            environment |= shared.cloud.container_credentials(self.role, SESSION, PRINCIPAL)
        environment |= self.container.get("Environment", {})
        return ContainerSpec(
            folder=folder,
            program=environment.get("SAGEMAKER_PROGRAM") or "inference.py",
            submit_directory=environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or "/opt/ml/model/code",
            workers=self.concurrency,
            environment=environment,
            isolated=isolated,
            lifeline=shared.cloud.lifeline,
        )

    def client(self, shared: Shared, service: str) -> Any:
        """A boto3 client with the model's execution role: what SageMaker reads, writes and says is done with it.

        SageMaker Developer Guide, "How to use SageMaker AI execution roles", and "Prerequisites" of asynchronous
        inference: the role needs S3's objects and ``sns:Publish``.
        """
        return shared.cloud.client_as(service, self.role, SESSION, PRINCIPAL)

    @property
    def role(self) -> str:
        """The ARN of the model's execution role."""
        return str(self.model.get("ExecutionRoleArn", ""))

    def check_image(self, shared: Shared) -> None:
        """See that the role may pull the image, although it is not pulled here; raises :class:`DeploymentFailed`.

        SageMaker Developer Guide, "How to use SageMaker AI execution roles" (CreateModel API). The reason's words are
        those that people reported of endpoints on AWS.
        """
        image = str(self.container.get("Image", ""))
        found = _IMAGE.fullmatch(image)
        if shared.cloud.authorizer is None or found is None:
            return
        where = {"registryId": found["account"], "repositoryName": found["repository"]}
        for operation in ("GetAuthorizationToken", *_PULLING):
            call = Call("ecr", operation, where if operation in _PULLING else {}, shared.cloud.account, found["region"])
            try:
                shared.cloud.authorizer.require_of_role(self.role, SESSION, call)
            except ServiceError as error:
                reason = f'The role "{self.role}" does not have {operation} permission for the image: "{image}".'
                raise DeploymentFailed(reason) from error

    def download(self, shared: Shared, spec: ContainerSpec) -> None:
        """Bring the model data to the instance, compressed or as single files; raises :class:`DeploymentFailed`."""
        source = self.container.get("ModelDataSource", {}).get("S3DataSource")
        uri = source["S3Uri"] if source else self.container.get("ModelDataUrl")
        if not uri:
            return
        bucket, key = bucket_and_key(uri)
        s3 = self.client(shared, "s3")
        try:
            if source and source["S3DataType"] == "S3Prefix":
                _download_prefix(s3, bucket, key, spec.model_dir)
            else:
                s3.download_file(bucket, key, str(spec.archive))
        except (ClientError, BotoCoreError, OSError) as error:
            # Wording of CreateEndpoint on AWS when the object is missing or may not be read.
            raise DeploymentFailed(
                f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that '
                "there is an object located at the URL and that the role passed to CreateModel has permissions to "
                f"download the object. ({error})"
            ) from error

    def unpack_failure(self, reason: str) -> DeploymentFailed:
        """AWS's words for a bad archive, and what was wrong with this one."""
        source = self.container.get("ModelDataSource", {}).get("S3DataSource", {})
        uri = source.get("S3Uri") or self.container.get("ModelDataUrl")
        return DeploymentFailed(
            f'Failed to extract model data archive for container "container_1" from URL "{uri}". Please ensure that '
            f"the object located at the URL is a valid tar.gz archive. ({reason})"
        )

    def start_failure(self, reason: str) -> DeploymentFailed:
        """AWS's words for a container that does not come up, and why this one did not."""
        return DeploymentFailed(
            f"The primary container for production variant {self.variant_name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. ({reason})"
        )


def _download_prefix(s3: Any, bucket: str, prefix: str, target: Path) -> None:
    """Every object below ``prefix`` as a file (uncompressed model data)."""
    root = target.resolve()
    count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            name = item["Key"][len(prefix) :].lstrip("/")
            if not name or name.endswith("/"):
                continue
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                raise OSError(f"key {item['Key']!r} is outside the model folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, item["Key"], str(path))
            count += 1
    if count == 0:
        raise OSError("no object has this prefix")
