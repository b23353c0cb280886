"""A finished job's pictures: fetched when asked for, checked against their manifest."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import html
import io
import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from contract import ids
from contract.errors import ResultError
from helpers.inference.timeline import Timeline, read_timeline
from helpers.target.handle import Handle

if TYPE_CHECKING:
    from numpy.typing import NDArray


READERS = 4
"""Threads that fetch the pictures of one result."""


@dataclasses.dataclass(frozen=True)
class Output:
    """The model's answer as the endpoint stored it.

    Attributes
    ----------
    location : str
        ``s3://…/<uuid>.out``.
    size : int
        Bytes.
    content_type : str
        As stored.
    content : mapping or None
        The parsed JSON; None for a plain picture.
    arrays : tuple of uint8 arrays
        One H × W × 3 array for each picture: the RGB values themselves, or those of the picture that was sent.
    """

    location: str
    size: int
    content_type: str
    content: Mapping[str, Any] | None = dataclasses.field(repr=False)
    arrays: tuple[NDArray[np.uint8], ...] = dataclasses.field(repr=False)


class Result:
    """What one job gave.

    Attributes
    ----------
    id : str
        Inference id.

    Notes
    -----
    Everything is read once, on first use; every error is a :class:`ResultError` that names the key.
    """

    def __init__(self, connection: Handle, inference_id: str) -> None:
        self.id = ids.checked(inference_id)
        self._connection = connection
        self._manifest: dict[str, Any] | None = None
        self._pictures: list[bytes] | None = None
        self._timeline: Timeline | None = None

    def __repr__(self) -> str:
        said = "".join(f"; {warning}" for warning in self.warnings)
        return f"<Result {self.id}: {len(self.manifest['images'])} pictures of {self.prompt!r}{said}>"

    @property
    def manifest(self) -> dict[str, Any]:
        """``images/<id>/manifest.json``: prompt, keys, sizes and sums of the pictures, and where they came from.

        Raises
        ------
        ResultError
            It is not there (yet), or not a manifest of this job.
        """
        if self._manifest is None:
            key = ids.manifest_key(self.id)
            manifest = self._connection.store.read_json(key)
            if manifest is None:
                raise ResultError(f"{self._connection.store.uri(key)} is not there: the job has no pictures (yet).")
            _check_manifest(manifest, self.id, self._connection.store.uri(key))
            self._manifest = manifest
        return self._manifest

    @property
    def prompt(self) -> str:
        """The prompt, as the manifest holds it; several are joined there."""
        return str(self.manifest["prompt"])

    @property
    def warnings(self) -> list[str]:
        """What the model ignored of the request, in its own sentences; empty when it says nothing."""
        return list(self.manifest.get("warnings", ()))

    @property
    def pictures(self) -> list[bytes]:
        """The PNG files, checked against size and SHA-256 of the manifest."""
        if self._pictures is None:
            with ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="pictures") as pool:
                self._pictures = list(pool.map(self._picture, self.manifest["images"]))
        return self._pictures

    @property
    def images(self) -> list[Image.Image]:
        """The pictures as PIL images, fresh ones each time; their ``info`` holds the PNG's texts."""
        return [self._opened(body, entry) for body, entry in zip(self.pictures, self.manifest["images"], strict=True)]

    @property
    def arrays(self) -> list[NDArray[np.uint8]]:
        """The pictures as uint8 arrays of height × width × 3."""
        return [np.asarray(image.convert("RGB"), dtype=np.uint8) for image in self.images]

    @property
    def timeline(self) -> Timeline:
        """When the request was where.

        The notification may be stored shortly after the pictures, since two Lambdas do that: the first use waits for
        it a few seconds (``pace.grace`` of the connection). Later uses look again for what was missing; CloudWatch
        Logs shows a line some seconds after it was written.
        """
        if self._timeline is None:
            timer, pace = self._connection.timer, self._connection.pace
            deadline = timer.now() + pace.grace
            while not self._connection.store.exists(ids.status_key(self.id)) and timer.now() < deadline:
                timer.sleep(pace.first)
        if self._timeline is None or not self._timeline.complete:
            self._timeline = read_timeline(self._connection, self.id)
        return self._timeline

    def output(self) -> Output:
        """The model's own answer, read from where the manifest says that the pictures came from.

        Raises
        ------
        ResultError
            It is gone, in another bucket, or not a form of answer that JumpStart's text-to-image models give.
        """
        location = self.manifest["source"]
        stored = self._connection.store.read(self._connection.store.key_of(location))
        if stored is None:
            raise ResultError(f"{location}, which the pictures of {self.id} were made of, is gone.")
        body = stored.body
        if body.lstrip()[:1] not in (b"{", b"["):
            return Output(location, len(body), stored.content_type, None, (_decoded(body, location),))
        try:
            content = json.loads(body)
        except ValueError as error:
            raise ResultError(f"{location} is not JSON: {error}; it may be truncated.") from error
        return Output(location, len(body), stored.content_type, content, _arrays_in(content, location))

    def _picture(self, entry: Mapping[str, Any]) -> bytes:
        store, key = self._connection.store, entry["key"]
        stored = store.read(key)
        if stored is None:
            raise ResultError(f"{store.uri(key)} is not there, though the manifest of {self.id} lists it.")
        found = (len(stored.body), hashlib.sha256(stored.body).hexdigest())
        if found != (entry["bytes"], entry["sha256"]):
            raise ResultError(
                f"{store.uri(key)} has {found[0]} bytes with SHA-256 {found[1]}; the manifest says "
                f"{entry['bytes']} bytes and {entry['sha256']}. It was changed after extract_images wrote it."
            )
        return stored.body

    def _opened(self, body: bytes, entry: Mapping[str, Any]) -> Image.Image:
        where = self._connection.store.uri(entry["key"])
        image = _open(body, where)
        if image.size != (entry["width"], entry["height"]):
            raise ResultError(
                f"{where} is {image.width}×{image.height}; the manifest says {entry['width']}×{entry['height']}."
            )
        return image

    def _repr_png_(self) -> bytes:
        """The pictures side by side, for a notebook's static copies."""
        if len(self.pictures) == 1:
            return self.pictures[0]
        images = self.images
        row = Image.new("RGB", (sum(i.width for i in images), max(i.height for i in images)), "white")
        left = 0
        for image in images:
            row.paste(image, (left, 0))
            left += image.width
        file = io.BytesIO()
        row.save(file, "PNG")
        return file.getvalue()

    def _repr_html_(self) -> str:
        """A figure with the pictures in it, each with the prompt as its alternative text."""
        text, cells = html.escape(self.prompt), []
        for number, (body, entry) in enumerate(zip(self.pictures, self.manifest["images"], strict=True)):
            source = base64.b64encode(body).decode()
            cells.append(
                f'<img src="data:image/png;base64,{source}" width="{entry["width"]}" height="{entry["height"]}" '
                f'alt="{text}, picture {number + 1} of {len(self.pictures)}" style="margin: 0 .25em 0 0">'
            )
        said = "".join(f"<br><small>⚠ {html.escape(warning)}</small>" for warning in self.warnings)
        return (
            f'<figure style="margin: 0">{"".join(cells)}<figcaption>{text} <small>({html.escape(self.id)})</small>'
            f"{said}</figcaption></figure>"
        )


