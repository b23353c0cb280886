"""Deletes the workshop's stacks after a deadline: a function that looks every five minutes."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from contract.names import (
    EXPIRES_AT,
    EXPIRES_AT_PARAMETER,
    STACK_LETTERS_KEPT,
    endpoint_log_group,
    endpoint_prefix,
    ssm_parameter,
)
from infra.common.logs import log_group
from infra.common.reasons import acknowledge, acknowledge_wildcards

EVERY_MINUTES = 5
"""A rule's schedule and not one of EventBridge Scheduler, which AWS recommends for new work: the deadline has to be
read and moved with one call that needs no ``iam:PassRole``, and every look has to be repeated until nothing is left.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
LOG_DAYS = 14


class Expiry(Construct):
    """The deadline in an SSM parameter, and the function that acts on it.

    The function may read that parameter, delete these stacks and the log groups that services made for them; what is
    in the stacks CloudFormation deletes, with the role that it deployed them with.

    Parameters
    ----------
    workshop : str
        Its name.
    stacks : sequence of str
        Names of the stacks, in the order in which they are deleted; the stack of this construct follows them.
    application_stack : str
        Which of them has the endpoint.
    code : lambda_.Code
        Bundle of ``lambdas/expire``.
    architecture : str
        ``x86_64`` or ``arm64``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workshop: str,
        stacks: Sequence[str],
        application_stack: str,
        code: lambda_.Code,
        architecture: str,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        deadline = cdk.CfnParameter(
            stack,
            EXPIRES_AT_PARAMETER,
            description='When everything is deleted, such as 2026-11-28T18:00:00+00:00, or "never". Only at creation: '
            "helpers.operations.extend() changes the SSM parameter itself.",
            allowed_pattern=r"never|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)",
        )
        parameter = ssm.StringParameter(
            self,
            "Deadline",
            parameter_name=ssm_parameter(workshop, EXPIRES_AT),
            string_value=deadline.value_as_string,
            description="When everything of the workshop is deleted",
        )
        # Of the functions that the CDK brings, whose names CloudFormation may shorten, and of the endpoints.
        groups = [f"/aws/lambda/{f'{name}-'[:STACK_LETTERS_KEPT]}" for name in stacks]
        groups.append(endpoint_log_group(endpoint_prefix(application_stack)))
        self._log_group = log_group(self, LOG_DAYS)
        self.role = self._make_role(parameter, [*stacks, stack.stack_name], groups)
        function = lambda_.Function(
            self,
            "Function",
            description="expire: see lambdas/expire",
            runtime=lambda_.Runtime.PYTHON_3_12,
            architecture=lambda_.Architecture.custom(architecture),
            handler="expire.handler.handler",
            code=code,
            role=self.role,
            memory_size=256,
            timeout=cdk.Duration.minutes(1),
            environment={
                "PARAMETER": parameter.parameter_name,
                "STACKS": ",".join(stacks),
                "OWN_STACK": stack.stack_name,
                "LOG_GROUPS": ",".join(groups),
            },
            log_group=self._log_group,
        )
        acknowledge(function, {"AwsSolutions-L1": "As the other functions, which run on Python 3.12."})
        events.Rule(
            self,
            "Look",
            description="Has the workshop expired?",
            schedule=events.Schedule.rate(cdk.Duration.minutes(EVERY_MINUTES)),
            targets=[targets.LambdaFunction(function)],
        )

    def _make_role(self, parameter: ssm.StringParameter, stacks: Sequence[str], groups: Sequence[str]) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._log_group.grant_write(role)
        stack = cdk.Stack.of(self)
        stack_arns = [
            stack.format_arn(service="cloudformation", resource="stack", resource_name=f"{name}/*") for name in stacks
        ]
        every_group = self._groups("*")
        group_arns = [self._groups(f"{name}*") for name in groups]
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
        for actions, resources in (
            (["ssm:GetParameter"], [parameter.parameter_arn]),
            (["cloudformation:DescribeStacks", "cloudformation:DeleteStack"], stack_arns),
            (["logs:DescribeLogGroups"], [every_group]),
            (["logs:DeleteLogGroup"], group_arns),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        acknowledge_wildcards(role, stack_arns, "An id that CloudFormation makes is at the end of a stack's ARN.")
        acknowledge_wildcards(role, [every_group], "Listing log groups by the beginning of their names takes them all.")
        acknowledge_wildcards(role, group_arns, "Services name these log groups after what the stacks made.")
        return role

    def _groups(self, name: str) -> str:
        return cdk.Stack.of(self).format_arn(
            service="logs", resource="log-group", resource_name=name, arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
