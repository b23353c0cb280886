"""The order of the tests: ``make test`` gives each worker one file after another, the long ones first.

And what ends with them: :mod:`tests.tidy`.
"""

import sys
from pathlib import PurePath

import pytest

pytest_plugins = ["tests.tidy"]

# jsonschema, which nbformat imports, does without it: a grammar of IRIs that takes two seconds to build.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # Python's way to say "not installed"

LONG = (
    "browser/test_notebooks.py",
    "infra",  # these two while the first makes the deployed workshop, which the next ones copy
    "localcloud/sagemaker",
    "notebooks/test_run.py",
    "endtoend",
    "helpers/operations/deployed",
    "browser",
    "localcloud",
)
"""Files and folders that take minutes, in the order of their start: nobody should wait for them at the end."""

TOGETHER = ("tests/endtoend/", "tests/helpers/operations/deployed/", "tests/helpers/model/repackage/")
"""Folders whose files go to one worker, since they share a cloud."""

HERE = PurePath(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(PurePath(item.path).relative_to(HERE)))


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        """A file at a time for each worker, or a folder that has to stay together."""

        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((folder for folder in TOGETHER if file.startswith(folder)), file)

    return ByFile(config, log)


def rank(file: PurePath) -> int:
    """The place of ``file`` among the long ones, or after them."""
    return next((place for place, long in enumerate(LONG) if file.is_relative_to(long)), len(LONG))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", choices=("local", "aws"), default="local", help="where conformance tests run")
