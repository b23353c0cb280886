"""The limits of the servers in AWS's images, and who reads which variable."""

from __future__ import annotations

import pytest

from localcloud.sagemaker.model_server import ConnectionReset, ModelServer, WorkerDied, served

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
TORCHSERVE = REGISTRY + "pytorch-inference:2.6.0-cpu-py312"
MULTI_MODEL = REGISTRY + "huggingface-pytorch-inference:1.10.2-gpu-py38-cu113"


def test_torchserve_s_defaults() -> None:
    assert ModelServer.of(TORCHSERVE, {}) == ModelServer(120, 6_553_500, 6_553_500, "TS")


def test_torchserve_reads_its_own_variables_and_neither_the_other_s_nor_sagemaker_s() -> None:
    other = {"MMS_MAX_REQUEST_SIZE": "1", "MMS_DEFAULT_RESPONSE_TIMEOUT": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "3600"}
    assert ModelServer.of(TORCHSERVE, other) == ModelServer.of(TORCHSERVE, {})
    own = {"TS_DEFAULT_RESPONSE_TIMEOUT": "3600", "TS_MAX_REQUEST_SIZE": "7", "TS_MAX_RESPONSE_SIZE": "8"}
    assert ModelServer.of(TORCHSERVE, own) == ModelServer(3600, 7, 8, "TS")


def test_multi_model_server_takes_the_toolkit_s_timeout_and_its_own_variables() -> None:
    assert ModelServer.of(MULTI_MODEL, {"TS_MAX_RESPONSE_SIZE": "1"}) == ModelServer(60, 6_553_500, 6_553_500, "MMS")
    assert ModelServer.of(MULTI_MODEL, {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "3600"}).seconds == 3600
    own = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "9", "MMS_DEFAULT_RESPONSE_TIMEOUT": "10", "MMS_MAX_RESPONSE_SIZE": "8"}
    assert ModelServer.of(MULTI_MODEL, own) == ModelServer(10, 6_553_500, 8, "MMS")


@pytest.mark.parametrize("text", ["many", "-1", "1.5", ""])
def test_a_limit_that_is_not_a_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="TS_MAX_RESPONSE_SIZE="):
        ModelServer.of(TORCHSERVE, {"TS_MAX_RESPONSE_SIZE": text})


def test_sizes_up_to_the_limit_pass() -> None:
    server = ModelServer(120, 10, 20, "TS")
    server.check_request(10)
    server.check_response(20)
    with pytest.raises(ConnectionReset, match="has 11 bytes and TS_MAX_REQUEST_SIZE is 10"):
        server.check_request(11)
    with pytest.raises(WorkerDied, match="has 21 bytes and TS_MAX_RESPONSE_SIZE is 20"):
        server.check_response(21)


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("pytorch-inference", True),
        ("pytorch-inference-arm64", True),
        ("huggingface-pytorch-inference", True),
        ("stabilityai-pytorch-inference", True),
        ("djl-inference", False),
        ("pytorch-training", False),
        ("team/pytorch-inference", False),
    ],
)
def test_images_that_serve_the_model_s_code(repository: str, expected: bool) -> None:
    assert served(repository) is expected
