"""The widgets beside the form: the requests on their way, the gallery, and everything about one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from helpers.inference.parameters import joined
from helpers.inference.watching import EndpointWatch
from helpers.studio.follow import Follower, Request, hint, shown_state
from helpers.studio.parts import CSS, Part, module
from helpers.studio.shelf import Tile
from helpers.studio.steps import LEGEND, STEPS, TEXTS, as_rows, progress, steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ROWS = 8
"""Requests shown at a time; the others are counted."""
MOST_ENDED = 3
"""Of these, how many that are over."""
SHORT = 60
"""Characters of a prompt in what a screen reader is told."""


class Timeline(Part):
    """The requests on their way, each with its steps."""

    _esm, _css = module("timeline"), CSS

    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)
    """Requests on their way that are not among the rows."""
    error = traitlets.Unicode("").tag(sync=True)
    legend = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    """Label and meaning of each step."""
    said = traitlets.Unicode("").tag(sync=True)
    """The latest news, for screen readers."""

    def __init__(self) -> None:
        super().__init__(legend=[[STEPS[name], text] for name, text in LEGEND.items()])

    def show(self, follower: Follower, waking: str) -> None:
        """Show the requests, newest first: those on their way, and the last few that have ended."""
        with self.changing():  # the requests are asked for inside, or an older list might come after a newer one
            self._show(follower.requests(), follower.endpoint, waking)

    def complain(self, text: str) -> None:
        """Show ``text`` as an error; empty takes the last one away."""
        with self.changing():
            self.error = text

    def _show(self, requests: Sequence[Request], endpoint: EndpointWatch, waking: str) -> None:
        active = [request for request in requests if request.on_its_way]
        ended = [request for request in requests if not request.on_its_way][:MOST_ENDED]
        # When many are on their way the oldest are shown: they are the next to be done.
        first = active[-(MOST_ROWS - len(ended)) :]
        shown = [request for request in requests if request in first or request in ended]
        rows = [_row(request, endpoint, waking) for request in shown]
        news = _news(self.rows, rows)
        self.rows, self.more, self.said = rows, len(active) - len(first), news or self.said


def prompt_of(request: Request) -> str:
    """The prompt as far as it is known here, else the id: never fetched from S3 only to be shown."""
    return joined((request.job._request or {}).get("prompt")) or request.job.id


def _row(request: Request, endpoint: EndpointWatch, waking: str) -> dict[str, Any]:
    state = request.outcome or shown_state(request, endpoint)
    stopped = request.before if request.outcome in ("failed", "cancelled") else ""
    made = steps_of(state, request.seen, stopped)
    if request.outcome:
        text = request.text
    elif request.found and state == "uploaded":
        text = TEXTS["found"]
    else:
        text = waking if state == "waking" else TEXTS[state]
    return {
        "id": request.job.id,
        "prompt": prompt_of(request),
        "state": state,
        "steps": as_rows(made),
        "progress": progress(made),
        "elapsed": request.elapsed,
        "running": request.on_its_way,
        "text": " ".join(part for part in (text, hint(request)) if part),
    }


def _news(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> str:
    """What has changed, in a sentence for a screen reader."""
    known = {row["id"]: row["state"] for row in before}
    changed = [row for row in after if known.get(row["id"]) != row["state"]]
    return " ".join(f"{row['prompt'][:SHORT]}: {row['state']}." for row in changed)


class GalleryView(Part):
    """Tiles of settled requests, a page at a time."""

    _esm, _css = module("gallery"), CSS

    tiles = traitlets.List(traitlets.Dict()).tag(sync=True)
    number = traitlets.Int(1).tag(sync=True)
    pages = traitlets.Int(1).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    busy = traitlets.Bool(True).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)
    """The request whose details are open."""
    bucket = traitlets.Unicode("").tag(sync=True)
    every_ms = traitlets.Int(10_000).tag(sync=True)
    """How often the page asks for a refresh while somebody looks at it."""

    def show(self, tiles: Sequence[Tile | None], ids: Sequence[str]) -> None:
        """Show ``tiles``; None stands for one that is still being read."""
        empty = Tile("", "", "loading").as_row()
        rows = [{**empty, "id": item} if tile is None else tile.as_row() for tile, item in zip(tiles, ids, strict=True)]
        with self.changing():
            self.tiles = rows

    def mark_busy(self, busy: bool) -> None:
        """Say whether the bucket is being listed."""
        with self.changing():
            self.busy = busy

    def choose(self, inference_id: str) -> None:
        """Mark the tile whose details are open."""
        with self.changing():
            self.chosen = inference_id


class DetailsView(Part):
    """Everything about one request; empty while none is open."""

    _esm, _css = module("details"), CSS

    about = traitlets.Dict().tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    inspecting = traitlets.Int(-1).tag(sync=True)
    """The picture that is in the pixel inspector below."""

    def show(self, about: Mapping[str, Any]) -> None:
        """Show a request, or with an empty mapping none."""
        with self.changing():
            self.about, self.problem, self.inspecting = dict(about), "", -1

    def complain(self, text: str) -> None:
        """Show ``text`` as an error; empty takes the last one away."""
        with self.changing():
            self.problem = text

    def mark_inspected(self, picture: int) -> None:
        """Say which picture is in the inspector."""
        with self.changing():
            self.inspecting = picture