KINDS: Mapping[str, type] = {"key": str, "sha256": str, "width": int, "height": int, "bytes": int}


def _check_manifest(manifest: Mapping[str, Any], inference_id: str, where: str) -> None:
    """Everything that later code takes for granted; an entry may not point at another job's objects."""

    def wrong(what: str) -> ResultError:
        return ResultError(f"{where}: {what}. See the log of extract_images, which wrote it.")

    if manifest.get("inferenceId") != inference_id:
        raise wrong(f"inferenceId is {manifest.get('inferenceId')!r}; expected {inference_id!r}")
    for name in ("prompt", "source"):
        if not isinstance(manifest.get(name), str):
            raise wrong(f"{name} is {manifest.get(name)!r}; expected text")
    warnings = manifest.get("warnings", [])
    if not isinstance(warnings, list) or not all(isinstance(warning, str) for warning in warnings):
        raise wrong(f"warnings is {warnings!r}; expected a list of texts")
    images = manifest.get("images")
    if not isinstance(images, list) or not images:
        raise wrong(f"images is {images!r}; expected a list of at least one")
    for number, entry in enumerate(images):
        for name, kind in KINDS.items():
            value = entry.get(name) if isinstance(entry, dict) else None
            if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value <= 0):
                raise wrong(f"images[{number}].{name} is {value!r}; expected {kind.__name__}")
        if not entry["key"].startswith(ids.images_prefix(inference_id)):
            raise wrong(f"images[{number}].key is {entry['key']!r}, outside of {ids.images_prefix(inference_id)}")


def _open(body: bytes, where: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(body))
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ResultError(f"{where} is not a whole picture: {error}") from error
    return image


def _decoded(body: bytes, where: str) -> NDArray[np.uint8]:
    return np.asarray(_open(body, where).convert("RGB"), dtype=np.uint8)


def _arrays_in(content: Any, where: str) -> tuple[NDArray[np.uint8], ...]:
    if isinstance(content, dict):
        for name in ("generated_images", "images"):
            if isinstance(content.get(name), list) and content[name]:
                return tuple(_array(image, f"{where}: {name}[{n}]") for n, image in enumerate(content[name]))
        if "generated_image" in content:
            return (_array(content["generated_image"], f"{where}: generated_image"),)
    raise ResultError(
        f"{where} has neither generated_images nor generated_image nor images: not an answer of a text-to-image model."
    )


def _array(image: Any, where: str) -> NDArray[np.uint8]:
    """Nested RGB or a base64 picture as an array; strict, since the point is to compare."""
    if isinstance(image, str):
        try:
            return _decoded(base64.b64decode(image, validate=True), where)
        except binascii.Error as error:
            raise ResultError(f"{where} is text but not base64: {error}") from error
    try:
        array = np.array(image)
    except ValueError as error:  # rows of different lengths
        raise ResultError(f"{where} is not a rectangle of RGB values: {error}") from error
    if array.dtype.kind != "i" or array.ndim != 3 or array.shape[2] != 3:
        raise ResultError(f"{where} is {array.dtype} of shape {array.shape}; expected whole numbers, H × W × 3.")
    if array.min() < 0 or array.max() > 255:
        raise ResultError(f"{where} has values from {array.min()} to {array.max()}; expected 0 to 255.")
    return array.astype(np.uint8)


def wait_for_timelines(results: Iterable[Result], seconds: float) -> bool:
    """Wait until every step of every result has its time; False when some still lack one after ``seconds``.

    The endpoint writes its log in batches, so the line that says ``started`` comes after the pictures.
    """
    deadline, waiting = time.monotonic() + seconds, list(results)
    while waiting := [result for result in waiting if not result.timeline.complete]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
