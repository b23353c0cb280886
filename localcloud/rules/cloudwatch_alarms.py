"""Amazon CloudWatch: what an alarm must be.

AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html. Texts are AWS's where people have quoted them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloudwatch.alarms import UnsupportedAlarmError, check_supported
from localcloud.cloudwatch.statistics import is_percentile
from localcloud.rules import Call, rule
from localcloud.services import ServiceError

_DAY = 86400
_WEEK = 7 * _DAY
_ARN = re.compile(r"arn:[\w-]+:(?P<service>[\w-]+):[\w-]*:[\w-]*:\S+")
_CARRIED_OUT = ("sns", "lambda", "autoscaling")
_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def invalid(message: str) -> ServiceError:
    """CloudWatch's error for an alarm that cannot be."""
    return ServiceError("ValidationError", message)


@rule("cloudwatch", "PutMetricAlarm")
def metric_alarm(call: Call) -> None:
    """The alarm's metric, statistic, periods and threshold."""
    alarm = call.parameters
    if alarm.get("Metrics"):
        both = [name for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions") if name in alarm]
        if both:
            raise invalid("Scalar metric parameters must not be set if list of Metrics is set.")
    for name in ("EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval"):
        if alarm.get(name):
            raise invalid(f"{name} is not offered by the local cloud")
    if "Metrics" not in alarm:
        for name in ("MetricName", "Namespace"):
            if name not in alarm:
                raise invalid(f"PutMetricAlarm request should have a {name} parameter")
    if "ComparisonOperator" not in alarm:
        raise invalid("PutMetricAlarm request should have a valid ComparisonOperator parameter")
    try:
        check_supported(alarm)
    except UnsupportedAlarmError as error:
        raise invalid(str(error)) from None
    if "EvaluationPeriods" not in alarm:
        raise invalid("PutMetricAlarm request should have an EvaluationPeriods parameter")
    if not math.isfinite(alarm.get("Threshold", math.nan)):
        raise invalid("PutMetricAlarm request should have valid Threshold parameter")
    _statistic(alarm)
    _periods(alarm)


def _statistic(alarm: Mapping[str, Any]) -> None:
    if "Statistic" in alarm and "ExtendedStatistic" in alarm:
        raise invalid(
            "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters. "
            "Only one of them should be present"
        )
    if "Statistic" not in alarm and "ExtendedStatistic" not in alarm:
        raise invalid("PutMetricAlarm request should have a Statistic parameter")
    if "ExtendedStatistic" in alarm and not is_percentile(alarm["ExtendedStatistic"]):
        raise invalid(f"The value {alarm['ExtendedStatistic']} for parameter ExtendedStatistic is not supported.")
    treat = alarm.get("TreatMissingData", "missing")
    if treat not in ("breaching", "notBreaching", "ignore", "missing"):
        raise invalid("Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing.")
    low = alarm.get("EvaluateLowSampleCountPercentile")
    if low not in (None, "evaluate", "ignore"):
        raise invalid("Supported options for EvaluateLowSampleCountPercentile are evaluate and ignore.")
    if low is not None and "ExtendedStatistic" not in alarm:
        raise invalid(
            f"Option evaluateLowSampleCountPercentile can not be applied with statistic {alarm['Statistic']}. "
            "This option is enabled only for percentile statistics."
        )


def _periods(alarm: Mapping[str, Any]) -> None:
    if "Period" not in alarm:
        raise invalid("PutMetricAlarm request should have a Period parameter")
    period, count = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
    if period not in (10, 20, 30) and period % 60:
        raise invalid("Period must be 10, 20, 30 or a multiple of 60")
    if period < 3600 and period * count > _DAY:
        raise invalid(
            f"Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= {_DAY}) "
            "for alarms using period < 3600"
        )
    if period * count > _WEEK:
        raise invalid(
            f"Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= {_WEEK}) "
            "for alarms using period >= 3600"
        )
    if alarm.get("DatapointsToAlarm", 0) > count:
        raise invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")


@rule("cloudwatch", "PutMetricAlarm", "PutCompositeAlarm")
def actions(call: Call) -> None:
    """Actions are ARNs, of services that the local cloud can call."""
    if any(ord(character) < 32 or ord(character) == 127 for character in call.parameters["AlarmName"]):
        raise invalid("AlarmName must not contain ASCII Control characters")
    for name in _LISTS:
        for action in call.parameters.get(name) or ():
            found = _ARN.fullmatch(action)
            if found is None:
                raise invalid(f"Invalid arn syntax: {action}")
            if found["service"] not in _CARRIED_OUT:
                raise invalid(f"the local cloud carries out no alarm actions of {found['service']}: {action}")


@rule("cloudwatch", "PutCompositeAlarm")
def composite_alarm(call: Call) -> None:
    """Suppression is not evaluated here (AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html)."""
    for name in ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
        if call.parameters.get(name):
            raise invalid(f"{name} is not offered by the local cloud")
    for name in _LISTS:
        for action in call.parameters.get(name) or ():
            if ":autoscaling:" in action:
                raise invalid(f"A composite alarm cannot have Auto Scaling actions: {action}")


@rule("cloudwatch", "SetAlarmState")
def alarm_state(call: Call) -> None:
    """The reason's data is JSON (AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html)."""
    data = call.parameters.get("StateReasonData")
    if data:
        try:
            json.loads(data)
        except ValueError:
            raise ServiceError("InvalidFormat", "StateReasonData must be a valid JSON object") from None


@rule("cloudwatch", "DescribeAlarms")
def described_alarms(call: Call) -> None:
    """Names or a prefix (AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""
    asked = call.parameters
    if asked.get("AlarmNames") and "AlarmNamePrefix" in asked:
        raise invalid("AlarmNamePrefix and AlarmNames cannot be specified together.")
    for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
        if name in asked:
            raise invalid(f"{name} is not offered by the local cloud")
