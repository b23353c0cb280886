"""When a CloudWatch alarm changes its state, on the cloud's clock.

MiniStack's own evaluation looks at neither dimensions nor missing data, so it is switched off and this one runs in its
place. Follows the CloudWatch User Guide: "Evaluating an alarm" (EvaluationPeriods, DatapointsToAlarm) and "Configuring
how CloudWatch alarms treat missing data", whose tables are this module's tests. A period of 60 seconds takes
``60 / speed`` seconds of the wall; datapoints keep their real timestamps.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from localcloud.clock import Clock, iso_timestamp

EXTRA_DATAPOINTS = 2
"""How many more datapoints than EvaluationPeriods are looked at: five for three, as in the guide's tables."""
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


class UnsupportedAlarmError(ValueError):
    """The alarm uses what this cloud does not evaluate."""


def check_supported(alarm: Mapping[str, Any]) -> None:
    """Raise :class:`UnsupportedAlarmError` for an alarm that would never be evaluated here, saying why."""
    if alarm.get("Metrics") or not alarm.get("MetricName"):
        raise UnsupportedAlarmError(
            "alarms on metric math (Metrics) are not evaluated by the local cloud: alarm on one metric"
        )
    if alarm.get("ComparisonOperator") not in _COMPARISONS:
        allowed = ", ".join(_COMPARISONS)
        raise UnsupportedAlarmError(
            f"ComparisonOperator {alarm.get('ComparisonOperator')} is not evaluated here: use {allowed}"
        )


@dataclasses.dataclass(frozen=True)
class Datapoint:
    """One period's statistic. ``start`` is the period's begin (epoch seconds, real clock)."""

    start: float
    value: float
    samples: float


@dataclasses.dataclass(frozen=True)
class Decision:
    """The state that an alarm should have, and why."""

    state: str
    reason: str
    reason_data: str


class Statistics(Protocol):
    """Where measurements come from."""

    def datapoint(self, alarm: Mapping[str, Any], start: float, end: float) -> tuple[float, float] | None:
        """The alarm's statistic over [start, end) and its number of samples; None without any.

        Parameters
        ----------
        alarm : mapping
            Names the metric, its dimensions, its unit and the statistic.
        start, end : float
            Epoch seconds on the real clock.
        """


def decide(
    series: Sequence[float | None], breaching: Callable[[float], bool], alarm: Mapping[str, Any], current: str
) -> str:
    """The state after a series of datapoints.

    Parameters
    ----------
    series : sequence
        The evaluation range, oldest first; None where a datapoint is missing.
    breaching : callable
        Whether one value breaches the threshold.
    alarm : mapping
        ``EvaluationPeriods`` (N), ``DatapointsToAlarm`` (M, N unless given), ``TreatMissingData``.
    current : str
        The present state, which some cases keep.
    """
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    treat = alarm.get("TreatMissingData") or "missing"
    existing = [value for value in series if value is not None]
    if len(existing) >= periods:
        existing = existing[-periods:]
        return "ALARM" if sum(map(breaching, existing)) >= needed else "OK"
    hits = sum(map(breaching, existing))
    missing = periods - len(existing)
    if treat == "breaching":
        return "ALARM" if hits + missing >= needed else "OK"
    if treat == "notBreaching":
        return "ALARM" if hits >= needed else "OK"
    if not existing:
        return current if treat == "ignore" else "INSUFFICIENT_DATA"
    if hits >= needed:
        return "ALARM"
    if hits < len(existing):
        return "OK"
    # Every datapoint that exists breaches, but there are fewer than M. "Avoiding premature transitions to alarm state":
    # the alarm goes off when the oldest of them is at least M periods old; until then it stays as it is.
    oldest = next(age for age, value in zip(range(len(series), 0, -1), series, strict=True) if value is not None)
    return "ALARM" if treat == "missing" and oldest >= needed else current


def evaluate(alarm: Mapping[str, Any], statistics: Statistics, clock: Clock, now: float) -> Decision:
    """The state that an alarm should have now, and why.

    Parameters
    ----------
    alarm : mapping
        As CloudWatch stores it.
    statistics : Statistics
        Gives the datapoints.
    clock : Clock
        How long the alarm's period takes here.
    now : float
        Epoch seconds on the real clock.

    Raises
    ------
    UnsupportedAlarmError
        When the alarm uses what is not evaluated here.
    """
    check_supported(alarm)
    period = clock.real(float(alarm.get("Period") or 60))
    count = int(alarm["EvaluationPeriods"]) + EXTRA_DATAPOINTS
    last_end = math.floor(now / period) * period
    starts = [last_end - period * (count - i) for i in range(count)]
    points: list[Datapoint | None] = []
    for start in starts:
        found = statistics.datapoint(alarm, start, start + period)
        points.append(Datapoint(start, *found) if found else None)
    threshold = float(alarm["Threshold"])
    compare = _COMPARISONS[alarm["ComparisonOperator"]]
    state = decide(
        [point.value if point else None for point in points],
        lambda value: compare(value, threshold),
        alarm,
        alarm["StateValue"],
    )
    recent = [point for point in points if point][-int(alarm["EvaluationPeriods"]) :]
    return Decision(state, _reason(alarm, recent, state), _reason_data(alarm, recent, now))


_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


def _reason(alarm: Mapping[str, Any], recent: Sequence[Datapoint], state: str) -> str:
    if not recent or state == "INSUFFICIENT_DATA":
        periods = int(alarm["EvaluationPeriods"])
        treated = alarm.get("TreatMissingData") or "missing"
        if state == "INSUFFICIENT_DATA":
            return f"Insufficient Data: {periods} datapoint{'s were' if periods > 1 else ' was'} unknown."
        return f"Threshold Crossed: no datapoints were received for {periods} periods and were treated as [{treated}]."
    values = ", ".join(
        f"{point.value} ({datetime.datetime.fromtimestamp(point.start, datetime.UTC):%d/%m/%y %H:%M:%S})"
        for point in reversed(recent)
    )
    negation = "" if state == "ALARM" else "not "
    one = len(recent) == 1
    return (
        f"Threshold Crossed: {len(recent)} datapoint{'' if one else 's'} [{values}] {'was' if one else 'were'} "
        f"{negation}{_WORDS[alarm['ComparisonOperator']]} the threshold ({float(alarm['Threshold'])})."
    )


def _reason_data(alarm: Mapping[str, Any], recent: Sequence[Datapoint], now: float) -> str:
    def iso(seconds: float) -> str:
        return iso_timestamp(seconds, zone="+0000")

    data: dict[str, Any] = {"version": "1.0", "queryDate": iso(now)}
    if recent:
        data["startDate"] = iso(recent[0].start)
    data["statistic"] = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    data["period"] = int(alarm.get("Period") or 60)
    data["recentDatapoints"] = [point.value for point in recent]
    data["threshold"] = float(alarm["Threshold"])
    data["evaluatedDatapoints"] = [
        {"timestamp": iso(point.start), "sampleCount": point.samples, "value": point.value}
        for point in reversed(recent)
    ]
    return json.dumps(data)


class Schedule:
    """When alarms are due: each cloud minute (each 10 cloud seconds for high-resolution periods)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def next_tick(self, fastest_period: float) -> float:
        """Epoch seconds of the next evaluation. A little after the period's end, so that its last datapoint counts."""
        step = self._clock.real(10.0 if fastest_period < 60 else 60.0)
        now = time.time()
        slack = min(0.05, step / 4)
        return (math.floor((now - slack) / step) + 1) * step + slack
