"""What a process of this cloud inherits from the environment of the host."""

from __future__ import annotations

import os
from collections.abc import Iterable

from localcloud.process import janitor

HOST_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""What a process needs of the host to run at all; nothing else reaches a model or a build."""


def inherited(names: Iterable[str] = HOST_VARIABLES) -> dict[str, str]:
    """Those of ``names`` that the host's environment has, and the janitor's mark."""
    return {name: os.environ[name] for name in (*names, janitor.MARK) if name in os.environ}
