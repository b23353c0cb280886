"""A page that shows each request's JSON beside its PNG, by the pixel inspector: one HTML file, no network."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from helpers.inference.timeline import Timeline
from helpers.show.colours import BLUE, GREEN, ORANGE
from helpers.show.inspector import Subject, hosting, plain_png

TEMPLATE = Path(__file__).with_suffix(".html")
STAGES = (
    ("queued", "started", "queued", ORANGE),
    ("started", "generated", "generating", BLUE),
    ("generated", "extracted", "notifying, and making the PNG", GREEN),
)


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of one request: its PNG, where in the model's JSON its pixels are, and how it came about."""

    prompt: str
    parameters: Mapping[str, Any]
    png: bytes
    json_path: str
    timeline: Timeline
    files: Mapping[str, str]
    """Label to relative path of the objects in the bucket's copy."""


def _bar(timeline: Timeline) -> str:
    """The request's stages as a bar and its legend; a stage without both timestamps is left out."""
    parts = []
    for begin, end, label, colour in STAGES:
        first, last = getattr(timeline, begin), getattr(timeline, end)
        if first is not None and last is not None:
            parts.append((label, max((last - first).total_seconds(), 0.0), colour))
    bar = "".join(f'<li style="--s:{colour};flex:{seconds:.3f}"></li>' for _, seconds, colour in parts)
    legend = "".join(f'<li style="--s:{colour}">{label} {seconds:.2f} s</li>' for label, seconds, colour in parts)
    return f'<ul class="steps" aria-hidden="true">{bar}</ul><ul class="legend">{legend}</ul>'


def _card(picture: Picture) -> str:
    told = ", ".join(f"{name} {value}" for name, value in picture.parameters.items() if name != "prompt")
    links = " · ".join(
        f'{html.escape(label)}: <a href="{html.escape(path)}">{html.escape(path)}</a>'
        for label, path in picture.files.items()
    )
    subject = Subject(plain_png(picture.png), f"Picture of: {picture.prompt}", picture.json_path)
    height, width, _ = subject.pixels.shape
    return f"""<article>
<h2>{html.escape(picture.prompt)}<small>{html.escape(told)}</small></h2>
{hosting.host(subject, width // 2, height // 2)}
<div>{_bar(picture.timeline)}</div>
<p class="files">{links}</p>
</article>"""


def page(title: str, lead: str, facts: Mapping[str, str], pictures: Iterable[Picture]) -> str:
    """The whole page as HTML.

    Parameters
    ----------
    title, lead : str
        Heading and introduction, as plain text.
    facts : mapping
        Name to value, shown in a row below the introduction.
    pictures : iterable of Picture
        In the order in which they are shown.
    """
    shown = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items()
    )
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        lead=html.escape(lead),
        facts=shown,
        cards="\n".join(map(_card, pictures)),
        style=hosting.style(),
        script=hosting.script(),
    )
