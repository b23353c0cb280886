"""Where the model and the functions run: in service-owned networks, or in the participant's VPC."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.common.reasons import acknowledge_wildcards


class Network(Construct):
    """An existing VPC with its subnets and security groups; nothing is created in it.

    The subnets need a way to S3 (a gateway endpoint is free), SNS, SQS, CloudWatch Logs and ECR, by a NAT gateway or
    by interface endpoints; to nothing else, since a packaged model brings all that its container imports. S3 is
    documented: SageMaker fetches model data through the subnets, and the functions read and write there
    (https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html). Which of the others SageMaker and Lambda reach
    through the subnets, and which through networks of their own, no page of AWS says.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.subnet_ids, self.security_group_ids = list(subnet_ids), list(security_group_ids)

    def of_model(self) -> sagemaker.CfnModel.VpcConfigProperty:
        """The network as a SageMaker model takes it."""
        return sagemaker.CfnModel.VpcConfigProperty(subnets=self.subnet_ids, security_group_ids=self.security_group_ids)

    def of_function(self) -> lambda_.CfnFunction.VpcConfigProperty:
        """The network as a Lambda function takes it."""
        return lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=self.subnet_ids, security_group_ids=self.security_group_ids
        )

    def allow_interfaces(self, role: iam.Role, *extra_actions: str, describe: Sequence[str]) -> None:
        """Let a service make and remove its network interfaces in these subnets.

        Parameters
        ----------
        role : iam.Role
            Execution role of the model or of a function.
        *extra_actions : str
            Further actions on network interfaces that this service needs.
        describe : sequence of str
            Its look-ups, which EC2 grants on all resources or on none.
        """
        stack = cdk.Stack.of(self)

        def arn(resource: str, name: str) -> str:
            return stack.format_arn(service="ec2", resource=resource, resource_name=name)

        places = [arn("subnet", name) for name in self.subnet_ids]
        places += [arn("security-group", name) for name in self.security_group_ids]
        interfaces = arn("network-interface", "*")
        role.add_to_policy(iam.PolicyStatement(actions=["ec2:CreateNetworkInterface"], resources=[*places, interfaces]))
        anything = arn("*", "*")
        # Lambda refuses a role that may delete only network interfaces; any resource of this account and Region will
        # do. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
        role.add_to_policy(
            iam.PolicyStatement(actions=["ec2:DeleteNetworkInterface", *extra_actions], resources=[anything])
        )
        role.add_to_policy(iam.PolicyStatement(actions=list(describe), resources=["*"]))
        acknowledge_wildcards(role, ["*"], "EC2's Describe actions do not support resource-level permissions.")
        acknowledge_wildcards(role, [interfaces, anything], "Network interfaces get their ids when they are made.")
