"""``make notebooks``: run all notebooks on the configured target, and leave them with their outputs in build/notebooks.

Each runs in a kernel of its own, in the order of its number, so 99 comes last and removes what the others made. The
first failure ends the run and is shown with the cell that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import math
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError
from papermill.translators import PythonTranslator

from contract.errors import NotebookError, WorkshopError
from contract.settings import ROOT, Settings, load
from helpers.commands import notebook_pages
from helpers.commands.interruption import interruptible

NOTEBOOKS = ROOT / "notebooks"
OUTPUT = ROOT / "build" / "notebooks"
KERNEL = "python3"
TIMEOUT_MINUTES = {"local": 10.0, "aws": 90.0}
"""For each notebook. On AWS an instance takes minutes to start, and several start in the course of a notebook."""
START_SECONDS = 120
STOPPED = "notebooks stopped by you; what is deployed is still there, and `make notebooks ARGS=99` removes it."

Say = Callable[[str], None]


def find(folder: Path = NOTEBOOKS, only: Sequence[str] = ()) -> list[Path]:
    """The notebooks of a folder, in order; with ``only``, those whose names begin so.

    Raises
    ------
    NotebookError
        There are none, or none begins with one of ``only``.
    """
    found = sorted(folder.glob("*.ipynb"))
    if not found:
        raise NotebookError(f"there are no notebooks in {folder}.")
    for start in only:
        if not any(path.name.startswith(start) for path in found):
            names = ", ".join(path.stem for path in found)
            raise NotebookError(f"no notebook's name begins with {start!r}; there are {names}.")
    return [path for path in found if not only or path.name.startswith(tuple(only))]


def parameters_of(path: Path) -> set[str]:
    """Names of the parameters that a notebook takes: what its cell tagged ``parameters`` assigns.

    Raises
    ------
    NotebookError
        No cell is tagged so, or more than one.
    """
    tagged = [cell for cell in _read(path).cells if "parameters" in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise NotebookError(f"{path}: {len(tagged)} cells are tagged 'parameters', and there must be exactly one.")
    return {parameter.name for parameter in PythonTranslator.inspect(tagged[0])}


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a notebook does not take; papermill only warns of them.

    Raises
    ------
    NotebookError
        With the names that it takes.
    """
    known = parameters_of(path)
    if unknown := sorted(set(parameters) - known):
        raise NotebookError(
            f"{path.name} has no parameter {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(sorted(known)) or 'none'} (its cell tagged 'parameters' says which)."
        )


def execute(path: Path, executed: Path, parameters: Mapping[str, Any] | None = None, minutes: float = 10) -> None:
    """Run one notebook from top to bottom in a kernel of its own, in its own folder.

    Parameters
    ----------
    path : Path
        The notebook; it stays as it is.
    executed : Path
        Where it is written with its outputs, after a failure as far as it came.
    parameters : mapping, optional
        Values for its parameters.
    minutes : float
        How long it may take in total.

    Raises
    ------
    NotebookError
        A parameter is unknown, a cell raised, the kernel died or the time was up: with the cell's source.
    """
    check_parameters(path, parameters or {})
    began = time.monotonic()
    deadline = began + minutes * 60
    running = [""]

    def left(cell: Any) -> int:
        """Asked before each cell: seconds that it may take."""
        running.append(str(cell.source))
        return max(1, math.ceil(deadline - time.monotonic()))

    executed.parent.mkdir(parents=True, exist_ok=True)
    executed.unlink(missing_ok=True)  # what is there after a failure is of this run
    try:
        with _own_kernels():
            papermill.execute_notebook(
                str(path), str(executed), dict(parameters or {}), kernel_name=KERNEL, language="python",
                cwd=str(path.parent), progress_bar=False, start_timeout=START_SECONDS,
                timeout_func=left, extra_arguments=["--log-level=ERROR"],
            )  # fmt: skip
    except PapermillExecutionError as error:
        raise NotebookError(_failure(path, error.source, f"{error.ename}: {error.evalue}", began)) from error
    except CellTimeoutError as error:
        said = f"the notebook's {minutes:g} minutes are over; this cell was running."
        raise NotebookError(_failure(path, running[-1], said, began)) from error
    except RuntimeError as error:  # nbclient: the kernel died, or did not start in time
        raise NotebookError(_failure(path, running[-1], f"the kernel ended: {error}", began)) from error


@contextlib.contextmanager
def _own_kernels() -> Iterator[None]:
    """Take the kernel ``python3`` of this environment, whatever kernels the user has besides; keep papermill quiet."""
    before = os.environ.get("JUPYTER_PREFER_ENV_PATH")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        if before is None:
            del os.environ["JUPYTER_PREFER_ENV_PATH"]
        else:
            os.environ["JUPYTER_PREFER_ENV_PATH"] = before


