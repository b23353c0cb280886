"""One copy of the deployed workshop for the helpers that look after a running one; the last test removes it."""

import pytest

from tests.clouds import deployed_copy

SMALL = {"width": 64, "height": 64, "num_inference_steps": 2}


@pytest.fixture(scope="package")
def deployed(tmp_path_factory):
    with deployed_copy(tmp_path_factory.mktemp("operations") / "workshop") as connection:
        yield connection


@pytest.fixture(scope="package")
def done(deployed):
    """A request that became a picture."""
    job = deployed.generate("a red circle on a blue background", seed=1, **SMALL)
    job.wait(120)
    return job
