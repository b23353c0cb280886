"""The order of the tests: ``make test`` gives each worker one file after another, the long ones first.

And what ends with them: :mod:`tests.tidy`.
"""

import sys
from pathlib import PurePath

import pytest

pytest_plugins = ["tests.tidy"]

# jsonschema, which nbformat imports, does without it: a grammar of IRIs that takes two seconds to build, in each worker.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # Python's way to say "not installed"

LONG = (
    "browser/test_notebooks.py",
    "infra",  # while the first makes the deployed workshop, which the next ones copy
    "notebooks/test_run.py",
    "endtoend",
    "helpers/operations/deployed",
    "browser",
    "localcloud",
)
"""Files and folders that take minutes, in the order of their start: nobody should wait for them at the end."""

HERE = PurePath(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(PurePath(item.path).relative_to(HERE)))


def rank(file: PurePath) -> int:
    """The place of ``file`` among the long ones, or after them."""
    return next((place for place, long in enumerate(LONG) if file.is_relative_to(long)), len(LONG))
