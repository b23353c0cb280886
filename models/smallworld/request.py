"""What a request may ask for: JumpStart's Stable Diffusion fields, checked one by one.

``image``, ``mask_image`` and ``strength`` are those of its image-to-image and inpainting models.

The field names, and a ``guidance_scale`` of 1 or less meaning none, are those of JumpStart's Stable Diffusion
text-to-image models. The limits are Small World's own.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import pictures
from .prompt import unknown_words
from .sample import Drawing
from .schedule import TURBO_STEPS

LOG = logging.getLogger(__name__)

SIZE_STEP, LARGEST_SIZE = 8, 512
MOST_STEPS = 100
MOST_GUIDANCE = 30.0
MOST_IMAGES_PER_PROMPT = 8
MOST_PROMPTS = 8
MOST_IMAGES = 16
LARGEST_SEED = 2**63 - 1
MOST_NAMED = 20  # unknown words that one warning names
FIELDS = frozenset(
    {
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "num_inference_steps",
        "num_images_per_prompt",
        "guidance_scale",
        "seed",
        "image",
        "mask_image",
        "strength",
    }
)
DEFAULT = Drawing()


class RequestError(Exception):
    """The request cannot be answered as it is; the message says what to change.

    Parameters
    ----------
    message : str
        What is wrong, and what to change.
    status_code : int
        Of HTTP.
    phrase : str
        That of the status.
    """

    def __init__(self, message: str, status_code: int = 400, phrase: str = "Bad Request") -> None:
        super().__init__(message)
        self.status_code, self.phrase = status_code, phrase


@dataclass(frozen=True)
class Request:
    """A checked request: one drawing for each prompt, ``images_per_prompt`` pictures of each."""

    prompts: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    images_per_prompt: int = 1
    listed: bool = False  # the prompt came as a list
    plain: bool = False  # the body was a bare prompt, so the answer is a single picture
    warnings: tuple[str, ...] = ()  # what was asked and is ignored, in sentences for people
    given: frozenset[str] = field(default=frozenset(), compare=False)  # names of the fields that were not left open

    @property
    def echo(self) -> str | list[str]:
        """The prompt in the form it came in."""
        return list(self.prompts) if self.listed else self.prompts[0]


def shown(value: object) -> str:
    """A value as JSON, cut short, for an error message."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else text[:77] + "..."


def _refuse(name: str, value: object, allowed: str) -> RequestError:
    return RequestError(f"{name} is {shown(value)}; it must be {allowed}")


def _integer(fields: dict[str, Any], name: str, default: int, least: int, most: int, step: int = 1) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if type(value) is not int or not least <= value <= most or value % step:
        divisible = f" divisible by {step}" if step > 1 else ""
        raise _refuse(name, value, f"an integer{divisible} from {least} to {most}")
    return value


def _number(fields: dict[str, Any], name: str, default: float, most: float, note: str) -> float:
    value = fields.get(name)
    if value is None:
        return default
    number = type(value) in (int, float)
    if not number or not math.isfinite(value) or not 0 <= value <= most:
        raise _refuse(name, value, f"a number from 0 to {most:g} ({note})")
    return float(value)


def _pictures(fields: dict[str, Any]) -> tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None]:
    """The picture to start from and its mask, of the same size."""
    image, mask = fields.get("image"), fields.get("mask_image")
    if image is None:
        if mask is not None:
            raise RequestError("mask_image is given and image is not; send the picture that the mask belongs to")
        return None, None
    name = "image"
    try:
        array = pictures.picture(image)
        if mask is None:
            return array, None
        name = "mask_image"
        anew = pictures.mask(mask)
    except pictures.PictureError as error:
        raise RequestError(f"{name} {error}") from None
    if anew.shape != array.shape[:2]:
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (anew.shape, array.shape)]
        raise RequestError(f"mask_image has {sizes[0]} pixels and image {sizes[1]}; they must have the same size")
    return array, anew


def _prompts(fields: dict[str, Any]) -> tuple[tuple[str, ...], bool]:
    if fields.get("prompt") is None:
        raise RequestError('prompt is missing; send {"prompt": "a red circle on a blue background"}')
    value = fields["prompt"]
    if isinstance(value, str):
        return (value,), False
    if isinstance(value, list) and 1 <= len(value) <= MOST_PROMPTS and all(isinstance(p, str) for p in value):
        return tuple(value), True
    raise _refuse("prompt", value, f"a string, or a list of 1 to {MOST_PROMPTS} strings")


def _negative_prompts(fields: dict[str, Any], count: int, listed: bool) -> tuple[str, ...]:
    value = fields.get("negative_prompt")
    if value is None:
        return ("",) * count
    if not listed:
        if isinstance(value, str):
            return (value,)
        raise _refuse("negative_prompt", value, "a string, because prompt is one")
    if isinstance(value, list) and len(value) == count and all(isinstance(p, str) for p in value):
        return tuple(value)
    raise _refuse("negative_prompt", value, f"a list of {count} strings, because prompt is one")


