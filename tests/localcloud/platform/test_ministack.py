"""The check for MiniStack's private parts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import localcloud.ministack

ROOT = Path(localcloud.ministack.__file__).resolve().parents[2]


def check_after(change: str) -> str:
    """What ``check`` complains of after ``change``; in a process of its own, as MiniStack changes its importers."""
    script = (
        "import importlib.metadata\n"
        "from localcloud.ministack import check, parts, IncompatibleMiniStackError\n"
        f"{change}\n"
        "try:\n    check()\nexcept IncompatibleMiniStackError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_the_installed_ministack_has_every_part() -> None:
    assert check_after("") == ""


def test_another_version_is_named() -> None:
    said = check_after("importlib.metadata.version = lambda name: '9.9.9'")
    assert f"written for MiniStack {localcloud.ministack.VERSION}, but 9.9.9 is installed. Install" in said


def test_a_part_that_is_gone_is_named() -> None:
    said = check_after("parts._PARTS['ministack.services.sns'] = ('_deliver_by_pigeon',)")
    assert "missing: ministack.services.sns._deliver_by_pigeon" in said


def test_nothing_else_touches_ministack() -> None:
    others = [path for path in (ROOT / "localcloud").rglob("*.py") if path.parent.name != "ministack"]
    assert others
    for path in others:
        assert not re.search(r"^\s*(import|from) ministack", path.read_text(), re.MULTILINE), path
