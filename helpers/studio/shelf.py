"""What is in S3, made ready for the page: small pictures for the gallery, everything about one request."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import threading
from typing import Any

from PIL import Image

from contract import ids
from contract.errors import ResultError
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from helpers.inference.parameters import joined
from helpers.inference.results import Result
from helpers.inference.timeline import Timeline, read_timeline
from helpers.inference.watching import failure_of, read_status

SIDE = 256
"""Longest side of a small picture in pixels."""
MOST_SHOWN = 4
"""Small pictures on one tile."""
MOST_KEPT = 240
"""Tiles in memory, some 30 KB each."""
EXCERPT_BYTES = 600
"""Of the model's answer, which has megabytes."""

GONE = (
    "Its request is no longer in S3: it was cancelled before the endpoint read it, or it has expired. The "
    "endpoint said:"
)

DURATIONS = {
    "started": "waited in the queue",
    "generated": "with the endpoint, from reading to storing",
    "notified": "until the notification was stored",
    "extracted": "until the PNG pictures were there",
}


def shown(name: str, value: object) -> str:
    """A parameter's value for people: a picture in base64 is not read, so its length has to do."""
    if name in ("image", "mask_image") and isinstance(value, str):
        return f"a picture, {len(value):,} characters of base64"
    return str(value)


@dataclasses.dataclass(frozen=True)
class Tile:
    """One request in the gallery.

    Attributes
    ----------
    id, prompt, state : str
        State is done or failed.
    pictures : tuple of str
        Small pictures as data URIs; at most :data:`MOST_SHOWN` of ``count``.
    warnings : tuple of str
        What the model ignored of the request.
    reason : str
        Why there are no pictures.
    gone : bool
        Whether its request has gone from S3, as after a cancellation.
    """

    id: str
    prompt: str
    state: str
    pictures: tuple[str, ...] = ()
    count: int = 0
    warnings: tuple[str, ...] = ()
    reason: str = ""
    gone: bool = False

    def as_row(self) -> dict[str, Any]:
        """For the page."""
        return {**dataclasses.asdict(self), "pictures": list(self.pictures), "warnings": list(self.warnings)}


