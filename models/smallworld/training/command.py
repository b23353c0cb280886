"""What the command lines of training have in common: their options, what they say, and how they stop early."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

FOLDER = Path(__file__).parents[1] / ".train"
"""Where checkpoints and logs go unless a command is told otherwise; Git ignores it."""

Settings = TypeVar("Settings")


def parser(module: str, documentation: str | None) -> argparse.ArgumentParser:
    """A parser that presents itself as ``python -m smallworld.training.<module>``, with the module's first line."""
    first = (documentation or "").split("\n")[0]
    return argparse.ArgumentParser(prog=f"python -m smallworld.training.{module}", description=first)


def add_settings(parser: argparse.ArgumentParser, defaults: Any, helps: Mapping[str, str]) -> None:
    """Add an option for each of some whole numbers of a configuration; `configured` reads them.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    defaults : dataclass
        The configuration, with the released values.
    helps : mapping
        Name of the field -> what it is; ``decay_steps`` becomes ``--decay-steps``.
    """
    for name, said in helps.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(defaults, name), help=f"{said} (default: %(default)s)")


def configured(defaults: Settings, options: argparse.Namespace) -> Settings:
    """The configuration with what was asked for on the command line."""
    names = [field.name for field in dataclasses.fields(defaults)]  # type: ignore[arg-type]  # always a dataclass
    changed = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return dataclasses.replace(defaults, **changed)  # type: ignore[type-var]  # always a dataclass


def add_run_options(
    parser: argparse.ArgumentParser, checkpoint: str, *, workers: int, log_every: int, save_every: int
) -> None:
    """Add the options of a run that can be interrupted and resumed.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    checkpoint : str
        File name of the checkpoint, which a run resumes.
    workers : int
        How many processes draw, unless asked otherwise.
    log_every, save_every : int
        After how many steps a line is logged and the checkpoint written, unless asked otherwise.
    """
    folder = "checkpoints and log (default: %(default)s)"
    parser.add_argument("--folder", type=Path, default=FOLDER, help=folder)
    parser.add_argument("--restart", action="store_true", help=f"begin from nothing instead of resuming {checkpoint}")
    parser.add_argument("--workers", type=int, default=workers, help="processes that draw (default: %(default)s)")
    parser.add_argument("--log-every", type=int, default=log_every, help="steps (default: %(default)s)")
    parser.add_argument("--save-every", type=int, default=save_every, help="steps (default: %(default)s)")


def processors() -> int:
    """How many processors there are; two when nobody knows."""
    return os.cpu_count() or 2


def say(text: str) -> None:
    """Show progress or a result at once."""
    print(text, flush=True)  # noqa: T201 - what a command is for


def log(path: Path, line: Mapping[str, Any]) -> None:
    """Append a line of JSON to a log."""
    with path.open("a") as lines:
        lines.write(json.dumps(line) + "\n")


def stopping() -> Callable[[], bool]:
    """Whether an interrupt was asked for since this call.

    The first Ctrl+C or SIGTERM is only noted, so that a checkpoint can be written.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return lambda: bool(asked)
