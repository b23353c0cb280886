from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from smallworld.bundle import BASE, TURBO, WEIGHTS, Model, model_files
from smallworld.inference import Endpoint, model_fn
from smallworld.sample import SmallWorld

from contract.names import MAX_RESPONSE_BYTES


@pytest.fixture(scope="session", autouse=True)
def response_limit() -> Iterator[None]:
    """As the stack sets it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TS_MAX_RESPONSE_SIZE", str(MAX_RESPONSE_BYTES))
        yield


@pytest.fixture(scope="session")
def model() -> SmallWorld:
    return SmallWorld(WEIGHTS)


def unpacked(folder: Path, entry: Model) -> Path:
    """What an endpoint finds in its model folder, without the code."""
    for name, content in model_files(entry).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def turbo_model() -> SmallWorld:
    return SmallWorld(WEIGHTS, turbo=True)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("base"), BASE)


@pytest.fixture(scope="session")
def endpoint(folder: Path) -> Endpoint:
    return model_fn(str(folder))


@pytest.fixture(scope="session")
def turbo(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return model_fn(str(unpacked(tmp_path_factory.mktemp("turbo"), TURBO)))
