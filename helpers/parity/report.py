"""docs/parity.md: what a recording says about the behaviours that the local cloud copies."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.settings import ROOT
from helpers.parity import behaviours, forms
from helpers.parity.compare import Difference
from helpers.parity.recording import Recording

PAGE = ROOT / "docs" / "parity.md"
SHOWN_POINTS = 30
WIDTH = 120
HEAD = """\
# Parity: what a recorded run says about the local cloud

`make verify-aws` writes this page from a recording; nobody edits it. `make replay` holds recordings in
[parity/](../parity/) against the local cloud.
"""
LOCAL = """\
**Nothing on this page was observed on AWS.** The recording was made on the local cloud, by steps of the command
that an AWS account needs (`make verify-aws`). "Confirmed" means here that those steps met the behaviour and saw what
they expect; it says nothing about AWS.
"""
NOT_RECORDED = """\
Not in any recording: calls of the CDK's CLI (a Node.js program: CloudFormation's events, and CloudTrail's where it may
be read, stand for them), the SageMaker SDK's look-ups in JumpStart's public bucket, calls that Lambda functions,
builds and instances make. Contents of objects are never recorded, only what they look like.
"""


def page(recording: Recording, name: str, differences: Sequence[Difference] | None = None) -> str:
    """The text of docs/parity.md.

    Parameters
    ----------
    recording : Recording
    name : str
        Of its file.
    differences : sequence of Difference, optional
        What a replay on the local cloud found; None when there was none.
    """
    parts = [HEAD]
    if recording.header["target"] == "local":
        parts.append(LOCAL)
    parts += [_block(_question(recording)), _block(_run(recording, name))]
    met = behaviours.judged(recording)
    parts += [_block(_summary(met)), _block(_differing(met)), _block(_confirmed(met))]
    if differences is not None:
        parts.append(_block(_replayed(differences)))
    parts += [_block(_left(recording)), "## What is not recorded\n\n" + NOT_RECORDED]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _block(lines: Iterator[str]) -> str:
    """Lines of Markdown; prose is wrapped."""
    wrapped = (
        line if line.startswith(("|", "#", "- ")) else textwrap.fill(line, WIDTH, break_on_hyphens=False)
        for line in lines
    )
    return "".join(f"{line}\n" for line in wrapped)


def _question(recording: Recording) -> Iterator[str]:
    yield from ("## Does target tracking alone wake a sleeping endpoint above its target?", "")
    answers = [line for line in recording.of("answer") if line["question"].startswith("tracking alone")]
    if not answers:
        step = recording.steps.get("tracking_wakes", {})
        why = f": {step['problem']}" if step.get("problem") else ""
        yield f"**Not answered**{why}."
        return
    answer, local = answers[-1], recording.header["target"] == "local"
    where = "on the local cloud, whose choice this is" if local else "on AWS"
    yield f"**{'Yes' if answer['value'] else 'No'}**, {where}."
    yield ""
    yield (
        f"The step policy's alarm was disabled, {answer['requests']} requests waited at zero instances, and the "
        f"target is {answer['target']:g}. One request before, below the target, "
        f"{'waited without waking it' if answer['waited_below'] else 'woke it already'}."
    )
    by = recording.facts.get("tracking.woken_by")
    if by:
        yield f"First scaling activity: {'; '.join(by)}."
    yield ""
    yield from _points(answer["datapoints"])


def _points(points: Mapping[str, Sequence[Sequence[Any]]]) -> Iterator[str]:
    """Each metric's values by their times; what was not published says so."""
    table: dict[str, dict[str, float]] = {}
    for metric, rows in points.items():
        for row in rows:
            if len(row) == 2:
                table.setdefault(str(row[0])[11:19], {})[metric] = float(row[1])
    if not table:
        yield "No datapoints were published."
        return
    yield f"| time (UTC) | {' | '.join(points)} |"
    yield f"| --- |{' ---: |' * len(points)}"
    for moment in sorted(table)[:SHOWN_POINTS]:
        cells = [f"{table[moment][name]:g}" if name in table[moment] else "no data" for name in points]
        yield f"| {moment} | {' | '.join(cells)} |"


