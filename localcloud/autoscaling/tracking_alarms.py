"""The two CloudWatch alarms that a target tracking policy keeps, as Application Auto Scaling makes them.

User Guide, "Target tracking scaling policies": created, edited and deleted by the service; AlarmHigh needs three
one-minute datapoints above the target, AlarmLow fifteen below 90 percent of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOW_SHARE = 0.9
HIGH_PERIODS, LOW_PERIODS = 3, 15


def alarm_names(resource_id: str, unique: Mapping[str, str]) -> dict[str, str]:
    """``{"High": name, "Low": name}``; ``unique`` gives each its UUID."""
    return {kind: f"TargetTracking-{resource_id}-Alarm{kind}-{unique[kind]}" for kind in ("High", "Low")}


def wanted(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``PutMetricAlarm`` parameters for a policy."""
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = settings["CustomizedMetricSpecification"]
    names = alarm_names(policy["ResourceId"], policy["AlarmIds"])
    common = {
        "ActionsEnabled": True,
        "AlarmActions": [f"{policy['PolicyARN']}:createdBy/{policy['AlarmIds']['Action']}"],
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}.",
        "Namespace": metric["Namespace"],
        "MetricName": metric["MetricName"],
        "Dimensions": metric.get("Dimensions", []),
        "Statistic": metric["Statistic"],
        "Period": 60,
    }
    if metric.get("Unit"):
        common["Unit"] = metric["Unit"]
    target = float(settings["TargetValue"])
    alarms = [
        common
        | {
            "AlarmName": names["High"],
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": target,
            "EvaluationPeriods": HIGH_PERIODS,
        }
    ]
    if not settings.get("DisableScaleIn"):
        alarms.append(
            common
            | {
                "AlarmName": names["Low"],
                "ComparisonOperator": "LessThanThreshold",
                "Threshold": target * LOW_SHARE,
                "EvaluationPeriods": LOW_PERIODS,
            }
        )
    return alarms


def put(cloudwatch: Any, policy: Mapping[str, Any]) -> list[dict[str, str]]:
    """Create or change the alarms; returns the policy's ``Alarms``."""
    alarms = wanted(policy)
    for alarm in alarms:
        cloudwatch.put_metric_alarm(**alarm)
    names = [alarm["AlarmName"] for alarm in alarms]
    superfluous = set(alarm_names(policy["ResourceId"], policy["AlarmIds"]).values()) - set(names)
    if superfluous:
        cloudwatch.delete_alarms(AlarmNames=sorted(superfluous))
    found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    arns = {alarm["AlarmName"]: alarm["AlarmArn"] for alarm in found}
    return [{"AlarmName": name, "AlarmARN": arns[name]} for name in names]


def delete(cloudwatch: Any, policy: Mapping[str, Any]) -> None:
    """Remove the alarms."""
    names = [alarm["AlarmName"] for alarm in policy.get("Alarms", [])]
    if names:
        cloudwatch.delete_alarms(AlarmNames=names)
