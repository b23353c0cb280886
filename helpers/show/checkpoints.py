"""Checkpoints in the notebooks: an assertion that says what to do when it does not hold."""

from __future__ import annotations

import dataclasses
import html


@dataclasses.dataclass(frozen=True)
class Passed:
    """What a notebook shows for a checkpoint that holds."""

    what: str

    def __str__(self) -> str:
        return f"✓ {self.what}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p role="status" style="margin:0">✓ {html.escape(self.what)}</p>'

    def _ipython_display_(self) -> None:
        """Nothing: :func:`checkpoint` has shown it already, and a cell's last line would show it again."""


def checkpoint(what: str, condition: object, otherwise: str) -> Passed:
    """Show that something holds, and stop the notebook when it does not.

    Parameters
    ----------
    what : str
        What must hold, as a sentence without its full stop: ``"the pipeline is green"``.
    condition : object
        Whether it does.
    otherwise : str
        What the reader should do when it does not.

    Raises
    ------
    AssertionError
        With ``what`` and ``otherwise``; an assertion, so that papermill and nbval stop at it.
    """
    if not condition:
        raise AssertionError(f"not yet: {what}. {otherwise}")
    passed = Passed(what)
    _show(passed)
    return passed


def _show(passed: Passed) -> None:
    """Show it also when it is not the cell's last line."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:  # without IPython there is no notebook to show it in
        return
    if get_ipython() is not None:
        shown = {"text/plain": str(passed), "text/html": passed._repr_html_()}
        display(shown, raw=True)  # type: ignore[no-untyped-call]