def data_uri(png: bytes) -> str:
    """A PNG file inside a URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def thumbnail(png: bytes) -> str:
    """A PNG file as a data URI, made smaller when it is larger than a tile."""
    with Image.open(io.BytesIO(png)) as image:
        if max(image.size) <= SIDE:
            return data_uri(png)
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.save(file, "PNG")
    return data_uri(file.getvalue())


class Shelf:
    """Reads from S3 what the page shows; remembers tiles, which never change once a request is settled."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[str, Tile] = {}
        self._reasons: dict[str, str] = {}
        self._lock = threading.Lock()

    def known(self, job: Job) -> Tile | None:
        """The tile of ``job``, when it has been read already."""
        with self._lock:
            tile = self._tiles.get(job.id)
            if tile is None or tile.state != job.state:
                return None
            # Added here and not when it was read, since it may have been learned later.
            learned = self._reasons.get(job.id)
        return tile if learned is None else dataclasses.replace(tile, reason=_explained(learned, tile.gone))

    def learn(self, inference_id: str, reason: str) -> None:
        """Keep why a request failed, with what the model said: only the sender knows where that is stored."""
        with self._lock:
            self._reasons[inference_id] = reason

    def tile(self, job: Job) -> Tile:
        """The tile of a settled job; what is wrong with its objects becomes its reason."""
        if (known := self.known(job)) is not None:
            return known
        try:
            tile = self._read(job)
        except ResultError as error:
            tile = Tile(job.id, self._prompt(job), job.state, reason=str(error))
        with self._lock:
            self._tiles[job.id] = tile
            while len(self._tiles) > MOST_KEPT:
                del self._tiles[next(iter(self._tiles))]
        return self.known(job) or tile

    def _read(self, job: Job) -> Tile:
        if job.state != "done":
            reason, gone = self._failure(job)
            return Tile(job.id, self._prompt(job), job.state, reason=reason, gone=gone)
        result = Result(self._connection, job.id)
        small = tuple(thumbnail(png) for png in result.pictures[:MOST_SHOWN])
        return Tile(job.id, result.prompt, job.state, small, len(result.pictures), tuple(result.warnings))

    def _prompt(self, job: Job) -> str:
        try:
            return joined(job.request.get("prompt"))
        except ResultError:
            return ""

    def _failure(self, job: Job) -> tuple[str, bool]:
        """Why the job failed, and whether its request is gone."""
        with self._lock:
            reason = self._reasons.get(job.id, "")
        reason = reason or failure_of(self._connection, job, read_status(self._connection, job.id)).reason
        gone = not self._connection.store.exists(ids.request_key(job.id))
        return _explained(reason, gone), gone

    def about(self, inference_id: str) -> dict[str, Any]:
        """Everything about one request, for the page.

        Raises
        ------
        ResultError
            Nothing of it is in S3.
        """
        job = self._connection.resume(inference_id)
        found: dict[str, Any] = {
            "id": job.id,
            "state": job.state,
            "prompt": self._prompt(job),
            "reason": "",
            "warnings": [],
            "pictures": [],
            "parameters": [],
            "documents": [],
            "durations": [],
            "again": True,
        }
        store = self._connection.store
        try:
            request: dict[str, Any] | None = job.request
        except ResultError:
            request = None
        found["again"] = request is not None
        asked = {name: value for name, value in (request or {}).items() if name != "prompt"}
        found["parameters"] = [[name, shown(name, value)] for name, value in asked.items()]
        self._add_document(found, "Request", ids.request_key(job.id), request)
        status = store.read_json(ids.status_key(job.id))
        if job.state == "done":
            self._add_pictures(found, Result(self._connection, job.id))
        elif job.state == "failed":
            found["reason"], _ = self._failure(job)
        self._add_document(found, "Notification", ids.status_key(job.id), status)
        found["durations"] = durations(read_timeline(self._connection, job.id))
        return found

    def _add_pictures(self, found: dict[str, Any], result: Result) -> None:
        try:
            for number, (png, entry) in enumerate(zip(result.pictures, result.manifest["images"], strict=True)):
                found["pictures"].append(
                    {
                        "source": data_uri(png),
                        "width": entry["width"],
                        "height": entry["height"],
                        "bytes": entry["bytes"],
                        "key": entry["key"],
                        "file": f"{result.id}-{number}.png",
                    }
                )
            found["prompt"], found["warnings"] = result.prompt, result.warnings
            self._add_answer(found, result.manifest["source"])
        except ResultError as error:
            found["reason"] = str(error)

    def _add_answer(self, found: dict[str, Any], location: str) -> None:
        key = self._connection.store.key_of(location)
        entry = self._connection.store.look(key)
        if entry is None:
            return
        text = self._connection.store.start_of(key, EXCERPT_BYTES) or ""
        found["documents"].append(
            {
                "name": "The model's answer",
                "key": key,
                "text": text + (" …" if entry.size > EXCERPT_BYTES else ""),
                "note": f"the first {min(EXCERPT_BYTES, entry.size):,} of {entry.size:,} bytes",
            }
        )

    def _add_document(self, found: dict[str, Any], name: str, key: str, content: object) -> None:
        if content is not None:
            text = json.dumps(content, indent=2, ensure_ascii=False)
            found["documents"].append({"name": name, "key": key, "text": text, "note": ""})


def _explained(reason: str, gone: bool) -> str:
    return f"{GONE} {reason}" if gone else reason


def durations(timeline: Timeline) -> list[list[str]]:
    """What each step took, by the times that AWS wrote."""
    rows = [[DURATIONS[name], f"{took.total_seconds():.2f} s"] for name, took in timeline.durations().items()]
    if timeline.model is not None:
        rows.append(["of this in the model itself", f"{timeline.model.total_seconds():.2f} s"])
    if timeline.total is not None:
        rows.append(["from the queue to the last picture", f"{timeline.total.total_seconds():.2f} s"])
    return rows
