"""One copy of the deployed workshop, with its local cloud, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.inference import Connection
from tests.clouds import deployed_copy


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copy is."""
    return tmp_path_factory.mktemp("endtoend") / "workshop"


@pytest.fixture(scope="package")
def state(folder: Path) -> Path:
    """Where the local cloud of these tests keeps its state."""
    return folder / ".localcloud"


@pytest.fixture(scope="package")
def connection(folder: Path) -> Iterator[Connection]:
    with deployed_copy(folder) as made:
        yield made
