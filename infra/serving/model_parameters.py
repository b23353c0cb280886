"""What is decided at deployment, not at synthesis: the packaged model, its container and its instance."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from contract.names import LONGEST_INSTANCE_TYPE, MODEL_PARAMETERS

BUCKET, KEY, DATA_TYPE, IMAGE, INSTANCE_TYPE, MODEL_ID, ACCEPT_EULA, NETWORK_ISOLATION = MODEL_PARAMETERS


class ModelParameters(Construct):
    """The CloudFormation parameters of the application stack, and what follows from them.

    The packaged model's key changes with every packaging, so it must not be part of the template. The deployment
    (by the CDK's CLI, or by CodePipeline with the build's output) passes it.

    Attributes
    ----------
    model_uri : str
        ``s3://bucket/key`` of a tarball, or of a prefix that ends in a slash.
    model_objects_arn : str
        ARN of that object, or of everything below that prefix.
    compression_type : str
        ``Gzip`` or ``None``, as SageMaker's ``S3DataSource`` takes it.
    model_access : cdk.IResolvable
        ``S3DataSource``'s ModelAccessConfig: there only when the model's licence was accepted.
    network_isolation : cdk.IResolvable
        Whether the container is cut off from every network.
    repository_arn : str
        ARN of the ECR repository that the container's image comes from.
    """

    def __init__(self, scope: Construct, construct_id: str, *, model_id: str, instance_type: str) -> None:
        super().__init__(scope, construct_id)
        self.model_bucket = self._parameter(
            BUCKET,
            description="Bucket that holds the packaged model (output ModelBucketName of the models stack)",
            allowed_pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            constraint_description="the name of an S3 bucket",
        )
        self.model_key = self._parameter(
            KEY,
            description="Key of the packaged model: a .tar.gz file, or a prefix that ends in a slash",
            allowed_pattern=r"[A-Za-z0-9][A-Za-z0-9!_.*'()/=@+-]*(\.tar\.gz|/)",
            constraint_description="a key that ends in .tar.gz, or a prefix that ends in a slash",
        )
        self.model_data_type = self._parameter(
            DATA_TYPE,
            description="S3Object: ModelKey is one gzip tarball. S3Prefix: it is a prefix of uncompressed files.",
            allowed_values=["S3Object", "S3Prefix"],
            default="S3Object",
        )
        self.image_uri = self._parameter(
            IMAGE,
            description="Inference container in Amazon ECR (JumpStart names the one for each model and instance type)",
            allowed_pattern=r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9][a-z0-9._/-]*[:@][A-Za-z0-9_.:-]+",
            constraint_description="account.dkr.ecr.region.amazonaws.com/repository:tag (or @sha256:digest)",
        )
        self.instance_type = self._parameter(
            INSTANCE_TYPE,
            description="SageMaker instance type of the endpoint",
            allowed_pattern=r"ml\.[a-z0-9-]+\.[a-z0-9]+",
            constraint_description="a SageMaker instance type, such as ml.m5.large or ml.g5.xlarge",
            max_length=LONGEST_INSTANCE_TYPE,  # a part of the endpoint's name
            default=instance_type,
        )
        self.model_id = self._parameter(
            MODEL_ID,
            description="JumpStart model id, shown on the dashboard and kept in SSM",
            allowed_pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
            constraint_description="a JumpStart model id",
            default=model_id,
        )
        self._accept_eula = self._parameter(
            ACCEPT_EULA,
            description="true: you have read and accept the licence that a gated JumpStart model asks for",
            allowed_values=["true", "false"],
            default="false",
        )
        self._isolate = self._parameter(
            NETWORK_ISOLATION,
            description="true: the model's container reaches no network. false: JumpStart says that it needs one",
            allowed_values=["true", "false"],
            default="true",
        )
        self._derive()

    def _parameter(self, name: str, **properties: object) -> str:
        parameter = cdk.CfnParameter(self, name, type="String", **properties)  # type: ignore[arg-type] # checked by jsii
        parameter.override_logical_id(name)  # part of the contract with people and pipelines: no path, no hash
        return parameter.value_as_string

    def _derive(self) -> None:
        stack = cdk.Stack.of(self)
        accepted = cdk.CfnCondition(
            self, "IsEulaAccepted", expression=cdk.Fn.condition_equals(self._accept_eula, "true")
        )
        accepted.override_logical_id("IsEulaAccepted")
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-sagemaker-model-modelaccessconfig.html
        self.model_access = cdk.Fn.condition_if(accepted.logical_id, {"AcceptEula": True}, cdk.Aws.NO_VALUE)
        isolated = cdk.CfnCondition(self, "IsIsolated", expression=cdk.Fn.condition_equals(self._isolate, "true"))
        isolated.override_logical_id("IsIsolated")
        self.network_isolation = cdk.Fn.condition_if(isolated.logical_id, True, False)
        tarball = cdk.CfnCondition(
            self, "IsTarball", expression=cdk.Fn.condition_equals(self.model_data_type, "S3Object")
        )
        tarball.override_logical_id("IsTarball")
        self.compression_type = cdk.Fn.condition_if(tarball.logical_id, "Gzip", "None").to_string()
        self.model_uri = f"s3://{self.model_bucket}/{self.model_key}"
        self.model_bucket_arn = f"arn:{stack.partition}:s3:::{self.model_bucket}"
        location = f"{self.model_bucket_arn}/{self.model_key}"
        self.model_objects_arn = cdk.Fn.condition_if(tarball.logical_id, location, f"{location}*").to_string()
        # account.dkr.ecr.region.amazonaws.com/repository:tag, or …/repository@sha256:digest
        host = cdk.Fn.split(".", self.image_uri)
        path = cdk.Fn.select(1, cdk.Fn.split(".amazonaws.com/", self.image_uri))
        repository = cdk.Fn.select(0, cdk.Fn.split("@", cdk.Fn.select(0, cdk.Fn.split(":", path))))
        self.repository_arn = (
            f"arn:{stack.partition}:ecr:{cdk.Fn.select(3, host)}:{cdk.Fn.select(0, host)}:repository/{repository}"
        )
