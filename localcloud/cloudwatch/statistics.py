"""Which statistics and periods CloudWatch has, and what they are of stored points."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)")
UNITS = (
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
    "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
    "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
    "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
)  # fmt: skip


def is_percentile(name: str) -> bool:
    """Whether ``name`` is ``p99.9`` or so. Trimmed means and the like are not computed here."""
    return _PERCENTILE.fullmatch(name) is not None


def is_period(seconds: int) -> bool:
    """Whether CloudWatch aggregates over ``seconds`` (MetricStat: "1, 5, 10, 20, 30, or any multiple of 60")."""
    return seconds in (1, 5, 10, 20, 30) or seconds % 60 == 0


def dimensions_of(listed: object) -> dict[str, str]:
    """``[{"Name": …, "Value": …}]`` as a dictionary."""
    entries = listed if isinstance(listed, list) else []
    return {entry["Name"]: entry["Value"] for entry in entries if isinstance(entry, Mapping)}