def _unknown(what: str, texts: Iterable[str]) -> list[str]:
    """A warning that names the unknown words of some texts; none when all words are known."""
    found = list(dict.fromkeys(word for text in texts for word in unknown_words(text)))
    if not found:
        return []
    named = ", ".join(word if len(word) <= 40 else word[:37] + "..." for word in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return [f"unknown words in the {what} were ignored: {named}{more}"]


def check(fields: dict[str, Any]) -> Request:
    """Check the fields of a request.

    Parameters
    ----------
    fields : dict
        The JSON object of the body. A field that is null counts as absent; a field of another name is ignored, as
        JumpStart's models ignore it. Whatever is ignored is named in the log and in the request's ``warnings``.

    Raises
    ------
    RequestError
        Names the first bad field, its value, and what it must be.
    """
    unknown = sorted(set(fields) - FIELDS)
    warnings = (
        [f"unknown fields were ignored: {shown(unknown)}; known are {', '.join(sorted(FIELDS))}"] if unknown else []
    )
    prompts, listed = _prompts(fields)
    negatives = _negative_prompts(fields, len(prompts), listed)
    count = _integer(fields, "num_images_per_prompt", 1, 1, MOST_IMAGES_PER_PROMPT)
    if count * len(prompts) > MOST_IMAGES:
        most = MOST_IMAGES // len(prompts)
        raise _refuse("num_images_per_prompt", count, f"an integer from 1 to {most} with {len(prompts)} prompts")
    seed = _integer(fields, "seed", secrets.randbits(32), 0, LARGEST_SEED)
    steps = _integer(fields, "num_inference_steps", DEFAULT.steps, 1, MOST_STEPS)
    width = _integer(fields, "width", DEFAULT.width, SIZE_STEP, LARGEST_SIZE, SIZE_STEP)
    height = _integer(fields, "height", DEFAULT.height, SIZE_STEP, LARGEST_SIZE, SIZE_STEP)
    guidance = _number(fields, "guidance_scale", DEFAULT.guidance_scale, MOST_GUIDANCE, "1 or less means no guidance")
    strength = _number(fields, "strength", DEFAULT.strength, 1, "0 keeps the image, 1 starts from noise alone")
    image, mask = _pictures(fields)
    if image is None and fields.get("strength") is not None:
        warnings.append("strength was ignored: there is no image to start from")
    drawings = tuple(
        Drawing(negative, steps, guidance, width, height, seed, image=image, mask=mask, strength=strength)
        for negative in negatives
    )
    plural = "s" if listed else ""
    warnings += _unknown(f"prompt{plural}", prompts) + _unknown(f"negative prompt{plural}", negatives)
    for warning in warnings:
        LOG.warning("%s", warning)
    given = frozenset(name for name, value in fields.items() if value is not None)
    return Request(prompts, drawings, count, listed, warnings=tuple(warnings), given=given)


def for_turbo(request: Request) -> Request:
    """The request as turbo's weights can answer it: four steps, guidance part of the weights, no negative prompt.

    What else was asked for is ignored, and named in the log and in the request's ``warnings``. It is not an error, so
    one request can be sent to either model.
    """
    warnings = []
    if "num_inference_steps" in request.given and request.drawings[0].steps != TURBO_STEPS:
        warnings.append(f"num_inference_steps was ignored: this model always takes {TURBO_STEPS}")
    if "guidance_scale" in request.given:
        warnings.append("guidance_scale was ignored: guidance is part of this model")
    if any(drawing.negative_prompt for drawing in request.drawings):
        warnings.append("negative_prompt was ignored: this model has none")
    for warning in warnings:
        LOG.warning("%s", warning)
    drawings = tuple(
        replace(drawing, negative_prompt="", steps=TURBO_STEPS, guidance_scale=1.0) for drawing in request.drawings
    )
    return replace(request, drawings=drawings, warnings=request.warnings + tuple(warnings))


def read_json(body: str | bytes) -> Request:
    """Read and check a body of ``application/json``; a :class:`RequestError` says what is wrong with it."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON ({error}); send an object with a prompt") from None
    if not isinstance(fields, dict):
        raise RequestError(f"the body is {shown(fields)}; send a JSON object with a prompt")
    return check(fields)


def read_text(body: str | bytes) -> Request:
    """Read a body of ``application/x-text``, a bare prompt; a :class:`RequestError` if it is not UTF-8 text."""
    try:
        prompt = body if isinstance(body, str) else bytes(body).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8 text ({error}); send the prompt as UTF-8") from None
    return replace(check({"prompt": prompt}), plain=True)
