"""A push with another instance type replaces the endpoint: who holds the old name finds the new one."""

from __future__ import annotations

import pytest

from contract.errors import NotDeployedError
from tests.helpers.conftest import ENDPOINT, refusal

NEW = "genai-async-app-ml-g5-xlarge"
SMALL = {"width": 64, "height": 64}


def replaced(backend, old=ENDPOINT):
    """The old endpoint is gone."""

    def refuse(call):
        message = f"Endpoint {old} of account 123456789012 not found."
        return refusal("ValidationError", message) if call["EndpointName"] == old else None

    backend.runtime.refuse = refuse
    backend.ssm.put_parameter(Name="/genai-async/endpoint-name", Value=NEW, Type="String", Overwrite=True)


def test_a_request_goes_to_the_endpoint_that_took_the_place_of_the_old_one(backend):
    assert backend.connection.names.endpoint == ENDPOINT
    replaced(backend)
    assert backend.connection.generate("a star", **SMALL).state == "queued"
    assert [call["EndpointName"] for call in backend.runtime.calls] == [ENDPOINT, NEW]
    backend.connection.generate("a star", **SMALL)
    assert [call["EndpointName"] for call in backend.runtime.calls[2:]] == [NEW]


def test_an_endpoint_that_is_gone_without_another_is_said_once(backend):
    replaced(backend, NEW)
    assert backend.connection.names.endpoint == NEW
    with pytest.raises(NotDeployedError, match=f"invoking endpoint {NEW} .*deploy the stacks"):
        backend.connection.generate("a star", **SMALL)
    assert len(backend.runtime.calls) == 1


def test_the_new_endpoint_is_described(backend):
    assert backend.connection.describe_endpoint()["EndpointName"] == ENDPOINT

    def describe(EndpointName):
        if EndpointName == ENDPOINT:
            raise refusal("ValidationException", f'Could not find endpoint "{ENDPOINT}".')
        return {"EndpointName": EndpointName}

    replaced(backend)
    backend.sagemaker.describe_endpoint = describe
    assert backend.connection.describe_endpoint()["EndpointName"] == NEW
