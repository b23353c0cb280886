"""The inspector on pages without a kernel: the same module, inlined; the picture itself where no script may run."""

from __future__ import annotations

import base64
import functools
import html
import json
from pathlib import Path

from helpers.show.inspector.subject import Subject

FOLDER = Path(__file__).parent
MODULE, STYLE = FOLDER / "inspector.js", FOLDER / "inspector.css"
EXPORT = "export default "
SHOWN = 384
"""About how wide a small picture is shown, in CSS pixels; as in the module."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 1.5rem; background: #fff; color: #1b1f24; font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.2rem; margin: 0 0 1rem; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14171a; color: #e8eaed; }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{fragment}
</main>
</body>
</html>
"""


@functools.cache
def style() -> str:
    """The style sheet, once a page."""
    return f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>"


@functools.cache
def script() -> str:
    """The module as a script, once a page or after each picture: it mounts what is not mounted yet."""
    module = MODULE.read_text(encoding="utf-8")
    head, _, exported = module.rpartition(EXPORT)
    return f'<script type="module">\n{head}({exported.strip().rstrip(";")}).mountAll(document);\n</script>'


def host(subject: Subject, x: int, y: int) -> str:
    """The place on a page where :func:`script` builds the inspector; until then, and without it, the picture.

    Parameters
    ----------
    subject : Subject
        What is inspected.
    x, y : int
        The pixel to begin with.
    """
    height, width, _ = subject.pixels.shape
    scale = max(1, SHOWN // max(width, height))
    state = html.escape(json.dumps({**subject.facts, "x": x, "y": y}, ensure_ascii=False))
    source = base64.b64encode(subject.png).decode()
    return (
        f'<div data-inspector="{state}"><img src="data:image/png;base64,{source}" alt="{html.escape(subject.alt)}" '
        f'width="{width * scale}" height="{height * scale}" '
        'style="image-rendering: pixelated; max-width: 100%; height: auto"></div>'
    )


def fragment(subject: Subject, x: int, y: int) -> str:
    """A self-contained part of a page.

    Parameters
    ----------
    subject, x, y
        See :func:`host`.
    """
    return f"{style()}\n{host(subject, x, y)}\n{script()}"


def page(subject: Subject, x: int, y: int) -> str:
    """A page of its own.

    Parameters
    ----------
    subject, x, y
        See :func:`host`.
    """
    return PAGE.format(title=html.escape(subject.alt), fragment=fragment(subject, x, y))
