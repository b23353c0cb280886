"""How much memory a function has."""

from __future__ import annotations

from pathlib import Path


def resident(pid: int) -> int:
    """The most memory that process ``pid`` has had, and what its children have now, in bytes, without mapped files.

    The kernel keeps the first number, so that nothing is missed between two looks. 0 where there is no ``/proc``.
    """
    try:
        total = _status(pid, "VmHWM") - _status(pid, "RssFile")
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                total += _status(int(child), "VmRSS") - _status(int(child), "RssFile")
    except (OSError, KeyError):
        return 0
    return total


def _status(pid: int, field: str) -> int:
    with Path(f"/proc/{pid}/status").open() as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise KeyError(field)
