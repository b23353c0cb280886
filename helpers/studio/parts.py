"""What the studio's widgets share: how their ES modules are put together, and how they are told about clicks."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent
CSS = (HERE / "studio.css").read_text(encoding="utf-8")

Action = Callable[[Mapping[str, Any]], None]


def module(name: str) -> str:
    """The ES module ``name`` with what all of them use in front; a widget's module cannot import another."""
    return "\n".join((HERE / file).read_text(encoding="utf-8") for file in ("dom.js", f"{name}.js"))


class Part(anywidget.AnyWidget):
    """A widget that reports what people do in it as messages ``{"do": …}``, which arrive in their order.

    State goes one way, from Python to the page; so no answer of Python's can undo what somebody does meanwhile.
    """

    def __init__(self, **values: Any) -> None:
        self._changing = threading.RLock()
        super().__init__(**values)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Several traits at once, and one thread at a time: what one sets while another sends may get lost."""
        with self._changing, self.hold_sync():
            yield

    def listen(self, action: Action) -> None:
        """Call ``action``, a bound method, with each message; its object may go away, and then nobody hears them."""
        weak = weakref.WeakMethod(action)

        def hear(widget: object, content: Mapping[str, Any], buffers: object) -> None:
            del widget, buffers
            method = weak()
            if method is not None:
                method(content)

        self.on_msg(hear)
