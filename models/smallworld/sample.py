"""Draw pictures from prompts with the trained model: onnxruntime, numpy and Pillow, nothing else.

A picture is a function of (weights, prompt, negative prompt, steps, guidance, size, seed, its number in the request)
and of the picture it starts from, if any. Each is sampled by itself, every network on one thread, so how many are asked
for together, and on how many processors, changes nothing, to the bit.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .prompt import read, tokenize
from .schedule import BASE, MOST_ASPECT, TURBO_STEPS, times
from .upscale import Upscaler, full_size, session

# Guidance acts while a picture's composition is decided; on the last stretch it would only make colours glaring.
GUIDED_UNTIL = 0.25

FloatArray = NDArray[np.float32]
Condition = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Drawing:
    """What decides a picture, its prompt and number apart.

    Attributes
    ----------
    image : numpy.ndarray, optional
        ``uint8``, shape ``(H, W, 3)``: the picture to start from.
    mask : numpy.ndarray, optional
        ``bool``, the shape of ``image`` without channels: what is painted again; the rest stays.
    strength : float
        How far the picture may go from ``image``: 0 not at all, 1 as far as without it.
    """

    negative_prompt: str = ""
    steps: int = 12
    guidance_scale: float = 2.0
    width: int = 128
    height: int = 128
    seed: int = 0
    image: NDArray[np.uint8] | None = field(default=None, compare=False)
    mask: NDArray[np.bool_] | None = field(default=None, compare=False)
    strength: float = 0.8


def aspect(width: int, height: int) -> float:
    """The logarithm of width by height, as the model takes it: at most that of 2:1."""
    limit = math.log(MOST_ASPECT)
    return max(-limit, min(limit, math.log(width / height)))


def noise(seed: int, number: int) -> FloatArray:
    """The starting noise of picture ``number`` of a request, shape ``(3, 64, 64)``."""
    return np.random.default_rng([seed, number]).standard_normal((3, BASE, BASE), dtype=np.float32)


class SmallWorld:
    """The trained model, loaded.

    Parameters
    ----------
    folder : Path
        Holds ``text_encoder.onnx``, ``upsampler.onnx``, and ``denoiser.onnx`` or ``turbo.onnx``.
    workers : int
        How many networks run at the same time, each on one thread.
    turbo : bool
        Load the model that takes four steps and has its guidance built in; it ignores ``steps``,
        ``guidance_scale`` and ``negative_prompt``.

    Raises
    ------
    FileNotFoundError
        When one of the files is missing.
    """

    def __init__(self, folder: Path, workers: int = 1, *, turbo: bool = False) -> None:
        self.workers, self.turbo = workers, turbo
        self._text = session(folder / "text_encoder.onnx", "make train")
        self._denoiser = session(folder / ("turbo.onnx" if turbo else "denoiser.onnx"), "make train")
        self._upscaler = Upscaler(folder / "upsampler.onnx")

    def draw(self, prompt: str, drawing: Drawing, count: int = 1) -> list[NDArray[np.uint8]]:
        """Draw ``count`` pictures of a prompt.

        Parameters
        ----------
        prompt : str
        drawing : Drawing
            Everything else that decides the pictures.
        count : int
            The pictures are numbered from 0, and differ by their number alone.

        Returns
        -------
        list of numpy.ndarray
            Each ``uint8``, shape ``(drawing.height, drawing.width, 3)``.
        """
        wanted = self._encode(prompt)
        guided = drawing.guidance_scale > 1 and not self.turbo
        unwanted = self._encode(drawing.negative_prompt) if guided else None
        soft = "watercolour" in read(prompt).words

        def one(number: int, helper: ThreadPoolExecutor | None = None) -> NDArray[np.uint8]:
            base = self._sample(wanted, unwanted, drawing, number, helper)
            return self._finish(base, drawing, soft=soft)

        if self.workers == 1:
            return [one(number) for number in range(count)]
        # Several pictures are made in parallel; one alone has its two predictions made in parallel.
        with ThreadPoolExecutor(min(max(count, 1), self.workers)) as pool:
            return [one(0, pool)] if count == 1 else list(pool.map(one, range(count)))

    def _encode(self, text: str) -> Condition:
        """Features of the words ``(1, L, D)`` and where there is one ``(1, L)``."""
        ids = np.array([tokenize(text)], np.int64)
        (features,) = self._text.run(None, {"ids": ids})
        return features, (ids != 0).astype(np.float32)

    def _predict(self, x: FloatArray, now: np.float32, ratio: float, condition: Condition) -> FloatArray:
        """The clean picture that the network sees in a noisy one."""
        t, aspects = np.full(1, now, np.float32), np.full(1, ratio, np.float32)
        feeds = {"x": x[None], "t": t, "aspect": aspects, "text": condition[0], "mask": condition[1]}
        (clean,) = self._denoiser.run(None, feeds)
        result: FloatArray = clean[0]
        return result

    def _sample(
        self,
        wanted: Condition,
        unwanted: Condition | None,
        drawing: Drawing,
        number: int,
        helper: ThreadPoolExecutor | None,
    ) -> NDArray[np.uint8]:
        """Integrate the flow from noise to the base picture with Euler's method."""
        ratio, start = aspect(drawing.width, drawing.height), noise(drawing.seed, number)
        path = times(TURBO_STEPS if self.turbo else drawing.steps)
        x: FloatArray = start
        given, kept = _base_of(drawing), _kept_of(drawing)
        if given is not None:
            path = path[round((1 - drawing.strength) * (len(path) - 1)) :]
            x = _noisy(given, start, path[0])
        for now, then in itertools.pairwise(path):
            if unwanted is not None and now > GUIDED_UNTIL:
                other = helper.submit(self._predict, x, now, ratio, unwanted) if helper else None
                clean = self._predict(x, now, ratio, wanted)
                against = other.result() if other else self._predict(x, now, ratio, unwanted)
                guided = against + drawing.guidance_scale * (clean - against)
                clean = guided.astype(np.float32)
            else:
                clean = self._predict(x, now, ratio, wanted)
            # dx/dt = e - x_0 = (x - x_0) / t; colours beyond the possible are cut off, or guidance would pile them up.
            x = x + np.float32((then - now) / now) * (x - clean.clip(-1, 1))
            if given is not None and kept is not None:
                x = np.where(kept, _noisy(given, start, then), x).astype(np.float32)
        picture: NDArray[np.uint8] = np.rint((np.clip(x, -1, 1) + 1) * 127.5).astype(np.uint8)
        return picture.transpose(1, 2, 0)

    def _finish(self, base: NDArray[np.uint8], drawing: Drawing, *, soft: bool) -> NDArray[np.uint8]:
        """Bring the base picture to its size; what was to stay is taken from the picture given."""
        picture = self._upscaler.enlarge(base, drawing.width, drawing.height, soft=soft)
        if drawing.image is None or drawing.mask is None:
            return picture
        size = (drawing.width, drawing.height)
        old = np.asarray(_fitted(Image.fromarray(drawing.image), *size).resize(size, Image.Resampling.LANCZOS), float)
        mask = Image.fromarray(drawing.mask.astype(np.uint8) * 255)
        new = np.asarray(_fitted(mask, *size).resize(size, Image.Resampling.BILINEAR), float)[..., None] / 255
        blended: NDArray[np.uint8] = np.rint(old + new * (picture - old)).astype(np.uint8)
        return blended


