"""The SageMaker SDK: version 2, which much code in the world is written for, and version 3."""

from __future__ import annotations

from pathlib import Path

import pytest

import localcloud
from tests.clients.conftest import IMAGE, Client, environment_with

pytestmark = [pytest.mark.cloud, pytest.mark.rare]

VERSION_2 = """
import sys

import boto3, sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.exceptions import AsyncInferenceModelError
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import JSONSerializer

image, data, role = sys.argv[1:]
session = sagemaker.Session(boto3.Session(), default_bucket="clients-models")
model = Model(image_uri=image, model_data=data, role=role, sagemaker_session=session, predictor_cls=Predictor)
config = AsyncInferenceConfig(
    output_path="s3://clients-models/output", failure_path="s3://clients-models/failures"
)
predictor = model.deploy(
    1, "ml.m5.large", async_inference_config=config, endpoint_name="sdk-two",
    serializer=JSONSerializer(), deserializer=JSONDeserializer(),
)
waiter = WaiterConfig(max_attempts=120, delay=1)
answer = predictor.predict_async({"n": 1}).get_result(waiter)
assert answer == {"echo": {"n": 1}, "weights": "w"}, answer
assert predictor.predict({"n": 2}, waiter_config=waiter)["echo"] == {"n": 2}
session.boto_session.client("s3").put_object(Bucket="clients-models", Key="input/3.json", Body=b'{"n": 3}')
located = predictor.predict_async(input_path="s3://clients-models/input/3.json").get_result(waiter)
assert located["echo"] == {"n": 3}, located
failed = predictor.predict_async({"fail": True})
try:
    failed.get_result(waiter)
except AsyncInferenceModelError as error:
    print("refused:", error)
else:
    sys.exit("the failed request raised nothing")
predictor.delete_model()
predictor.delete_endpoint()
print("done")
"""

VERSION_3 = """
import sys

from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import (
    AsyncInferenceConfig, AsyncInferenceOutputConfig, ContainerDefinition, ProductionVariant,
)

image, data, role = sys.argv[1:]
Model.create(
    model_name="sdk-three", execution_role_arn=role,
    primary_container=ContainerDefinition(image=image, model_data_url=data),
)
EndpointConfig.create(
    endpoint_config_name="sdk-three",
    production_variants=[ProductionVariant(
        variant_name="AllTraffic", model_name="sdk-three", initial_instance_count=1, instance_type="ml.m5.large",
    )],
    async_inference_config=AsyncInferenceConfig(
        output_config=AsyncInferenceOutputConfig(s3_output_path="s3://clients-models/output")
    ),
)
endpoint = Endpoint.create(endpoint_name="sdk-three", endpoint_config_name="sdk-three")
endpoint.wait_for_status("InService", poll=1)
assert Endpoint.get("sdk-three").endpoint_status == "InService"
assert "sdk-three" in [each.endpoint_name for each in Endpoint.get_all()]
answer = endpoint.invoke_async(input_location="s3://clients-models/echo/model.tar.gz", content_type="application/json")
assert answer.output_location.startswith("s3://clients-models/output/"), answer
endpoint.delete()
endpoint.wait_for_delete(poll=1)
print("done")
"""


@pytest.mark.parametrize(
    ("requirements", "program"),
    [
        pytest.param(("sagemaker==2.257.7",), VERSION_2, id="version 2"),
        pytest.param(("sagemaker==3.27.0",), VERSION_3, id="version 3"),
    ],
)
def test_a_model_is_deployed_asked_and_removed(
    requirements: tuple[str, ...],
    program: str,
    running: localcloud.Running,
    model_data: str,
    role: str,
    tmp_path: Path,
) -> None:
    client = Client(environment_with(*requirements), running, tmp_path)
    (tmp_path / "program.py").write_text(program)
    said = client.run("python", "program.py", IMAGE, model_data, role, SAGEMAKER_TELEMETRY_OPT_OUT="true")
    assert said.rstrip().endswith("done")
