from __future__ import annotations

import pytest
from smallworld.bundle import WEIGHTS
from smallworld.inference import Endpoint, model_fn
from smallworld.sample import SmallWorld


@pytest.fixture(scope="session")
def model() -> SmallWorld:
    return SmallWorld(WEIGHTS)


@pytest.fixture(scope="session")
def turbo() -> SmallWorld:
    return SmallWorld(WEIGHTS, turbo=True)


@pytest.fixture(scope="session")
def endpoint() -> Endpoint:
    return model_fn(str(WEIGHTS))
