"""From zero instances to N and back, by what waits in the endpoint's queue."""

from __future__ import annotations

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from contract.names import VARIANT


class BacklogScaling(Construct):
    """The two policies with which an asynchronous endpoint sleeps at zero instances and wakes for the first request.

    Target tracking follows the backlog of each instance. Alone it would start the first instance only after the backlog
    exceeds its target, and a few requests could wait for hours: a step policy, which AWS calls optional, adds one as
    soon as anything waits. https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html

    Both metrics are published with the dimension ``EndpointName`` alone. Adding the variant gives an alarm without
    data, which never fires.

    Parameters
    ----------
    endpoint_name : str
        The endpoint, whose only variant scales.
    max_capacity : int
        Instances at most; at least it is zero.
    backlog_per_instance : float
        Queued and running requests for each instance that target tracking aims at.
    scale_in_cooldown_seconds, scale_out_cooldown_seconds : int
        How long a policy waits after it removed or added instances.
    alarm_minutes : int
        One-minute data points with a backlog and no instance after which the endpoint wakes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        max_capacity: int,
        backlog_per_instance: float,
        scale_in_cooldown_seconds: int,
        scale_out_cooldown_seconds: int,
        alarm_minutes: int,
    ) -> None:
        super().__init__(scope, construct_id)
        # No role: Application Auto Scaling uses (and makes) its service-linked one for SageMaker.
        target = scaling.CfnScalableTarget(
            self,
            "Instances",
            service_namespace="sagemaker",
            resource_id=f"endpoint/{endpoint_name}/variant/{VARIANT}",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            min_capacity=0,
            max_capacity=max_capacity,
        )
        self._target_id, self._endpoint_name = target.ref, endpoint_name
        self._follow_backlog(backlog_per_instance, scale_in_cooldown_seconds, scale_out_cooldown_seconds)
        self.alarm = self._wake_from_zero(scale_out_cooldown_seconds, alarm_minutes)

    def _follow_backlog(self, per_instance: float, scale_in_seconds: int, scale_out_seconds: int) -> None:
        scaling.CfnScalingPolicy(
            self,
            "FollowBacklog",
            policy_name="FollowBacklog",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self._target_id,
            target_tracking_scaling_policy_configuration=(
                scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=per_instance,
                    scale_in_cooldown=scale_in_seconds,
                    scale_out_cooldown=scale_out_seconds,
                    customized_metric_specification=scaling.CfnScalingPolicy.CustomizedMetricSpecificationProperty(
                        namespace="AWS/SageMaker",
                        metric_name="ApproximateBacklogSizePerInstance",
                        dimensions=[
                            scaling.CfnScalingPolicy.MetricDimensionProperty(
                                name="EndpointName", value=self._endpoint_name
                            )
                        ],
                        statistic="Average",
                    ),
                )
            ),
        )

    def _wake_from_zero(self, cooldown_seconds: int, minutes: int) -> cloudwatch.IAlarm:
        wake = scaling.CfnScalingPolicy(
            self,
            "WakeFromZero",
            policy_name="WakeFromZero",
            policy_type="StepScaling",
            scaling_target_id=self._target_id,
            step_scaling_policy_configuration=scaling.CfnScalingPolicy.StepScalingPolicyConfigurationProperty(
                adjustment_type="ChangeInCapacity",
                metric_aggregation_type="Average",
                cooldown=cooldown_seconds,
                step_adjustments=[
                    scaling.CfnScalingPolicy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)
                ],
            ),
        )
        alarm = cloudwatch.CfnAlarm(
            self,
            "BacklogWithoutCapacity",
            alarm_description="Requests wait and no instance runs: start one.",
            namespace="AWS/SageMaker",
            metric_name="HasBacklogWithoutCapacity",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="EndpointName", value=self._endpoint_name)],
            statistic="Average",
            period=60,
            # The metric is 1 or 0: with "greater than 1" nothing would ever wake the endpoint.
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=minutes,
            datapoints_to_alarm=minutes,
            treat_missing_data="missing",
            alarm_actions=[wake.ref],
        )
        return cloudwatch.Alarm.from_alarm_arn(self, "Alarm", alarm.attr_arn)
