"""Which kernel a notebook runs in, and what to do when it lacks what the workshop needs.

Notebooks run this file by its path, in whatever Python they have opened with: so it needs the standard library alone,
nothing else of the workshop, and no syntax newer than Python 3.8's. ``make studio-kernel`` registers the kernel that
is named here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from pathlib import Path

NAME = "async-genai"
"""Of the folder with its ``kernel.json``."""
DISPLAY_NAME = "Async GenAI workshop"
"""As JupyterLab lists it."""
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
OURS = ("contract", "extract_images", "helpers", "infra", "localcloud", "save_status", "shared", "smallworld")
"""Modules of the workshop: one of these that is not there is a mistake in a program, if others of them are."""
SHOWN = 4
"""How many missing packages an error names."""


class WrongKernelError(ImportError):
    """Packages that the workshop needs are not in this Python; the message says which kernel to choose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return str(self).splitlines()


def required() -> list[str]:
    """Names of the packages that ``pyproject.toml`` asks for on every machine."""
    # Not with tomllib, which is younger than some kernels; a test holds this against it.
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[$(.*?)^\]$", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r'^\s*"([A-Za-z0-9._-]+)([^"]*)"', block.group(1) if block else "", re.MULTILINE)
    return [name for name, rest in lines if ";" not in rest]


def missing() -> list[str]:
    """What this Python lacks of :func:`required`, in any version, and the workshop itself."""
    lacking = [] if importlib.util.find_spec("helpers") else ["the workshop itself"]
    for name in required():
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name)
    return lacking


def data_folder() -> Path:
    """Where Jupyter keeps this user's kernels; ``jupyter_core.paths.jupyter_data_dir`` for where there is none."""
    if os.environ.get("JUPYTER_DATA_DIR"):
        return Path(os.environ["JUPYTER_DATA_DIR"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jupyter"


def registered() -> Path | None:
    """The Python that the registered kernel starts; None when there is no such kernel, or its Python is gone."""
    try:
        spec = json.loads((data_folder() / "kernels" / NAME / "kernel.json").read_text(encoding="utf-8"))
        python = Path(spec["argv"][0])
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return python if python.exists() else None


def is_ours(python: Path) -> bool:
    """Whether a Python is that of this folder's ``.venv``."""
    return python.parent.parent.resolve() == VENV.resolve()  # not the interpreter itself, which is a link out of it


def is_this() -> bool:
    """Whether this process runs in this folder's ``.venv``."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def advice() -> list[str]:
    """What to do in a kernel that lacks something, true for this machine as it is now: one step each."""
    if is_this():
        return [f"In a terminal: cd {ROOT} && make setup", "Restart this kernel."]
    choose = (
        f'Choose the kernel "{DISPLAY_NAME}": click the name of the kernel in the notebook\'s upper right corner. Then '
        "run the notebook from its first cell."
    )
    python = registered()
    if python is not None and is_ours(python):
        return [choose]
    why = f"; the kernel of that name belongs to {python.parent.parent.parent}" if python else ""
    return [
        f"In a terminal (File, New, Terminal): cd {ROOT} && make studio-kernel (2 to 5 minutes{why})",
        "Reload this browser tab.",
        choose,
    ]


def explained(lacking: list[str]) -> WrongKernelError:
    """The error that names what is missing, and what to do."""
    more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    version = ".".join(map(str, sys.version_info[:3]))
    what = f"it lacks {', '.join(lacking[:SHOWN])}{more}"
    if sys.version_info[:2] < OLDEST:
        what = f"the workshop needs Python {OLDEST[0]}.{OLDEST[1]} or newer"
    who = "The workshop's own kernel is incomplete" if is_this() else "This is not the workshop's kernel"
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(advice(), 1))
    return WrongKernelError(
        f"{who}: it runs Python {version} of {sys.prefix}, and {what}.\n{steps}\n"
        "On a machine of your own, `make lab` opens the notebooks with the right kernel."
    )


def check() -> None:
    """Raise unless this Python has what the workshop needs.

    Raises
    ------
    WrongKernelError
        It is too old, or packages are missing.
    """
    lacking = missing()
    if lacking or sys.version_info[:2] < OLDEST:
        raise explained(lacking)


def translated(error: ImportError) -> ImportError:
    """An import that failed as an error that says what to do; one that is the program's own mistake stays."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not name or name in OURS or name in sys.stdlib_module_names:
        return error
    return explained(missing() or [name])
