"""What the operations of CodeBuild share: errors, order, pages, tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localcloud.services import ServiceError

PAGE = 100


def invalid(message: str) -> ServiceError:
    """What a caller got wrong."""
    return ServiceError("InvalidInputException", message)


def missing(message: str) -> ServiceError:
    """What does not exist."""
    return ServiceError("ResourceNotFoundException", message)


def sorted_by(rows: Iterable[dict[str, Any]], key: str, order: str) -> list[dict[str, Any]]:
    """``rows`` sorted by one member.

    Parameters
    ----------
    rows : iterable of dict
    key : str
        The member to sort by.
    order : str
        ``ASCENDING`` or ``DESCENDING``.
    """
    return sorted(rows, key=lambda row: row[key], reverse=order == "DESCENDING")


def page(rows: list[Any], parameters: dict[str, Any], key: str) -> dict[str, Any]:
    """The page of ``rows`` that ``nextToken`` asks for.

    Parameters
    ----------
    rows : list
        All of them.
    parameters : dict
        Of the operation: ``nextToken``, ``maxResults``.
    key : str
        The member of the answer that holds the page.

    Raises
    ------
    ServiceError
        InvalidInputException for a token that is not one of this service.
    """
    token = parameters.get("nextToken", "0")
    if not token.isdigit():
        raise invalid(f"Invalid next token: {token}")
    start, size = int(token), int(parameters.get("maxResults", PAGE))
    rest = {"nextToken": str(start + size)} if start + size < len(rows) else {}
    return {key: rows[start : start + size], **rest}


def tagged(tags: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Tags with every member."""
    return [{"key": tag.get("key", ""), "value": tag.get("value", "")} for tag in tags]
