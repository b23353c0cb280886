"""Models that are a prefix of objects: composed by S3, with code beside them."""

import pytest
from botocore.exceptions import ClientError

from contract.errors import ModelError, TargetError
from helpers.model.repackage import prefix
from tests.helpers.model.repackage.archives import folder, link, tarball
from tests.helpers.model.repackage.conftest import Client

CODE = tarball({"./": folder(), "inference.py": b"import torch\n", "lib/": folder(), "lib/x.py": b"x"})
FILES = {"model_index.json": b"{}", "unet/weights.safetensors": b"w" * 100_000, "code/requirements.txt": b"numpy\n"}


@pytest.fixture
def prefixed(world):
    for name, body in FILES.items():
        world.put(f"sd/{name}", body)
    world.put("sd/unet/", b"")
    world.put("sdxl/other", b"")
    world.have(script=CODE, model_uri=f"s3://{world.jumpstart}/sd/")
    return world


def listing(world, packaged):
    found = {key.removeprefix(packaged.key): key for key in world.keys(packaged.key)}
    return {n: world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read() for n, key in found.items()}


def test_model_and_code_lie_beside_each_other(prefixed):
    read = []

    def get_object(**call):
        read.append(call["Key"])
        return prefixed.s3.get_object(**call)

    packaged = prefixed.pack(client=Client(prefixed.s3, get_object=get_object))
    assert packaged.key.startswith("models/model-txt2img-x/")
    assert (packaged.data_type, packaged.method, packaged.key[-1]) == ("S3Prefix", "prefix", "/")
    code = {"code/inference.py": b"import torch\n", "code/lib/x.py": b"x"}
    assert listing(prefixed, packaged) == {**FILES, **code}
    assert packaged.size == sum(len(body) for body in {**FILES, **code}.values())
    assert not [key for key in read if key.startswith("sd/")]  # nothing of the model came here
    assert prefixed.pack().method == "unchanged"


def test_overrides_win(prefixed, overrides):
    (overrides / "model_index.json").write_text("mine")
    packaged = prefixed.pack(overrides=overrides)
    assert listing(prefixed, packaged) == {
        **FILES,
        "code/inference.py": b"import torch\n",
        "code/lib/x.py": b"x",
        "code/requirements.txt": b"pillow\n",
        "model_index.json": b"mine",
    }
    assert packaged.key != prefixed.pack().key


def test_large_objects_are_copied_in_parts(prefixed, monkeypatch):
    monkeypatch.setattr(prefix, "LARGEST_PART", 1000)
    packaged = prefixed.pack()
    assert listing(prefixed, packaged)["unet/weights.safetensors"] == FILES["unet/weights.safetensors"]
    (large,) = [item for item in packaged.objects if item.key.endswith("safetensors")]
    assert large.etag.endswith("-1")  # S3 marks objects that came in parts so


@pytest.mark.parametrize("missing", ["unet/weights.safetensors", "code/inference.py"])
def test_a_missing_object_makes_it_composed_again(prefixed, missing):
    packaged = prefixed.pack()
    prefixed.s3.delete_object(Bucket=prefixed.bucket, Key=packaged.key + missing)
    again = prefixed.pack()
    assert (again.method, again.key, again.objects) == ("prefix", packaged.key, packaged.objects)
    assert missing in listing(prefixed, again)


def test_a_change_of_any_object_makes_another_model(prefixed):
    before = prefixed.pack()
    prefixed.put("sd/model_index.json", b"{ }")
    after = prefixed.pack()
    assert after.key != before.key
    assert listing(prefixed, after)["model_index.json"] == b"{ }"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ClientError({"Error": {"Code": "AccessDenied"}}, "CopyObject")])
def test_a_copy_that_fails_leaves_nothing(prefixed, error):
    def copy_object(**call):
        if call["Key"].endswith("safetensors"):
            raise error
        return prefixed.s3.copy_object(**call)

    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else TargetError
    with pytest.raises(expected):
        prefixed.pack(client=Client(prefixed.s3, copy_object=copy_object))
    assert (prefixed.keys(""), prefixed.uploads()) == ([], [])


def test_an_object_that_changes_meanwhile(prefixed):
    def copy_object(**call):
        prefixed.put("sd/model_index.json", b"new")
        return prefixed.s3.copy_object(**call)

    with pytest.raises(ModelError, match=r"sd/model_index.json changed while it was read"):
        prefixed.pack(client=Client(prefixed.s3, copy_object=copy_object))
    assert prefixed.keys("") == []


def test_what_cannot_be_a_model(prefixed):
    prefixed.have(prepacked=True)
    with pytest.raises(ModelError, match=r"has no code/inference.py, so no endpoint can load it"):
        prefixed.pack()
    prefixed.have(script=tarball({"inference.py": b"", "l": link("inference.py")}), prepacked=False)
    with pytest.raises(ModelError, match=r"code/l of the inference code is a link, and an S3 prefix holds files only"):
        prefixed.pack()
    prefixed.put("sd/../../x", b"")
    with pytest.raises(ModelError, match="is outside of the model's folder"):
        prefixed.pack()
    prefixed.have(model_uri=f"s3://{prefixed.jumpstart}/none/")
    with pytest.raises(ModelError, match="none/ is empty, although JumpStart names it"):
        prefixed.pack()
    assert prefixed.keys("") == []
