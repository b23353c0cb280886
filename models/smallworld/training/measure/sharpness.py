"""How crisp the edges of a picture are, as one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LUMINANCE = np.array([0.299, 0.587, 0.114])


def sharpness(picture: NDArray[np.uint8]) -> float:
    """Steepness of a picture's edges, in levels (of 255) a pixel.

    The mean of the gradient's magnitude ``g`` weighted by its square, ``sum(g^3) / sum(g^2)``: an edge of contrast
    ``c`` that is ``w`` pixels wide counts ``c / w``, however many edges there are, and faint noise hardly counts.
    Comparable between pictures of one scene at one size only: divide by the value of the generator's own picture.

    Parameters
    ----------
    picture : numpy.ndarray
        ``uint8``, shape ``(H, W, 3)``, both sides at least 2.

    Returns
    -------
    float
        0 for a flat picture.
    """
    light = picture.astype(np.float64) @ LUMINANCE
    steepness = np.hypot(light[1:, 1:] - light[1:, :-1], light[1:, 1:] - light[:-1, 1:])
    weight = float(np.square(steepness).sum())
    return float((steepness**3).sum()) / weight if weight > 1e-6 else 0.0
