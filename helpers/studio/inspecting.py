"""Where the pixel inspector comes in: it is imported when somebody asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from contract.errors import ResultError
from helpers.inference.results import Result

if TYPE_CHECKING:
    from helpers.inference.connection import Connection


def inspector_of(connection: Connection, about: Mapping[str, Any], picture: int) -> ipywidgets.Widget:
    """A pixel inspector for one picture of the open request.

    Raises
    ------
    ResultError
        No request is open, or it has no such picture.
    """
    pictures = about.get("pictures") or []
    if not 0 <= picture < len(pictures):
        raise ResultError(f"picture {picture}: the open request has {len(pictures)}; open one with pictures first.")
    inspector = importlib.import_module("helpers.show.inspector")
    made: ipywidgets.Widget = inspector.Inspector(Result(connection, about["id"]), picture)
    return made
