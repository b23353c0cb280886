"""What the tests of CloudWatch's alarms share."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from tests.conformance.conftest import Account


def alarm(aws: Account, **settings: Any) -> str:
    """A new alarm, whose metric has no data and whose state therefore stays as it is set; its name."""
    cloudwatch, name = aws.client("cloudwatch", config=Config(parameter_validation=False)), aws.name("alarm")
    given = {
        "AlarmName": name,
        "MetricName": "m",
        "Namespace": aws.name("nothing"),
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
        **settings,
    }
    cloudwatch.put_metric_alarm(**{member: value for member, value in given.items() if value is not None})
    aws.later(cloudwatch.delete_alarms, AlarmNames=[given["AlarmName"]])
    return str(given["AlarmName"])


def described(aws: Account, name: str) -> dict[str, Any]:
    """An alarm of either kind."""
    answer = aws.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (found,) = (*answer["MetricAlarms"], *answer["CompositeAlarms"])
    return dict(found)


def set_state(aws: Account, name: str, state: str, reason: str = "by hand", **settings: str) -> None:
    """SetAlarmState."""
    aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason, **settings)
