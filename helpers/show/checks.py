"""Checks that run side by side, each with a deadline; one that fails or hangs never hides the others."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from contract.errors import WorkshopError
from helpers.show.tables import SIGNS, html_table, state_text

State = Literal["ok", "warn", "fail"]
COLUMNS = ("Check", "State", "What was found", "What to do")


@dataclasses.dataclass(frozen=True)
class Check:
    """What one check came to.

    Attributes
    ----------
    name : str
        What was looked at.
    state : str
        ``ok``; ``warn``: the workshop works, with a limit; ``fail``: something will not work.
    found : str
        What was found.
    fix : str
        What to do about it, empty when nothing.
    """

    name: str
    state: State
    found: str
    fix: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """All checks, in the order in which they were asked for.

    Attributes
    ----------
    title : str
        What was checked.
    checks : tuple of Check
    seconds : float
        How long they took together.
    """

    title: str
    checks: tuple[Check, ...]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return not self.failed

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.state == "fail"]

    @property
    def warned(self) -> list[Check]:
        """The checks that warn."""
        return [check for check in self.checks if check.state == "warn"]

    def __getitem__(self, name: str) -> Check:
        """The check of this name."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"there is no check {name!r}; there are: {', '.join(check.name for check in self.checks)}")

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def summary(self) -> str:
        """One line: what the rows below it come to."""
        if self.failed:
            names = ", ".join(check.name for check in self.failed)
            return f"{self.title}: {len(self.failed)} to fix ({names})"
        if self.warned:
            return f"{self.title}: ready, {len(self.warned)} worth a look"
        return f"{self.title}: all {len(self.checks)} checks are fine"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(check.name, state_text(check.state), check.found, check.fix) for check in self.checks]

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [self.summary()]
        for check in self.checks:
            lines.append(f"  {SIGNS[check.state]} {check.name.ljust(width)}  {' '.join(check.found.split())}")
            if check.fix:
                lines.append(f"    {' ' * width}  what to do: {check.fix}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        states = [check.state for check in self.checks]
        return html_table(self.summary(), COLUMNS, self._rows(), states, f"Took {self.seconds:.1f} s.")


@dataclasses.dataclass(frozen=True)
class Planned:
    """A check to run.

    Attributes
    ----------
    name : str
    look : callable
        Looks, and returns state, what was found and how to fix it. What it raises becomes the result.
    seconds : float
        How long it may take.
    """

    name: str
    look: Callable[[], tuple[State, str, str]]
    seconds: float = 30.0


def run(title: str, planned: Sequence[Planned]) -> Report:
    """Run all checks at the same time and wait for each until its deadline."""
    began = time.monotonic()
    results: dict[str, Check] = {}
    threads = []
    for item in planned:
        # Daemons: a check that hangs forever must not keep the kernel from ending.
        thread = threading.Thread(target=_look, args=(item, results), name=f"check {item.name}", daemon=True)
        thread.start()
        threads.append(thread)
    for item, thread in zip(planned, threads, strict=True):
        thread.join(max(0.0, began + item.seconds - time.monotonic()))
    checks = tuple(results.get(item.name) or _late(item) for item in planned)
    return Report(title, checks, time.monotonic() - began)


def _late(item: Planned) -> Check:
    return Check(
        item.name,
        "warn",
        f"no answer within {item.seconds:g} s",
        "Run the checks again. If it stays so, look at this machine's network: a proxy or a firewall that swallows "
        "requests looks just like this.",
    )


def _look(item: Planned, results: dict[str, Check]) -> None:
    try:
        results[item.name] = Check(item.name, *item.look())
    except WorkshopError as error:  # its message says what to do
        results[item.name] = Check(item.name, "fail", str(error), "The last part of the message says what to do.")
    except Exception as error:  # noqa: BLE001 - whatever happens in a check is the result of that check
        results[item.name] = Check(
            item.name,
            "fail",
            f"the check itself broke: {type(error).__name__}: {error}",
            "This is a fault of the workshop's code: please open an issue with this line.",
        )
