"""Model data that cannot serve: the endpoint fails and says why, and nothing leaves its folder."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from localcloud.sagemaker.archive import ArchiveError, unpack
from tests.localcloud.sagemaker.conftest import IMAGE, ROLE

World = Any


def tarball(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, data


OUTSIDE = {
    "traversal": (tarball(member("../evil", b"x")), r"'../evil' is outside the model folder"),
    "absolute": (tarball(member("/tmp/evil", b"x")), r"'/tmp/evil' is outside the model folder"),
    "link": (tarball(member("out", kind=tarfile.SYMTYPE, link="../../secret")), r"links to '../../secret'"),
    "absolute-link": (tarball(member("out", kind=tarfile.SYMTYPE, link="/etc/passwd")), "links to '/etc/passwd'"),
    "hard-link": (tarball(member("out", kind=tarfile.LNKTYPE, link="../other")), r"links to '../other'"),
    "device": (tarball(member("null", kind=tarfile.CHRTYPE)), "'null' is a device or a pipe"),
    "not-gzip": (b"this is no archive at all", "ReadError"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_unpack_refuses(case: str, tmp_path: Path) -> None:
    data, message = OUTSIDE[case]
    archive, target = tmp_path / "a.tar.gz", tmp_path / "deep" / "model"
    archive.write_bytes(data)
    target.mkdir(parents=True)
    with pytest.raises(ArchiveError, match=message):
        unpack(archive, target)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "deep", "model"]


def test_unpack_through_a_link_made_before(tmp_path: Path) -> None:
    """A folder link first, then a file below it: the check follows what is on disk by then."""
    (tmp_path / "model").mkdir()
    (tmp_path / "a").write_bytes(tarball(member("d", kind=tarfile.SYMTYPE, link="."), member("d/../../evil", b"x")))
    with pytest.raises(ArchiveError, match="outside the model folder"):
        unpack(tmp_path / "a", tmp_path / "model")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_unpack_notices_truncation(keep: float, tmp_path: Path) -> None:
    data = tarball(member("weights", bytes(range(256)) * 4000))
    (tmp_path / "a").write_bytes(data[: int(len(data) * keep)])
    (tmp_path / "model").mkdir()
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "a", tmp_path / "model")


def test_unpack_keeps_inner_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(
        tarball(member("v1/w", b"7"), member("current", kind=tarfile.SYMTYPE, link="v1"), member("code/x", b"8"))
    )
    assert unpack(tmp_path / "a", tmp_path / "model") == 2
    assert (tmp_path / "model" / "current" / "w").read_bytes() == b"7"


def script(text: str) -> bytes:
    return tarball(member("code/inference.py", text.encode()))


FAILING = {
    "bad-traversal": (OUTSIDE["traversal"][0], "Failed to extract model data archive", "'../evil' is outside"),
    "bad-truncated": (
        tarball(member("w", b"abc" * 9999))[:60],
        "Failed to extract model data archive",
        "ReadError: truncated",
    ),
    "bad-empty": (tarball(member("weights", b"1")), "did not pass the ping health check", "has no code/inference.py"),
    "bad-load": (
        script("raise OSError('no weights')"),
        "ping health check",
        "OSError: no weights",
    ),
    "bad-syntax": (script("def model_fn(d:"), "ping health check", "SyntaxError"),
    "bad-exit": (script("import os; os._exit(3)"), "ping health check", "exit code 3"),
    "bad-both": (
        script("def model_fn(d): pass\ndef transform_fn(m, b, c, a): pass\ndef input_fn(b, c): pass"),
        "ping health check",
        "Cannot use transform_fn implementation in conjunction with input_fn",
    ),
    "bad-handlers": (
        script("def model_fn(d): return 1\ndef predict_fn(x, m): return x"),
        "ping",
        "input_fn, output_fn",
    ),
}


def test_endpoint_fails_with_the_reason(world: World) -> None:
    for name, (archive, _, _) in FAILING.items():
        world.create_endpoint(name, archive)
    for name, (_, aws, detail) in FAILING.items():
        answer = world.settled(name, timeout=40)
        assert answer["EndpointStatus"] == "Failed", name
        assert aws in answer["FailureReason"], name
        assert detail in answer["FailureReason"], name
        assert world.pids(name) == []
        world.client("sagemaker").delete_endpoint(EndpointName=name)


def test_missing_model_data(world: World) -> None:
    world.create_model("bad-missing")
    world.client("s3").delete_object(Bucket=world.bucket, Key="models/bad-missing/model.tar.gz")
    world.create_config("bad-missing", "bad-missing")
    world.client("sagemaker").create_endpoint(EndpointName="bad-missing", EndpointConfigName="bad-missing")
    answer = world.settled("bad-missing")
    assert answer["FailureReason"].startswith(
        'Failed to download model data for container "container_1" from URL: '
        '"s3://models-and-results/models/bad-missing/model.tar.gz". Please ensure that there is an object'
    )


def test_uncompressed_prefix_and_transform_fn(world: World) -> None:
    world.put(
        "prefix/code/inference.py",
        (
            "import json, os\n"
            "def model_fn(d, context): return open(os.path.join(d, 'deep/w.txt')).read()\n"
            "def transform_fn(model, body, content_type, accept):\n"
            "    return json.dumps([model, type(body).__name__]), 'text/plain'\n"
        ),
    )
    world.put("prefix/deep/w.txt", "weights")
    sagemaker = world.client("sagemaker")
    source = {"S3Uri": f"s3://{world.bucket}/prefix/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    sagemaker.create_model(
        ModelName="prefix",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}},
    )
    world.create_config("prefix", "prefix")
    sagemaker.create_endpoint(EndpointName="prefix", EndpointConfigName="prefix")
    assert world.settled("prefix")["EndpointStatus"] == "InService"
    answer = world.invoke("prefix", {}, ContentType="application/x-text")
    assert world.notice(answer["InferenceId"])["responseParameters"]["contentType"] == "text/plain"
    assert json.loads(world.read(answer["OutputLocation"])) == ["weights", "bytearray"]
