"""Pages of lists, with tokens that mean nothing to their reader."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from localcloud.sns.messages import invalid

SIZE = 100


def page(name: str, items: Sequence[Any], token: str | None) -> dict[str, Any]:
    """One page of ``items`` under ``name``, and ``NextToken`` when there are more.

    Parameters
    ----------
    name : str
    items : sequence
        All of them.
    token : str, optional
        ``NextToken`` of the page before.

    Raises
    ------
    ServiceError
        ``InvalidParameter`` for a token that this function did not give out.
    """
    start = _position(token) if token else 0
    out: dict[str, Any] = {name: list(items[start : start + SIZE])}
    if start + SIZE < len(items):
        out["NextToken"] = base64.b64encode(f"position:{start + SIZE}".encode()).decode()
    return out


def _position(token: str) -> int:
    try:
        word, _, number = base64.b64decode(token, validate=True).decode().partition(":")
        if word == "position":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise invalid("NextToken")
