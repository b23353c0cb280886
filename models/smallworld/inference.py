"""SageMaker's handlers for Small World: ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``.

Contract: https://sagemaker.readthedocs.io/en/stable/frameworks/pytorch/using_pytorch.html#serve-a-pytorch-model.
Request and response are those of JumpStart's Stable Diffusion text-to-image models. ``config.json`` next to the weights
says which variant they are: "base", or "turbo" with always four steps.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

# Absolute, because in a bundle this file is code/inference.py and the package is next to it.
from smallworld import response
from smallworld.request import Request, RequestError, for_turbo, read_json, read_text
from smallworld.sample import SmallWorld

LOG = logging.getLogger(__name__)

JSON_TYPE, TEXT_TYPE, JPEG_TYPE = "application/json", "application/x-text", "application/json;jpeg"
DEFAULT_MAX_RESPONSE = 20_000_000  # what JumpStart sets MMS_MAX_RESPONSE_SIZE to
VARIANTS = ("base", "turbo")


@dataclass(frozen=True)
class Endpoint:
    """What `model_fn` loads: the model, how large a response its container lets through, and the weights' variant."""

    model: SmallWorld
    max_response: int
    variant: str


@dataclass(frozen=True)
class Prediction:
    """Pictures and the request that they answer."""

    pictures: list[response.Picture]
    request: Request
    max_response: int


def _variant(folder: Path) -> str:
    """The variant of the weights in a folder, as its ``config.json`` names it."""
    path = folder / "config.json"
    variant = json.loads(path.read_bytes()).get("variant")
    if variant not in VARIANTS:
        raise ValueError(f"{path}: variant is {variant!r}; it must be {' or '.join(VARIANTS)}")
    return str(variant)


def model_fn(model_dir: str) -> Endpoint:
    """Load the model from the unpacked ``model.tar.gz``.

    Raises
    ------
    FileNotFoundError
        When a file of the weights is missing.
    ValueError
        When ``config.json`` names a variant that this code does not know.
    """
    # The one variable of the container that matters here; SageMaker sets it from the model's environment.
    largest = int(os.environ.get("MMS_MAX_RESPONSE_SIZE") or DEFAULT_MAX_RESPONSE)
    folder = Path(model_dir)
    variant = _variant(folder)
    return Endpoint(SmallWorld(folder, workers=os.cpu_count() or 1, turbo=variant == "turbo"), largest, variant)


def _media_type(header: str | None) -> str:
    """The header without spaces and without a character set, in lower case."""
    parts = (header or "").lower().replace(" ", "").split(";")
    return ";".join([parts[0], *(part for part in parts[1:] if part and not part.startswith("charset="))])


def input_fn(request_body: str | bytes, content_type: str = JSON_TYPE) -> Request:
    """Read and check a request.

    Raises
    ------
    RequestError
        When its type or what it asks for is not one that this model takes.
    """
    kind = _media_type(content_type)
    if kind == JSON_TYPE:
        return read_json(request_body)
    if kind == TEXT_TYPE:
        return read_text(request_body)
    message = f"ContentType is {content_type!r}; it must be {JSON_TYPE} or {TEXT_TYPE}"
    raise RequestError(message, 415, "Unsupported Media Type")


def predict_fn(data: Request, model: Endpoint) -> Prediction:
    """Draw every picture that was asked for."""
    if model.variant == "turbo":
        data = for_turbo(data)
    first = data.drawings[0]
    LOG.info(
        "%d prompts x %d images, %d x %d, %d steps, guidance %g, seed %d",
        len(data.prompts),
        data.images_per_prompt,
        first.width,
        first.height,
        first.steps,
        first.guidance_scale,
        first.seed,
    )
    pictures = [
        picture
        for prompt, drawing in zip(data.prompts, data.drawings, strict=True)
        for picture in model.model.draw(prompt, drawing, data.images_per_prompt)
    ]
    return Prediction(pictures, data, model.max_response)


def output_fn(prediction: Prediction, accept: str | None = JSON_TYPE) -> bytes:
    """Write the response in the form that was accepted.

    Raises
    ------
    RequestError
        When that form is not one of ours, or the response would be too large.
    """
    kind = _media_type(accept)
    if kind not in ("", "*/*", "application/*", JSON_TYPE, JPEG_TYPE):
        message = f"Accept is {accept!r}; it must be {JSON_TYPE} or {JPEG_TYPE}"
        raise RequestError(message, 406, "Not Acceptable")
    request = prediction.request
    return response.body(
        prediction.pictures,
        request.echo,
        plain=request.plain,
        jpeg=kind == JPEG_TYPE,
        largest=prediction.max_response,
        warnings=request.warnings,
    )
