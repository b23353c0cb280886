"""Bytes, for people."""

from __future__ import annotations


def size(count: float) -> str:
    """``4.6 MB``: decimal, as AWS's console writes sizes of downloads."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
