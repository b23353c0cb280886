"""The real SageMaker SDK finds Small World in the local cloud, and says what is wrong when it cannot."""

import dataclasses
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import DeploymentError, ModelError
from contract.names import MODEL_BUCKET_OUTPUT, SMALLWORLD, SMALLWORLD_MODELS
from helpers.delivery import deployment
from helpers.inference.connection import Connection
from helpers.model import PackagedModel, jumpstart
from helpers.target import stack_outputs

BAD_KEY = "models/broken/model.tar.gz"


@pytest.mark.parametrize("model_id", SMALLWORLD_MODELS)
def test_the_sdk_finds_small_world_as_it_finds_any_model(connection: Connection, model_id: str) -> None:
    found = jumpstart.look_up(connection, model_id, "*", "ml.m5.large")
    assert found.model_id == model_id
    apart = model_id == SMALLWORLD  # so that repackaging has something to do
    assert found.model_uri.endswith(f"/infer-{model_id}-1.0.0.tar.gz" if apart else f"/infer-prepack-{model_id}.tar.gz")
    assert (found.version, found.prepacked, found.needs_eula) == ("1.0.0", not apart, False)
    assert found.model_uri.startswith("s3://jumpstart-cache-prod-us-east-1/")
    assert "pytorch-inference" in found.image_uri
    assert found.environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert "ml.m5.large" in found.instance_types


def test_the_sdk_lists_both(connection: Connection) -> None:
    assert jumpstart.known(connection) == sorted(SMALLWORLD_MODELS)


def test_an_unknown_id_is_answered_with_the_nearest(connection: Connection) -> None:
    with pytest.raises(ModelError, match=r"nearest ids are model-txt2img-smallworld"):
        jumpstart.look_up(connection, "model-txt2img-smalworld", "*", "ml.m5.large")


def test_an_instance_type_without_an_image_is_named(connection: Connection) -> None:
    with pytest.raises(ModelError, match=r"ml\.p4d\.24xlarge"):
        jumpstart.look_up(connection, SMALLWORLD, "*", "ml.p4d.24xlarge")


def test_publishing_twice_uploads_nothing(connection: Connection) -> None:
    assert jumpstart.publish_smallworld(connection) is False


def test_small_world_is_not_published_to_aws(connection: Connection) -> None:
    workshop = dataclasses.replace(connection.settings.workshop, target="aws")
    elsewhere = Connection(dataclasses.replace(connection.settings, workshop=workshop), connection._access)
    with pytest.raises(ModelError, match="belongs to AWS"):
        jumpstart.publish_smallworld(elsewhere)


@pytest.fixture
def broken(connection: Connection, tmp_path: Path) -> Iterator[PackagedModel]:
    """A packaged model without inference code."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({}))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.add(config, "config.json")
    bucket = stack_outputs(connection, connection.settings.models_stack)[MODEL_BUCKET_OUTPUT]
    connection.client("s3").upload_file(str(tmp_path / "model.tar.gz"), bucket, BAD_KEY)
    image = jumpstart.look_up(connection, SMALLWORLD, "*", "ml.m5.large").image_uri
    yield PackagedModel(bucket, BAD_KEY, "S3Object", image, SMALLWORLD, instance_type="ml.m5.large")
    connection.client("s3").delete_object(Bucket=bucket, Key=BAD_KEY)


@pytest.mark.rare
def test_a_model_that_does_not_load_is_rolled_back_and_the_old_one_still_answers(
    connection: Connection, broken: PackagedModel
) -> None:
    said: list[str] = []
    assembly = deployment.synthesise(connection, said.append)
    with pytest.raises(DeploymentError, match=r"inference\.py"):
        deployment._deploy_stack(
            connection, said.append, assembly, connection.settings.application_stack, broken.parameters()
        )
    job = connection.generate("a blue square on a white background", width=64, height=64, num_inference_steps=2)
    assert job.wait(120).images[0].size == (64, 64)
