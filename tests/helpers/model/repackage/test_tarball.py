"""Spliced and streamed tarballs hold the same, whoever reads them."""

import io
import random
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import ModelError
from helpers.model.repackage import tarball as packing
from helpers.model.repackage.additions import Additions
from helpers.model.repackage.sources import ObjectArtifact
from helpers.model.repackage.tarball import Job
from tests.helpers.model.repackage.archives import (
    contents,
    folder,
    found_in,
    gz,
    judge,
    link,
    tar,
    tarball,
    with_header,
)
from tests.helpers.model.repackage.conftest import Client

SMALL_BYTES = 6 << 20
"""In place of the 16 MiB that test_repackage.py keeps: S3 copies what is larger, in parts of 5 MiB or more."""
LARGE = random.Random(2).randbytes(11 << 20)
CODE = {"./": folder(), "./inference.py": b"import torch\n", "./lib/": folder(), "./lib/run.sh": b"#!/bin/sh\n"}
MODEL = {"./": folder(), "./config.json": b"{}", "./unet/weights.bin": b"w" * 100_000}
ADDED = {"code/inference.py": b"import torch\n", "code/lib/run.sh": b"#!/bin/sh\n"}


@pytest.fixture(autouse=True)
def smaller(monkeypatch):
    monkeypatch.setattr(packing, "SMALL_BYTES", SMALL_BYTES)


def pack(world, way, overrides=None, again=False):
    """Package what JumpStart's bucket holds one way or the other; return the bytes."""
    job = Job(world.s3, world.bucket, f"{way}.tar.gz", again, world.said.append)
    source = ObjectArtifact(world.s3, world.model.model_uri)
    script = None if world.model.prepacked else ObjectArtifact(world.s3, world.model.script_uri)
    additions = Additions(script, overrides)
    packed = packing.pack(job, source, additions) if way == "pack" else packing._stream(job, source, additions)
    assert world.uploads() == []
    return packed.method, world.s3.get_object(Bucket=world.bucket, Key=job.key)["Body"].read()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_code_and_model_become_one(world, tmp_path, form):
    world.have(tarball(MODEL, form=form), tarball(CODE, form=form))
    spliced, streamed = pack(world, "pack"), pack(world, "stream")
    assert (spliced[0], streamed[0]) == ("spliced", "streamed")
    for _, body in (spliced, streamed):
        judge(body, tmp_path)
        assert contents(body) == {**ADDED, "config.json": b"{}", "unet/weights.bin": b"w" * 100_000}
    assert found_in(spliced[1]) == found_in(streamed[1])
    assert found_in(spliced[1])["code/lib/run.sh"][1] == 0o755


FILES = st.dictionaries(
    st.text("abcé/", min_size=1, max_size=120).map(lambda name: "/".join(filter(None, name.split("/"))) or "x"),
    st.one_of(st.binary(max_size=2000), st.integers(0, 3).map(lambda n: bytes(65_535 * n + 1))),
    max_size=5,
)


def agreeing(files):
    """Without names that are a file and a folder at once."""
    return {name: body for name, body in files.items() if not any(other.startswith(name + "/") for other in files)}


DRAWN = {
    "model": FILES.map(agreeing),
    "code": FILES.map(agreeing),
    "forms": st.tuples(*[st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])] * 2),
    "level": st.sampled_from([0, 1, 6, 9]),
}
CHECKS = [HealthCheck.function_scoped_fixture]


def agree(world, model, code, forms, level):
    code["inference.py"] = b""
    world.have(gz(tar(model, forms[0]), level), gz(tar(code, forms[1]), level))
    method, spliced = pack(world, "pack")
    _, streamed = pack(world, "stream")
    assert method == "spliced" if model else "streamed"
    expected = {f"code/{name}": body for name, body in code.items()} | model
    assert contents(spliced) == contents(streamed) == expected
    assert found_in(spliced) == found_in(streamed)


@settings(max_examples=15, deadline=None, suppress_health_check=CHECKS)
@given(**DRAWN)
def test_both_ways_and_tarfile_agree(world, model, code, forms, level):
    agree(world, model, code, forms, level)


