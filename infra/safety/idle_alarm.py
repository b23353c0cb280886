"""An alarm on an instance that is up and answers nothing: scaling to zero that does not work, seen in hours."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contract.names import VARIANT


class IdleAlarm(Construct):
    """Two alarms and one on both: an instance is up in each of some hours, and none of these hours has an answer.

    SageMaker publishes no number of instances. What it publishes of each instance, every minute, is its utilization,
    in ``/aws/sagemaker/Endpoints``; answers of asynchronous endpoints are ``InvocationsProcessed`` in
    ``AWS/SageMaker``. A metric that nobody publishes has no data, which both alarms take for "no".
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html

    Two alarms, and not one on metric math: what FILL makes of a metric that has no data at all is documented nowhere,
    and in the hours that count ``InvocationsProcessed`` has none.

    Parameters
    ----------
    endpoint_name : str
        Of the endpoint.
    hours : int
        So many.
    email : str
        Who is told; empty: the alarm is seen only on the dashboard and by `alarms`.
    key : kms.Key, optional
        Encrypts the topic.

    Attributes
    ----------
    alarm : cloudwatch.CompositeAlarm
        The one on both.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        hours: int,
        email: str,
        key: kms.Key | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        up = self._alarm(
            "Up",
            self._hourly(endpoint_name, "/aws/sagemaker/Endpoints", "CPUUtilization", cloudwatch.Stats.SAMPLE_COUNT),
            hours=hours,
            needed=hours,
            description=f"Not a fault by itself: an instance has been up in each of {hours} hours.",
        )
        working = self._alarm(
            "Working",
            self._hourly(endpoint_name, "AWS/SageMaker", "InvocationsProcessed", cloudwatch.Stats.SUM),
            hours=hours,
            needed=1,
            description=f"Not a fault: the endpoint has answered within {hours} hours.",
        )
        self.alarm = cloudwatch.CompositeAlarm(
            self,
            "Idle",
            alarm_description=f"An instance is up and has answered nothing for {hours} hours: it is billed by the "
            "hour. helpers.operations.clean_up(connection) deletes everything.",
            alarm_rule=cloudwatch.AlarmRule.all_of(
                cloudwatch.AlarmRule.from_alarm(up, cloudwatch.AlarmState.ALARM),
                cloudwatch.AlarmRule.not_(cloudwatch.AlarmRule.from_alarm(working, cloudwatch.AlarmState.ALARM)),
            ),
        )
        if email:
            topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
            if key:
                # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
                key.add_to_resource_policy(
                    iam.PolicyStatement(
                        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                        actions=["kms:Decrypt", "kms:GenerateDataKey"],
                        resources=["*"],  # in a key's policy: this key
                        conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
                    )
                )
            topic.add_subscription(subscriptions.EmailSubscription(email))
            self.alarm.add_alarm_action(actions.SnsAction(topic))

    def _hourly(self, endpoint_name: str, namespace: str, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map={"EndpointName": endpoint_name, "VariantName": VARIANT},
            statistic=statistic,
            period=cdk.Duration.hours(1),
        )

    def _alarm(
        self, name: str, metric: cloudwatch.Metric, *, hours: int, needed: int, description: str
    ) -> cloudwatch.Alarm:
        return metric.create_alarm(
            self,
            name,
            alarm_description=description,
            threshold=1,
            evaluation_periods=hours,
            datapoints_to_alarm=needed,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
