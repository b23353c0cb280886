"""What an alarm does when its state changes: an event, messages to topics, calls of functions."""

from __future__ import annotations

import datetime
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.clock import iso_timestamp
from localcloud.ministack.events import Events

logger = logging.getLogger(__name__)

ACTION_LISTS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
UNCHECKED = "Unchecked: Initial alarm creation"
_REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "ca-central-1": "Canada (Central)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "eu-west-3": "EU (Paris)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-north-1": "EU (Stockholm)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "sa-east-1": "South America (Sao Paulo)",
}
"""As CloudWatch names them in its messages."""


def _iso(seconds: float, zone: str = "+0000") -> str:
    return iso_timestamp(seconds, zone=zone)


def message_of(alarm: Mapping[str, Any], old: str) -> dict[str, Any]:
    """The message that an alarm sends to a topic (recorded on AWS in LocalStack's test_put_metric_alarm)."""
    arn = alarm["AlarmArn"].split(":")
    message: dict[str, Any] = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": arn[4],
        "AlarmConfigurationUpdatedTimestamp": _iso(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": _iso(time.time()),
        "Region": _REGIONS.get(arn[3], arn[3]),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old,
        "OKActions": list(alarm.get("OKActions") or ()),
        "AlarmActions": list(alarm.get("AlarmActions") or ()),
        "InsufficientDataActions": list(alarm.get("InsufficientDataActions") or ()),
    }
    if "AlarmRule" in alarm:
        children = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", ())
        message["AlarmRule"] = alarm["AlarmRule"]
        message["TriggeringChildren"] = [
            {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
            for child in children
        ]
        return message
    message["ActionExecutedAfterMuteWindow"] = False
    message["Trigger"] = _trigger(alarm)
    return message


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    trigger: dict[str, Any] = {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "ExtendedStatistic" if alarm.get("ExtendedStatistic") else "Statistic",
        "Statistic": statistic if alarm.get("ExtendedStatistic") else _shouted(statistic),
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or ()],
        "Period": int(alarm["Period"]),
        "EvaluationPeriods": int(alarm["EvaluationPeriods"]),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": float(alarm["Threshold"]),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm.get("DatapointsToAlarm"):
        trigger["DatapointsToAlarm"] = int(alarm["DatapointsToAlarm"])
    return trigger


def _shouted(statistic: str) -> str:
    return {"SampleCount": "SAMPLE_COUNT"}.get(statistic, statistic.upper())


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {"value": alarm["StateValue"], "reason": alarm["StateReason"], "timestamp": _iso(time.time())}
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    return state


def configuration_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm's configuration in events (AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html)."""
    configuration: dict[str, Any] = {}
    if alarm.get("AlarmDescription"):
        configuration["description"] = alarm["AlarmDescription"]
    if "AlarmRule" in alarm:
        return {**configuration, "alarmRule": alarm["AlarmRule"]}
    metric = {
        "namespace": alarm["Namespace"],
        "name": alarm["MetricName"],
        "dimensions": {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or ()},
    }
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))
    measured = {"metric": metric, "period": int(alarm["Period"]), "stat": statistic}
    return {**configuration, "metrics": [{"id": identity, "metricStat": measured, "returnData": True}]}


class AlarmActions:
    """Carries out an alarm's change of state; scaling policies are ``localcloud.cloudwatch.alarm_watch``'s."""

    def __init__(
        self, modules: Mapping[str, ModuleType], events: Events, may: Callable[[str, str, str, str], bool]
    ) -> None:
        self._cloudwatch: Any = modules["cloudwatch"]
        self._sns: Any = modules["sns"]
        self._functions: Any = modules["lambda_svc"]
        self._events = events
        self._may = may
        self._previous: dict[str, dict[str, Any]] = {}
        self._take_over()

    def _take_over(self) -> None:
        self._cloudwatch._dispatch_alarm_actions = self.changed
        self._cloudwatch._record_history = self._recorded

    def note(self, alarm: Mapping[str, Any], kind: str, summary: str, data: Mapping[str, Any]) -> None:
        """Write one line of an alarm's history."""
        moment = datetime.datetime.now(datetime.UTC)
        self._cloudwatch._history_entries().append(
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": json.dumps({"version": "1.0", **data}),
            }
        )

    def _recorded(self, name: str, *_: Any, **__: Any) -> None:
        """MiniStack's own lines are left out: :meth:`changed` writes them as CloudWatch does."""

    def changed(self, alarm: Mapping[str, Any], old: str, new: str, reason: str) -> None:
        """An alarm has gone from the state ``old`` to ``new``: history, an event, and its actions."""
        arn = alarm["AlarmArn"]
        now = _state(alarm)
        before = self._previous.get(arn) or {"value": old, "reason": UNCHECKED, "timestamp": now["timestamp"]}
        self._previous[arn] = now
        self.note(
            alarm,
            "StateUpdate",
            f"Alarm updated from {old} to {new}",
            {"oldState": _historic(before), "newState": _historic(now)},
        )
        detail = {
            "alarmName": alarm["AlarmName"],
            "state": now,
            "previousState": before,
            "configuration": configuration_of(alarm),
        }
        _, _, _, region, account = arn.split(":")[:5]
        self._events.put((account, region), "aws.cloudwatch", "CloudWatch Alarm State Change", detail, [arn])
        if not alarm.get("ActionsEnabled", True):
            return
        for action in alarm.get(ACTION_LISTS[new]) or ():
            try:
                self._act(alarm, action, old, detail)
            except Exception:  # one action that fails must not keep the others from being carried out
                logger.exception("alarm %s: the action %s failed", alarm["AlarmName"], action)

    def _act(self, alarm: Mapping[str, Any], action: str, old: str, detail: Mapping[str, Any]) -> None:
        _, _, service, region, account = action.split(":")[:5]
        if service == "sns":
            place = _REGIONS.get(region, region)
            subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {place}'[:100]
            self._sns._fanout(action, str(uuid.uuid4()), json.dumps(message_of(alarm, old)), subject)
        elif service == "lambda":
            if not self._may(
                "lambda.alarms.cloudwatch.amazonaws.com", "lambda:InvokeFunction", action, alarm["AlarmArn"]
            ):
                self.note(alarm, "Action", f"Failed to execute action {action}", {"actionState": "Failed"})
                return
            record, config, _ = self._functions._get_func_record_for_ref(action)
            if record is not None and config is not None:
                event = {
                    "source": "aws.cloudwatch",
                    "alarmArn": alarm["AlarmArn"],
                    "accountId": account,
                    "time": detail["state"]["timestamp"],
                    "region": region,
                    "alarmData": detail,
                }
                self._functions.invoke_async_with_retry(record, event)
        else:
            return
        self.note(alarm, "Action", f"Successfully executed action {action}", {"actionState": "Succeeded"})


def _historic(state: Mapping[str, Any]) -> dict[str, Any]:
    found = {"stateValue": state["value"], "stateReason": state["reason"]}
    if state.get("reasonData"):
        try:
            found["stateReasonData"] = json.loads(state["reasonData"])
        except ValueError:
            found["stateReasonData"] = state["reasonData"]
    return found
