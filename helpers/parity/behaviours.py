"""Which behaviours of docs/fidelity.md a recording confirms, which it contradicts, and which it did not meet."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from contract.settings import ROOT
from helpers.parity import forms
from helpers.parity.recording import Recording

PAGE = ROOT / "docs" / "fidelity.md"
CLAIMS = Path(__file__).with_name("claims.toml")
Verdict = Literal["confirmed", "differs", "not met"]
_ROW = re.compile(r"\| (.+?) \| (?:\[|recorded on AWS).+? \| (same|differs|refused|ours) \| `([^`]+)` \|")


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """A row of docs/fidelity.md.

    Attributes
    ----------
    service, text, kind, test : str
        ``kind`` is that page's verdict (same, differs, refused, ours); ``test`` its proof on the local cloud.
    """

    service: str
    text: str
    kind: str
    test: str


@dataclasses.dataclass(frozen=True)
class Met:
    """A behaviour and what a recording says of it; ``why`` names the facts or the test."""

    behaviour: Behaviour
    verdict: Verdict
    why: str


def rows(page: Path = PAGE) -> list[Behaviour]:
    """All behaviours of the page."""
    found, service = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            service = line[3:].strip()
        elif match := _ROW.fullmatch(line):
            found.append(Behaviour(service, re.sub(r"\\(.)", r"\1", match[1]), match[2], match[3]))
    return found


def claims(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """What facts a behaviour is known by: ``service``, ``text``, ``facts``."""
    listed: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["claim"]
    return listed


def judged(recording: Recording, behaviours: Iterable[Behaviour] | None = None) -> list[Met]:
    """Every behaviour with its verdict.

    The facts of the run come first, then the outcome of the conformance test if the run included it: on AWS that is the
    same test that proves the behaviour on the local cloud.
    """
    known = {(claim["service"], claim["text"]): claim["facts"] for claim in claims()}
    tests = _tests(recording)
    listed = rows() if behaviours is None else list(behaviours)
    return [_judge(row, known.get((row.service, row.text)), recording.facts, tests) for row in listed]


def _tests(recording: Recording) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in recording.of("conformance"):
        found.setdefault(line["test"], set()).add(line["outcome"])
    return found


def _judge(
    row: Behaviour, wanted: Mapping[str, Any] | None, facts: Mapping[str, Any], tests: Mapping[str, set[str]]
) -> Met:
    if wanted is not None and all(name in facts for name in wanted):
        wrong = [name for name, value in wanted.items() if not _fits(facts[name], value)]
        if not wrong:
            return Met(row, "confirmed", ", ".join(wanted))
        said = "; ".join(f"{name} is {forms.as_text(facts[name], 200)}" for name in wrong)
        return Met(row, "differs", said)
    outcomes = tests.get(row.test, set())
    if outcomes & {"FAILED", "ERROR"}:
        return Met(row, "differs", f"{row.test} failed")
    if outcomes == {"PASSED"}:
        return Met(row, "confirmed", row.test)
    return Met(row, "not met", "")


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and wanted.startswith("~"):
        return isinstance(value, str) and re.match(wanted[1:], forms.plain(value)) is not None
    if isinstance(value, str) and isinstance(wanted, str):
        return forms.plain(value) == wanted
    return bool(value == wanted)