@pytest.mark.rare
@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS)
@given(**DRAWN)
def test_both_ways_and_tarfile_agree_on_many(world, model, code, forms, level):
    agree(world, model, code, forms, level)


@pytest.mark.parametrize("size", [1 << 20, len(LARGE)])
@pytest.mark.parametrize("extra", [0, 5 << 20, 9 << 20])
def test_large_models_are_copied_by_s3_and_read_once(world, tmp_path, size, extra):
    world.have(tarball({"w": LARGE[:size]}), gz(tar({**CODE, "wheel": LARGE[:extra]}), 0))
    calls, s3 = [], world.s3

    def get_object(**call):
        calls.append(call["Key"])
        return s3.get_object(**call)

    world.s3 = Client(s3, get_object=get_object)
    method, body = pack(world, "pack")
    assert method == "spliced"
    assert contents(body) == {**ADDED, "code/wheel": LARGE[:extra], "w": LARGE[:size]}
    judge(body, tmp_path)
    reads = calls.count("model.tar.gz")
    calls.clear()
    assert pack(world, "pack")[1] == body
    if size > SMALL_BYTES:
        # Not read again: at most the bytes that fill the first part up to 5 MiB.
        assert calls.count("model.tar.gz") <= 1 < reads
    calls.clear()
    pack(world, "pack", again=True)
    assert calls.count("model.tar.gz") == reads


@pytest.mark.parametrize("large", [False, True])
def test_headers_with_all_fields_are_spliced_too(world, tmp_path, large):
    model = {"w": LARGE if large else b"w"}
    world.have(with_header(tar(model), b"model.tar", b"extra", b"comment", True), tarball(CODE))
    method, body = pack(world, "pack")
    assert method == "spliced"
    assert contents(body) == {**ADDED, **model}
    judge(body, tmp_path)


@pytest.mark.parametrize("large", [False, True])
def test_zeros_after_the_last_member_are_left_out(world, tmp_path, large):
    model = {"w": LARGE if large else b"w"}
    world.have(tarball(model) + bytes(1000), tarball(CODE))
    method, body = pack(world, "pack")
    assert method == "spliced"
    assert contents(body) == {**ADDED, **model}
    judge(body, tmp_path)


@pytest.mark.parametrize("large", [False, True])
def test_several_gzip_members_are_streamed(world, tmp_path, large):
    plain = tar({"w": LARGE if large else b"w" * 1000, "x": b"x"})
    world.have(gz(plain[:700]) + gz(plain[700:900]) + gz(plain[900:]), tarball(CODE))
    method, body = pack(world, "pack")
    assert method == "streamed"
    assert contents(body) == {**ADDED, "w": LARGE if large else b"w" * 1000, "x": b"x"}
    judge(body, tmp_path)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("collision", "hidden"),
    [
        ({"./code/": folder(), "./code/inference.py": b"old"}, []),
        ({"code/inference.py": link("../w")}, []),
        ({"code": link("w")}, ["code"]),
        ({"code": b"a file where a folder must be"}, ["code"]),
        ({"code/lib/run.sh/deeper": b"a folder where a file must be"}, ["code/lib/run.sh/deeper"]),
    ],
)
def test_what_is_added_wins_over_what_was_there(world, tmp_path, large, collision, hidden):
    world.have(tarball({"w": LARGE if large else b"w", **collision, "z": b"z"}), tarball(CODE))
    method, body = pack(world, "pack")
    assert method == "streamed"
    found = found_in(body)
    assert found["code/inference.py"][3] == b"import torch\n"
    assert not set(hidden) & set(found)
    assert contents(body)["z"] == b"z"
    judge(body, tmp_path)


def test_a_folder_code_that_is_there_already_is_shared(world):
    world.have(tarball({"./code/": folder(), "./code/extra.txt": b"x"}), tarball(CODE))
    method, body = pack(world, "pack")
    assert method == "spliced"
    assert contents(body) == {**ADDED, "code/extra.txt": b"x"}


def test_headers_for_all_later_members_stay_when_their_member_is_hidden(world):
    model = {"code/inference.py": b"old", "w": b"w"}
    world.have(tarball(model, pax_headers={"comment": "for all"}), tarball(CODE))
    _, body = pack(world, "pack")
    assert contents(body) == {**ADDED, "w": b"w"}
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["code/inference.py", "code/lib", "code/lib/run.sh", "w"]
        assert archive.pax_headers == {"comment": "for all"}