def _run(recording: Recording, name: str) -> Iterator[str]:
    header = recording.header
    yield from ("## The run", "")
    where = f"the local cloud at speed {header['speed']:g}" if header["target"] == "local" else "AWS"
    calls = sum(line.get("times", 1) for line in recording.of("call"))
    what = f"{header['model']} on {header['instance_type']}"
    yield f"Recording `{name}`: {where}, {header['region']}, {header['began']}, {what}."
    kinds = Counter(str(line["kind"]) for line in recording.lines)
    yield (
        f"{calls:,} calls, {kinds['event']:,} events, {kinds['metric']:,} metrics, {kinds['log']:,} log lines, "
        f"{kinds['fact']:,} facts."
    )
    yield from ("", "| step | outcome | took | budget |", "| --- | --- | ---: | ---: |")
    for step, line in recording.steps.items():
        problem = f": {_cell(forms.as_text(line['problem'], 200))}" if line.get("problem") else ""
        budget = f"{line['budget_minutes']:g} min" if line.get("budget_minutes") else ""
        yield f"| {_cell(step)} | {line['outcome']}{problem} | {_seconds(line['seconds'])} | {budget} |"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _summary(met: Sequence[behaviours.Met]) -> Iterator[str]:
    yield from ("## Behaviours of [fidelity.md](fidelity.md)", "")
    verdicts: tuple[behaviours.Verdict, ...] = ("confirmed", "differs", "not met")
    yield f"| service | {' | '.join(verdicts)} |"
    yield f"| --- |{' ---: |' * len(verdicts)}"
    total: Counter[behaviours.Verdict] = Counter()
    for service in sorted({item.behaviour.service for item in met}):
        counts = Counter(item.verdict for item in met if item.behaviour.service == service)
        total += counts
        yield f"| {service} | {' | '.join(str(counts[verdict]) for verdict in verdicts)} |"
    yield f"| **{len(met)} behaviours** | {' | '.join(f'**{total[verdict]}**' for verdict in verdicts)} |"


def _differing(met: Sequence[behaviours.Met]) -> Iterator[str]:
    yield from ("## What differs", "")
    rows = [
        (item.behaviour.service, _cell(item.behaviour.text), _cell(item.why))
        for item in met
        if item.verdict == "differs"
    ]
    yield from _table(("service", "behaviour", "what was recorded"), rows, "Nothing that was met.")


def _confirmed(met: Sequence[behaviours.Met]) -> Iterator[str]:
    yield from ("## What was confirmed", "")
    rows = [
        (
            item.behaviour.service,
            _cell(item.behaviour.text),
            item.behaviour.kind,
            f"`{item.why}`" if "::" in item.why else _cell(item.why),
        )
        for item in met
        if item.verdict == "confirmed"
    ]
    yield from _table(("service", "behaviour", "verdict there", "by"), rows, "Nothing.")


def _replayed(differences: Sequence[Difference]) -> Iterator[str]:
    yield from ("## Against the local cloud", "")
    if differences:
        yield from (f"{len(differences)} differences:", "")
    rows = [tuple(map(_cell, (item.where, item.what, item.recorded, item.found))) for item in differences]
    yield from _table(("where", "what", "recorded", "local cloud"), rows, "The local cloud did the same, step by step.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> Iterator[str]:
    """A table of cells that are Markdown already; without rows, what is said in its place."""
    if not rows:
        yield nothing
        return
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _left(recording: Recording) -> Iterator[str]:
    yield from ("## What was left behind", "")
    left = list(recording.of("left"))
    if not left:
        yield "Not looked at: the run did not come to its clean-up."
        return
    rows = [row for row in left[-1]["checks"] if isinstance(row, dict)]
    failed = [row for row in rows if row["state"] != "ok"]
    if failed:
        yield from (f"- {_cell(str(row['name']))}: {_cell(str(row['found']))}" for row in failed)
    else:
        yield f"Nothing: {len(rows)} rows of the clean-up's proof, by stack, by tag and by name."


def _cell(text: str) -> str:
    """``text`` in a table, with the characters that Markdown would take for its own."""
    return re.sub(r"([|<>\[\]*_\\`])", r"\\\1", " ".join(text.split()))


def write(recording: Recording, name: str, differences: Sequence[Difference] | None = None, path: Path = PAGE) -> Path:
    """Write the page and return its path."""
    path.write_text(page(recording, name, differences), encoding="utf-8")
    return path
