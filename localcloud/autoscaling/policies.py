"""The arithmetic of scaling policies: from a capacity and a measurement to a new capacity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

MOST_STEPS, MOST_POLICIES = 20, 50
"""Application Auto Scaling User Guide, "Quotas": steps of a step scaling policy, and policies of a scalable target."""


class PolicyError(ValueError):
    """A policy's configuration is not possible; the message says what is wrong."""


def clamp(capacity: int, minimum: int, maximum: int) -> int:
    """``capacity`` within the scalable target's bounds.

    Parameters
    ----------
    capacity, minimum, maximum : int
        Instances.
    """
    return max(minimum, min(maximum, capacity))


def check_steps(configuration: Mapping[str, Any]) -> None:
    """Refuse step adjustments that overlap or leave a gap (User Guide, "How step scaling works", Step adjustments)."""
    steps = configuration.get("StepAdjustments") or []
    if not steps:
        raise PolicyError("A step scaling policy must have at least one step adjustment.")
    if "AdjustmentType" not in configuration:
        raise PolicyError("AdjustmentType must be specified for a step scaling policy.")
    ranges = sorted(_bounds(step) for step in steps)
    for lower, upper in ranges:
        if lower >= upper:
            raise PolicyError("Lower bound must be smaller than upper bound in a step adjustment.")
    for (_, end), (start, _) in itertools.pairwise(ranges):
        if start < end:
            raise PolicyError("Step adjustment intervals can't overlap.")
        if start > end:
            raise PolicyError("There must not be a gap between step adjustment intervals.")


def _bounds(step: Mapping[str, Any]) -> tuple[float, float]:
    return (
        float(step.get("MetricIntervalLowerBound", -math.inf)),
        float(step.get("MetricIntervalUpperBound", math.inf)),
    )


def step_capacity(configuration: Mapping[str, Any], base: int, metric: float, threshold: float) -> int:
    """The capacity that a step policy asks for, before the bounds of the target.

    "How step scaling works": bounds count from the alarm's threshold; above it the lower bound belongs to the step and
    the upper does not, below it the other way round. Percentages round away from zero below 1 and down above.

    Parameters
    ----------
    configuration : mapping
        ``StepScalingPolicyConfiguration``.
    base : int
        The present capacity.
    metric, threshold : float
        The alarm's newest datapoint, and its threshold.
    """
    difference = metric - threshold
    for step in configuration["StepAdjustments"]:
        lower, upper = _bounds(step)
        inside = lower <= difference < upper if difference >= 0 else lower < difference <= upper
        if inside:
            return _adjusted(configuration, base, int(step["ScalingAdjustment"]))
    return base


def _adjusted(configuration: Mapping[str, Any], base: int, adjustment: int) -> int:
    kind = configuration["AdjustmentType"]
    if kind == "ExactCapacity":
        return max(0, adjustment)
    if kind == "ChangeInCapacity":
        return max(0, base + adjustment)
    change = base * adjustment / 100
    # "Values greater than 1 are rounded down (12.7 to 12), values between 0 and 1 are rounded to 1", and mirrored.
    whole = math.copysign(math.floor(abs(change)) if abs(change) >= 1 else math.ceil(abs(change)), change)
    least = int(configuration.get("MinAdjustmentMagnitude", 0))
    if change and abs(whole) < least:
        whole = math.copysign(least, change)
    return max(0, base + int(whole))


def tracking_capacity(target_value: float, base: int, metric: float) -> int:
    """The capacity at which a metric that falls with each instance would be at its target.

    "How target tracking for Application Auto Scaling works": capacity changes in proportion to the metric. It is
    rounded up, because scaling in must leave enough instances.

    From zero nothing is in proportion. SageMaker's "Autoscale an asynchronous endpoint" says that an endpoint with this
    policy alone leaves zero only after the backlog exceeds the target value; below, requests wait. So at zero the
    metric counts as that of one instance, and nothing happens unless it is above the target.

    Parameters
    ----------
    target_value, metric : float
        The policy's target, and the alarm's newest datapoint.
    base : int
        The present capacity.
    """
    if base == 0:
        base = int(metric > target_value)
    # A little less, or 3 × 5 / 5 could round up to 4.
    return max(0, math.ceil(base * metric / target_value - 1e-9))
