"""One page that shows requests on their way: backlog, instances' work, times, failures."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from contract.names import VARIANT
from infra.serving.functions import NotificationFunction

# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
# The real-time endpoint's Invocations, InvocationsPerInstance and OverheadLatency are not published for these.
FAILURE_METRICS = (
    "InvocationFailures",
    "ExpiredRequests",
    "RequestDownloadFailures",
    "ResponseUploadFailures",
    "NotificationFailures",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
)
STAGE_METRICS = ("TimeInBacklog", "RequestDownloadLatency", "ModelLatency", "ResponseUploadLatency")
VARIANT_METRICS = ("InvocationsProcessed", *FAILURE_METRICS, *STAGE_METRICS, "TotalProcessingTime")


class Dashboard(Construct):
    """The dashboard, and the alarms on the endpoint that are not about scaling.

    Parameters
    ----------
    model_id, endpoint_name : str
        For the title; the endpoint's metrics are shown.
    functions : sequence of NotificationFunction
        Those whose invocations, errors and dead letters are shown.
    alarms : sequence of cloudwatch.IAlarm
        Shown besides the functions' and the dashboard's own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model_id: str,
        endpoint_name: str,
        functions: Sequence[NotificationFunction],
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self._endpoint_name = endpoint_name
        unheard = self._metric("NotificationFailures").create_alarm(
            self,
            "NotificationsLost",
            alarm_description="SageMaker could not publish a notification, so its request has no status.",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        shown = [*alarms, unheard, *(alarm for function in functions for alarm in function.alarms)]
        title = cloudwatch.TextWidget(markdown=f"# {model_id} on {endpoint_name}", width=24, height=2)
        board = cloudwatch.Dashboard(
            self,
            "Dashboard",
            default_interval=cdk.Duration.hours(3),
            widgets=[
                [title],
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=shown, width=24, height=3)],
                self._backlog(),
                self._work(),
                self._functions(functions),
            ],
        )
        resource = board.node.default_child
        self.name = cdk.Fn.ref(cdk.Stack.of(self).get_logical_id(resource))  # type: ignore[arg-type] # a CfnDashboard

    def _metric(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric with exactly the dimensions that SageMaker publishes it with."""
        dimensions = {"EndpointName": self._endpoint_name}
        if name in VARIANT_METRICS:
            dimensions["VariantName"] = VARIANT
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=cdk.Duration.minutes(1),
        )

    def _graph(self, title: str, unit: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.IWidget:
        axis = cloudwatch.YAxisProps(label=unit, show_units=False, min=0)
        return cloudwatch.GraphWidget(title=title, left=list(metrics), left_y_axis=axis, width=8, height=6)

    def _backlog(self) -> list[cloudwatch.IWidget]:
        sizes = [
            self._metric(name, "Average") for name in ("ApproximateBacklogSize", "ApproximateBacklogSizePerInstance")
        ]
        return [
            self._graph("Queued and in progress", "requests", sizes),
            self._graph("Oldest request", "seconds", [self._metric("ApproximateAgeOfOldestRequest", "Maximum")]),
            self._graph(
                "Waiting without an instance", "1 = yes", [self._metric("HasBacklogWithoutCapacity", "Maximum")]
            ),
        ]

    def _work(self) -> list[cloudwatch.IWidget]:
        done = [self._metric("InvocationsProcessed"), self._metric("InvocationFailures")]
        return [
            self._graph("Answered", "requests a minute", done),
            self._graph(
                "Where the time goes", "microseconds", [self._metric(name, "Average") for name in STAGE_METRICS]
            ),
            self._graph("Failures", "a minute", [self._metric(name) for name in FAILURE_METRICS]),
        ]

    def _functions(self, functions: Sequence[NotificationFunction]) -> list[cloudwatch.IWidget]:
        minute = cdk.Duration.minutes(1)
        calls = [function.function.metric_invocations(period=minute) for function in functions]
        errors = [function.function.metric_errors(period=minute) for function in functions]
        times = [function.function.metric_duration(period=minute, statistic="Maximum") for function in functions]
        dead = [
            function.dead_letters.metric_approximate_number_of_messages_visible(period=minute) for function in functions
        ]
        return [
            self._graph("Functions: invocations and errors", "a minute", [*calls, *errors]),
            self._graph("Functions: duration", "milliseconds", [*times]),
            self._graph("Dead letters", "messages", dead),
        ]
