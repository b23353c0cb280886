"""One copy of the workshop, with one local cloud, for all notebooks of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.lab import private_environment

from .copies import workshop


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with workshop(tmp_path_factory.mktemp("notebooks") / "workshop", "notebooks") as folder:
        yield folder


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """This process, and so a kernel, without this machine's Jupyter, IPython, AWS and workshop settings."""
    import os

    private = private_environment(tmp_path_factory.mktemp("home"))
    private.pop("PYTHONPATH")  # a notebook finds the helpers by itself
    for name in set(os.environ) - set(private):
        monkeypatch.delenv(name)
    for name, value in private.items():
        monkeypatch.setenv(name, value)
    return private
