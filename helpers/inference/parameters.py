"""What may be asked of a JumpStart Stable Diffusion text-to-image model; checked before anything is uploaded.

The request is that of JumpStart's text-to-image examples: ``prompt``, ``negative_prompt``, ``width``, ``height``,
``num_inference_steps``, ``guidance_scale``, ``num_images_per_prompt`` and ``seed``. Small World also takes ``image``,
``mask_image`` and ``strength``, as JumpStart's image-to-image and inpainting models do.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from numpy.typing import NDArray
from PIL import Image

from contract.errors import ParameterError
from contract.names import MAX_RESPONSE_BYTES, SMALLWORLD_MODELS, SMALLWORLD_TURBO
from helpers.inference.picture_parameters import IMAGE, MASK, PictureError, image_file, mask_file, size_of

NESTED_RGB = "application/json"
BASE64_JPEG = "application/json;jpeg"

BYTES_PER_PIXEL = 15.72
"""Of nested RGB with ``", "`` between the numbers: measured, 4.12 MB for 512², 16.48 MB for 1024² of random pixels."""

OTHER_CONTRACT = ("stable-diffusion-xl", "imagegeneration")
"""Parts of the ids of models that want ``text_prompts``, ``cfg_scale`` and ``steps`` instead."""

ALSO_KNOWN_AS = {
    "steps": "num_inference_steps",
    "num_steps": "num_inference_steps",
    "cfg_scale": "guidance_scale",
    "cfg": "guidance_scale",
    "guidance": "guidance_scale",
    "n": "num_images_per_prompt",
    "num_images": "num_images_per_prompt",
    "samples": "num_images_per_prompt",
    "text": "prompt",
    "text_prompts": "prompt",
    "init_image": "image",
    "mask": "mask_image",
}
"""Names from other models and libraries."""


Picture = Image.Image | NDArray[Any] | bytes | str


class Parameters(TypedDict, total=False):
    """The optional parameters of a request; None leaves the choice to the model.

    The last three are for models that take pictures (:attr:`Limits.takes_pictures`). ``image``, the picture to start
    from, is a PIL image, a ``uint8`` array of shape ``(H, W, 3)``, or a PNG or JPEG file as bytes or base64 text.
    ``mask_image`` is white where that picture is painted again: the same, but an array is ``bool`` or ``uint8`` of
    shape ``(H, W)``. ``strength`` says how far to go from ``image``, 0 (not at all) to 1 (as far as without it).
    """

    negative_prompt: str | list[str] | None
    width: int | None
    height: int | None
    num_inference_steps: int | None
    guidance_scale: float | None
    num_images_per_prompt: int | None
    seed: int | None
    image: Picture | None
    mask_image: Picture | None
    strength: float | None


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one model accepts.

    Attributes
    ----------
    model : str
        JumpStart model id, for messages.
    default_side : int
        Width and height in pixels when none are given.
    longest_side, multiple : int
        Width and height are multiples of ``multiple`` up to ``longest_side`` pixels.
    most_steps, most_images : int
        Largest ``num_inference_steps`` and ``num_images_per_prompt``.
    most_prompts, most_pictures : int
        Longest list of prompts, and most pictures of one request.
    largest_guidance : float
        Largest ``guidance_scale``.
    longest_prompt : int
        Characters.
    accept : tuple of str
        Media types that one can ask for.
    response_bytes : int
        The endpoint's ceiling for one answer: ``TS_MAX_RESPONSE_SIZE``, ``MMS_MAX_RESPONSE_SIZE``.
    ignored : tuple of str
        Parameters that may be given and change nothing; the model's answer then says so.
    takes_pictures : bool
        Whether ``image``, ``mask_image`` and ``strength`` may be given.
    """

    model: str = "a Stable Diffusion model of JumpStart"
    default_side: int = 512
    longest_side: int = 1024
    multiple: int = 8
    most_steps: int = 500
    most_images: int = 16
    most_prompts: int = 16
    most_pictures: int = 64
    largest_guidance: float = 100.0
    longest_prompt: int = 2000
    accept: tuple[str, ...] = (NESTED_RGB, BASE64_JPEG)
    response_bytes: int = MAX_RESPONSE_BYTES
    ignored: tuple[str, ...] = ()
    takes_pictures: bool = False


