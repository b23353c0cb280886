"""Small tables for notebooks and terminals: the same rows as HTML and as text, with a sign and a colour for a state."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}
"""A sign as well as a colour: not everybody sees both."""
# Okabe and Ito's palette, told apart by colour-blind readers. The colour is a bar beside the text, whose own colour
# stays that of the page: orange letters are hard to read on white.
COLOURS = {"ok": "#009e73", "warn": "#e69f00", "fail": "#d55e00"}
_LINK = re.compile(r"https://[^\s<>\"']*[^\s<>\"'.,;:)]")
_CELL = "text-align:left;vertical-align:top;white-space:normal;padding:.3em .7em"


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows in columns of equal width; the last column may be as long as it likes."""
    shown = [list(columns), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [max(len(row[number]) for row in shown) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown
    )


def html_table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    states: Sequence[str] = (),
    note: str = "",
) -> str:
    """An HTML table that needs no style sheet and no network; the first cell of each row is the row's heading.

    Parameters
    ----------
    caption : str
        What the table shows.
    columns, rows : sequences
        Plain text. A web address in a cell becomes a link.
    states : sequence of str, optional
        ``ok``, ``warn``, ``fail`` or nothing for each row: the colour of the bar at its left.
    note : str
        A line below the table.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{html.escape(column)}</th>' for column in columns)
    body = "".join(_row(row, states[number] if number < len(states) else "") for number, row in enumerate(rows))
    below = f'<p style="margin:.3em 0">{_linked(note)}</p>' if note else ""
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left;padding:.3em 0">'
        f"<strong>{_linked(caption)}</strong></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
    )


def _row(cells: Sequence[str], state: str) -> str:
    bar = f";border-left:.3em solid {COLOURS[state]}" if state in COLOURS else ""
    first = f'<th scope="row" style="{_CELL}{bar};font-weight:600">{_linked(cells[0])}</th>'
    others = "".join(f'<td style="{_CELL}">{_linked(cell)}</td>' for cell in cells[1:])
    return f"<tr>{first}{others}</tr>"


def _linked(text: str) -> str:
    """``text`` escaped, line breaks kept, web addresses as links."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        address = html.escape(found[0])
        parts.append(html.escape(text[end : found.start()]) + f'<a href="{address}">{address}</a>')
        end = found.end()
    return ("".join(parts) + html.escape(text[end:])).replace("\n", "<br>")


def state_text(state: str) -> str:
    """``✓ ok``, ``! look``, ``✗ mend``."""
    return f"{SIGNS[state]} {({'ok': 'ok', 'warn': 'look', 'fail': 'mend'})[state]}"
