"""One model from JumpStart's artifacts: made once, left alone while nothing changes."""

import dataclasses
import json
import random
from pathlib import Path

import pytest

from contract.errors import ModelError, NotDeployedError
from helpers.model import jumpstart
from helpers.model.repackage import PackagedModel, core
from tests.helpers.model.repackage.archives import contents, judge, tarball
from tests.helpers.model.repackage.conftest import Client

MODEL = tarball({"w": random.Random(3).randbytes(18 << 20)})
SMALL = tarball({"w": b"w"})
CODE = tarball({"inference.py": b"import torch\n"})


@pytest.fixture
def ready(world):
    world.have(SMALL, CODE)
    return world


def test_the_record_says_what_was_made_of_what(ready):
    packaged = ready.pack(instance_type="ml.g5.xlarge")
    home, name = packaged.key.rsplit("/", 1)
    assert name == "model.tar.gz"
    assert ready.keys() == [f"{home}.json", packaged.key]
    record = json.loads(ready.s3.get_object(Bucket=ready.bucket, Key=f"{home}.json")["Body"].read())
    assert record == json.loads(packaged.to_json())
    assert {name: value for name, value in record.items() if isinstance(value, str)} == {
        "ModelBucket": ready.bucket,
        "ModelKey": packaged.key,
        "ModelDataType": "S3Object",
        "ImageUri": "image:1",
        "InstanceType": "ml.g5.xlarge",
        "ModelId": "model-txt2img-x",
        "AcceptEula": "false",
        "NetworkIsolation": "false",
        "Version": "1.2.0",
        "Method": "spliced",
    }
    assert [source["Uri"] for source in record["Sources"]] == [ready.model.model_uri, ready.model.script_uri]
    assert PackagedModel.from_json(packaged.to_json()) == packaged
    assert contents(ready.body(packaged)) == {"code/inference.py": b"import torch\n", "w": b"w"}


def test_parameters_are_those_of_the_application_stack():
    packaged = PackagedModel("b", "k/", "S3Prefix", "image", "id", instance_type="ml.m5.large", accept_eula=True)
    given = packaged.parameters()
    assert json.loads(packaged.stack_parameters()) == {"Parameters": given}
    assert {name: value for name, value in given.items() if not name.startswith("Env")} == {
        "ModelBucket": "b",
        "ModelKey": "k/",
        "ModelDataType": "S3Prefix",
        "ImageUri": "image",
        "ModelId": "id",
        "InstanceType": "ml.m5.large",
        "AcceptEula": "true",
        "NetworkIsolation": "true",
    }


def test_what_the_containers_variables_are_is_passed_and_limits_are_never_lower_than_ours():
    def given(**environment):
        return PackagedModel("b", "k/", "S3Prefix", "image", "id", environment=environment).parameters()

    assert given(MODEL_CACHE_ROOT="/opt/ml/cache")["EnvModelCacheRoot"] == "/opt/ml/cache"
    assert given(HF_TASK="text-to-image")["EnvHfTask"] == "text-to-image"
    assert given()["EnvHfTask"] == ""  # or that of an earlier model would stay
    ours = given()["EnvMmsMaxResponseSize"]
    assert given(MMS_MAX_RESPONSE_SIZE="20000")["EnvMmsMaxResponseSize"] == ours
    assert given(MMS_MAX_RESPONSE_SIZE=f"{ours}0")["EnvMmsMaxResponseSize"] == f"{ours}0"
    assert given(SAGEMAKER_MODEL_SERVER_TIMEOUT="60")["EnvTsDefaultResponseTimeout"] == "3600"
    assert given(SAGEMAKER_MODEL_SERVER_TIMEOUT="7200")["EnvTsDefaultResponseTimeout"] == "7200"


def test_a_variable_that_the_stack_cannot_pass_is_refused_before_anything_is_read(ready):
    ready.have(environment={"SAGEMAKER_PROGRAM": "inference.py", "FLUX_MODE": "schnell", "A": "1"})
    with pytest.raises(ModelError, match=r"variables A, FLUX_MODE, .*contract/container\.py"):
        ready.pack()
    assert ready.keys() == []


def test_a_limit_that_is_no_number_is_refused(ready):
    ready.have(environment={"TS_MAX_RESPONSE_SIZE": "20 MB"})
    with pytest.raises(ModelError, match=r"TS_MAX_RESPONSE_SIZE = '20 MB', which must be a whole number"):
        ready.pack()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ModelBucket": 1}'])
def test_another_document_is_no_model(text):
    with pytest.raises(ModelError, match=r"this is not a model\.json .*python -m helpers\.model\.repackage again"):
        PackagedModel.from_json(text)


def test_twice_the_same_is_unchanged_and_writes_nothing(ready):
    first = ready.pack()
    stamps = {key: ready.s3.head_object(Bucket=ready.bucket, Key=key)["LastModified"] for key in ready.keys("")}
    reading = [name for name in dir(ready.s3) if name.startswith(("put", "upload", "copy", "create", "delete"))]

    def refuse(**call):
        raise AssertionError("nothing may be written")

    again = ready.pack(client=Client(ready.s3, **dict.fromkeys(reading, refuse)))
    assert again == dataclasses.replace(first, method="unchanged")
    assert {key: ready.s3.head_object(Bucket=ready.bucket, Key=key)["LastModified"] for key in stamps} == stamps


def test_an_unchanged_model_has_the_image_that_jumpstart_names_now(ready):
    ready.pack()
    ready.have(image_uri="image:2")
    again = ready.pack(instance_type="ml.g6.xlarge")
    assert (again.method, again.image_uri, again.instance_type) == ("unchanged", "image:2", "ml.g6.xlarge")