def _noisy(clean: FloatArray, start: FloatArray, t: np.float32) -> FloatArray:
    return (1 - t) * clean + t * start


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Cut evenly to the aspect ratio of a size."""
    scale = min(picture.width / width, picture.height / height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    return picture.crop((left, top, left + wide, top + high))


def _squeezed(picture: Image.Image, drawing: Drawing) -> NDArray[np.uint8]:
    """The picture as a base picture: cut to the aspect ratio that is drawn, then squeezed into the square."""
    fitted = _fitted(picture, *full_size(drawing.width, drawing.height))
    return np.asarray(fitted.resize((BASE, BASE), Image.Resampling.BOX))


def _base_of(drawing: Drawing) -> FloatArray | None:
    """The picture to start from, -1 to 1, shape ``(3, 64, 64)``."""
    if drawing.image is None:
        return None
    pixels = _squeezed(Image.fromarray(drawing.image), drawing).astype(np.float32)
    return pixels.transpose(2, 0, 1) / np.float32(127.5) - 1


def _kept_of(drawing: Drawing) -> NDArray[np.bool_] | None:
    """Where the base picture stays as it was, shape ``(64, 64)``."""
    if drawing.mask is None:
        return None
    return _squeezed(Image.fromarray(drawing.mask.astype(np.uint8) * 255), drawing) < 128
