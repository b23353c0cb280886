"""Amazon SageMaker: models without a network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import Hosting, archive

ISOLATION = "sagemaker/latest/dg/mkt-algo-model-internet-free.html"
CREATE = "sagemaker/latest/APIReference/API_CreateModel.html"

SCRIPT = """
import json, os, urllib.error, urllib.request


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    held = [name for name in os.environ if name.startswith("AWS_CONTAINER_CREDENTIALS") or "SECRET" in name]
    try:
        said = urllib.request.urlopen(data["url"], timeout=5).status
    except urllib.error.HTTPError as error:
        said = error.code
    except OSError as error:
        said = str(error)
    return {"credentials": held, "network": said}


def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""


@pytest.fixture(scope="module")
def answers(account: Account, hosting: Hosting) -> dict[bool, dict[str, Any]]:
    """Isolated or not -> what a model finds in its container, on a request that was read from S3 and stored there."""
    data, client = hosting.put("models/curious.tar.gz", archive(SCRIPT)), account.client("sagemaker")
    url = account.client("s3").meta.endpoint_url
    found: dict[bool, dict[str, Any]] = {}
    for isolated in (True, False):
        name = f"curious-{isolated}-{hosting.unique}".lower()
        client.create_model(**hosting.a_model(name, ModelDataUrl=data), EnableNetworkIsolation=isolated)
        client.create_endpoint_config(**hosting.a_config(name, model=name))
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert hosting.settled(name)["EndpointStatus"] == "InService"
        sent = hosting.invoke({"url": url}, EndpointName=name)
        notice = hosting.notice(sent["InferenceId"])
        assert notice["invocationStatus"] == "Completed"
        found[isolated] = hosting.read(sent["OutputLocation"])
        client.delete_endpoint(EndpointName=name)
        client.delete_endpoint_config(EndpointConfigName=name)
        client.delete_model(ModelName=name)
    return found


@behaviour("sagemaker", "CreateModel", "A model with network isolation reaches nothing, Amazon S3 neither", ISOLATION)
def test_no_network(answers: dict[bool, dict[str, Any]]) -> None:
    assert isinstance(answers[True]["network"], str)
    assert isinstance(answers[False]["network"], int)


@behaviour("sagemaker", "CreateModel", "A container with network isolation has no credentials", ISOLATION)
def test_no_credentials(answers: dict[bool, dict[str, Any]]) -> None:
    assert answers[True]["credentials"] == []
    assert answers[False]["credentials"]


@behaviour("sagemaker", "DescribeModel", "A model says that it is isolated", CREATE)
def test_a_model_says_so(aws: Account, hosting: Hosting) -> None:
    name = aws.name("isolated")
    client = aws.client("sagemaker")
    client.create_model(**hosting.a_model(name), EnableNetworkIsolation=True)
    aws.later(client.delete_model, ModelName=name)
    assert client.describe_model(ModelName=name)["EnableNetworkIsolation"] is True