@pytest.mark.parametrize("gone", ["record", "object", "other object", "broken record"])
def test_without_record_or_object_it_is_made_again(ready, gone):
    first = ready.pack()
    record = first.key.rsplit("/", 1)[0] + ".json"
    if gone == "other object":
        ready.s3.put_object(Bucket=ready.bucket, Key=first.key, Body=b"x" * first.size)
    elif gone == "broken record":
        ready.s3.put_object(Bucket=ready.bucket, Key=record, Body=b'{"ModelKey": ')
    else:
        ready.s3.delete_object(Bucket=ready.bucket, Key=record if gone == "record" else first.key)
    assert ready.pack() == first
    assert ready.pack().method == "unchanged"


def test_each_input_is_part_of_the_key(ready, overrides, monkeypatch):
    keys = [ready.pack().key]
    ready.have(SMALL, tarball({"inference.py": b"import jax\n"}))
    keys.append(ready.pack().key)
    ready.have(tarball({"w": b"v"}))
    keys.append(ready.pack().key)
    keys.append(ready.pack(overrides=overrides).key)
    (overrides / "code" / "requirements.txt").write_text("numpy\n")
    keys.append(ready.pack(overrides=overrides).key)
    (overrides / "code" / "requirements.txt").chmod(0o755)
    keys.append(ready.pack(overrides=overrides).key)
    monkeypatch.setattr(core, "RECIPE", 0)
    keys.append(ready.pack(overrides=overrides).key)
    assert len(set(keys)) == 7


def test_an_empty_folder_of_overrides_is_none(ready, tmp_path):
    (tmp_path / "empty").mkdir()
    assert ready.pack(overrides=tmp_path / "empty").key == ready.pack().key


@pytest.mark.parametrize("model", [SMALL, MODEL])
def test_new_code_over_a_known_model_needs_no_reading(world, model):
    world.have(model, CODE)
    world.pack()
    world.have(script=tarball({"inference.py": b"import jax\n"}))
    world.said.clear()
    assert world.pack().method == "spliced"
    assert not [line for line in world.said if line.startswith("reading")]
    world.pack(verify="always")
    assert [line for line in world.said if line.startswith("reading")]


PREPACKED = tarball({"code/inference.py": b"", "w": random.Random(4).randbytes(18 << 20)})


@pytest.mark.parametrize("model", [tarball({"code/inference.py": b"", "w": b""}), PREPACKED])
def test_a_prepacked_model_is_copied_as_it_is(world, model):
    world.have(model, prepacked=True, script_uri="s3://none/none")
    packaged = world.pack()
    assert packaged.method == "copied"
    assert world.body(packaged) == model


def test_a_prepacked_model_with_overrides(world, overrides, tmp_path):
    world.have(PREPACKED, prepacked=True)
    packaged = world.pack(overrides=overrides)
    assert packaged.method == "spliced"
    assert contents(world.body(packaged)) == {**contents(PREPACKED), "code/requirements.txt": b"pillow\n"}
    judge(world.body(packaged), tmp_path)


@pytest.mark.parametrize("model", [SMALL, MODEL])
def test_a_model_without_code_is_refused(world, model):
    world.have(model, prepacked=True)
    with pytest.raises(ModelError, match=r"has no code/inference\.py, so no endpoint can load it: choose another"):
        world.pack()
    assert (world.keys(), world.uploads()) == ([], [])


def test_a_gated_model_needs_its_licence_accepted(world, overrides):
    world.have(needs_eula=True, prepacked=True, model_uri="s3://jumpstart-private-cache-prod-us-east-1/sd/")
    with pytest.raises(ModelError, match=r"licence to be accepted: read it .*set \[model\] accept_eula = true"):
        world.pack()
    packaged = world.pack(accept_eula=True)
    assert (packaged.bucket, packaged.key) == ("jumpstart-private-cache-prod-us-east-1", "sd/")
    assert (packaged.data_type, packaged.method, packaged.accept_eula) == ("S3Prefix", "gated", True)
    assert "for SageMaker alone to read" in world.said[-1]
    assert world.keys("") == []
    with pytest.raises(ModelError, match="has overrides in"):
        world.pack(accept_eula=True, overrides=overrides)
    world.have(prepacked=False)
    with pytest.raises(ModelError, match="has its inference code apart"):
        world.pack(accept_eula=True)


def test_a_file_of_this_machine_is_put_as_it_is(world, tmp_path):
    for place in ("one", "two"):
        jumpstart.build_smallworld(tmp_path / place)
    file = tmp_path / "one" / "model.tar.gz"
    world.have(model_uri=f"file:{file}", prepacked=True)
    packaged = world.pack()
    assert packaged.method == "uploaded"
    assert world.body(packaged) == file.read_bytes()
    assert packaged.sources[0].uri == "file:model.tar.gz"
    world.have(model_uri=f"file:{tmp_path / 'two' / 'model.tar.gz'}")
    assert world.pack().method == "unchanged"


def test_a_model_bucket_that_is_gone(ready):
    ready.bucket = "no-such-bucket"
    with pytest.raises(NotDeployedError, match=r"^reading s3://no-such-bucket/.*NoSuchBucket.* deploy the stacks"):
        ready.pack()


def test_progress_says_how_much_and_how_long(world):
    world.have(MODEL, CODE)
    world.pack()
    assert world.said[0] == f"reading {world.model.model_uri} (18.9 MB) to its end, to check it"
    assert "  whole: 1 members, 18.9 MB" in world.said[1]
    assert world.said[-1].startswith("spliced: s3://")
    assert Path(world.said[-1].split()[1]).name == "model.tar.gz"