def limits_of(model: str) -> Limits:
    """The limits of the JumpStart model ``model``.

    Raises
    ------
    ParameterError
        The model is known to want another form of request than this client writes.
    """
    if any(part in model for part in OTHER_CONTRACT):
        raise ParameterError(
            f"model = {model!r}: it wants text_prompts, cfg_scale and steps, which this client does not write; it must "
            "be a model with prompt and guidance_scale (model-txt2img-…): set [model] id in workshop.toml."
        )
    if model in SMALLWORLD_MODELS:
        # Those of the model's own checks, models/smallworld/request.py.
        return Limits(
            model=model,
            default_side=128,
            longest_side=512,
            most_steps=100,
            most_images=8,
            most_prompts=8,
            most_pictures=16,
            largest_guidance=30.0,
            # Guidance is part of turbo's weights, and it always takes four steps.
            ignored=("negative_prompt", "num_inference_steps", "guidance_scale") if model == SMALLWORLD_TURBO else (),
            takes_pictures=True,
        )
    return Limits(model=model)


def checked_request(
    prompt: object, parameters: Mapping[str, Any], *, limits: Limits, accept: str = NESTED_RGB
) -> dict[str, Any]:
    """Make the request for the model, or say what is wrong with it.

    Parameters
    ----------
    prompt : str or list of str
        What to draw; a list asks for each of its prompts.
    parameters : mapping
        See :class:`Parameters`. None counts as not given.
    limits : Limits
        What the model accepts.
    accept : str
        Media type of the answer.

    Returns
    -------
    dict
        Ready for ``json.dumps``; holds only what was given, pictures as base64 of a PNG.

    Raises
    ------
    ParameterError
        Names the parameter, its value and what it must be.
    """
    if accept not in limits.accept:
        raise _refused("accept", accept, " or ".join(map(repr, limits.accept)))
    for name in parameters:
        if name not in CHECKS:
            raise _unknown(name)
    request: dict[str, Any] = {"prompt": _prompts("prompt", prompt, limits, empty=False)}
    for name, check in CHECKS.items():
        if parameters.get(name) is not None:
            request[name] = check(name, parameters[name], limits)
    _check_prompts_together(request, limits)
    _check_pictures_together(request)
    if accept == NESTED_RGB:
        _check_response(request, limits)
    return request


def joined(prompt: object) -> str:
    """A prompt, or the several prompts of one request, as one line of text; empty for None."""
    return " / ".join(map(str, prompt)) if isinstance(prompt, list) else "" if prompt is None else str(prompt)


def response_bytes(request: Mapping[str, Any], limits: Limits) -> int:
    """Estimate the size in bytes of a checked request's answer as nested RGB."""
    pixels: int = request.get("width", limits.default_side) * request.get("height", limits.default_side)
    return round(pixels * _pictures(request) * BYTES_PER_PIXEL)


def _pictures(request: Mapping[str, Any]) -> int:
    prompts = len(request["prompt"]) if isinstance(request["prompt"], list) else 1
    images: int = request.get("num_images_per_prompt", 1)
    return prompts * images


def _refused(name: str, value: object, wanted: str) -> ParameterError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
    return ParameterError(f"{name} = {shown}: must be {wanted}. Nothing was uploaded.")


