"""An ONNX file must compute what PyTorch computes: how that is checked, and what happens otherwise."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types

TOLERANCE = 1e-4
"""Largest difference of 32-bit files to PyTorch, on a scale from -1 to 1."""


class ExportError(Exception):
    """An exported file does not compute what PyTorch computes."""


def session(path: Path) -> ort.InferenceSession:
    """A network, ready to run on the processor."""
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def accept(difference: float, what: str) -> float:
    """Return the difference to PyTorch that was found in ``what``, if it is small enough.

    Raises
    ------
    ExportError
        When it is more than ``TOLERANCE``.
    """
    if not difference <= TOLERANCE:  # also when it is not a number
        raise ExportError(f"{what} from PyTorch by {difference:.1e}; it must be at most {TOLERANCE:.0e}")
    return difference
