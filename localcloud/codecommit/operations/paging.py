"""Long lists, page by page."""

from __future__ import annotations

from typing import Any, TypeVar

from localcloud.codecommit.errors import refusal

PAGE = 1000
Row = TypeVar("Row")


def page(
    rows: list[Row], parameters: dict[str, Any], field: str = "nextToken", size: int = PAGE
) -> tuple[list[Row], dict[str, str]]:
    """The rows that were asked for, and the token for the next ones in ``field`` if there are more.

    Parameters
    ----------
    rows : list
        All of them.
    parameters : dict
        Of the operation.
    field : str
        The member that holds the token, in the request and in the answer.
    size : int
        The most rows of a page.

    Raises
    ------
    ServiceError
        InvalidContinuationTokenException.
    """
    given = parameters.get(field) or "0"
    if not (given.isascii() and given.isdigit()):
        raise refusal("InvalidContinuationTokenException", given)
    end = int(given) + size
    return rows[int(given) : end], {field: str(end)} if end < len(rows) else {}
