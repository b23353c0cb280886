"""One style for all figures, and how a notebook shows them."""

from __future__ import annotations

import base64
import contextlib
import html
import io
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, GREY, LINE = "#1b1f24", "#5f6872", "#dddddd"
STYLE: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "figure.facecolor": "white",
    "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.edgecolor": GREY,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
}  # fmt: skip
DPI = 110
Described = tuple[Figure, str]
"""A figure and its alternative text."""


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draw in our style, whatever this kernel's own is; that stays as it was."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of that many inches, which pyplot does not know and so does not keep."""
    return Figure(figsize=(width, height), layout="constrained")


class Shown:
    """A figure as a notebook shows it: a PNG with its alternative text."""

    def __init__(self, figure: Figure, alt: str) -> None:
        file = io.BytesIO()
        with styled():
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
