"""Environments below ``.tools/`` that scripts make for other versions of Python and of packages than the workshop's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".tools" / "uv" / "bin" / "uv"


def _environment() -> dict[str, str]:
    """The variables of this process, but for the environment that is active; uv downloads no Python."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    return environment


def run(program: str, command: Sequence[str | Path], what: str) -> None:
    """Run a command with its output shown, and end with one line, which ``program`` begins, when it fails."""
    print(f"{program}: {what}", flush=True)
    code = subprocess.run([*map(str, command)], cwd=ROOT, env=_environment(), check=False).returncode
    if code:
        sys.exit(f"{program}: {what} failed (exit status {code}); its own message is above.")


def find_python(version: str) -> str | None:
    """A Python of this version that runs, its path: where uv finds it, on the PATH, with pyenv."""
    script = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in filter(None, _candidates(version)):
        try:
            told = subprocess.run([candidate, "-c", script], capture_output=True, text=True, check=False).stdout.split()
        except OSError:
            continue
        if told[:1] == [version]:
            return told[1]
    return None


def _candidates(version: str) -> Iterator[str]:
    find = [str(UV), "python", "find", "--system", version]
    yield subprocess.run(find, env=_environment(), capture_output=True, text=True, check=False).stdout.strip()
    yield f"python{version}"
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from map(str, sorted(versions.glob(f"{version}.*/bin/python")))


def made_from(folder: Path, wanted: str, make: Callable[[], None]) -> None:
    """Call ``make``, which makes the environment in ``folder``, unless it was made from what is ``wanted``."""
    stamp = folder / "made-from.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    make()
    stamp.write_text(wanted, encoding="utf-8")