def _unknown(name: str) -> ParameterError:
    if name == "prompt":
        return ParameterError("prompt was given twice. Nothing was uploaded.")
    near = [ALSO_KNOWN_AS[name]] if name in ALSO_KNOWN_AS else difflib.get_close_matches(name, CHECKS, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are prompt, {', '.join(CHECKS)}."
    return ParameterError(f"unknown parameter {name!r}; {hint} Nothing was uploaded.")


def _whole(name: str, value: object, low: int, high: int, multiple: int = 1) -> int:
    """``value`` as an int: an int or a NumPy integer, neither True nor 8.0 nor "8"."""
    wanted = f"a whole number, {low} to {high}" + (f" and divisible by {multiple}" if multiple > 1 else "")
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise _refused(name, value, wanted)
    number: int = int(value)
    if not low <= number <= high or number % multiple:
        raise _refused(name, value, wanted)
    return number


def _side(name: str, value: object, limits: Limits) -> int:
    return _whole(name, value, limits.multiple, limits.longest_side, limits.multiple)


def _steps(name: str, value: object, limits: Limits) -> int:
    return _whole(name, value, 1, limits.most_steps)


def _images(name: str, value: object, limits: Limits) -> int:
    return _whole(name, value, 1, limits.most_images)


def _seed(name: str, value: object, limits: Limits) -> int:
    del limits  # every model's seed is that of a 32-bit generator
    return _whole(name, value, 0, 2**32 - 1)


def _number(name: str, value: object, high: float) -> float:
    wanted = f"a number, 0 to {high:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise _refused(name, value, wanted)
    number = float(value)
    if not math.isfinite(number) or not 0 <= number <= high:
        raise _refused(name, value, wanted)
    return number


def _guidance(name: str, value: object, limits: Limits) -> float:
    return _number(name, value, limits.largest_guidance)


def _strength(name: str, value: object, limits: Limits) -> float:
    _needs_pictures(name, limits)
    return _number(name, value, 1)


def _picture(name: str, value: object, limits: Limits) -> str:
    _needs_pictures(name, limits)
    file, wanted = (image_file, IMAGE) if name == "image" else (mask_file, MASK)
    try:
        return file(value)
    except PictureError as error:
        raise ParameterError(f"{name} = {error}: must be {wanted}. Nothing was uploaded.") from None


def _needs_pictures(name: str, limits: Limits) -> None:
    if not limits.takes_pictures:
        raise ParameterError(
            f"{name} was given, and {limits.model} takes no pictures; {' and '.join(SMALLWORLD_MODELS)} do, set "
            "[model] id in workshop.toml. Nothing was uploaded."
        )


def _text(name: str, value: object, limits: Limits, empty: bool) -> str:
    low = 0 if empty else 1
    wanted = f"text of {low} to {limits.longest_prompt} characters"
    if not isinstance(value, str) or len(value) > limits.longest_prompt or not (empty or value.strip()):
        raise _refused(name, value, f"{wanted}{'' if empty else ', not only blanks'}")
    # A lone surrogate has no UTF-8, and a NUL or an escape sequence has no place in a PNG's text chunk.
    bad = next((c for c in value if c not in "\n\r\t" and unicodedata.category(c) in ("Cc", "Cs")), None)
    if bad is not None:
        raise _refused(name, value, f"{wanted} without control characters (here {bad!r})")
    return value


def _prompts(name: str, value: object, limits: Limits, empty: bool) -> str | list[str]:
    if not isinstance(value, (list, tuple)):
        return _text(name, value, limits, empty)
    if not 1 <= len(value) <= limits.most_prompts:
        raise _refused(name, value, f"text, or a list of 1 to {limits.most_prompts}")
    return [_text(f"{name}[{number}]", item, limits, empty) for number, item in enumerate(value)]


def _negative(name: str, value: object, limits: Limits) -> str | list[str]:
    return _prompts(name, value, limits, empty=True)


CHECKS: Mapping[str, Callable[[str, Any, Limits], Any]] = {
    "negative_prompt": _negative,
    "width": _side,
    "height": _side,
    "num_inference_steps": _steps,
    "guidance_scale": _guidance,
    "num_images_per_prompt": _images,
    "seed": _seed,
    "image": _picture,
    "mask_image": _picture,
    "strength": _strength,
}
"""Every parameter besides ``prompt``, in the order in which a request shows them."""


def _check_prompts_together(request: Mapping[str, Any], limits: Limits) -> None:
    if _pictures(request) > limits.most_pictures:
        most = max(1, limits.most_pictures // len(request["prompt"]))
        raise _refused("num_images_per_prompt", request["num_images_per_prompt"], f"1 to {most} for so many prompts")
    prompt, negative = request["prompt"], request.get("negative_prompt")
    if negative is None:
        return
    if isinstance(prompt, list) and (not isinstance(negative, list) or len(negative) != len(prompt)):
        raise _refused("negative_prompt", negative, f"a list of {len(prompt)}, since prompt is a list of that many")
    if isinstance(negative, list) and not isinstance(prompt, list):
        raise _refused("negative_prompt", negative, "text, since prompt is text and not a list")


def _check_pictures_together(request: Mapping[str, Any]) -> None:
    if "image" not in request:
        for name in ("mask_image", "strength"):
            if name in request:
                raise ParameterError(f"{name} was given without image, which it belongs to. Nothing was uploaded.")
    elif "mask_image" in request:
        image, mask = size_of(request["image"]), size_of(request["mask_image"])
        if mask != image:
            raise ParameterError(
                f"mask_image = mask of {mask[0]} × {mask[1]} pixels (width × height): must have the size of image, "
                f"{image[0]} × {image[1]}. Nothing was uploaded."
            )


def _check_response(request: Mapping[str, Any], limits: Limits) -> None:
    """An answer over the endpoint's ceiling costs the whole computation and then fails; so it is not asked for."""
    size = response_bytes(request, limits)
    if size <= limits.response_bytes:
        return
    asked = {name: request.get(name, limits.default_side) for name in ("width", "height")}
    asked["num_images_per_prompt"] = request.get("num_images_per_prompt", 1)
    asked["prompts"] = len(request["prompt"]) if isinstance(request["prompt"], list) else 1
    images = int(limits.response_bytes / (asked["width"] * asked["height"] * BYTES_PER_PIXEL))
    shown = ", ".join(f"{name} = {value}" for name, value in asked.items())
    raise ParameterError(
        f"{shown}: as RGB values in JSON the answer would have about {size / 1e6:.1f} MB; it must be at most "
        f"{limits.response_bytes / 1e6:g} MB, that is {images} picture{'s' * (images != 1)} of this size, or "
        f"accept={BASE64_JPEG!r}. Nothing was uploaded."
    )
