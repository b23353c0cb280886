"""SageMaker's handlers for Small World: ``model_fn`` loads it, ``transform_fn`` answers a request.

Contract: https://sagemaker.readthedocs.io/en/stable/frameworks/pytorch/using_pytorch.html#serve-a-pytorch-model.
``transform_fn`` stands in place of ``input_fn``, ``predict_fn`` and ``output_fn``, which the toolkit would call one
after the other. So what cannot be answered is refused before anything is drawn, and an error is answered with its
message alone, where the toolkit adds a traceback (aws/sagemaker-inference-toolkit, ``transformer.py``,
``handle_error``).

Request and response are those of JumpStart's Stable Diffusion text-to-image models. ``config.json`` next to the weights
says which variant they are: "base", or "turbo" with always four steps.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Absolute, because in a bundle this file is code/inference.py and the package is next to it.
from smallworld import response
from smallworld.request import Request, RequestError, for_turbo, read_json, read_text
from smallworld.sample import SmallWorld

LOG = logging.getLogger(__name__)

JSON_TYPE, TEXT_TYPE, JPEG_TYPE = "application/json", "application/x-text", "application/json;jpeg"
DEFAULT_MAX_RESPONSE = 6_553_500
"""What TorchServe and Multi Model Server let through unless told otherwise."""
VARIANTS = ("base", "turbo")


class Context(Protocol):
    """What the toolkit hands over besides; https://pytorch.org/serve/custom_service.html."""

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the status of the answer."""


@dataclass(frozen=True)
class Endpoint:
    """What `model_fn` loads: the model, how large a response its container lets through, and the weights' variant."""

    model: SmallWorld
    max_response: int
    variant: str


def _variant(folder: Path) -> str:
    """The variant of the weights in a folder, as its ``config.json`` names it."""
    path = folder / "config.json"
    variant = json.loads(path.read_bytes()).get("variant")
    if variant not in VARIANTS:
        raise ValueError(f"{path}: variant is {variant!r}; it must be {' or '.join(VARIANTS)}")
    return str(variant)


def max_response(environment: Mapping[str, str]) -> int:
    """Bytes that the model server lets through: TorchServe, which is in this model's image, reads ``TS_…``."""
    given = environment.get("TS_MAX_RESPONSE_SIZE") or environment.get("MMS_MAX_RESPONSE_SIZE")
    return int(given or DEFAULT_MAX_RESPONSE)


def model_fn(model_dir: str) -> Endpoint:
    """Load the model from the unpacked ``model.tar.gz``.

    Raises
    ------
    FileNotFoundError
        When a file of the weights is missing.
    ValueError
        When ``config.json`` names a variant that this code does not know.
    """
    folder = Path(model_dir)
    variant = _variant(folder)
    model = SmallWorld(folder, workers=os.cpu_count() or 1, turbo=variant == "turbo")
    return Endpoint(model, max_response(os.environ), variant)


def transform_fn(
    model: Endpoint, request_body: str | bytes, content_type: str, accept: str | None, context: Context
) -> tuple[bytes, str]:
    """Answer one request; whatever happens, the answer is JSON.

    Parameters
    ----------
    model : Endpoint
        What :func:`model_fn` loaded.
    request_body : str or bytes
    content_type, accept : str
        The request's headers.
    context : Context
        Gets the status of a request that is refused.

    Returns
    -------
    (bytes, str)
        The body and its media type. That of an error has the form of the model server's own errors.
    """
    try:
        return answer(model, request_body, content_type, accept)
    except RequestError as refusal:
        LOG.warning("refused with %d: %s", refusal.status_code, refusal)
        status, phrase, message = refusal.status_code, refusal.phrase, str(refusal)
    except Exception as error:
        # Ours, whatever it is: the log gets all of it, the caller what it needs to report it.
        LOG.exception("the request failed")
        status, phrase = 500, "Internal Server Error"
        message = f"the model failed with {type(error).__name__}; the endpoint's log says where"
    context.set_response_status(code=status, phrase=phrase)
    return json.dumps({"code": status, "type": phrase, "message": message}, ensure_ascii=False).encode(), JSON_TYPE


def answer(
    model: Endpoint, request_body: str | bytes, content_type: str = JSON_TYPE, accept: str | None = JSON_TYPE
) -> tuple[bytes, str]:
    """Read a request, see whether it can be answered, and only then draw.

    Raises
    ------
    RequestError
        What is asked for, its form, or the form or size of the answer is not possible.
    """
    request = _read(request_body, content_type)
    kind = _accepted(accept)
    if model.variant == "turbo":
        request = for_turbo(request)
    first, count = request.drawings[0], len(request.prompts) * request.images_per_prompt
    if kind == JSON_TYPE:
        response.check_size(
            count, first.width, first.height, request.echo, largest=model.max_response, warnings=request.warnings
        )
    body = response.body(
        _draw(request, model.model),
        request.echo,
        plain=request.plain,
        jpeg=kind == JPEG_TYPE,
        largest=model.max_response,
        warnings=request.warnings,
    )
    return body, kind


def _media_type(header: str | None) -> str:
    """The header without spaces and without a character set, in lower case."""
    parts = (header or "").lower().replace(" ", "").split(";")
    return ";".join([parts[0], *(part for part in parts[1:] if part and not part.startswith("charset="))])


def _read(body: str | bytes, content_type: str) -> Request:
    kind = _media_type(content_type)
    if kind == JSON_TYPE:
        return read_json(body)
    if kind == TEXT_TYPE:
        return read_text(body)
    message = f"ContentType is {content_type!r}; it must be {JSON_TYPE} or {TEXT_TYPE}"
    raise RequestError(message, 415, "Unsupported Media Type")


def _accepted(accept: str | None) -> str:
    """The media type to answer with."""
    kind = _media_type(accept)
    if kind in ("", "*/*", "application/*", JSON_TYPE):
        return JSON_TYPE
    if kind == JPEG_TYPE:
        return JPEG_TYPE
    raise RequestError(f"Accept is {accept!r}; it must be {JSON_TYPE} or {JPEG_TYPE}", 406, "Not Acceptable")


def _draw(request: Request, model: SmallWorld) -> list[response.Picture]:
    first = request.drawings[0]
    LOG.info(
        "%d prompts x %d images, %d x %d, %d steps, guidance %g, seed %d",
        len(request.prompts),
        request.images_per_prompt,
        first.width,
        first.height,
        first.steps,
        first.guidance_scale,
        first.seed,
    )
    return [
        picture
        for prompt, drawing in zip(request.prompts, request.drawings, strict=True)
        for picture in model.draw(prompt, drawing, request.images_per_prompt)
    ]
