"""Pictures for the notebooks: each function gives a matplotlib figure and its alternative text; ``show`` shows both.

One style, Okabe and Ito's colours, labels where the lines and bars are, white background also on dark pages.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from helpers.errors import ResultError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from PIL.Image import Image

    from helpers.observe import Observation
    from helpers.timeline import Timeline

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#767676",
)  # fmt: skip
"""Okabe and Ito's palette, told apart by colour-blind readers; M. Okabe and K. Ito, "Color Universal Design"."""
STYLE: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "figure.facecolor": "white", "savefig.facecolor": "white",
}  # fmt: skip
DPI = 110
Described = tuple[Figure, str]


class Shown:
    """A figure as a notebook shows it: a PNG with its alternative text."""

    def __init__(self, figure: Figure, alt: str) -> None:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.12)
        self.png, self.alt = file.getvalue(), alt

    def __repr__(self) -> str:
        return f"<Figure: {self.alt}>"

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.png).decode()
        style = "max-width:100%;border-radius:4px"
        return f'<img alt="{html.escape(self.alt)}" style="{style}" src="data:image/png;base64,{source}">'


def show(figure: Figure, alt: str) -> Shown:
    """What a notebook's last line shows: the figure with its alternative text."""
    return Shown(figure, alt)


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


SIDE, GAP, LABEL, HEAD = 1.6, 0.08, 0.3, 0.45
"""Of a grid, in inches: a picture, the space between two, a row's label, the columns' labels."""


def grid(rows: Mapping[str, Sequence[Image]], columns: Iterable[object], title: str) -> Described:
    """Pictures in rows and columns.

    Parameters
    ----------
    rows : mapping
        The pictures of each row, by what they have in common.
    columns : iterable
        What the pictures of each column have in common.
    title : str
        For the alternative text.
    """
    names = [str(column) for column in columns]
    labelled = any(rows)
    height_of_row = SIDE + GAP + (LABEL if labelled else 0)
    width, height = len(names) * (SIDE + GAP) - GAP, HEAD + len(rows) * height_of_row
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        for row, (label, pictures) in enumerate(rows.items()):
            bottom = height - HEAD - (row + 1) * height_of_row + GAP
            figure.text(0, (bottom + SIDE + 0.08) / height, label, fontsize=10, fontweight="bold")
            for column, (name, picture) in enumerate(zip(names, pictures, strict=True)):
                left = column * (SIDE + GAP)
                ax = figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height))
                ax.imshow(picture, interpolation="nearest")
                ax.set_axis_off()
                if row == 0:
                    middle, top = (left + SIDE / 2) / width, (height - HEAD + 0.06) / height
                    figure.text(middle, top, _wrapped(name, 22), fontsize=9, ha="center", va="bottom")
    lines = "; ".join(f"{label or 'one row'}: {len(pictures)} pictures" for label, pictures in rows.items())
    return figure, f"{title}. {lines}; from left to right: {', '.join(names)}."


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width)) or text


def channels(pixels: NDArray[np.uint8], title: str) -> Described:
    """A picture, its three channels, and how often each value occurs in them."""
    colours = {"Red": VERMILION, "Green": GREEN, "Blue": BLUE}
    with mpl.rc_context(STYLE):
        figure = _figure(9, 4.6)
        axes = figure.subplots(2, 4, height_ratios=(1.25, 1))
        axes[0, 0].imshow(pixels, interpolation="nearest")
        axes[0, 0].set_title("All three")
        axes[1, 0].set_axis_off()
        highest = 0.0
        for number, (name, colour) in enumerate(colours.items(), start=1):
            values = pixels[..., number - 1]
            axes[0, number].imshow(values, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes[0, number].set_title(name, color=colour)
            counts, edges = np.histogram(values, bins=32, range=(0, 256))
            shares = counts * 100 / values.size
            axes[1, number].bar(edges[:-1], shares, width=8, align="edge", color=colour)
            highest = max(highest, float(shares.max()))
        for ax in axes[0]:
            ax.set_xticks([])
            ax.set_yticks([])
        _histogram_axes(axes[1, 1:], highest)
    means = ", ".join(f"{name.lower()} {pixels[..., n].mean():.0f}" for n, name in enumerate(colours))
    return figure, f"{title}: the picture, its three channels as grey pictures, and their histograms. Means: {means}."


def _histogram_axes(axes: Sequence[Axes], highest: float) -> None:
    for ax in axes:
        ax.set_xticks((0, 128, 255))
        ax.set_xlabel("value")
        ax.set_ylim(0, highest * 1.05)
    axes[0].set_ylabel("% of the pixels")


STEPS = {"started": ("in the queue", ORANGE), "generated": ("drawing, storing", BLUE),
         "notified": ("notification", GREEN), "extracted": ("PNG", PURPLE)}  # fmt: skip


def timeline(times: Timeline) -> Described:
    """How long each step of one request took."""
    found = {name: spent.total_seconds() for name, spent in times.durations().items()}
    with mpl.rc_context(STYLE):
        figure = _figure(7, 0.45 * len(found) + 0.9)
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


def sizes(weights: Mapping[str, int], title: str) -> Described:
    """Bytes of several forms as bars, heaviest first."""
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    smallest = ordered[-1][1]
    with mpl.rc_context(STYLE):
        figure = _figure(7, 0.42 * len(ordered) + 0.9)
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


def backlog(seen: Observation) -> Described:
    """Queue and instances over time.

    Raises
    ------
    ResultError
        Nothing was seen; the message says why.
    """
    if not seen.samples:
        raise ResultError(f"nothing was observed: {seen.problem or 'the with block has not begun.'}")
    seconds = [sample.seconds for sample in seen.samples]
    with mpl.rc_context(STYLE):
        figure = _figure(8, 4)
        queue, count = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        queue.fill_between(seconds, [s.waiting for s in seen.samples], step="post", color=SKY, alpha=0.6)
        queue.step(seconds, [s.waiting for s in seen.samples], where="post", color=BLUE)
        queue.set_title("Requests that wait or are being worked on", color=BLUE)
        count.step(seconds, [s.desired for s in seen.samples], where="post", color=GREY, linestyle="--", label="wanted")
        count.step(seconds, [s.instances for s in seen.samples], where="post", color=VERMILION, linewidth=2)
        count.set_title("Instances that run (dashed: that shall run)", color=VERMILION)
        count.set_yticks(range(max(s.desired for s in seen.samples) + 2))
        count.set_xlabel("seconds")
        for ax in (queue, count):
            ax.set_ylim(bottom=0)
            ax.grid(axis="y", color="#dddddd")
    alt = (
        f"Queue and instances over {seconds[-1]:.0f} seconds: at most {seen.most_waiting} requests waited, and at most "
        f"{seen.most_instances} instances ran."
    )
    return figure, alt
