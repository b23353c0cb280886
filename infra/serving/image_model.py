"""The image-generation model as SageMaker knows it: container, packaged model, and the role it works under."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from contract.names import MAX_RESPONSE_BYTES, endpoint_log_group
from infra.common.reasons import acknowledge_wildcards
from infra.serving.model_parameters import ModelParameters
from infra.serving.network import Network

LONGEST_INVOCATION_SECONDS = 3600
"""The most that InvokeEndpointAsync takes as ``InvocationTimeoutSeconds``."""


class ImageModel(Construct):
    """A SageMaker model with its execution role.

    The model has no physical name: any change of its data or container replaces it, and a name could not be taken
    twice.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, parameters: ModelParameters, network: Network | None = None
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "ExecutionRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        self._allow_model_data(parameters)
        self._allow_container(parameters)
        self._allow_logs_and_metrics()
        if network:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
            network.allow_interfaces(
                self.role,
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterfacePermission",
                describe=[
                    f"ec2:Describe{what}"
                    for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
                ],
            )
        self.model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=self.role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=parameters.image_uri,
                environment=self._environment(),
                model_data_source=sagemaker.CfnModel.ModelDataSourceProperty(
                    s3_data_source=sagemaker.CfnModel.S3DataSourceProperty(
                        s3_uri=parameters.model_uri,
                        s3_data_type=parameters.model_data_type,
                        compression_type=parameters.compression_type,
                        model_access_config=parameters.model_access,
                    )
                ),
            ),
            vpc_config=network.of_model() if network else None,
        )
        # SageMaker looks at image and model data when the model is made, so the policy must be there before.
        self.model.node.add_dependency(self.role)

    @property
    def name(self) -> str:
        """The name that CloudFormation gives the model."""
        return self.model.attr_model_name

    def _environment(self) -> dict[str, str]:
        """What JumpStart sets for its text-to-image models."""
        return {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_REGION": cdk.Stack.of(self).region,
            # One copy of the model in memory.
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            # Multi Model Server (Hugging Face images) reads MMS_…, TorchServe (PyTorch images) TS_…. Without them
            # both servers end a worker that takes longer than one or two minutes or answers with more than about
            # 6.5 MB, and cut off larger requests. SAGEMAKER_MODEL_SERVER_TIMEOUT has no effect on TorchServe.
            **{
                f"{server}_{limit}": str(value)
                for server in ("MMS", "TS")
                for limit, value in (
                    ("DEFAULT_RESPONSE_TIMEOUT", LONGEST_INVOCATION_SECONDS),
                    ("MAX_REQUEST_SIZE", MAX_RESPONSE_BYTES),
                    ("MAX_RESPONSE_SIZE", MAX_RESPONSE_BYTES),
                )
            },
        }

    def _allow_model_data(self, parameters: ModelParameters) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[parameters.model_objects_arn]))
        acknowledge_wildcards(
            self.role,
            [parameters.model_objects_arn],
            "A model given as a prefix is everything below it; given as a tarball it is that one object.",
        )
        # Only a model given as a prefix is listed; which kind it is, model.json says when the stack is deployed.
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[parameters.model_bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{parameters.model_key}*"}},
            )
        )

    def _allow_container(self, parameters: ModelParameters) -> None:
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=[parameters.repository_arn],
            )
        )
        self.role.add_to_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
        reason = "ecr:GetAuthorizationToken and cloudwatch:PutMetricData do not support resource-level permissions."
        acknowledge_wildcards(self.role, ["*"], reason)

    def _allow_logs_and_metrics(self) -> None:
        """SageMaker makes the endpoint's log group and streams itself, under a name it learns only then.

        https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
        """
        stack = cdk.Stack.of(self)
        group = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=endpoint_log_group("*"),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[group],
            )
        )
        acknowledge_wildcards(self.role, [group], "SageMaker names the group after an endpoint that is made later.")
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/*"]}},
            )
        )
