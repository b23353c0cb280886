"""The pixel inspector as a widget: the page's module with x and y shared between browser and kernel."""

from __future__ import annotations

import base64
from typing import Any

import anywidget
import traitlets

from helpers.inference.results import Result
from helpers.show.inspector import hosting
from helpers.show.inspector.subject import Subject, subject_of


class Inspector(anywidget.AnyWidget):
    """A picture whose pixels can be looked at: by pointer, by keys, or from Python.

    Shows the picture enlarged; for the chosen pixel its place, red, green and blue, and where these numbers stand in
    the model's JSON. Works as a widget, in a static export of the notebook, and as a page (:meth:`to_html`).

    Parameters
    ----------
    shown : Result or Subject
        A finished job's result, or a picture made ready with :class:`helpers.show.inspector.Subject`.
    number : int
        Which of the result's pictures, counted from 0.
    x, y : int, optional
        The pixel to begin with; by default the one in the middle.

    Attributes
    ----------
    x, y : int
        The chosen pixel, counted from the left and the top. Setting them chooses another; a place outside of the
        picture raises ``traitlets.TraitError``.

    Raises
    ------
    ParameterError, ResultError
        See :func:`helpers.show.inspector.subject_of`.

    Examples
    --------
    >>> inspector = Inspector(result)  # doctest: +SKIP
    >>> inspector.x, inspector.y = 17, 14  # doctest: +SKIP
    >>> inspector.rgb, inspector.place  # doctest: +SKIP
    ((230, 25, 75), 'generated_images[0][14][17]')
    """

    _esm = hosting.MODULE
    _css = hosting.STYLE
    png = traitlets.Bytes(b"").tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    x = traitlets.Int(0).tag(sync=True)
    y = traitlets.Int(0).tag(sync=True)

    def __init__(self, shown: Result | Subject, number: int = 0, *, x: int | None = None, y: int | None = None) -> None:
        self.subject = shown if isinstance(shown, Subject) else subject_of(shown, number)
        self._pixels = self.subject.pixels
        height, width, _ = self._pixels.shape
        super().__init__(
            png=self.subject.png,
            facts=self.subject.facts,
            x=width // 2 if x is None else x,
            y=height // 2 if y is None else y,
        )

    def __repr__(self) -> str:
        place = f"{self.place} = " if self.place else ""
        return f"<Inspector of {self.subject.alt!r}: x {self.x}, y {self.y}, {place}{list(self.rgb)}>"

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue of the chosen pixel, 0 to 255."""
        red, green, blue = (int(value) for value in self._pixels[self.y, self.x])
        return red, green, blue

    @property
    def place(self) -> str:
        """Where they stand in the model's JSON, such as ``generated_images[0][14][17]``; empty when nowhere."""
        return f"{self.subject.path}[{self.y}][{self.x}]" if self.subject.path else ""

    @traitlets.validate("x", "y")
    def _inside(self, proposal: Any) -> int:
        height, width, _ = self._pixels.shape
        name, value = proposal["trait"].name, int(proposal["value"])
        last = (width if name == "x" else height) - 1
        if not 0 <= value <= last:
            raise traitlets.TraitError(f"{name} = {value}: must be 0 to {last}, the picture is {width}×{height}.")
        return value

    def _repr_html_(self) -> str:
        """The same inspector without a kernel."""
        return hosting.fragment(self.subject, self.x, self.y)

    def to_html(self) -> str:
        """The same inspector as a page of its own, without a kernel and without a network."""
        return hosting.page(self.subject, self.x, self.y)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, and besides it what a static copy of the notebook can show."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        png = base64.b64encode(self.subject.png).decode()  # as notebooks store it
        static = {"text/html": self._repr_html_(), "image/png": png, "text/plain": repr(self)}
        return {**data, **static}, metadata
