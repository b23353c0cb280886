"""Evaluates the alarms at every cloud minute and carries out their actions."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from localcloud.clock import Clock
from localcloud.cloudwatch.alarms import EXTRA_DATAPOINTS, Decision, Schedule, UnsupportedAlarmError, evaluate
from localcloud.services import AlarmAction

logger = logging.getLogger(__name__)

_ACTION_LISTS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_COMPACT_SECONDS = 600.0
_FINE_SECONDS = 3 * 3600.0
"""CloudWatch keeps measurements of less than a minute's resolution for three hours."""


class CloudWatch(Protocol):
    """What the watch needs of CloudWatch (``localcloud.ministack`` has it)."""

    def alarms(self) -> list[dict[str, Any]]:
        """Every metric alarm, alive."""

    def datapoint(self, alarm: Mapping[str, Any], start: float, end: float) -> tuple[float, float] | None:
        """See :meth:`localcloud.cloudwatch.alarms.Statistics.datapoint`."""

    def set_alarm_state(self, alarm: dict[str, Any], decision: Decision) -> None:
        """Move an alarm to another state."""

    def publish_queue_metrics(self) -> None:
        """Measure the queues that an alarm looks at."""

    def compact_measurements(self, older_than: float) -> None:
        """Merge old measurements into minutes."""


class AlarmWatch:
    """The evaluation loop. It runs on the event loop, where MiniStack's state changes; actions run on one thread."""

    def __init__(
        self,
        cloudwatch: CloudWatch,
        clock: Clock,
        actions: Mapping[str, AlarmAction],
        changed: Callable[[], None],
    ) -> None:
        """Watch the alarms of ``cloudwatch``.

        Parameters
        ----------
        cloudwatch : CloudWatch
        clock : Clock
        actions : mapping
            What carries out an action, by the beginning of its ARN; may grow later.
        changed : callable
            Called after an alarm has changed its state.
        """
        self._cloudwatch = cloudwatch
        self._clock = clock
        self._actions = actions
        self._changed = changed
        self._schedule = Schedule(clock)
        self._seen: dict[str, str] = {}
        self._fired: dict[str, float] = {}
        self._unsupported: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alarm-actions")
        self._started = time.time()
        self._from_before: set[str] = set()
        self._last_measured = self._last_compacted = 0.0

    async def run(self) -> None:
        """Evaluate until cancelled."""
        self._from_before = {alarm["AlarmArn"] for alarm in self._cloudwatch.alarms()}
        while True:
            alarms = self._cloudwatch.alarms()
            fastest = min((float(alarm.get("Period") or 60) for alarm in alarms), default=60.0)
            await asyncio.sleep(max(0.02, self._schedule.next_tick(fastest) - time.time()))
            self._tick(time.time())

    def stop(self) -> None:
        """Drop actions that have not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tick(self, now: float) -> None:
        if now - self._last_measured > self._clock.real(60) * 0.9:
            self._last_measured = now
            self._cloudwatch.publish_queue_metrics()
        if now - self._last_compacted > _COMPACT_SECONDS:
            self._last_compacted = now
            self._cloudwatch.compact_measurements(now - _FINE_SECONDS)
        alarms = self._cloudwatch.alarms()
        for alarm in alarms:
            try:
                self._look_at(alarm, now)
            except UnsupportedAlarmError as error:
                if alarm["AlarmArn"] not in self._unsupported:
                    self._unsupported.add(alarm["AlarmArn"])
                    logger.warning("alarm %s: %s", alarm["AlarmName"], error)
            except Exception:
                logger.exception("alarm %s could not be evaluated", alarm.get("AlarmName"))
        gone = self._seen.keys() - {alarm["AlarmArn"] for alarm in alarms}
        for arn in gone:
            del self._seen[arn]
            self._fired.pop(arn, None)

    def _look_at(self, alarm: dict[str, Any], now: float) -> None:
        arn, before = alarm["AlarmArn"], alarm["StateValue"]
        if arn in self._seen and before != self._seen[arn]:  # SetAlarmState: it acts, too
            self._act(alarm, before, alarm.get("StateReasonData"), now)
        decision = evaluate(self._at_start(alarm, now), self._cloudwatch, self._clock, now)
        if decision.state != before:
            logger.info("alarm %s: %s -> %s: %s", alarm["AlarmName"], before, decision.state, decision.reason)
            self._cloudwatch.set_alarm_state(alarm, decision)
            self._changed()
        entered = self._seen.get(arn) != decision.state
        self._seen[arn] = decision.state
        if entered or now - self._fired.get(arn, 0.0) > self._clock.real(60) * 0.9:
            self._act(alarm, decision.state, decision.reason_data, now)

    def _at_start(self, alarm: dict[str, Any], now: float) -> dict[str, Any]:
        """Until this run has seen the whole evaluation range, what is missing says nothing: the cloud was off."""
        reach = self._clock.real(float(alarm.get("Period") or 60)) * (
            int(alarm["EvaluationPeriods"]) + EXTRA_DATAPOINTS
        )
        known_before = alarm["StateValue"] != "INSUFFICIENT_DATA" and alarm["AlarmArn"] in self._from_before
        if known_before and now - self._started < reach + self._clock.real(60):
            return {**alarm, "TreatMissingData": "ignore"}
        return alarm

    def _act(self, alarm: Mapping[str, Any], state: str, reason_data: str | None, now: float) -> None:
        if not alarm.get("ActionsEnabled", True):
            return
        self._fired[alarm["AlarmArn"]] = now
        for action in alarm.get(_ACTION_LISTS[state]) or ():
            callbacks = [callback for prefix, callback in list(self._actions.items()) if action.startswith(prefix)]
            for callback in callbacks:
                self._thread.submit(_carry_out, callback, action, _described(alarm, state, reason_data), state)
            if not callbacks and ":sns:" not in action and action not in self._unsupported:
                self._unsupported.add(action)
                logger.warning("alarm %s: nothing here carries out the action %s", alarm["AlarmName"], action)


def _described(alarm: Mapping[str, Any], state: str, reason_data: str | None) -> dict[str, Any]:
    """A copy of the alarm as ``describe_alarms`` gives it, with the newest datapoints."""
    described = {key: value for key, value in alarm.items() if value is not None}
    described.update(StateValue=state, StateReasonData=reason_data or json.dumps({"version": "1.0"}))
    for key, value in described.items():
        if key.endswith("Timestamp") and isinstance(value, int | float):
            described[key] = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return described


def _carry_out(callback: AlarmAction, action: str, alarm: dict[str, Any], state: str) -> None:
    try:
        callback(action, alarm, state)
    except Exception:
        logger.exception("alarm %s: the action %s failed", alarm.get("AlarmName"), action)
