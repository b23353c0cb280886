"""Alarms: put, described, set by hand, deleted."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.statistics import dimensions_of
from localcloud.ministack.cloudwatch.actions import UNCHECKED, AlarmActions, configuration_of
from localcloud.ministack.metrics import Metrics
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_CONFIGURED = (
    "AlarmDescription", "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Unit",
    "EvaluateLowSampleCountPercentile",
)  # fmt: skip
_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_STATE = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")


def described(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm's record as DescribeAlarms shows it: without what was not given."""
    shown = {name: value for name, value in alarm.items() if value is not None and value != ""}
    if shown.get("ExtendedStatistic"):
        shown.pop("Statistic", None)
    shown.setdefault("StateTransitionedTimestamp", shown["StateUpdatedTimestamp"])
    for name, value in shown.items():
        if name.endswith("Timestamp") and isinstance(value, int | float):
            shown[name] = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return shown


class Alarms:
    """The calls about alarms. Their evaluation is ``localcloud.cloudwatch.alarm_watch``'s."""

    def __init__(
        self, modules: Mapping[str, ModuleType], rules: Rulebook, metrics: Metrics, actions: AlarmActions
    ) -> None:
        self._cloudwatch: Any = modules["cloudwatch"]
        self._metrics = metrics
        self._actions = actions
        for operation, answer in {
            "PutMetricAlarm": self._put,
            "PutCompositeAlarm": self._put_composite,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._for_metric,
            "DescribeAlarmHistory": self._history,
            "SetAlarmState": self._set,
            "DeleteAlarms": self._delete,
            "EnableAlarmActions": self._enable,
            "DisableAlarmActions": self._disable,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }.items():
            rules.add("cloudwatch", operation, answer)

    def _arn(self, call: Call, name: str) -> str:
        return f"arn:aws:cloudwatch:{call.region}:{call.account}:alarm:{name}"

    def _found(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._cloudwatch._alarms.get(name) or self._cloudwatch._composite_alarms.get(
            name
        )
        return found

    def _put(self, call: Call) -> dict[str, Any]:
        asked, now = call.parameters, time.time()
        name = asked["AlarmName"]
        if self._cloudwatch._composite_alarms.get(name):
            raise ServiceError("ValidationError", f"A composite alarm named {name} exists already.")
        existing = self._cloudwatch._alarms.get(name)
        alarm: dict[str, Any] = {
            "AlarmName": name,
            "AlarmArn": self._arn(call, name),
            "AlarmConfigurationUpdatedTimestamp": now,
            "ActionsEnabled": asked.get("ActionsEnabled", True),
            "Dimensions": list(asked.get("Dimensions") or ()),
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": UNCHECKED,
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        alarm.update({list_: list(asked.get(list_) or ()) for list_ in _LISTS})
        alarm.update({member: asked[member] for member in _CONFIGURED if member in asked})
        alarm["Threshold"] = float(asked["Threshold"])
        if existing:  # "its state is left unchanged" (API_PutMetricAlarm)
            alarm.update({member: existing[member] for member in _STATE if existing.get(member) is not None})
        self._cloudwatch._alarms[name] = alarm
        self._created(call, alarm, existing)
        return {}

    def _created(self, call: Call, alarm: Mapping[str, Any], existing: Mapping[str, Any] | None) -> None:
        """History, and tags: "Tags … cannot be changed by this operation" for an alarm that exists."""
        verb = "updated" if existing else "created"
        data = {"type": "Update" if existing else "Create", f"{verb}Alarm": configuration_of(alarm)}
        self._actions.note(alarm, "ConfigurationUpdate", f'Alarm "{alarm["AlarmName"]}" {verb}', data)
        if not existing and call.parameters.get("Tags"):
            tags = {tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]}
            self._cloudwatch._resource_tags[alarm["AlarmArn"]] = tags

    def _put_composite(self, call: Call) -> dict[str, Any]:
        """MiniStack reads the rule, checks its alarms, and evaluates it."""
        name = call.parameters["AlarmName"]
        if self._cloudwatch._alarms.get(name):
            raise ServiceError("ValidationError", f"A metric alarm named {name} exists already.")
        existing = self._cloudwatch._composite_alarms.get(name)
        request = {**call.parameters, **{list_: call.parameters.get(list_) or [] for list_ in _LISTS}}
        status, _, body = self._cloudwatch._put_composite_alarm({}, request, False, True)
        if status >= 400:
            error = json.loads(body)
            raise ServiceError(error["__type"].rpartition("#")[2], error.get("message") or error.get("Message") or "")
        self._created(call, self._cloudwatch._composite_alarms[name], existing)
        return {}

    def _describe(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html."""
        asked = call.parameters
        types = asked.get("AlarmTypes") or ["MetricAlarm"]
        stores = [("MetricAlarm", self._cloudwatch._alarms), ("CompositeAlarm", self._cloudwatch._composite_alarms)]
        found = [
            (alarm["AlarmName"], kind, alarm)
            for kind, store in stores
            for alarm in list(store.values())
            if kind in types
            and (not asked.get("AlarmNames") or alarm["AlarmName"] in asked["AlarmNames"])
            and alarm["AlarmName"].startswith(asked.get("AlarmNamePrefix", ""))
            and asked.get("StateValue", alarm["StateValue"]) == alarm["StateValue"]
            and (
                "ActionPrefix" not in asked
                or any(a.startswith(asked["ActionPrefix"]) for list_ in _LISTS for a in alarm.get(list_) or ())
            )
        ]
        found.sort(key=lambda entry: entry[:2])
        if asked.get("NextToken"):
            found = [entry for entry in found if entry[0] >= asked["NextToken"]]
        most = asked.get("MaxRecords") or 50
        answer: dict[str, Any] = {
            "MetricAlarms": [described(alarm) for _, kind, alarm in found[:most] if kind == "MetricAlarm"],
            "CompositeAlarms": [described(alarm) for _, kind, alarm in found[:most] if kind == "CompositeAlarm"],
        }
        if len(found) > most:
            answer["NextToken"] = found[most][0]
        return answer

    def _for_metric(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html."""
        asked = call.parameters
        wanted = {
            name: asked[name]
            for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
            if name in asked
        }
        return {
            "MetricAlarms": [
                described(alarm)
                for alarm in list(self._cloudwatch._alarms.values())
                if all(alarm.get(name) == value for name, value in wanted.items())
                and dimensions_of(alarm.get("Dimensions") or []) == dimensions_of(asked.get("Dimensions"))
            ]
        }

    def _history(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html."""
        asked = call.parameters
        types = asked.get("AlarmTypes") or ["MetricAlarm"]

        def moment(entry: Mapping[str, Any]) -> datetime.datetime:
            return datetime.datetime.fromisoformat(entry["Timestamp"].replace("Z", "+00:00"))

        found = [
            (position, {**entry, "Timestamp": moment(entry)})
            for position, entry in enumerate(self._cloudwatch._history_entries())
            if entry.get("AlarmType", "MetricAlarm") in types
            and asked.get("AlarmName", entry["AlarmName"]) == entry["AlarmName"]
            and asked.get("HistoryItemType", entry["HistoryItemType"]) == entry["HistoryItemType"]
            and ("StartDate" not in asked or moment(entry) >= asked["StartDate"])
            and ("EndDate" not in asked or moment(entry) <= asked["EndDate"])
        ]
        descending = asked.get("ScanBy") != "TimestampAscending"
        found.sort(key=lambda entry: entry[0], reverse=descending)
        if asked.get("NextToken"):
            if not asked["NextToken"].isdigit():
                raise ServiceError("InvalidNextToken", f"Invalid NextToken : {asked['NextToken']}")
            start = int(asked["NextToken"])
            found = [entry for entry in found if (entry[0] <= start if descending else entry[0] >= start)]
        most = asked.get("MaxRecords") or 50
        answer: dict[str, Any] = {"AlarmHistoryItems": [entry for _, entry in found[:most]]}
        if len(found) > most:
            answer["NextToken"] = str(found[most][0])
        return answer

    def _set(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html."""
        asked = call.parameters
        alarm = self._found(asked["AlarmName"])
        if alarm is None:
            raise ServiceError("ResourceNotFound", "", 404)
        old, now = alarm["StateValue"], time.time()
        alarm["StateReason"] = asked["StateReason"]
        alarm["StateUpdatedTimestamp"] = now
        alarm.pop("StateReasonData", None)
        if asked.get("StateReasonData"):
            alarm["StateReasonData"] = asked["StateReasonData"]
        if old != asked["StateValue"]:
            alarm["StateValue"] = asked["StateValue"]
            alarm["StateTransitionedTimestamp"] = now
            self._actions.changed(alarm, old, alarm["StateValue"], alarm["StateReason"])
            self._cloudwatch._evaluate_parent_alarms(alarm)
        return {}

    def _delete(self, call: Call) -> None:
        """History; MiniStack then deletes, and refuses while a composite alarm depends on one."""
        for name in call.parameters["AlarmNames"]:
            alarm = self._found(name)
            parents = [
                parent
                for parent in list(self._cloudwatch._composite_alarms.values())
                if name in self._cloudwatch._composite_children(parent)
            ]
            if alarm is not None and not parents:
                data = {"type": "Delete", "deletedAlarm": configuration_of(alarm)}
                self._actions.note(alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', data)

    def _enable(self, call: Call) -> dict[str, Any]:
        return self._switch(call, enabled=True)

    def _disable(self, call: Call) -> dict[str, Any]:
        return self._switch(call, enabled=False)

    def _switch(self, call: Call, *, enabled: bool) -> dict[str, Any]:
        for name in call.parameters["AlarmNames"]:
            alarm = self._found(name)
            if alarm is not None:
                alarm["ActionsEnabled"] = enabled
        return {}

    def _tagged(self, arn: str) -> None:
        if self._found(arn.partition(":alarm:")[2]) is None:
            raise ServiceError("ResourceNotFoundException", f"The resource {arn} does not exist.", 404)

    def _tag(self, call: Call) -> dict[str, Any]:
        arn = call.parameters["ResourceARN"]
        self._tagged(arn)
        tags = dict(self._cloudwatch._resource_tags.get(arn) or {})
        tags.update({tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]})
        self._cloudwatch._resource_tags[arn] = tags
        return {}

    def _untag(self, call: Call) -> dict[str, Any]:
        arn = call.parameters["ResourceARN"]
        self._tagged(arn)
        tags = self._cloudwatch._resource_tags.get(arn) or {}
        kept = {key: value for key, value in tags.items() if key not in call.parameters["TagKeys"]}
        self._cloudwatch._resource_tags[arn] = kept
        return {}

    def _tags(self, call: Call) -> dict[str, Any]:
        """An alarm that is gone has no tags: no error (recorded in LocalStack's test_tagging_metric_alarm)."""
        tags = self._cloudwatch._resource_tags.get(call.parameters["ResourceARN"]) or {}
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
