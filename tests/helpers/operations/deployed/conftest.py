"""One local cloud with the whole workshop deployed, for the helpers that look after a running one; the last test
removes it."""

import pytest

import localcloud
from contract import settings
from helpers.delivery.deployment import deploy, deploy_pipeline
from helpers.inference.connection import connect
from tests.endtoend.conftest import free_port

SMALL = {"width": 64, "height": 64, "num_inference_steps": 2}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    state = tmp_path_factory.mktemp("cloud")
    overrides = {
        "WORKSHOP_LOCAL_PORT": str(free_port()),
        "WORKSHOP_LOCAL_PROVISION_SECONDS": "30",
        "WORKSHOP_WORKSHOP_NAME": "operated",
    }
    try:
        connection = connect(settings.load(environ=overrides), state=state)
        deploy(connection, lambda text: None)
        deploy_pipeline(connection, lambda text: None)
        yield connection
    finally:
        localcloud.stop(state)


@pytest.fixture(scope="session")
def done(deployed):
    """A request that became a picture."""
    job = deployed.generate("a red circle on a blue background", seed=1, **SMALL)
    job.wait(120)
    return job
