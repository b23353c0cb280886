"""CloudWatch of MiniStack: its records of measurements, alarms and dashboards, with the answers of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

from localcloud.ministack.cloudwatch.actions import AlarmActions
from localcloud.ministack.cloudwatch.alarms import Alarms
from localcloud.ministack.cloudwatch.dashboards import Dashboards
from localcloud.ministack.cloudwatch.measurements import Measurements
from localcloud.ministack.events import Events
from localcloud.ministack.metrics import Metrics
from localcloud.rules import Rulebook

__all__ = ["take_over"]


def take_over(
    modules: Mapping[str, ModuleType],
    rules: Rulebook,
    metrics: Metrics,
    events: Events,
    may: Callable[[str, str, str, str], bool],
) -> None:
    """Answer what MiniStack answers otherwise than AWS.

    Parameters
    ----------
    modules : mapping
        MiniStack's.
    rules : Rulebook
    metrics : Metrics
    events : Events
        Gets the alarms' state changes.
    may : callable
        ``may(service, action, resource, source)``: whether the policy of a resource lets a service act.
    """
    Measurements(modules, rules, metrics)
    Alarms(modules, rules, metrics, AlarmActions(modules, events, may))
    Dashboards(modules, rules)
