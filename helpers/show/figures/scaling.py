"""Queue, instances and money over time, from an observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import ResultError
from helpers.inference.records import Record
from helpers.show.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from helpers.show.figures.style import GREY, LINE, Described, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

PHASES = {"asleep": GREY, "waking": ORANGE, "working": GREEN, "idle": PURPLE}
"""Colours of the shades; each is named as well where there is room."""
NARROW = 0.07
"""A phase that takes less of the time than that has no room for its name."""
SHOWN_ACTIVITIES = 6


def _checked(seen: Record) -> None:
    if not seen.samples:
        raise ResultError(f"nothing was observed: {seen.problem or 'the with block has not begun.'}")


def backlog(seen: Record) -> Described:
    """Queue and instances over time; below, when the alarms were on that change the number of instances.

    Raises
    ------
    ResultError
        Nothing was seen; the message says why.
    """
    _checked(seen)
    names = sorted({name for sample in seen.samples for name in sample.alarms})
    with styled():
        figure = new_figure(8, 4.2 + 0.22 * len(names) + (0.5 if names else 0))
        ratios = (2, 1.1, 0.22 * len(names) + 0.05) if names else (2, 1.1)
        rows = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        _queue(rows[0], seen)
        _instances(rows[1], seen)
        if names:
            _alarms(rows[2], seen, names)
        for ax in rows:
            _shade(ax, seen)
        for ax in rows[:2]:
            ax.set_ylim(bottom=0)
            ax.grid(axis="y", color=LINE)
            ax.set_axisbelow(True)
        _name_phases(rows[0], seen)
        rows[-1].set_xlabel(
            "seconds" if seen.speed == 1 else f"seconds (AWS's waiting goes {seen.speed:g} times faster)"
        )
        rows[-1].set_xlim(seen.samples[0].seconds, max(seen.samples[-1].seconds, seen.samples[0].seconds + 0.1))
    return figure, _told(seen, names)


def _queue(ax: Axes, seen: Record) -> None:
    seconds = [sample.seconds for sample in seen.samples]
    waiting, done = [s.waiting for s in seen.samples], [s.done for s in seen.samples]
    ax.step(seconds, waiting, where="post", color=BLUE, linewidth=2)
    ax.fill_between(seconds, waiting, step="post", color=SKY, alpha=0.5, linewidth=0)
    ax.step(seconds, done, where="post", color=GREEN, linewidth=2)
    said = [(s.seconds, s.backlog) for s in seen.samples if s.backlog is not None]
    if said:
        ax.step(*zip(*said, strict=True), where="post", color=GREY, linewidth=1.2, linestyle=":")
    title = "Requests that wait or are being worked on"
    ax.set_title(title + (" (dotted: as CloudWatch measures it)" if said else ""), pad=20)
    ax.set_ylabel("requests")
    if max(done):
        ax.annotate(
            f"{done[-1]} done",
            (seconds[-1], done[-1]),
            xytext=(-4, -3),
            textcoords="offset points",
            ha="right",
            va="top",
        )
    peak = waiting.index(max(waiting))
    if max(waiting):
        ax.annotate(
            f"{max(waiting)} wait", (seconds[peak], max(waiting)), xytext=(5, -3), textcoords="offset points", va="top"
        )


def _instances(ax: Axes, seen: Record) -> None:
    seconds = [sample.seconds for sample in seen.samples]
    ax.step(seconds, [s.desired for s in seen.samples], where="post", color=GREY, linestyle="--")
    ax.step(seconds, [s.instances for s in seen.samples], where="post", color=VERMILION, linewidth=2.2)
    top = max(max(s.desired, s.instances) for s in seen.samples) + 1
    ax.set_title("Instances that run (dashed: that should run)")
    ax.set_yticks(range(top + 1))
    ax.set_ylim(0, top)
    shown = [item for item in seen.activities if item.seconds <= seconds[-1]][:SHOWN_ACTIVITIES]
    for number, activity in enumerate(shown):
        ax.axvline(activity.seconds, color=GREY, linewidth=0.8)
        late = activity.seconds > (seconds[0] + seconds[-1]) / 2
        ax.annotate(
            activity.policy or activity.what, (activity.seconds, 1), xycoords=("data", "axes fraction"), fontsize=8,
            xytext=(-3 if late else 3, -3 - 11 * (number % 2)), textcoords="offset points",
            ha="right" if late else "left", va="top",
        )  # fmt: skip


def _alarms(ax: Axes, seen: Record, names: Sequence[str]) -> None:
    """A bar for each alarm while it was in the state ALARM."""
    for line, name in enumerate(names):
        pairs = zip(seen.samples, [*seen.samples[1:], seen.samples[-1]], strict=True)
        bars = [(a.seconds, b.seconds - a.seconds) for a, b in pairs if a.alarms.get(name) == "ALARM"]
        ax.broken_barh(bars, (line - 0.35, 0.7), color=VERMILION)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_title("Alarms that are on")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _shade(ax: Axes, seen: Record) -> None:
    for phase in seen.phases:
        ax.axvspan(phase.begin, phase.end, color=PHASES[phase.name], alpha=0.13, linewidth=0, zorder=0)


def _name_phases(ax: Axes, seen: Record) -> None:
    whole = seen.samples[-1].seconds - seen.samples[0].seconds
    for phase in seen.phases:
        if phase.end - phase.begin > NARROW * whole:
            ax.annotate(
                phase.name, ((phase.begin + phase.end) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", ha="center", va="bottom", fontsize=9,
            )  # fmt: skip


def _told(seen: Record, names: Sequence[str]) -> str:
    text = (
        f"Queue and instances over {seen.samples[-1].seconds:.0f} seconds: at most {seen.most_waiting} requests "
        f"waited, and at most {seen.most_instances} instances ran; {seen.samples[-1].done} requests were done in the "
        "end. "
    )
    lasting = [phase for phase in seen.phases if phase.end > phase.begin]
    if lasting:
        text += "In turn: " + ", ".join(f"{p.name} {p.begin:.0f} to {p.end:.0f} s" for p in lasting) + "."
    if names:
        on = [name for name in names if any(s.alarms.get(name) == "ALARM" for s in seen.samples)]
        text += f" Alarms that were on: {', '.join(on) or 'none'}."
    if seen.activities:
        text += " Changes: " + " ".join(f"{item.seconds:.0f} s: {item.what}" for item in seen.activities)
    return text


def costs(seen: Record, usd_per_hour: float) -> Described:
    """What the instances cost as they came and went, beside as many that always run.

    Parameters
    ----------
    seen : Record
        On the local cloud each second counts for ``speed`` seconds of AWS's clock. That is right for its waiting
        (starting, cooling down) and too much for the time that the model computes.
    usd_per_hour : float
        Of one instance; see :func:`helpers.operations.costs.instance_price`.

    Raises
    ------
    ResultError
        Nothing was seen; the message says why.
    """
    _checked(seen)
    minutes, asleep, always = [0.0], [0.0], [0.0]
    most = max(1, seen.most_instances)
    for before, after in zip(seen.samples, seen.samples[1:], strict=False):
        hours = (after.seconds - before.seconds) * seen.speed / 3600
        minutes.append(minutes[-1] + hours * 60)
        asleep.append(asleep[-1] + before.instances * hours * usd_per_hour)
        always.append(always[-1] + most * hours * usd_per_hour)
    with styled():
        figure = new_figure(8, 3.2)
        ax = figure.subplots()
        ax.plot(minutes, always, color=GREY, linestyle="--")
        ax.plot(minutes, asleep, color=BLUE, linewidth=2)
        ax.fill_between(minutes, asleep, color=SKY, alpha=0.4, linewidth=0)
        for values, label in ((always, f"always {most} on"), (asleep, "as observed")):
            ax.annotate(
                f" {label}:\n {values[-1]:.4f} USD", (minutes[-1], values[-1]), xytext=(4, 0),
                textcoords="offset points", va="center", annotation_clip=False,
            )  # fmt: skip
        ax.set_title("What the instances cost")
        ax.set_ylabel("USD")
        ax.set_xlabel("minutes" if seen.speed == 1 else f"minutes of AWS's clock (here {seen.speed:g} times faster)")
        ax.set_xlim(0, max(minutes[-1], 0.1))
        ax.set_ylim(bottom=0)
    saved = 1 - asleep[-1] / always[-1] if always[-1] else 0.0
    return figure, (
        f"Over {minutes[-1]:.0f} minutes the instances cost {asleep[-1]:.4f} USD; {most} that always run would have "
        f"cost {always[-1]:.4f} USD: {saved:.0%} saved, at {usd_per_hour:g} USD an hour for one."
    )
