"""A copy of the workshop, so that running its notebooks leaves the folder that is tested as it is."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import localcloud
from contract import settings
from helpers.commands.demo_pipeline import copy_of_the_workshop
from contract.settings import ROOT
from tests.endtoend.conftest import free_port

NAMES = (
    "00_start_here",
    "01_deploy",
    "02_explore_the_model",
    "03_generate",
    "04_from_json_to_png",
    "05_zero_to_many",
    "06_operate",
    "99_clean_up",
)
"""All notebooks; that there are no others, and none is missing, is a test."""

SHORT: dict[str, dict[str, Any]] = {"03_generate": {"grid": 2}, "05_zero_to_many": {"prompts": 16}}
"""Parameters that keep a notebook short where it offers such, by its name."""

EXCLUDED = ".tools\n*_again.ipynb\n"
"""What these tests add to a copy, and what no push of it shall take along."""


@contextlib.contextmanager
def workshop(folder: Path, name: str) -> Iterator[Path]:
    """A copy in ``folder`` with a local cloud and a workshop's name of its own; the cloud ends with the block."""
    overrides = {
        "WORKSHOP_WORKSHOP_TARGET": "local",
        "WORKSHOP_WORKSHOP_NAME": name,
        "WORKSHOP_LOCAL_PORT": str(free_port()),
        "WORKSHOP_LOCAL_PROVISION_SECONDS": "30",
    }
    copy_of_the_workshop(ROOT, folder, settings.load(environ=overrides))
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "exclude").write_text(EXCLUDED)
    (folder / ".tools").symlink_to(ROOT / ".tools")
    try:
        yield folder
    finally:
        localcloud.stop(folder / ".localcloud")
        shutil.rmtree(folder / "build", ignore_errors=True)  # the builds' environments: 200,000 files
