"""Requests: where their time goes, and how many bytes their answers have."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch
from PIL import Image

from contract.errors import ResultError
from contract.names import MAX_RESPONSE_BYTES
from helpers.inference.timeline import Timeline
from helpers.show.colours import BLUE, GREEN, ORANGE, PURPLE, VERMILION
from helpers.show.figures.style import GREY, INK, Described, new_figure, styled
from helpers.show.inspector.subject import text_length

if TYPE_CHECKING:
    import datetime as dt

    from matplotlib.axes import Axes

STEPS = {"started": ("in the queue", ORANGE), "generated": ("drawing, storing", BLUE),
         "notified": ("notification", GREEN), "extracted": ("PNG", PURPLE)}  # fmt: skip


def timeline(times: Timeline) -> Described:
    """How long each step of one request took."""
    found = {name: spent.total_seconds() for name, spent in times.durations().items()}
    with styled():
        figure = new_figure(7, 0.45 * len(found) + 0.9)
        ax = figure.subplots()
        for line, (name, seconds) in enumerate(found.items()):
            label, colour = STEPS[name]
            ax.barh(label, seconds, color=colour)
            ax.text(seconds, line, f"  {seconds:.2f} s", va="center")
        ax.invert_yaxis()
        ax.set_xlabel("seconds")
        ax.margins(x=0.15)
    told = ", ".join(f"{STEPS[name][0]} {seconds:.2f} s" for name, seconds in found.items())
    return figure, f"How long each step of the request took: {told}."


NAMED = 20
"""More requests than that get no names beside their bars."""


def timelines(requests: Mapping[str, Timeline]) -> Described:
    """Many requests on one time axis, in the order in which they were done.

    Parameters
    ----------
    requests : mapping
        Name of each request (its prompt, for example) to its timeline; one that does not say when it was queued is
        counted in the alternative text and not drawn.

    Raises
    ------
    ResultError
        No timeline says when its request was queued.
    """
    known = {name: times for name, times in requests.items() if times.queued is not None}
    if not known:
        raise ResultError("no timeline says when its request was queued: are the notifications in status/ yet?")
    order = sorted(known, key=lambda name: _moments(known[name])[-1][1])
    zero = min(times.queued for times in known.values() if times.queued)
    with styled():
        figure = new_figure(8, 1.3 + min(6.0, (0.3 if len(known) <= NAMED else 0.09) * len(known)))
        ax = figure.subplots()
        for line, name in enumerate(order):
            before = known[name].queued or zero
            for step, moment in _moments(known[name])[1:]:
                start, end = (before - zero).total_seconds(), (moment - zero).total_seconds()
                ax.barh(line, max(end - start, 0), left=start, height=0.8, color=STEPS[step][1])
                before = max(moment, before)
        ax.set_yticks(range(len(order)) if len(order) <= NAMED else [], order if len(order) <= NAMED else [])
        ax.set_ylim(len(order) - 0.4, -0.6)
        ax.set_xlabel("seconds since the first request was queued")
        ax.set_title(f"{len(order)} requests", pad=26)
        keys = [Patch(color=colour, label=label) for label, colour in STEPS.values()]
        ax.legend(handles=keys, ncols=4, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.99), borderpad=0.2)
    return figure, _told(list(known.values()), zero, len(requests) - len(known))


def _moments(times: Timeline) -> list[tuple[str, dt.datetime]]:
    """The known moments in their order; "notified" and "extracted" go side by side, so the later one ends the last."""
    found = [(step, moment) for step in ("queued", *STEPS) if (moment := getattr(times, step)) is not None]
    return [found[0], *sorted(found[1:], key=lambda item: item[1])]


def _told(known: Sequence[Timeline], zero: dt.datetime, left_out: int) -> str:
    waits = [spent["started"].total_seconds() for times in known if "started" in (spent := times.durations())]
    last = max(_moments(times)[-1][1] for times in known)
    text = f"{len(known)} requests over {(last - zero).total_seconds():.1f} seconds"
    if waits:
        text += f"; they waited in the queue for {min(waits):.1f} to {max(waits):.1f} seconds"
    return text + (f"; {left_out} more are left out, since their times are not known." if left_out else ".")


def sizes(weights: Mapping[str, int], title: str) -> Described:
    """Bytes of several forms as bars, heaviest first."""
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    smallest = ordered[-1][1]
    with styled():
        figure = new_figure(7, 0.42 * len(ordered) + 0.9)
        ax = figure.subplots()
        for line, (name, weight) in enumerate(ordered):
            ax.barh(name, weight, color=BLUE)
            ax.text(weight, line, f"  {weight:,} bytes ({weight / smallest:.1f} ×)", va="center")
        ax.invert_yaxis()
        ax.set_title(title)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        ax.set_xlim(0, ordered[0][1] * 1.35)
    return figure, f"{title}: " + ", ".join(f"{name} {weight:,} bytes" for name, weight in ordered) + "."


JPEG_QUALITY = 95
"""As Small World writes JPEGs; JumpStart does not document its own."""


def encoded_sizes(picture: Image.Image) -> dict[str, int]:
    """Bytes of a picture in an answer as RGB JSON and as base64 JPEG, and of its PNG; each really encoded."""
    picture, jpeg, png = picture.convert("RGB"), io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    picture.save(png, "PNG")
    return {
        "RGB JSON": text_length(np.asarray(picture)),
        "JPEG in base64": len(base64.b64encode(jpeg.getvalue())) + len('""'),
        "PNG": len(png.getvalue()),
    }


def fitting(
    picture: Image.Image, sides: Iterable[int] = (512, 768, 1024), limit: int = MAX_RESPONSE_BYTES
) -> Described:
    """What a picture weighs when it is larger, and how many such pictures fit into one response.

    Parameters
    ----------
    picture : PIL image
        Enlarged (or made smaller) to squares; JSON grows with the pixels, JPEG and PNG with what is in the picture,
        so a picture that a model draws at that size weighs more than this one enlarged.
    sides : iterable of int
        Sides of the squares.
    limit : int
        Bytes of a response.
    """
    found = {side: encoded_sizes(picture.resize((side, side), Image.Resampling.LANCZOS)) for side in sides}
    with styled():
        figure = new_figure(8, 1.25 * len(found) + 0.7)
        rows = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
        for ax, (side, sizes_of) in zip(rows, found.items(), strict=True):
            _fitting_row(ax, side, sizes_of, limit)
        rows[0].annotate(
            f"one response: {limit / 1e6:g} MB", (limit / 1e6, 1), xycoords=("data", "axes fraction"),
            xytext=(-4, 4), textcoords="offset points", ha="right", va="bottom", color=VERMILION,
        )  # fmt: skip
        rows[-1].set_xlabel("MB for one picture")
        rows[-1].set_xticks(np.linspace(0, limit / 1e6, 5))
    told = "; ".join(
        f"{side} × {side}: "
        + ", ".join(f"{name} {size / 1e6:.2f} MB, {limit // size} fit" for name, size in of.items())
        for side, of in found.items()
    )
    return figure, f"One picture in three forms, and how many fit into a response of {limit / 1e6:g} MB. {told}."


def _fitting_row(ax: Axes, side: int, sizes_of: Mapping[str, int], limit: int) -> None:
    for line, (name, size) in enumerate(sizes_of.items()):
        ax.barh(name, size / 1e6, color=BLUE)
        fits = f"{limit // size:,} fit" if size <= limit else "too large"
        wide = size > limit / 2  # then there is room inside of the bar
        ax.annotate(
            f"{size / 1e6:.2f} MB, {fits}", (size / 1e6, line), xytext=(-6 if wide else 6, 0),
            textcoords="offset points", va="center", ha="right" if wide else "left", color="white" if wide else INK,
        )  # fmt: skip
    ax.axvline(limit / 1e6, color=VERMILION, linestyle="--")
    ax.invert_yaxis()
    ax.set_title(f"{side} × {side}")
    ax.set_xlim(0, max(limit, *sizes_of.values()) / 1e6 * 1.02)
    ax.tick_params(axis="y", length=0)
    ax.spines["bottom"].set_color(GREY)
