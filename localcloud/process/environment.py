"""What a process of this cloud inherits from this machine: environment variables, and packages to import."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from localcloud.process import janitor

HOST_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a process needs of the host to run at all; nothing else reaches a model or a build."""


def inherited(names: Iterable[str] = HOST_VARIABLES) -> dict[str, str]:
    """Those of ``names`` that the host's environment has, and the janitor's mark."""
    return {name: os.environ[name] for name in (*names, janitor.MARK) if name in os.environ}


def project_folders() -> list[str]:
    """Folders of this project on ``sys.path``.

    An editable install puts them there. Neither a model nor a function may import what they hold: on AWS it is not
    there.
    """
    root = Path(__file__).parents[2]
    installed = [Path(path) for path in sysconfig.get_paths().values()]
    return [
        entry
        for entry in sys.path
        if Path(entry).is_relative_to(root) and not any(Path(entry).is_relative_to(path) for path in installed)
    ]
