"""Look-ups on target aws, with the real SageMaker SDK: JumpStart lacks Small World there and lists withdrawn models."""

import dataclasses
from collections.abc import Iterator

import pytest

import localcloud
from contract import settings
from contract.errors import ModelError
from contract.names import SMALLWORLD, SMALLWORLD_MODELS
from helpers.inference.connection import Connection, connect
from helpers.model import catalogue, describe_model, jumpstart
from tests import jumpstart_as_on_aws as there


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The settings of target aws on a local cloud in which nothing is deployed."""
    cloud = localcloud.start(tmp_path_factory.mktemp("as-on-aws"), port=0, service_modules=[])
    connection = connect(settings.load(environ={}), start=False, state=cloud.state_dir)
    jumpstart.publish_smallworld(connection)
    workshop = dataclasses.replace(connection.settings.workshop, target="aws")
    with there.as_on_aws(connection):
        yield Connection(dataclasses.replace(connection.settings, workshop=workshop), connection._access)
    cloud.stop()


def test_the_sdk_itself_does_not_know_small_world_there(aws: Connection) -> None:
    with pytest.raises(ModelError, match="has no model 'model-txt2img-smallworld'"):
        jumpstart.look_up(aws, SMALLWORLD, "*", "ml.m5.large")


@pytest.mark.parametrize("model_id", SMALLWORLD_MODELS)
def test_small_world_is_described_from_the_repository(aws: Connection, model_id: str) -> None:
    view = describe_model(aws, model_id)
    assert not view.in_jumpstart
    assert "this repository" in str(view)
    assert "this repository" in view._repr_html_()
    assert all(part.uri.startswith("file:") and "/" not in part.uri for part in view.before)
    assert any(name.endswith("inference.py") for name in view.code)
    assert "def model_fn(" in "".join(view.code.values())
    assert view.specification["model_id"] == view.model.model_id == model_id
    assert view.specification["hosting_artifact_key"]
    assert "/tmp" not in repr(view)
    assert f"pytorch-inference:{jumpstart.PYTORCH}-cpu" in view.model.image_uri


def test_the_catalogue_says_which_models_are_of_use(aws: Connection) -> None:
    listed = catalogue(aws)
    assert {item.model_id: item.state for item in listed} == {
        there.USABLE: "usable",
        there.DEPRECATED: "withdrawn",
        there.VULNERABLE: "withdrawn",
        there.OTHER_FORM: "unsure",
    }
    text = repr(listed)
    assert text.splitlines()[0].startswith("4 text-to-image models: ✓ 1 ")
    assert there.WITHDRAWN_WORDS in text
    assert "CVE-2022-1" in text
    assert f">{there.DEPRECATED}</th>" in listed._repr_html_()
    assert there.USABLE in text.splitlines()[1], "what is of use comes first"


@pytest.mark.parametrize(
    ("model_id", "said"), [(there.DEPRECATED, there.WITHDRAWN_WORDS.rstrip(".")), (there.VULNERABLE, "CVE-2022-1")]
)
def test_a_withdrawn_model_is_refused_with_jumpstarts_reason(aws: Connection, model_id: str, said: str) -> None:
    with pytest.raises(ModelError, match="refuses to deploy it") as caught:
        jumpstart.look_up(aws, model_id, "*", "ml.g4dn.xlarge")
    assert said in str(caught.value)
    assert "has no model" not in str(caught.value)


def test_another_model_is_described_for_its_own_instance_type(aws: Connection) -> None:
    """The workshop's ml.m5.large has no image for it."""
    view = describe_model(aws, there.USABLE)
    assert view.in_jumpstart
    assert "-gpu-" in view.model.image_uri
    assert [member.name for part in view.before for member in part.members or ()] == [
        "code/inference.py",
        "unet/weights.bin",
    ]
    assert list(view.code) == ["code/inference.py"]


def test_the_nearest_ids_hold_those_of_the_repository(aws: Connection) -> None:
    with pytest.raises(ModelError, match=r"nearest ids are model-txt2img-smallworld, "):
        describe_model(aws, "model-txt2img-smalworld")
