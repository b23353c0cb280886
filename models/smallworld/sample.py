"""Draw pictures from prompts with the trained model: onnxruntime, numpy and Pillow, nothing else.

A picture is a function of (weights, prompt, negative prompt, steps, guidance, size, seed, its number in the request).
Each picture is sampled by itself, so how many are asked for together changes nothing, to the bit.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from .tokenizer import tokenize
from .upscale import upscale

# (height, width) of the base picture: the shapes it was trained at, all of about a thousand pixels.
BASE_SIZES = ((32, 32), (24, 40), (40, 24))

# Times are bent toward the noise, where a picture's composition is decided: t -> s t / (1 + (s - 1) t).
TIME_SHIFT = 2.0

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Drawing:
    """What decides a picture, its prompt and number apart."""

    negative_prompt: str = ""
    steps: int = 12
    guidance_scale: float = 2.0
    width: int = 128
    height: int = 128
    seed: int = 0


def base_size(width: int, height: int) -> tuple[int, int]:
    """Height and width of the base picture whose aspect ratio is nearest to the one asked for."""
    return min(BASE_SIZES, key=lambda size: abs(np.log(size[1] / size[0]) - np.log(width / height)))


def times(steps: int) -> FloatArray:
    """The ``steps + 1`` times from noise (1) to picture (0)."""
    even = np.linspace(1, 0, steps + 1)
    return (TIME_SHIFT * even / (1 + (TIME_SHIFT - 1) * even)).astype(np.float32)


def noise(seed: int, number: int, height: int, width: int) -> FloatArray:
    """The starting noise of picture ``number`` of a request, shape ``(3, height, width)``."""
    return np.random.default_rng([seed, number]).standard_normal((3, height, width), dtype=np.float32)


class SmallWorld:
    """The trained model, loaded.

    Parameters
    ----------
    folder : Path
        Holds ``text_encoder.onnx`` and ``denoiser.onnx``.
    workers : int
        How many pictures are sampled at the same time, each on one thread.

    Raises
    ------
    FileNotFoundError
        When one of the two files is missing.
    """

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.workers = workers
        self._text = _session(folder / "text_encoder.onnx")
        self._denoiser = _session(folder / "denoiser.onnx")

    def draw(self, prompt: str, drawing: Drawing, count: int = 1) -> list[NDArray[np.uint8]]:
        """Draw ``count`` pictures of a prompt.

        Returns
        -------
        list of numpy.ndarray
            Each ``uint8``, shape ``(drawing.height, drawing.width, 3)``.
        """
        guided = drawing.guidance_scale > 1
        texts = [prompt, drawing.negative_prompt] if guided else [prompt]
        ids = np.array([tokenize(text) for text in texts], np.int64)
        (text,) = self._text.run(None, {"ids": ids})
        mask = (ids != 0).astype(np.float32)

        def one(number: int) -> NDArray[np.uint8]:
            base = self._sample(text, mask, drawing, number)
            return upscale(base, drawing.width, drawing.height)

        if min(count, self.workers) == 1:
            return [one(number) for number in range(count)]
        with ThreadPoolExecutor(min(count, self.workers)) as pool:
            return list(pool.map(one, range(count)))

    def _sample(self, text: FloatArray, mask: FloatArray, drawing: Drawing, number: int) -> NDArray[np.uint8]:
        """Integrate the flow from noise to the base picture with Euler's method."""
        x = noise(drawing.seed, number, *base_size(drawing.width, drawing.height))
        path = times(drawing.steps)
        for now, then in itertools.pairwise(path):
            feeds = {"x": np.repeat(x[None], len(text), 0), "t": np.full(len(text), now), "text": text, "mask": mask}
            (clean,) = self._denoiser.run(None, feeds)
            predicted = clean[0] if len(text) == 1 else clean[1] + drawing.guidance_scale * (clean[0] - clean[1])
            # dx/dt = e - x_0 = (x - x_0) / t
            x = x + np.float32((then - now) / now) * (x - predicted.astype(np.float32))
        picture: NDArray[np.uint8] = np.rint((np.clip(x, -1, 1) + 1) * 127.5).astype(np.uint8)
        return picture.transpose(1, 2, 0)


def _session(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `make train` and `make export` write it")
    options = ort.SessionOptions()
    # One thread a session: the sums then always have the same order, and pictures run beside each other instead.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
