"""``runtime-versions``: a build here runs with this machine's tools, and its log says which."""

from __future__ import annotations

import re
from collections.abc import Callable

from localcloud.codebuild.builds.shell import Shell
from localcloud.codebuild.buildspec.grammar import Buildspec

ASK = {"python": "python3 --version", "nodejs": "node --version"}
"""How a runtime says its version."""


def note_runtimes(spec: Buildspec, shell: Shell, say: Callable[[str], None]) -> None:
    """Say which runtimes the buildspec asks for and which this machine has.

    Parameters
    ----------
    spec : Buildspec
    shell : Shell
        Of the build, so that its PATH counts.
    say : callable
        Gets each line for the log.
    """
    if not spec.runtime_versions:
        say("No runtime version selected in buildspec.")
    for name, wanted in spec.runtime_versions.items():
        say(f"Selecting '{name}' runtime version '{wanted}' based on manual selections...")
        if name not in ASK:
            say(f"The local cloud installs no runtime: {name} is whatever this machine's PATH has")
            continue
        lines: list[str] = []
        status = shell.run(ASK[name], lines.append)
        found = re.search(r"\d+(\.\d+)*", " ".join(lines))
        if status or found is None:
            say(f"This machine has no {name}: commands that need it will fail")
        elif not matches(wanted, found.group()):
            say(f"The build runs in this machine's {name} {found.group()}, not in {wanted}")


def matches(wanted: str, found: str) -> bool:
    """Whether version ``found`` is one of ``wanted`` (``3.12``, ``22``, ``3.x``, ``latest``)."""
    if wanted == "latest":
        return True
    parts = [part for part in wanted.split(".") if part != "x"]
    return found.split(".")[: len(parts)] == parts
