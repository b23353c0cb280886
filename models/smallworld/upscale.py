"""From the base picture to the size that was asked for: onnxruntime, numpy and Pillow, nothing else.

The base picture is square, whatever the aspect ratio of the picture it stands for. A network (trained
by `training/upsampler.py`) doubles it until both sides are long enough; the result is then averaged down to the exact
size, which stretches it to its aspect ratio. Nothing is rounded to bytes in between.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from PIL import Image

from .schedule import MOST_ASPECT

MOST_DOUBLINGS = 3

Pixels = NDArray[np.float32]


def session(path: Path, writer: str) -> ort.InferenceSession:
    """A network, ready to run on one thread.

    Parameters
    ----------
    path : Path
        The ONNX file.
    writer : str
        The command that writes it, for the error.

    Raises
    ------
    FileNotFoundError
        When the file is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `{writer}` writes it")
    options = ort.SessionOptions()
    # One thread a session: the sums then always have the same order, and pictures are made in parallel instead.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


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
        self._session = session(path, "python -m smallworld.training.upsampler")

    def enlarge(self, base: NDArray[np.uint8], width: int, height: int, *, soft: bool = False) -> NDArray[np.uint8]:
        """Make the picture of the size asked for.

        Parameters
        ----------
        base : numpy.ndarray
            ``uint8``, shape ``(64, 64, 3)``: a picture of any aspect ratio, squeezed into a square.
        width, height : int
            The size wanted, in pixels. A size no larger than the base is averaged down; beyond 1:2 or 2:1 the picture
            is made at that aspect ratio, and what is outside is cut off evenly.
        soft : bool
            Only interpolate: for watercolours, whose edges the network would make crisp.

        Returns
        -------
        numpy.ndarray
            ``uint8``, shape ``(height, width, 3)``.
        """
        full_width, full_height = full_size(width, height)
        pixels = base.astype(np.float32) / np.float32(255)
        if soft:
            pixels = _resize(pixels, full_width, full_height, Image.Resampling.BICUBIC)
        for _ in range(doublings(pixels.shape[1], pixels.shape[0], full_width, full_height)):
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
    """How often a base must be doubled until no side is shorter than wanted; at most three times.

    Parameters
    ----------
    base_width, base_height : int
        Pixels of the base.
    width, height : int
        Pixels wanted.
    """
    return next(
        (n for n in range(MOST_DOUBLINGS) if base_width << n >= width and base_height << n >= height), MOST_DOUBLINGS
    )


def _resize(pixels: Pixels, width: int, height: int, method: Image.Resampling = Image.Resampling.BOX) -> Pixels:
    """Resize each channel of ``(H, W, C)`` without rounding to bytes; usually to make it smaller by averaging."""
    if pixels.shape[:2] == (height, width):
        return pixels
    planes = [np.ascontiguousarray(pixels[:, :, k]) for k in range(pixels.shape[2])]
    resized = [Image.fromarray(plane).resize((width, height), method) for plane in planes]
    return np.stack([np.asarray(plane, np.float32) for plane in resized], -1)
