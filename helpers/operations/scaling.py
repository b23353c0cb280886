"""What decides how many instances run: the metrics, the alarms on them, and the changes with their causes.

Metrics are those of "Monitor asynchronous endpoint" in the SageMaker Developer Guide, with the dimension EndpointName
alone; which alarms count, Application Auto Scaling says (DescribeScalingPolicies).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from contract.names import VARIANT
from helpers.inference.connection import Connection
from helpers.inference.records import Activity
from helpers.target.explain import explained

METRICS = {"ApproximateBacklogSize": "Average", "HasBacklogWithoutCapacity": "Maximum"}
PERIODS = 10
"""How many periods CloudWatch is asked for: on AWS a datapoint is there some minutes after its time."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What CloudWatch says at one moment.

    Attributes
    ----------
    backlog : float or None
        The newest ApproximateBacklogSize; None while there is no data.
    without_capacity : bool or None
        The newest HasBacklogWithoutCapacity.
    alarms : mapping
        Policy (and ``high`` or ``low`` where it has two alarms) to ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.
    """

    backlog: float | None = None
    without_capacity: bool | None = None
    alarms: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Scaling:
    """Asks CloudWatch and Application Auto Scaling about the workshop's endpoint.

    Parameters
    ----------
    connection : Connection
    speed : float
        How many seconds of AWS's clock a second takes; 1 on AWS itself.
    """

    def __init__(self, connection: Connection, speed: float = 1.0) -> None:
        self._connection, self._endpoint = connection, connection.names.endpoint
        self._resource = f"endpoint/{self._endpoint}/variant/{VARIANT}"
        self._period = max(1, round(60 / speed))
        self._alarms: dict[str, str] = {}

    def measured(self) -> Measured:
        """Metrics and alarms as they are now; :class:`TargetError` when they cannot be read."""
        values = self._metrics()
        backlog, without = values["ApproximateBacklogSize"], values["HasBacklogWithoutCapacity"]
        return Measured(backlog, None if without is None else without >= 1, self._states())

    def activities(self, since: dt.datetime) -> list[Activity]:
        """The changes that began at ``since`` or later, oldest first."""
        with explained(f"reading the scaling activities of {self._endpoint}", self._connection.target):
            found = self._connection.client("application-autoscaling").describe_scaling_activities(
                ServiceNamespace="sagemaker", ResourceId=self._resource
            )["ScalingActivities"]
        made = [
            Activity(
                (item["StartTime"] - since).total_seconds(), item["Description"], item["Cause"], item["StatusCode"]
            )
            for item in found
        ]
        return sorted((item for item in made if item.seconds >= 0), key=lambda item: item.seconds)

    def _metrics(self) -> dict[str, float | None]:
        now = dt.datetime.now(dt.UTC)
        queries = [self._query(f"m{number}", name, stat) for number, (name, stat) in enumerate(METRICS.items())]
        with explained(f"reading the metrics of {self._endpoint}", self._connection.target):
            answer = self._connection.client("cloudwatch").get_metric_data(
                MetricDataQueries=queries,
                StartTime=now - dt.timedelta(seconds=PERIODS * self._period),
                EndTime=now + dt.timedelta(seconds=self._period),
            )
        newest = {  # by the times themselves: not every CloudWatch keeps to ScanBy
            found["Id"]: max(zip(found["Timestamps"], found["Values"], strict=True))[1]
            for found in answer["MetricDataResults"]
            if found["Values"]
        }
        return {name: newest.get(f"m{number}") for number, name in enumerate(METRICS)}

    def _query(self, key: str, name: str, stat: str) -> dict[str, Any]:
        dimensions = [{"Name": "EndpointName", "Value": self._endpoint}]
        metric = {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}
        return {"Id": key, "MetricStat": {"Metric": metric, "Period": self._period, "Stat": stat}}

    def _states(self) -> dict[str, str]:
        if not self._alarms:
            self._alarms = self._labels()
        if not self._alarms:
            return {}
        with explained(f"reading the alarms of {self._endpoint}", self._connection.target):
            found = self._connection.client("cloudwatch").describe_alarms(AlarmNames=list(self._alarms))
        return {self._alarms[alarm["AlarmName"]]: alarm["StateValue"] for alarm in found["MetricAlarms"]}

    def _labels(self) -> dict[str, str]:
        """Name of each alarm that scales the endpoint, to a short one."""
        with explained(f"reading the scaling policies of {self._endpoint}", self._connection.target):
            policies = self._connection.client("application-autoscaling").describe_scaling_policies(
                ServiceNamespace="sagemaker", ResourceId=self._resource
            )["ScalingPolicies"]
        labels = {}
        for policy in policies:
            for alarm in policy.get("Alarms", []):
                name = alarm["AlarmName"]
                side = " high" if "AlarmHigh" in name else " low" if "AlarmLow" in name else ""
                labels[name] = policy["PolicyName"] + side
        return labels
