"""The image-generation model as SageMaker knows it: container, packaged model, and the role it works under."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from contract.names import endpoint_log_group
from infra.common.reasons import acknowledge_wildcards
from infra.serving.container_environment import ContainerEnvironment
from infra.serving.model_parameters import ModelParameters
from infra.serving.network import Network


class ImageModel(Construct):
    """A SageMaker model with its execution role.

    The model has no physical name: any change of its data or container replaces it, and a name could not be taken
    twice.

    Its container is isolated unless the model's own description says that it needs the network: it reaches nothing, and
    nobody's credentials are inside. Model data, requests, answers and logs still come and go, since SageMaker itself
    carries them. https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html
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
                environment=ContainerEnvironment(self, "Environment").variables,
                model_data_source=sagemaker.CfnModel.ModelDataSourceProperty(
                    s3_data_source=sagemaker.CfnModel.S3DataSourceProperty(
                        s3_uri=parameters.model_uri,
                        s3_data_type=parameters.model_data_type,
                        compression_type=parameters.compression_type,
                        model_access_config=parameters.model_access,
                    )
                ),
            ),
            enable_network_isolation=parameters.network_isolation,
            vpc_config=network.of_model() if network else None,
        )
        # SageMaker looks at image and model data when the model is made, so the policy must be there before.
        self.model.node.add_dependency(self.role)

    @property
    def name(self) -> str:
        """The name that CloudFormation gives the model."""
        return self.model.attr_model_name

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
