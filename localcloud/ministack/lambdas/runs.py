"""One run of a function: what it gets, and what it comes to."""

from __future__ import annotations

import dataclasses
from typing import Any

from localcloud.ministack.lambdas.output import Line


@dataclasses.dataclass(frozen=True)
class Invocation:
    """One run. ``client_context`` is what the caller's client says of itself."""

    payload: str
    request_id: str
    arn: str
    trace: str = ""
    client_context: Any = None


@dataclasses.dataclass
class Result:
    """What a run came to.

    Attributes
    ----------
    payload : str
        JSON: what the function returned, or the error.
    error : str
        AWS's ``errorType``; empty on success.
    lines : list of Line
        What was logged.
    seconds, init_seconds : float
        How long handler and loading took; no loading in a warm environment.
    memory : int
        The most memory that the environment has had, in bytes.
    died : str
        ``timeout`` or ``error`` when the environment did not survive.
    """

    payload: str = "null"
    error: str = ""
    lines: list[Line] = dataclasses.field(default_factory=list)
    init_lines: list[Line] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    init_seconds: float = 0.0
    memory: int = 0
    died: str = ""


class DeathError(Exception):
    """The environment is gone; ``kind`` and the message are AWS's ``errorType`` and ``errorMessage``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
