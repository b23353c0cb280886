"""A Lambda function behind SNS that loses nothing: retries, a dead-letter queue, and alarms."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.common.logs import log_group
from infra.common.reasons import acknowledge
from infra.serving.network import Network

METRICS_NAMESPACE = "AsyncGenAIWorkshop"


def _environment(package: str, bucket_name: str) -> dict[str, str]:
    return {
        "BUCKET_NAME": bucket_name,
        "POWERTOOLS_SERVICE_NAME": package,
        "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


class NotificationFunction(Construct):
    """A function that is invoked for each notification of some topics.

    SNS invokes it asynchronously: AWS tries twice more after an error, then the event goes to the dead-letter queue;
    so does a notification that SNS could not hand over at all. Two alarms report it.

    Parameters
    ----------
    package : str
        Name of the Python package in the bundle; the handler is ``<package>.handler.handler``.
    code : lambda_.Code
        The bundle.
    topics : sequence of sns.ITopic
        What it is subscribed to.
    bucket_name : str
        Given to the function as ``BUCKET_NAME``.
    architecture : str
        ``x86_64`` or ``arm64``.
    memory_mb, timeout_seconds : int
        Its limits.
    log_retention_days : int
        A retention that CloudWatch Logs knows.
    key : kms.IKey, optional
        Encrypts the dead-letter queue; without one Amazon SQS's own key does.
    network : Network, optional
        Where it runs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        package: str,
        code: lambda_.Code,
        topics: Sequence[sns.ITopic],
        bucket_name: str,
        architecture: str,
        memory_mb: int,
        timeout_seconds: int,
        log_retention_days: int,
        key: kms.IKey | None = None,
        network: Network | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self._log_group = log_group(self, log_retention_days)
        self.role = self._make_role(network)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"{package}: see lambdas/{package}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            architecture=lambda_.Architecture.custom(architecture),
            handler=f"{package}.handler.handler",
            code=code,
            role=self.role,
            memory_size=memory_mb,
            timeout=cdk.Duration.seconds(timeout_seconds),
            environment=_environment(package, bucket_name),
            log_group=self._log_group,
            dead_letter_queue=self.dead_letters,
            retry_attempts=2,
            max_event_age=cdk.Duration.hours(6),
        )
        acknowledge(
            self.function,
            {"AwsSolutions-L1": "Lambda supports Python 3.12 until October 2028; the workshop runs on 3.11 to 3.13."},
        )
        if network:
            # CDK's own way requires an IVpc with its zones, which only a look-up in an account finds out.
            resource = self.function.node.default_child
            assert isinstance(resource, lambda_.CfnFunction)
            resource.vpc_config = network.of_function()
        for topic in topics:
            topic.add_subscription(subscriptions.LambdaSubscription(self.function, dead_letter_queue=self.dead_letters))
        self.alarms = self._make_alarms(package)

    def _make_role(self, network: Network | None) -> iam.Role:
        """Its own log group and nothing else; the composition adds what it reads and writes."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._log_group.grant_write(role)
        if network:
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
            network.allow_interfaces(
                role,
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
                describe=["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
            )
        return role

    def _make_alarms(self, package: str) -> list[cloudwatch.Alarm]:
        minute = cdk.Duration.minutes(1)
        failing = self.function.metric_errors(period=minute, statistic="Sum")
        dead = self.dead_letters.metric_approximate_number_of_messages_visible(period=minute, statistic="Maximum")
        return [
            metric.create_alarm(
                self,
                name,
                alarm_description=description,
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            for name, metric, description in (
                ("Errors", failing, f"{package} failed; AWS tries twice more. Its log group says why."),
                (
                    "DeadLettersWaiting",
                    dead,
                    f"{package} gave up on a notification; it waits in the dead-letter queue.",
                ),
            )
        ]
