"""The curves of the model card: quality by steps and by guidance, from what `score` writes, and loss, from the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .command import parser
from .score import CURVES, GUIDANCE, STEPS

# Okabe and Ito's palette, told apart by colour-blind readers; yellow is left out: it is too pale for a line.
COLORS = {
    "background colour": "#5f6872",
    "foreground colour": "#e69f00",
    "shape": "#0072b2",
    "count": "#d55e00",
    "position": "#56b4e9",
    "binding": "#cc79a7",
    "landscape": "#009e73",
    "all": "#1b1f24",
}
INK, GREY, LINE = "#1b1f24", "#5f6872", "#dddddd"
STYLE: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "figure.facecolor": "white", "svg.hashsalt": "smallworld",
    "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.edgecolor": GREY,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
}  # fmt: skip
LABEL_HEIGHT = 0.048  # of the axis; labels nearer than that would overlap
DPI = 110


def apart(places: Sequence[float], least: float, highest: float) -> list[float]:
    """Move places apart until all are ``least`` from each other, in their order and none above ``highest``.

    Parameters
    ----------
    places : sequence of float
    least : float
        Distance between neighbours.
    highest : float
        None is placed above it.

    Examples
    --------
    >>> apart([99.0, 98.0, 50.0], 5.0, 100.0)
    [99.0, 94.0, 50.0]
    """
    moved, limit = [0.0] * len(places), highest
    for index in sorted(range(len(places)), key=lambda k: -places[k]):
        moved[index] = min(places[index], limit)
        limit = moved[index] - least
    return moved


def _panel(ax: Axes, rows: Sequence[Mapping[str, Any]], key: str, usual: float) -> None:
    across = [row[key] for row in rows]
    names = [name for name in COLORS if name in rows[0]["scores"]]
    for name in names:
        values = [row["scores"][name] for row in rows]
        width = 2.6 if name == "all" else 1.6
        ax.plot(across, values, color=COLORS[name], linewidth=width, marker="o", markersize=3.2, clip_on=False)
    ax.axvline(usual, color=LINE, linewidth=6, zorder=0)
    ax.set_xlim(0, max(across))
    last = [rows[-1]["scores"][name] for name in names]
    low, high = ax.get_ylim()
    for name, value, place in zip(names, last, apart(last, LABEL_HEIGHT * (high - low), high - 1), strict=True):
        ax.annotate(
            name, (across[-1], value), xytext=(1.03, place), textcoords=ax.get_yaxis_transform(), fontsize=9,
            color=COLORS[name], va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": COLORS[name], "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4,
                        "relpos": (0, 0.5)},
        )  # fmt: skip
    ax.set_xticks(across if key == "guidance" else [4, 8, 12, 16, 25, 35, 50])
    ax.set_xlabel(key)


def figure(measured: Mapping[str, Any]) -> Figure:
    """Two panels from the contents of ``curves.json``: steps at the left, guidance at the right."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        drawn = Figure(figsize=(10, 4.6), layout="constrained")
        left, right = drawn.subplots(1, 2, sharey=True)
        lowest = min(min(row["scores"].values()) for row in (*measured["steps"], *measured["guidance"]))
        left.set_ylim(max(0, lowest - 4), 102)
        _panel(left, measured["steps"], "steps", STEPS)
        _panel(right, measured["guidance"], "guidance", GUIDANCE)
        left.set_title(f"Steps, at guidance {GUIDANCE:g}")
        right.set_title(f"Guidance, at {STEPS} steps")
        left.set_ylabel("right, percent of pictures")
        for ax in (left, right):
            ax.grid(axis="y", color=LINE)
            ax.set_axisbelow(True)
    return drawn


def losses(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss against steps of both training stages, from the lines of ``training.jsonl``."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        drawn = Figure(figsize=(10, 3.2), layout="constrained")
        panels = drawn.subplots(1, 2)
        titles = {"base": "Training: the velocity's error", "turbo": "Distillation: distance to the teacher's path"}
        for ax, (stage, title) in zip(panels, titles.items(), strict=True):
            line = [(row["step"], row["loss"]) for row in rows if row["stage"] == stage]
            ax.plot(*zip(*line, strict=True), color=COLORS["shape"], linewidth=1.6)
            ax.annotate(f"{line[-1][1]:.4f}", line[-1], xytext=(0, 8), textcoords="offset points", ha="right")
            ax.set_title(title)
            ax.set_xlabel("steps" if stage == "base" else "updates")
            ax.set_ylim(0)
            ax.grid(axis="y", color=LINE)
    return drawn


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m smallworld.training.curves``."""
    command = parser("curves", __doc__)
    command.add_argument(
        "--numbers", type=Path, default=CURVES, help="what score --curves wrote (default: %(default)s)"
    )
    command.add_argument("--out", type=Path, default=CURVES.with_suffix(".png"), help="(default: %(default)s)")
    log = CURVES.with_name("training.jsonl")
    command.add_argument("--log", type=Path, default=log, help="what training wrote (default: %(default)s)")
    options = command.parse_args(arguments)
    # No date or version in the file: the same numbers give the same bytes.
    same: Any = {"dpi": DPI, "metadata": {"Software": None}}
    figure(json.loads(options.numbers.read_text())).savefig(options.out, **same)
    lines = [json.loads(line) for line in options.log.read_text().splitlines()]
    losses(lines).savefig(options.out.with_name("loss.png"), **same)


if __name__ == "__main__":
    main()
