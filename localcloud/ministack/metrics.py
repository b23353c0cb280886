"""CloudWatch of MiniStack: measurements, alarms' records, and the measurements of queues that it does not make."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.alarms import Decision
from localcloud.cloudwatch.statistics import dimensions_of
from localcloud.ministack.functions import scope_of


class Metrics:
    """MiniStack's CloudWatch, whose alarms ``localcloud.cloudwatch.alarm_watch`` evaluates."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._alarms: Any = modules["cloudwatch"]
        self._queues: Any = modules["sqs"]
        self._responses: Any = modules["responses"]
        self._persistence: Any = modules["persistence"]
        self._active_queues: set[tuple[str, str, str]] = set()
        self._take_over_alarms()

    def state_without_measurements(self) -> dict[str, Any]:
        """CloudWatch's state without the measurements, which change all the time and are saved apart."""
        metrics = self._alarms._metrics
        self._alarms._metrics = type(metrics)()
        try:
            state: dict[str, Any] = self._alarms.get_state()
        finally:
            self._alarms._metrics = metrics
        del state["metrics"]
        return state

    def measurements(self) -> Any:
        """All measurements, for the state keeper. Points never change, so copying the lists is enough."""
        metrics = self._alarms._metrics
        return type(metrics).from_dict({key: list(points) for key, points in list(metrics._data.items())})

    def restore_measurements(self, text: str) -> None:
        """Take back what :meth:`measurements` gave, as the state keeper wrote it."""
        payload = json.loads(text, object_hook=self._persistence._json_object_hook)["payload"]
        self._alarms._metrics.update(payload)

    def _take_over_alarms(self) -> None:
        """Switch off MiniStack's evaluation, which :mod:`localcloud.cloudwatch.alarm_watch` does, and its clean-up.

        MiniStack would clean up at every request.
        """
        cloudwatch = self._alarms
        cloudwatch._evaluate_alarm = lambda alarm: None
        cloudwatch._evaluate_all_alarms = lambda: None
        cloudwatch._evict_old_metrics = lambda: None

    def points(self, namespace: str, name: str, dimensions: Mapping[str, str], unit: str | None = None) -> list[Any]:
        """The stored points of a metric, oldest first but for late ones.

        Parameters
        ----------
        namespace, name : str
        dimensions : mapping
            All of them: a metric is its dimensions, too.
        unit : str, optional
            Only those of this unit.
        """
        stored = self._alarms._metrics.get((namespace, name, self._alarms._dims_key(dict(dimensions)))) or []
        return [point for point in list(stored) if unit in (None, point.get("Unit") or "None")]

    def statistic(self, points: list[Any], name: str) -> float | None:
        """A statistic (``Sum``, ``p99``) of ``points``; None where there is none."""
        statistics = self._alarms._calc_stats(points)
        value = self._alarms._stat_value(statistics, name, points) if statistics else None
        return None if value is None else float(value)

    def put(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """Store what PutMetricData was given, in MiniStack's account and region."""
        for datum in data:
            stamp = datum.get("Timestamp")
            self._alarms._store_datum(
                namespace,
                datum["MetricName"],
                dimensions_of(datum.get("Dimensions")),
                stamp.timestamp() if stamp else time.time(),
                datum.get("Unit", "None"),
                datum.get("Value"),
                datum.get("Values"),
                datum.get("Counts"),
                datum.get("StatisticValues"),
            )

    def measure(
        self,
        namespace: str,
        name: str,
        value: float,
        *,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
        timestamp: float | None = None,
    ) -> None:
        """Publish one measurement, in MiniStack's account and region."""
        stamp = time.time() if timestamp is None else timestamp
        self._alarms._store_datum(namespace, name, dict(dimensions or {}), stamp, unit, value, None, None, None)

    def alarms(self) -> list[dict[str, Any]]:
        """Every metric alarm: MiniStack's own records, alive."""
        return list(self._alarms._alarms._data.values())

    def datapoint(self, alarm: Mapping[str, Any], start: float, end: float) -> tuple[float, float] | None:
        """See :meth:`localcloud.cloudwatch.alarms.Statistics.datapoint`."""
        cloudwatch = self._alarms
        _, _, _, region, account = str(alarm["AlarmArn"]).split(":")[:5]
        key = (
            alarm["Namespace"],
            alarm["MetricName"],
            cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or [])),
        )
        stored = cloudwatch._metrics.get_scoped(account, region, key) or []
        points = []
        for point in reversed(stored):  # newest last, nearly: a client may give an older timestamp
            if point["Timestamp"] < start - 900:
                break
            if start <= point["Timestamp"] < end and alarm.get("Unit") in (None, point.get("Unit")):
                points.append(point)
        statistics = cloudwatch._calc_stats(points)
        if not statistics:
            return None
        name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        value = cloudwatch._stat_value(statistics, name, points)
        return None if value is None else (float(value), float(statistics["SampleCount"]))

    def set_alarm_state(self, alarm: dict[str, Any], decision: Decision) -> None:
        """Move an alarm to another state: history, event, actions, and the composite alarms above it."""
        cloudwatch, old, now = self._alarms, alarm["StateValue"], time.time()
        alarm.update(
            StateValue=decision.state,
            StateReason=decision.reason,
            StateReasonData=decision.reason_data,
            StateUpdatedTimestamp=now,
            StateTransitionedTimestamp=now,
        )
        with scope_of(self._responses, alarm["AlarmArn"]):
            cloudwatch._dispatch_alarm_actions(alarm, old, decision.state, decision.reason)
            cloudwatch._evaluate_parent_alarms(alarm)

    def compact_measurements(self, older_than: float, resolution: float = 60.0) -> None:
        """Merge points before ``older_than`` into statistic sets of one minute, as CloudWatch does after 3 hours."""
        cloudwatch = self._alarms
        expired = time.time() - 15 * 86400  # "Data points with a period of 60 seconds are available for 15 days"
        for key, points in list(cloudwatch._metrics._data.items()):
            kept: list[Any] = []
            groups: dict[tuple[float, Any], list[Any]] = {}
            for point in points:
                stamp = point["Timestamp"]
                if stamp >= older_than or "_compact" in point:
                    kept.append(point)
                else:
                    groups.setdefault((stamp - stamp % resolution, point.get("Unit")), []).append(point)
            if not groups and (not points or points[0]["Timestamp"] >= expired):
                continue
            merged = []
            for (stamp, unit), members in groups.items():
                statistics = cloudwatch._calc_stats(members)
                if statistics:
                    dimensions = members[0]["Dimensions"]
                    point = {"Timestamp": stamp, "Value": statistics["Average"], "Unit": unit, "_stat": statistics}
                    merged.append({**point, "Dimensions": dimensions, "_compact": True})
            cloudwatch._metrics._data[key] = sorted(
                (point for point in (*merged, *kept) if point["Timestamp"] >= expired),
                key=lambda point: float(point["Timestamp"]),
            )

    def publish_queue_metrics(self) -> None:
        """Measure the SQS queues: MiniStack publishes nothing for SQS.

        A queue that an alarm looks at is measured at every call. Of another one the measurements of a minute are
        merged, and an empty one that was empty before is left out, as CloudWatch has nothing of inactive queues.
        """
        watched = {
            (alarm["AlarmArn"].split(":")[4], alarm["AlarmArn"].split(":")[3], dimension["Value"])
            for alarm in self.alarms()
            if alarm.get("Namespace") == "AWS/SQS"
            for dimension in alarm.get("Dimensions") or []
            if dimension["Name"] == "QueueName"
        }
        now = time.time()
        active = set()
        for (account, region, _), queue in list(self._queues._queues._data.items()):
            name = str(queue.get("name") or queue["attributes"]["QueueArn"].rpartition(":")[2])
            key = (account, region, name)
            messages = list(queue["messages"])
            if messages:
                active.add(key)
            elif key not in watched and key not in self._active_queues:
                continue
            with self._responses.request_scope(account, region):
                for metric, (value, unit) in _queue_values(messages, now).items():
                    if key in watched:
                        self.measure("AWS/SQS", metric, value, unit=unit, dimensions={"QueueName": name})
                    else:
                        self._merge("AWS/SQS", metric, value, unit, {"QueueName": name}, now)
        self._active_queues = active

    def _merge(
        self, namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str], now: float
    ) -> None:
        """Add a measurement to the metric's last point when that is of the same minute. Points never change."""
        points = self._alarms._metric_bucket((namespace, name, self._alarms._dims_key(dimensions)))
        mine = {"SampleCount": 1.0, "Sum": value, "Minimum": value, "Maximum": value}
        stamp = now // 60 * 60
        if points and points[-1]["Timestamp"] == stamp and "_stat" in points[-1]:
            last = points.pop()["_stat"]
            mine = {
                "SampleCount": last["SampleCount"] + 1,
                "Sum": last["Sum"] + value,
                "Minimum": min(last["Minimum"], value),
                "Maximum": max(last["Maximum"], value),
            }
        average = mine["Sum"] / mine["SampleCount"]
        points.append({"Timestamp": stamp, "Value": average, "Unit": unit, "Dimensions": dimensions, "_stat": mine})


def _queue_values(messages: list[Any], now: float) -> dict[str, tuple[float, str]]:
    """Value and unit (AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html)."""
    hidden = [message for message in messages if message["visible_at"] > now]
    delayed = sum(not message.get("receive_count") for message in hidden)
    oldest = now - min((message["sent_at"] for message in messages), default=now)
    return {
        "ApproximateNumberOfMessagesVisible": (float(len(messages) - len(hidden)), "Count"),
        "ApproximateNumberOfMessagesNotVisible": (float(len(hidden) - delayed), "Count"),
        "ApproximateNumberOfMessagesDelayed": (float(delayed), "Count"),
        "ApproximateAgeOfOldestMessage": (oldest, "Seconds"),
    }
