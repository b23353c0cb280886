"""How often a wait looks, and where it gets the time from."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Pace:
    """How often to look; all in seconds.

    Attributes
    ----------
    first, longest, growth : float
        Intervals start at ``first``, grow by ``growth`` to ``longest``, and start again after each change.
    endpoint : float
        How often to ask for the endpoint's instances, and how long to wait before the first time.
    grace : float
        How long after a failure's output appeared to wait for the notification that gives the reason.
    """

    first: float
    longest: float
    growth: float
    endpoint: float
    grace: float


LOCAL = Pace(first=0.05, longest=1.0, growth=1.25, endpoint=1.0, grace=2.0)
AWS = Pace(first=0.5, longest=3.0, growth=1.5, endpoint=20.0, grace=15.0)


@dataclasses.dataclass(frozen=True)
class Timer:
    """Where time comes from; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
