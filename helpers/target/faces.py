"""How a room shows what it offers, and what is said when this Python lacks a package behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract import kernel


def face(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package whose ``.pyi`` lists what it offers.

    Parameters
    ----------
    package, file : str
        Its ``__name__`` and ``__file__``.

    Raises
    ------
    WrongKernelError
        In place of a ModuleNotFoundError, here or when a name is asked for: a package is missing, most often since the
        notebook runs in another kernel than the workshop's.
    """
    try:
        import lazy_loader  # type: ignore[import-untyped]  # it has no stubs

        load, names, everything = lazy_loader.attach_stub(package, file)
    except ModuleNotFoundError as error:
        raise kernel.translated(error) from None

    def loaded(name: str) -> Any:
        try:
            return load(name)
        except ModuleNotFoundError as error:
            problem = kernel.translated(error)
            if problem is error:
                raise
            raise problem from error

    return loaded, names, everything
