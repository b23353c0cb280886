"""How an execution of the pipeline looks: HTML in a notebook, a table in a terminal, lines anywhere else."""

from __future__ import annotations

import dataclasses
import html
import importlib
import sys
from collections.abc import Callable
from typing import Any

from helpers.show.tables import Markup, html_table, text_table

MARKS = {"Succeeded": "✓", "Failed": "✗", "InProgress": "…", "Waiting": "·", "Abandoned": "–"}
"""A sign as well as a colour: not everybody sees both."""
STATES = {"Succeeded": "ok", "Failed": "fail", "InProgress": "running"}
"""The bars of the table's rows; see :func:`helpers.show.tables.html_table`."""
COLUMNS = ("Stage", "Action", "Status", "Time")


@dataclasses.dataclass(frozen=True)
class Action:
    """One action of an execution.

    Attributes
    ----------
    status : str
        ``Waiting``, ``InProgress``, ``Succeeded``, ``Failed`` or ``Abandoned``.
    seconds : float or None
        How long it took, or has been running.
    message : str
        Why it failed, in the service's words.
    build : str
        The CodeBuild build that it ran, empty for others.
    url : str
        Where the console shows more.
    """

    stage: str
    name: str
    status: str = "Waiting"
    seconds: float | None = None
    message: str = ""
    build: str = ""
    url: str = ""


@dataclasses.dataclass(frozen=True)
class Execution:
    """One run of the pipeline.

    Attributes
    ----------
    status : str
        CodePipeline's: ``InProgress``, ``Succeeded``, ``Failed``, ``Stopped``, ``Superseded``, ``Cancelled`` …
    commit : str
        Id of the commit that it runs on; empty until the source action is done.
    actions : tuple of Action
        In the order of the pipeline, those that wait included.
    """

    pipeline: str
    id: str
    status: str
    commit: str
    actions: tuple[Action, ...]

    @property
    def failed(self) -> Action | None:
        """The first action that failed."""
        return next((action for action in self.actions if action.status == "Failed"), None)


def _row(action: Action) -> tuple[str, str, str, str, str]:
    seconds = "" if action.seconds is None else f"{action.seconds:.0f} s"
    return MARKS.get(action.status, "?"), action.stage, action.name, action.status, seconds


def text(execution: Execution) -> str:
    """The execution as a table of text."""
    head = f"{execution.pipeline}: {execution.status}"
    if execution.commit:
        head += f", commit {execution.commit[:12]}"
    table = text_table((), [_row(action) for action in execution.actions])
    return "\n".join([head, *(f"  {line}" for line in table.splitlines())])


def markup(execution: Execution) -> str:
    """The execution as an HTML table that needs no style of its own and no network."""
    rows, states = [], []
    for action in execution.actions:
        mark, stage, name, status, seconds = _row(action)
        reason = f"<br><small>{html.escape(action.message)}</small>" if action.status == "Failed" else ""
        link = f' <a href="{html.escape(action.url)}">log</a>' if action.url.startswith("https://") else ""
        told = Markup(f"{html.escape(f'{mark} {status}')}{link}")
        rows.append((stage, Markup(f"{html.escape(name)}{reason}"), told, seconds))
        states.append(STATES.get(action.status, ""))
    commit = f", commit {execution.commit[:12]}" if execution.commit else ""
    table = html_table(f"{execution.pipeline}: {execution.status}{commit}", COLUMNS, rows, states)
    return f'<div role="status" aria-label="Pipeline execution">{table}</div>'


def live_view() -> Callable[[Execution], None]:
    """What shows an execution here, each time in the same place where that is possible."""
    notebook = _in_notebook()
    if notebook is not None:
        return notebook
    return _terminal() if sys.stdout.isatty() else _lines()


def _in_notebook() -> Callable[[Execution], None] | None:
    """A view for a notebook's output cell; None outside of a kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    display: Any = importlib.import_module("IPython.display").display
    handle = display({"text/html": "", "text/plain": ""}, raw=True, display_id=True)

    def show(execution: Execution) -> None:
        handle.update({"text/html": markup(execution), "text/plain": text(execution)}, raw=True)

    return show


def _terminal() -> Callable[[Execution], None]:
    """Redraws the table over the one before."""
    height = 0

    def show(execution: Execution) -> None:
        nonlocal height
        table = text(execution)
        sys.stdout.write(f"\x1b[{height}A\x1b[J" if height else "")
        sys.stdout.write(table + "\n")
        sys.stdout.flush()
        height = table.count("\n") + 1

    return show


def _lines() -> Callable[[Execution], None]:
    """One line for each change, for logs."""
    told: dict[tuple[str, str, str], str] = {}

    def show(execution: Execution) -> None:
        for action in execution.actions:
            place = (execution.id, action.stage, action.name)
            if action.status != told.get(place, "Waiting"):
                told[place] = action.status
                mark, stage, name, status, seconds = _row(action)
                when = f" after {seconds}" if status not in ("InProgress", "Waiting") else ""
                sys.stdout.write(f"  {mark} {stage} / {name}: {status}{when}\n")
        sys.stdout.flush()

    return show
