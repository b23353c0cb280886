"""Time: how long AWS's waiting takes here, and timestamps as AWS writes them."""

from __future__ import annotations

import dataclasses
import datetime
import time


@dataclasses.dataclass(frozen=True)
class Clock:
    """Waiting that AWS imposes (CloudWatch periods, cooldowns, provisioning, time to live) runs ``speed`` times faster.

    Timestamps stay those of the real clock, and so does everything that is computed here: a model's invocation,
    a Lambda's run and their timeouts.
    """

    speed: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.speed <= 3600:
            raise ValueError(f"clock speed {self.speed:g} must be 1 (AWS's own pace) to 3600")

    def real(self, cloud_seconds: float) -> float:
        """Seconds on the wall for ``cloud_seconds`` on the cloud's clock."""
        return cloud_seconds / self.speed


def iso_timestamp(seconds: float | None = None, *, precision: str = "milliseconds", zone: str = "Z") -> str:
    """``2026-11-22T10:00:00.000Z``, as AWS writes it.

    Parameters
    ----------
    seconds : float, optional
        Since 1970, on the real clock; now unless given.
    precision : str
        ``minutes``, ``seconds`` or ``milliseconds``: what comes after is cut off, not rounded.
    zone : str
        How this service writes UTC: ``Z``, ``+0000``, or nothing.
    """
    moment = datetime.datetime.fromtimestamp(time.time() if seconds is None else seconds, datetime.UTC)
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + zone
