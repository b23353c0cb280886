"""From the base picture to the size that was asked for.

A plain enlargement of 32 x 32 pixels is a blur. What the model draws is mostly flat colour with antialiased edges, so
an edge's true place is where the enlarged picture crosses the middle between the darkest and the lightest value near
by; making that crossing steep restores the edge. Where a neighbourhood has little contrast (skies, noise) nothing is
changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Contrast (of 255) of a base pixel's neighbourhood at which sharpening begins, and at which it is complete.
SOFT, HARD = 24.0, 72.0
# Steepness of a restored edge for each doubling of the size.
STEEPNESS = 0.35

Pixels = NDArray[np.float32]


def _resize(channels: Pixels, width: int, height: int, method: Image.Resampling) -> Pixels:
    """Resize each channel of ``(H, W, C)`` without rounding to bytes."""
    planes = [Image.fromarray(channels[:, :, k]).resize((width, height), method) for k in range(channels.shape[2])]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], -1)


def _extremes(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Smallest and largest value of each channel in the 3 x 3 pixels around each pixel."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return windows.min((-2, -1)), windows.max((-2, -1))


def _sharpen(base: Pixels, width: int, height: int) -> Pixels:
    enlarged = _resize(base, width, height, Image.Resampling.BICUBIC)
    low, high = (_resize(e, width, height, Image.Resampling.BILINEAR) for e in _extremes(base))
    contrast = high - low
    place = np.clip((enlarged - low) / np.maximum(contrast, 1e-3), 0, 1)
    gain = max(1.0, STEEPNESS * width / base.shape[1])
    steep = np.clip((place - 0.5) * gain + 0.5, 0, 1)
    steep = steep * steep * (3 - 2 * steep)
    # One decision for all three channels, or edges would get coloured fringes.
    trust = np.clip((contrast.max(-1, keepdims=True) - SOFT) / (HARD - SOFT), 0, 1)
    sharpened: Pixels = enlarged + trust * (low + steep * contrast - enlarged)
    return sharpened


def upscale(base: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Enlarge a picture to cover ``width`` x ``height``, and cut off evenly what lies outside.

    Parameters
    ----------
    base : numpy.ndarray
        ``uint8``, shape ``(H, W, 3)``.
    width, height : int
        The size wanted, in pixels; a size no larger than the base is only resampled.

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape ``(height, width, 3)``.
    """
    scale = max(width / base.shape[1], height / base.shape[0])
    full_width, full_height = max(width, round(base.shape[1] * scale)), max(height, round(base.shape[0] * scale))
    pixels = base.astype(np.float32)
    if scale > 1:
        pixels = _sharpen(pixels, full_width, full_height)
    else:
        pixels = _resize(pixels, full_width, full_height, Image.Resampling.BOX)
    left, top = (full_width - width) // 2, (full_height - height) // 2
    cut = pixels[top : top + height, left : left + width]
    return np.clip(np.rint(cut), 0, 255).astype(np.uint8)
