"""The times at which the flow is integrated; numpy alone, because training and the endpoint share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Times are bent toward the noise, where a picture's composition is decided: t -> s t / (1 + (s - 1) t).
TIME_SHIFT = 2.0
TURBO_STEPS = 4


def times(steps: int) -> NDArray[np.float32]:
    """The ``steps + 1`` times from noise (1) to picture (0)."""
    even = np.linspace(1, 0, steps + 1)
    return (TIME_SHIFT * even / (1 + (TIME_SHIFT - 1) * even)).astype(np.float32)
