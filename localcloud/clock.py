"""The local cloud's clock: how long AWS's waiting takes here."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Clock:
    """Waiting that AWS imposes (CloudWatch periods, cooldowns, provisioning, time to live) runs ``speed`` times faster.

    Timestamps stay those of the real clock, and so does everything that is computed here: a model's invocation,
    a Lambda's run and their timeouts.
    """

    speed: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.speed <= 3600:
            raise ValueError(f"clock speed {self.speed:g}: allowed is 1 (AWS's own pace) to 3600")

    def real(self, cloud_seconds: float) -> float:
        """Seconds on the wall for ``cloud_seconds`` on the cloud's clock."""
        return cloud_seconds / self.speed