def test_links_of_the_code_keep_their_targets(world, tmp_path):
    links = {"a/link": link("../inference.py"), "hard": link("./inference.py", tarfile.LNKTYPE)}
    world.have(tarball(MODEL), tarball({**CODE, **links}))
    _, body = pack(world, "pack")
    found = found_in(body)
    assert found["code/a/link"][2] == "../inference.py"
    assert found["code/hard"][2] == "code/inference.py"
    judge(body, tmp_path)
    assert (tmp_path / "judged/code/a/link").read_text() == "import torch\n"


def test_overrides_win_over_code_and_model(world, tmp_path, overrides):
    (overrides / "code" / "inference.py").write_text("mine\n")
    (overrides / "config.json").write_text('{"mine": true}')
    (overrides / "code" / "__pycache__").mkdir()
    (overrides / "code" / "__pycache__" / "x.pyc").write_bytes(b"")
    (overrides / "start.sh").write_text("")
    (overrides / "start.sh").chmod(0o755)
    world.have(tarball(MODEL), tarball({**CODE, "requirements.txt": b"numpy\n"}))
    method, body = pack(world, "pack", overrides)
    assert method == "streamed"
    assert contents(body) == {
        **ADDED,
        "code/inference.py": b"mine\n",
        "code/requirements.txt": b"pillow\n",
        "config.json": b'{"mine": true}',
        "start.sh": b"",
        "unet/weights.bin": b"w" * 100_000,
    }
    assert found_in(body)["start.sh"][1] == 0o755
    judge(body, tmp_path)


def test_an_override_must_be_an_ordinary_file(world, overrides):
    world.have(tarball(MODEL), tarball(CODE))
    (overrides / "code" / "secret").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match="code/secret is not an ordinary file"):
        pack(world, "pack", overrides)


WRONG_CRC = (
    tarball({"w": LARGE})[:-8] + bytes(4) + tarball({"w": LARGE})[-4:],
    "corrupt gzip data .* CRC or length in the gzip trailer",
)
BAD = [
    WRONG_CRC,
    (tarball({"w": LARGE})[:-100_000], "corrupt gzip data at byte .* it ends before"),
    (gz(tar({"w": LARGE})[:-20_000]), "it ends within member 'w'"),
    (tarball({"w": LARGE, "../x": b""}), "'../x' is outside"),
    (tarball({"w": LARGE, "d": link("", tarfile.BLKTYPE)}), "'d' is a device"),
    (tarball({"w": b"small", "l": link("/x")}), "'l' links to '/x', outside"),
    (b"no gzip", "does not begin as gzip does"),
    (b"", "it ends within a gzip header"),
    (b"x" * (7 << 20), "does not begin as gzip does"),
]


@pytest.mark.parametrize(("model", "said"), BAD)
def test_a_bad_model_is_refused_and_leaves_nothing(world, model, said):
    world.have(model, tarball(CODE))
    with pytest.raises(ModelError, match=said) as caught:
        pack(world, "pack")
    assert str(caught.value).startswith(world.model.model_uri)
    assert (world.uploads(), world.keys("")) == ([], [])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (tarball({"inference.py": b"", "../x": b""}), "'../x' is outside"),
        (tarball({"inference.py": b""})[:-3], "it ends within the gzip trailer"),
        (tarball({"predict.py": b""}), "has no code/inference.py, so no endpoint can load it"),
    ],
)
def test_bad_code_is_refused(world, code, said):
    world.have(tarball({"w": LARGE}), code)
    with pytest.raises(ModelError, match=said):
        pack(world, "pack")
    assert (world.uploads(), world.keys("models")) == ([], [])


def test_a_member_that_would_go_through_a_link_of_the_code_is_refused(world):
    world.have(tarball({"code/lib/x": b""}), tarball({"inference.py": b"", "lib": link(".")}))
    with pytest.raises(ModelError, match=r"would be written through the link 'code/lib'|code/lib"):
        pack(world, "pack")