def _failure(path: Path, source: str, said: str, began: float) -> str:
    """One block that says where, what and why."""
    cell = next(((n, cell) for n, cell in enumerate(_read(path).cells, 1) if cell.source == source), None)
    where = f"cell {cell[0]} ({cell[1].get('id', 'without id')})" if cell else "the cell with its parameters"
    code = "\n".join(f"    {line}" for line in source.splitlines())
    clean = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return f"{path.name}, {where}, failed after {time.monotonic() - began:.0f} s:\n\n{code}\n\n{clean}"


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def run(
    paths: Sequence[Path],
    parameters: Mapping[str, Mapping[str, Any]],
    output: Path,
    minutes: float,
    say: Say,
    lead: str,
) -> list[notebook_pages.Outcome]:
    """Run notebooks one after another until one fails; write each, its page, and ``index.html``.

    Parameters
    ----------
    paths : sequence of Path
        The notebooks, in order.
    parameters : mapping
        For a notebook's name (without the ending), values for its parameters.
    output : Path
        The folder that is written; what was in it is removed.
    minutes : float
        How long each may take.
    say : callable
        Gets a line for each notebook.
    lead : str
        What the index page says of the run.
    """
    for path in paths:  # before anything runs for an hour
        check_parameters(path, parameters.get(path.stem, {}))
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    outcomes = [notebook_pages.Outcome(path.stem, notebook_pages.title(_read(path))) for path in paths]
    for number, path in enumerate(paths):
        executed, page = output / path.name, output / f"{path.stem}.html"
        began, error = time.monotonic(), ""
        try:
            execute(path, executed, parameters.get(path.stem), minutes)
        except NotebookError as problem:
            error = str(problem)
        taken = (time.monotonic() - began) / 60
        if executed.exists():
            notebook_pages.write_page(executed, page, path.parent)
        outcomes[number] = dataclasses.replace(
            outcomes[number],
            status="failed" if error else "passed",
            minutes=taken,
            page=page if page.exists() else None,
            error=error,
        )
        notebook_pages.write_index(outcomes, lead, output / "index.html")
        say(f"{taken:6.1f} min  {path.stem:24} {outcomes[number].status}")
        if error:
            break
    return outcomes


def _assigned(text: str) -> tuple[str, str, Any]:
    """``03.prompt="a red circle"`` as notebook, name and value: JSON where it is JSON, else the text itself."""
    found = re.fullmatch(r"([\w-]+)\.(\w+)=(.*)", text, re.DOTALL)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 05.prompts=20")
    try:
        return found[1], found[2], json.loads(found[3])
    except ValueError:
        return found[1], found[2], found[3]


def _grouped(given: Sequence[tuple[str, str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for start, name, value in given:
        for path in find(folder, [start]):
            grouped.setdefault(path.stem, {})[name] = value
    return grouped


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.commands.notebooks", description="Run the workshop's notebooks."
    )
    parser.add_argument("only", nargs="*", help="beginnings of their names, such as 03; by default all of them")
    parser.add_argument(
        "-p", "--parameter", action="append", default=[], type=_assigned, metavar="NN.NAME=VALUE",
        help="a parameter of one notebook, such as 05.prompts=20",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, help="for each notebook; by default 10, on AWS 90")
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="where they are; default: %(default)s")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: %(default)s; it is emptied first")
    return parser


def _finish(outcomes: Sequence[notebook_pages.Outcome], output: Path, settings: Settings) -> int:
    total = sum(outcome.minutes or 0 for outcome in outcomes)
    _say(f"{total:6.1f} min  in total; open {os.path.relpath(output / 'index.html')}")
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return 0
    cost = " and costs money until you do" if settings.workshop.target == "aws" else ""
    _say(f"\n{failed[0].error}\n\nWhat is deployed is still there{cost}: `make notebooks ARGS=99` removes it.")
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the notebooks; 0 when all passed."""
    chosen = _parser().parse_args(arguments)
    with interruptible(STOPPED):
        return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    try:
        settings = load()
        paths = find(chosen.folder, chosen.only)
        target = settings.workshop.target
        count = "1 notebook" if len(paths) == 1 else f"{len(paths)} notebooks"
        lead = f"{count} on the target {target}, workshop {settings.workshop.name}"
        minutes = TIMEOUT_MINUTES[target] if chosen.minutes is None else chosen.minutes
        _say(f"{lead}, at most {minutes:g} minutes each")
        outcomes = run(paths, _grouped(chosen.parameter, chosen.folder), chosen.output, minutes, _say, f"{lead}.")
        return _finish(outcomes, chosen.output, settings)
    except WorkshopError as problem:
        _say(f"notebooks stopped: {problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
