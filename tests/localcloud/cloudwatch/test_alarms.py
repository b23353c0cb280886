"""The rules by which alarms change their state."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.cloudwatch.alarm_watch import AlarmWatch
from localcloud.cloudwatch.alarms import UnsupportedAlarmError, check_supported, decide, evaluate

# CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data": the two tables. 0 does not breach,
# X does, - is missing; then the outcome for missing, ignore, breaching, notBreaching. "retain" keeps the state.
THREE_OF_THREE = [
    ("0-X-X", "OK", "OK", "OK", "OK"),
    ("----0", "OK", "OK", "OK", "OK"),
    ("-----", "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
    ("0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", "ALARM", "retain", "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", "OK", "OK", "ALARM", "OK"),
    ("----0", "OK", "OK", "ALARM", "OK"),
    ("---X-", "ALARM", "retain", "ALARM", "OK"),
]
ROWS = [(3, *row) for row in THREE_OF_THREE] + [(2, *row) for row in TWO_OF_THREE]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize("current", ["OK", "ALARM", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}of3:{row[1]}")
def test_missing_data_is_treated_as_in_the_tables_of_the_user_guide(row: tuple[Any, ...], current: str) -> None:
    needed, points, *outcomes = row
    series = [{"0": 0.0, "X": 9.0, "-": None}[point] for point in points]
    for treatment, outcome in zip(TREATMENTS, outcomes, strict=True):
        alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "TreatMissingData": treatment}
        expected = current if outcome == "retain" else outcome
        assert decide(series, lambda value: value >= 1, alarm, current) == expected, treatment


def test_one_of_three_breaching_datapoints_does_not_alarm_before_its_time() -> None:
    """User Guide, "Avoiding premature transitions to alarm state"."""
    alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": 3, "TreatMissingData": "missing"}
    assert decide([None, None, None, None, 9.0], lambda value: value >= 1, alarm, "OK") == "OK"


class Measured:
    """Statistics with one datapoint for each period begun at the given times."""

    def __init__(self, values: dict[float, float]) -> None:
        self.values = values
        self.asked: list[tuple[float, float]] = []

    def datapoint(self, alarm: Any, start: float, end: float) -> tuple[float, float] | None:
        self.asked.append((start, end))
        found = [value for stamp, value in self.values.items() if start <= stamp < end]
        return (max(found), float(len(found))) if found else None


def metric_alarm(**changes: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a",
        "Namespace": "N",
        "MetricName": "M",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "StateValue": "INSUFFICIENT_DATA",
        **changes,
    }


def test_at_speed_60_a_one_minute_period_is_one_real_second_and_timestamps_stay_real() -> None:
    now = 1_700_000_000.25
    statistics = Measured({1_699_999_999.5: 1.0})
    decision = evaluate(metric_alarm(), statistics, Clock(60), now)
    assert decision.state == "ALARM"
    assert statistics.asked[-1] == (1_699_999_999.0, 1_700_000_000.0)
    data = json.loads(decision.reason_data)
    assert (data["recentDatapoints"], data["threshold"], data["period"]) == ([1.0], 1.0, 60)
    assert data["evaluatedDatapoints"][0]["timestamp"] == "2023-11-14T22:13:19.000+0000"
    assert decision.reason.startswith("Threshold Crossed: 1 datapoint [1.0 (14/11/23 22:13:19)] was greater than or")


def test_at_aws_pace_the_period_is_a_minute() -> None:
    statistics = Measured({})
    evaluate(metric_alarm(), statistics, Clock(1), 1_700_000_010.0)
    assert statistics.asked[-1] == (1_699_999_920.0, 1_699_999_980.0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"Metrics": [{"Id": "e", "Expression": "m*2"}], "MetricName": None}, "metric math"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "LessThanLowerThreshold is not evaluated here"),
    ],
)
def test_what_is_not_evaluated_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnsupportedAlarmError, match=complaint):
        check_supported(metric_alarm(**change))


class FakeCloudWatch(Measured):
    def __init__(self, alarms: list[dict[str, Any]]) -> None:
        super().__init__({})
        self.records = alarms

    def alarms(self) -> list[dict[str, Any]]:
        return self.records

    def set_alarm_state(self, alarm: dict[str, Any], decision: Any) -> None:
        alarm["StateValue"] = decision.state

    def publish_queue_metrics(self) -> None:
        self.values[time.time()] = 1.0

    def compact_measurements(self, older_than: float) -> None:
        pass


def test_an_auto_scaling_action_is_repeated_every_cloud_minute_while_the_alarm_lasts() -> None:
    """User Guide, "Alarm actions": "for Auto Scaling actions, the action is invoked once per minute …"."""
    heard: list[tuple[str, str, Any]] = []
    arn = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:p"
    alarm = metric_alarm(AlarmActions=[arn, "arn:aws:sns:::t"], OKActions=[], StateUpdatedTimestamp=1)
    watch = AlarmWatch(
        FakeCloudWatch([alarm]),
        Clock(600),
        {"arn:aws:autoscaling:": lambda action, described, state: heard.append((action, state, described))},
        lambda: None,
    )

    async def run() -> None:
        task = asyncio.create_task(watch.run())
        deadline = time.monotonic() + 10
        while len(heard) < 4 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(run())
    watch.stop()
    assert len(heard) >= 4
    assert {(action, state) for action, state, _ in heard} == {(arn, "ALARM")}
    described = heard[0][2]
    assert isinstance(described["StateUpdatedTimestamp"], datetime.datetime)
    assert json.loads(described["StateReasonData"])["recentDatapoints"] == [1.0]


def test_disabled_actions_are_not_carried_out_and_a_failing_one_stops_nothing() -> None:
    heard: list[str] = []

    def action(arn: str, described: Any, state: str) -> None:
        heard.append(described["AlarmName"])
        raise RuntimeError("cannot scale")

    off = metric_alarm(AlarmName="off", AlarmArn="arn:off", AlarmActions=["arn:x"], ActionsEnabled=False)
    on = metric_alarm(AlarmName="on", AlarmArn="arn:on", AlarmActions=["arn:x"])
    watch = AlarmWatch(FakeCloudWatch([off, on]), Clock(600), {"arn:x": action}, lambda: None)

    async def run() -> None:
        task = asyncio.create_task(watch.run())
        deadline = time.monotonic() + 10
        while len(heard) < 2 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(run())
    watch.stop()
    assert len(heard) >= 2
    assert set(heard) == {"on"}
