"""From the base picture to the size that was asked for: onnxruntime, numpy and Pillow, nothing else.

The base picture is square, whatever the aspect ratio of the picture it stands for. A network (`upsampler.py` trains it)
doubles it until both sides are long enough; the result is then averaged down to the exact size, which stretches it to
its aspect ratio. Nothing is rounded to bytes in between.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from PIL import Image

# Side of the base picture.
BASE = 64
# How far from square a picture may be: beyond, it is made at this aspect ratio and cut.
MOST_ASPECT = 2.0
MOST_DOUBLINGS = 3

Pixels = NDArray[np.float32]


class Upscaler:
    """The trained upsampler, loaded.

    Parameters
    ----------
    path : Path
        ``upsampler.onnx``.

    Raises
    ------
    FileNotFoundError
        When the file is missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; `python -m smallworld.upsampler` writes it")
        options = ort.SessionOptions()
        # One thread: the sums then always have the same order.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def enlarge(self, base: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """Make the picture of the size asked for.

        Parameters
        ----------
        base : numpy.ndarray
            ``uint8``, shape ``(64, 64, 3)``: a picture of any aspect ratio, squeezed into a square.
        width, height : int
            The size wanted, in pixels. A size no larger than the base is averaged down; beyond 1:2 or 2:1 the picture
            is made at that aspect ratio, and what lies outside is cut off evenly.

        Returns
        -------
        numpy.ndarray
            ``uint8``, shape ``(height, width, 3)``.
        """
        full_width, full_height = full_size(width, height)
        pixels = base.astype(np.float32) / np.float32(255)
        for _ in range(doublings(base.shape[1], base.shape[0], full_width, full_height)):
            (doubled,) = self._session.run(None, {"picture": pixels.transpose(2, 0, 1)[None]})
            pixels = doubled[0].transpose(1, 2, 0)
        pixels = _resize(pixels, full_width, full_height)
        left, top = (full_width - width) // 2, (full_height - height) // 2
        cut = pixels[top : top + height, left : left + width]
        return np.rint(np.clip(cut, 0, 1) * 255).astype(np.uint8)


def full_size(width: int, height: int) -> tuple[int, int]:
    """Width and height before cutting: the size asked for, with its shorter side made longer where it is too short."""
    return max(width, round(height / MOST_ASPECT)), max(height, round(width / MOST_ASPECT))


def doublings(base_width: int, base_height: int, width: int, height: int) -> int:
    """How often a base must be doubled until no side is shorter than wanted; at most three times."""
    return next(
        (n for n in range(MOST_DOUBLINGS) if base_width << n >= width and base_height << n >= height), MOST_DOUBLINGS
    )


def _resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize each channel of ``(H, W, C)`` without rounding to bytes; makes it smaller by averaging."""
    if pixels.shape[:2] == (height, width):
        return pixels
    planes = [np.ascontiguousarray(pixels[:, :, k]) for k in range(pixels.shape[2])]
    resized = [Image.fromarray(plane).resize((width, height), Image.Resampling.BOX) for plane in planes]
    return np.stack([np.asarray(plane, np.float32) for plane in resized], -1)


SOFT, HARD = 24.0, 72.0
STEEPNESS = 0.35


def _resample(channels: Pixels, width: int, height: int, method: Image.Resampling) -> Pixels:
    planes = [Image.fromarray(channels[:, :, k]).resize((width, height), method) for k in range(channels.shape[2])]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], -1)


def _extremes(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Smallest and largest value of each channel in the 3 x 3 pixels around each pixel."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return windows.min((-2, -1)), windows.max((-2, -1))


def _sharpen(base: Pixels, width: int, height: int) -> Pixels:
    enlarged = _resample(base, width, height, Image.Resampling.BICUBIC)
    low, high = (_resample(e, width, height, Image.Resampling.BILINEAR) for e in _extremes(base))
    contrast = high - low
    place = np.clip((enlarged - low) / np.maximum(contrast, 1e-3), 0, 1)
    gain = max(1.0, STEEPNESS * width / base.shape[1])
    steep = np.clip((place - 0.5) * gain + 0.5, 0, 1)
    steep = steep * steep * (3 - 2 * steep)
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
        pixels = _resample(pixels, full_width, full_height, Image.Resampling.BOX)
    left, top = (full_width - width) // 2, (full_height - height) // 2
    cut = pixels[top : top + height, left : left + width]
    return np.clip(np.rint(cut), 0, 255).astype(np.uint8)
