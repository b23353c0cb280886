"""CloudWatch of MiniStack: measurements, alarms' records, and the measurements of queues that it does not make."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.alarms import Decision, UnsupportedAlarmError, check_supported
from localcloud.ministack.functions import scope_of


class Metrics:
    """MiniStack's CloudWatch, whose alarms ``localcloud.cloudwatch.alarm_watch`` evaluates."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._alarms: Any = modules["cloudwatch"]
        self._queues: Any = modules["sqs"]
        self._responses: Any = modules["responses"]
        self._persistence: Any = modules["persistence"]
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
        put = cloudwatch._put_metric_alarm

        def put_metric_alarm(params: Any, body: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
            try:
                if is_cbor or is_json:
                    check_supported(body)
                elif any(name.startswith("Metrics.member.") for name in params):  # the old query protocol
                    check_supported({"Metrics": True})
            except UnsupportedAlarmError as error:
                return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
            return put(params, body, is_cbor, is_json)

        cloudwatch._put_metric_alarm = put_metric_alarm

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
        """Move an alarm to another state: history, SNS actions, and the composite alarms above it."""
        cloudwatch, old, now = self._alarms, alarm["StateValue"], int(time.time())
        alarm.update(
            StateValue=decision.state,
            StateReason=decision.reason,
            StateReasonData=decision.reason_data,
            StateUpdatedTimestamp=now,
            StateTransitionedTimestamp=now,
        )
        with scope_of(self._responses, alarm["AlarmArn"]):
            data = json.loads(decision.reason_data)
            cloudwatch._record_history(alarm["AlarmName"], old, decision.state, decision.reason, reason_data=data)
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
        """Measure the SQS queues that an alarm looks at: MiniStack publishes nothing for SQS."""
        watched = {
            (alarm["AlarmArn"].split(":")[4], alarm["AlarmArn"].split(":")[3], dimension["Value"])
            for alarm in self.alarms()
            if alarm.get("Namespace") == "AWS/SQS"
            for dimension in alarm.get("Dimensions") or []
            if dimension["Name"] == "QueueName"
        }
        now = time.time()
        for (account, region, _), queue in list(self._queues._queues._data.items()):
            name = str(queue.get("name") or queue["attributes"]["QueueArn"].rpartition(":")[2])
            if (account, region, name) not in watched:
                continue
            messages = list(queue["messages"])
            hidden = [m for m in messages if m["visible_at"] > now]
            delayed = sum(not m.get("receive_count") for m in hidden)
            values = {
                "ApproximateNumberOfMessagesVisible": (len(messages) - len(hidden), "Count"),
                "ApproximateNumberOfMessagesNotVisible": (len(hidden) - delayed, "Count"),
                "ApproximateNumberOfMessagesDelayed": (delayed, "Count"),
                "ApproximateAgeOfOldestMessage": (now - min((m["sent_at"] for m in messages), default=now), "Seconds"),
            }
            with self._responses.request_scope(account, region):
                for metric, (value, unit) in values.items():
                    self._alarms.record_metric("AWS/SQS", metric, value, unit, {"QueueName": name})
