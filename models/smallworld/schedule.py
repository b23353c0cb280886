"""What training and the endpoint agree on: the base picture, and the times at which the flow is integrated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BASE = 64  # pixels along both sides of the base picture, whatever its aspect ratio
MOST_ASPECT = 2.0  # the widest and (inverted) tallest pictures; beyond, a picture is made at this aspect ratio and cut

# Times are bent toward the noise, where a picture's composition is decided: t -> s t / (1 + (s - 1) t).
TIME_SHIFT = 2.0
TURBO_STEPS = 4


def times(steps: int) -> NDArray[np.float32]:
    """The ``steps + 1`` times from noise (1) to picture (0)."""
    even = np.linspace(1, 0, steps + 1)
    return (TIME_SHIFT * even / (1 + (TIME_SHIFT - 1) * even)).astype(np.float32)
