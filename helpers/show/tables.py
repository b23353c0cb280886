"""Small tables for notebooks and terminals: the same rows as HTML and as text, with a sign and a colour for a state."""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from helpers.show.colours import BLUE, GREEN, ORANGE, VERMILION

Item = TypeVar("Item")

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}
"""A sign as well as a colour: not everybody sees both."""
# The colour is a bar beside the text, which keeps the colour of the page: orange letters are hard to read on white.
COLOURS = {"ok": GREEN, "warn": ORANGE, "fail": VERMILION, "running": BLUE}
WIDEST = 72
_LINK = re.compile(r"https://[^\s<>\"']*[^\s<>\"'.,;:)]")
_CELL = "text-align:left;vertical-align:top;padding:.3em .7em"
_SHORT = 32
"""Characters of a cell that stays on one line: a name, an id, an amount."""


class Markup(str):
    """A cell that is HTML already: :func:`html_table` puts it in as it is."""

    __slots__ = ()


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows in columns, without headings when ``columns`` is empty; long cells go on in the next line."""
    lines = [columns, *rows] if columns else rows
    wrapped = [[textwrap.wrap(" ".join(cell.split()), WIDEST) or [""] for cell in row] for row in lines]
    widths = [max(map(len, itertools.chain(*cells))) for cells in zip(*wrapped, strict=True)]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
        for row in wrapped
        for line in itertools.zip_longest(*row, fillvalue="")
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
        Plain text, in which web addresses become links, or :class:`Markup`.
    states : sequence of str, optional
        ``ok``, ``warn``, ``fail``, ``running`` or nothing for each row: the colour of the bar at its left.
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
    first = f'<th scope="row" style="{_style(cells[0])}{bar};font-weight:600">{_linked(cells[0])}</th>'
    others = "".join(f'<td style="{_style(cell)}">{_linked(cell)}</td>' for cell in cells[1:])
    return f"<tr>{first}{others}</tr>"


def _style(cell: str) -> str:
    return f"{_CELL};white-space:{'nowrap' if len(cell) <= _SHORT else 'normal'}"


def _linked(text: str) -> str:
    """``text`` escaped, line breaks kept, web addresses as links; markup stays as it is."""
    if isinstance(text, Markup):
        return text
    parts, end = [], 0
    for found in _LINK.finditer(text):
        address = html.escape(found[0])
        parts.append(html.escape(text[end : found.start()]) + f'<a href="{address}">{address}</a>')
        end = found.end()
    return ("".join(parts) + html.escape(text[end:])).replace("\n", "<br>")


def state_text(state: str) -> str:
    """``✓ ok``, ``! look``, ``✗ fix``."""
    return f"{SIGNS[state]} {({'ok': 'ok', 'warn': 'look', 'fail': 'fix'})[state]}"


@dataclasses.dataclass(frozen=True)
class Listing(Generic[Item]):
    """Things, and how to show them: a sequence for programs, a table for people.

    Attributes
    ----------
    title : str
        What is listed.
    columns : tuple of str
    items : tuple
        The things.
    rows : tuple of tuple of str
        A row for each of them.
    states : tuple of str
        As for :func:`html_table`.
    note : str
        A line below the table.
    """

    title: str
    columns: tuple[str, ...]
    items: tuple[Item, ...]
    rows: tuple[tuple[str, ...], ...]
    states: tuple[str, ...] = ()
    note: str = ""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Item:
        return self.items[number]

    def __str__(self) -> str:
        table = text_table(self.columns, self.rows) if self.rows else "(none)"
        return "\n".join(part for part in (self.title, table, self.note) if part)

    def _repr_html_(self) -> str:
        note = self.note if self.rows else f"None. {self.note}".strip()
        return html_table(self.title, self.columns, self.rows, self.states, note)
