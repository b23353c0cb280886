"""The objects made of a response: PNG files and their manifest. No AWS calls, no clock, no environment.

The same notification, response and request always give the same bytes: `createdAt` is the notification's `eventTime`.
A manifest names its own pictures only, so none that an earlier response under the same id left behind counts.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.names import IMAGES

from extract_images.limits import MAX_TEXT, MAX_WARNINGS
from extract_images.notification import Notification
from extract_images.png import png, text_chunk
from extract_images.response import Response

_NO_PARAMETERS = ("prompt", "text_prompts", "image", "mask_image")  # the last two are whole pictures in base64


@dataclass(frozen=True)
class Request:
    """What is known of the user's request; all empty when it is not there or not JSON.

    Attributes
    ----------
    prompt
        The text, or the texts one a line.
    parameters
        The other fields, as JSON with sorted names; without pictures that the model started from.
    """

    prompt: str = ""
    parameters: str = ""

    @classmethod
    def parse(cls, body: bytes | None) -> "Request":
        """Read a request as JumpStart's models take it; what cannot be read leaves the request empty.

        The request only describes the pictures (the model has already accepted it), so it cannot fail them.
        """
        try:
            fields = json.loads(body) if body else None
            if not isinstance(fields, dict):
                return cls()
            others = {name: value for name, value in fields.items() if name not in _NO_PARAMETERS}
            return cls(_prompt_in(fields), json.dumps(others, sort_keys=True) if others else "")
        except (ValueError, RecursionError):
            return cls()


@dataclass(frozen=True)
class StoredObject:
    """One object for the bucket.

    Attributes
    ----------
    key, body, content_type
        As Amazon S3 takes them.
    rank
        Of the notification that it is made of (`shared.order`): a greater one takes its place.
    """

    key: str
    body: bytes
    content_type: str
    rank: str = ""


def objects(response: Response, request: Request, notification: Notification) -> Iterator[StoredObject]:
    """Yield `images/<inference id>/<n>.png` for every image, counted from 0, and then the manifest.

    Parameters
    ----------
    response
        The pictures, the prompt if the model returned it, and its `warnings` if it has any.
    request
        The prompt otherwise, and the parameters.
    notification
        Inference id, moment and output location.
    """
    prompt = _prompt_in(response.fields) or request.prompt
    texts = _texts(prompt, request.parameters, notification.inference_id)
    folder = f"{IMAGES}/{notification.inference_id}"
    entries = []
    for number, image in enumerate(response.images):
        body = png(image, texts)
        key = f"{folder}/{number}.png"
        entries.append(
            {
                "key": key,
                "width": image.width,
                "height": image.height,
                "bytes": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
        yield StoredObject(key, body, "image/png", notification.rank)
    manifest = {
        "inferenceId": notification.inference_id,
        "prompt": prompt,
        "images": entries,
        "source": notification.output_location,
        "createdAt": notification.event_time,
    }
    if warnings := _warnings_in(response.fields):
        manifest["warnings"] = warnings
    # Not as ASCII: people read it, and prompts are in every script.
    body = json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n"
    yield StoredObject(f"{folder}/manifest.json", body, "application/json", notification.rank)


def _prompt_in(fields: dict[str, Any]) -> str:
    """Return `prompt` (a string or a list of them) or SDXL's `text_prompts`, else an empty string."""
    found = fields.get("prompt", fields.get("text_prompts"))
    candidates = found if isinstance(found, list) else [found]
    texts = [one.get("text") if isinstance(one, dict) else one for one in candidates]
    return _whole("\n".join(text for text in texts if isinstance(text, str)))


def _warnings_in(fields: dict[str, Any]) -> list[str]:
    """Return the sentences in which the model says what it ignored; a field of another form is not one of them."""
    found = fields.get("warnings")
    sentences = found if isinstance(found, list) else []
    return [_cut(_whole(sentence)) for sentence in sentences[:MAX_WARNINGS] if isinstance(sentence, str) and sentence]


def _whole(text: str) -> str:
    """Return the text without halves of surrogate pairs, which JSON can hold (an escaped D83D) and UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _texts(prompt: str, parameters: str, inference_id: str) -> list[bytes]:
    """Return the text chunks: `prompt`, `parameters` and `inferenceId`; none for what is not known."""
    texts = {"prompt": prompt, "parameters": parameters, "inferenceId": inference_id}
    return [text_chunk(keyword, _cut(text)) for keyword, text in texts.items() if text]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
