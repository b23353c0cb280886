"""One copy of the deployed workshop, with its local cloud, for all notebooks of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clouds import deployed_copy, import_path, private_environment


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("notebooks") / "workshop"
    with deployed_copy(folder):
        yield folder


@pytest.fixture
def environment(
    copy: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """This process, and so a kernel, without this machine's settings; the workshop that it imports is the copy."""
    private = private_environment(tmp_path_factory.mktemp("home")) | {"PYTHONPATH": import_path(copy)}
    for name in set(os.environ) - set(private):
        monkeypatch.delenv(name)
    for name, value in private.items():
        monkeypatch.setenv(name, value)
    return private
