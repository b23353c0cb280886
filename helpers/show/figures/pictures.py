"""Pictures side by side, and what their numbers look like."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from helpers.show.colours import BLUE, GREEN, VERMILION
from helpers.show.figures.style import Described, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from PIL.Image import Image

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
    with styled():
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


CHANNELS = {"Red": ("#ff0000", VERMILION), "Green": ("#00ff00", GREEN), "Blue": ("#0000ff", BLUE)}
"""The light that a channel stands for, and the colour of its bars."""


def channels(pixels: NDArray[np.uint8], title: str) -> Described:
    """A picture, the light of its three channels, and how often each value occurs in them.

    Parameters
    ----------
    pixels : array
        Height × width × 3.
    title : str
        For the alternative text.
    """
    with styled():
        figure = new_figure(9, 4.6)
        axes = figure.subplots(2, 4, height_ratios=(1.25, 1))
        axes[0, 0].imshow(pixels, interpolation="nearest")
        axes[0, 0].set_title("All three")
        axes[1, 0].set_axis_off()
        highest = 0.0
        for number, (name, (light, colour)) in enumerate(CHANNELS.items(), start=1):
            values = pixels[..., number - 1]
            tint = LinearSegmentedColormap.from_list(name, ["#000000", light])
            axes[0, number].imshow(values, cmap=tint, vmin=0, vmax=255, interpolation="nearest")
            axes[0, number].set_title(name)
            counts, edges = np.histogram(values, bins=32, range=(0, 256))
            shares = counts * 100 / values.size
            axes[1, number].bar(edges[:-1], shares, width=8, align="edge", color=colour)
            highest = max(highest, float(shares.max()))
        for ax in axes[0]:
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
        _histogram_axes(axes[1, 1:], highest)
    values_of = {name.lower(): pixels[..., number] for number, name in enumerate(CHANNELS)}
    means = ", ".join(f"{name} {values.mean():.0f}" for name, values in values_of.items())
    ranges = ", ".join(f"{name} {values.min()} to {values.max()}" for name, values in values_of.items())
    return figure, (
        f"{title}: the picture, its three channels as red, green and blue light, and their histograms. "
        f"Values: {ranges}. Means: {means}."
    )


def _histogram_axes(axes: Sequence[Axes], highest: float) -> None:
    for ax in axes:
        ax.set_xticks((0, 128, 255))
        ax.set_xlabel("value")
        ax.set_ylim(0, highest * 1.05)
        ax.tick_params(labelleft=ax is axes[0])
    axes[0].set_ylabel("% of the pixels")
