"""Executed notebooks as HTML pages that need no network, and the page that lists them."""

from __future__ import annotations

import base64
import dataclasses
import html
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from helpers.show.colours import VERMILION

HERE = Path(__file__).parent
TEMPLATE = "notebook_page"
SHOWN_FIRST = (
    "text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain",
)  # fmt: skip
"""Without widget views: a widget needs its kernel, and what it shows without one is its ``text/html``."""
MARKS = {"<details>": "@folded-from-here@", "</details>": "@folded-to-here@"}
"""What stands for these tags while nbconvert is at work."""

INDEX = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notebooks</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 48rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886; vertical-align: top; }
td.minutes, th.minutes { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow: auto; border-left: .25rem solid $bad; padding: .2rem 0 .2rem 1rem; }
</style>
</head>
<body>
<main>
<h1>Notebooks</h1>
<p>$lead</p>
<table>
<thead>
<tr><th scope="col">Notebook</th><th scope="col">Status</th><th scope="col" class="minutes">Minutes</th></tr>
</thead>
<tbody>
$rows
</tbody>
</table>
$problem
</main>
</body>
</html>
""")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a notebook went.

    Attributes
    ----------
    name : str
        Its file's name without the ending.
    title : str
        Its first heading.
    status : str
        ``passed``, ``failed``, or ``not run``, since one before it failed.
    minutes : float or None
    page : Path or None
        The HTML page.
    error : str
        What went wrong, with the cell's source.
    """

    name: str
    title: str
    status: str = "not run"
    minutes: float | None = None
    page: Path | None = None
    error: str = ""


def write_page(executed: Path, page: Path, folder: Path) -> None:
    """Write an executed notebook as one HTML file with everything in it.

    Parameters
    ----------
    executed : Path
        The notebook with its outputs.
    page : Path
        The file to write.
    folder : Path
        Where the notebook itself is: its pictures are looked up from there.
    """
    notebook: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["title"] = title(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # On these pages a link to another notebook leads to its page.
            cell.source = re.sub(r"\]\(((?:\./)?\w+)\.ipynb(#[^)]*)?\)", r"](\1.html\2)", cell.source)
            # nbconvert embeds pictures of the notebook's own folder alone.
            cell.source = re.sub(
                r"(!\[[^\]]*\]\()([^)\s]+)", lambda found: found[1] + _embedded(found[2], folder), cell.source
            )
            # nbconvert closes each block of HTML by itself, and what is to be folded would be outside.
            cell.source = re.sub(r"^</?details>$", lambda tag: f"\n{MARKS[tag[0]]}\n", cell.source, flags=re.MULTILINE)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name=TEMPLATE, extra_template_basedirs=[str(HERE)], embed_images=True,
    )  # fmt: skip
    exporter.config.NbConvertBase.display_data_priority = list(SHOWN_FIRST)
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"path": str(folder)}})
    for tag, mark in MARKS.items():
        body = body.replace(f"<p>{mark}</p>", tag)
    page.write_text(body, encoding="utf-8")


def _embedded(target: str, folder: Path) -> str:
    """A picture of the repository as a data URI; anything else stays as it is."""
    path = (folder / target).resolve()
    kind = mimetypes.guess_type(path.name)[0]
    if not (path.is_relative_to(folder.resolve().parent) and path.is_file() and kind):
        return target
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def title(notebook: Any) -> str:
    """The notebook's first heading, as text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heading := re.search(r"^# +(.+)$", cell.source, re.MULTILINE)):
            return re.sub(r"[`*]", "", heading[1]).strip()
    return "Notebook"


def write_index(outcomes: Sequence[Outcome], lead: str, path: Path) -> None:
    """Write the page that lists the notebooks of a run.

    Parameters
    ----------
    outcomes : sequence of Outcome
        In the order of the run.
    lead : str
        What was run, and where.
    path : Path
        The file to write.
    """
    rows = []
    for outcome in outcomes:
        shown = html.escape(outcome.title)
        linked = f'<a href="{html.escape(outcome.page.name)}">{shown}</a>' if outcome.page else shown
        minutes = f"{outcome.minutes:.1f}" if outcome.minutes is not None else ""
        rows.append(f'<tr><td>{linked}</td><td>{outcome.status}</td><td class="minutes">{minutes}</td></tr>')
    problem = "".join(f"<h2>Failed</h2><pre>{html.escape(each.error)}</pre>" for each in outcomes if each.error)
    text = INDEX.substitute(lead=html.escape(lead), rows="\n".join(rows), problem=problem, bad=VERMILION)
    path.write_text(text, encoding="utf-8")
