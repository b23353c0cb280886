"""Wheels for the container: chosen from the lock, downloaded once, and part of the package and its key."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import pytest

from contract.errors import ModelError
from helpers.model import jumpstart
from helpers.model.repackage import wheels
from tests.helpers.model.repackage.archives import contents, tarball

LOCK = """
[[package]]
name = "numpy"
version = "1.0"
dependencies = [{ name = "colour", version = "2.0", marker = "python_full_version >= '3.12'" },
                { name = "colour", version = "1.0", marker = "python_full_version < '3.12'" },
                { name = "pywin", marker = "sys_platform == 'win32'" }]
wheels = [
    { url = "https://x/numpy-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", hash = "sha256:11", size = 1 },
    { url = "https://x/numpy-1.0-cp312-cp312-manylinux_2_39_x86_64.whl", hash = "sha256:39", size = 1 },
    { url = "https://x/numpy-1.0-cp312-cp312-manylinux2014_x86_64.whl", hash = "sha256:17", size = 1 },
    { url = "https://x/numpy-1.0-cp312-cp312-manylinux_2_28_aarch64.whl", hash = "sha256:aa", size = 1 },
    { url = "https://x/numpy-1.0-cp39-abi3-manylinux_2_28_x86_64.whl", hash = "sha256:ab", size = 1 },
]

[[package]]
name = "colour"
version = "1.0"

[[package]]
name = "colour"
version = "2.0"
wheels = [{ url = "https://x/colour-2.0-py3-none-any.whl", hash = "sha256:cc", size = 5 }]
"""


@pytest.fixture
def files(tmp_path):
    def write(requirements="# why\nNumPy==1.0\n", lock=LOCK):
        (tmp_path / "requirements.txt").write_text(requirements)
        (tmp_path / "uv.lock").write_text(lock)
        return tmp_path / "requirements.txt", tmp_path / "uv.lock"

    return write


def test_the_best_wheel_for_the_container_and_what_it_needs(files):
    found = [(wheel.file, wheel.sha256) for wheel in wheels.wanted(*files())]
    assert found == [
        ("colour-2.0-py3-none-any.whl", "cc"),
        ("numpy-1.0-cp312-cp312-manylinux2014_x86_64.whl", "17"),
    ]


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("numpy>=1\n", "'numpy>=1' is not pinned; write name==version"),
        ("numpy==1.1\n", "uv.lock has 0 entries for numpy==1.1"),
        ("colour==1.0\n", "uv.lock has no wheel of colour 1.0 for Python 3.12 on Linux"),
    ],
)
def test_what_the_lock_cannot_give(files, requirements, said):
    with pytest.raises(ModelError, match=re.escape(said)):
        wheels.wanted(*files(requirements))


def test_small_worlds_own():
    found = {wheel.name: wheel for wheel in wheels.wanted()}
    assert {"numpy", "onnxruntime", "pillow"} < set(found)
    assert all(re.search(r"-(cp312-cp312|cp\d+-abi3|(py2\.)?py3-none)-", wheel.file) for wheel in found.values())
    assert sum(wheel.size for wheel in found.values()) < 60_000_000


WHEELS = [wheels.Wheel(name, "1.0", f"{name}-1.0-py3-none-any.whl", hashlib.sha256(name.encode()).hexdigest(), 1)
          for name in ("one", "two")]  # fmt: skip
FAKE_PIP = """
import pathlib, sys
options = sys.argv[1:]
target = pathlib.Path(options[options.index("--dest") + 1])
pins = pathlib.Path(options[options.index("--requirement") + 1]).read_text()
assert "--require-hashes" in options and "manylinux_2_28_x86_64" in options
for line in pins.splitlines():
    name = line.split("==")[0]
    if name not in {unavailable}:
        (target / (name + "-1.0-py3-none-any.whl")).write_bytes({content})
sys.stderr.write("pip is sorry")
"""


@pytest.fixture
def pip(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "wanted", lambda: WHEELS)

    def install(unavailable=(), content="name.encode()"):
        program = tmp_path / "pip.py"
        program.write_text(FAKE_PIP.format(unavailable=unavailable, content=content))
        monkeypatch.setattr(wheels, "_pip", lambda: [sys.executable, str(program)])

    return install


def test_they_are_downloaded_once(pip, tmp_path, monkeypatch):
    pip()
    said = []
    folder = wheels.folder(said.append, tmp_path / "cache")
    assert sorted(path.name for path in (folder / wheels.FOLDER).iterdir()) == [wheel.file for wheel in WHEELS]
    assert said[0] == (
        "downloading what the model's container imports (2 bytes, kept in build/wheels): one 1.0, two 1.0"
    )
    assert (folder / "code" / "requirements.txt").read_text().splitlines()[1:] == [
        "--no-index",
        "--find-links wheels",
        *(f"{wheel.name}==1.0 --hash=sha256:{wheel.sha256}" for wheel in WHEELS),
    ]
    monkeypatch.setattr(wheels, "_pip", lambda: pytest.fail("downloaded again"))
    assert wheels.folder(said.append, tmp_path / "cache") == folder


@pytest.mark.parametrize("options", [{"unavailable": ("two",)}, {"content": "b'something else'"}])
def test_what_is_missing_or_not_the_locks_is_named_and_nothing_is_kept(pip, tmp_path, options):
    pip(**options)
    with pytest.raises(ModelError, match=r"two-1\.0-py3-none-any\.whl could not be downloaded.*pip said: pip is sorry"):
        wheels.folder(lambda text: None, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_without_an_end(pip, tmp_path, monkeypatch):
    pip()

    def run(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ModelError, match="no end after 900 s"):
        wheels.folder(lambda text: None, tmp_path / "cache")


def test_wheels_are_part_of_the_package_and_of_its_key(world, pip, overrides, tmp_path):
    pip()
    world.have(tarball({"w": b""}), tarball({"inference.py": b"", "requirements.txt": b"numpy\n"}))
    folder = wheels.folder(lambda text: None, tmp_path / "cache")
    plain, packaged = world.pack(), world.pack(wheels=folder)
    assert packaged.method == "spliced"
    assert packaged.key != plain.key
    held = contents(world.body(packaged))
    assert held["code/requirements.txt"].startswith(b"# Everything is in wheels/")
    assert {name: held[name] for name in held if name.startswith("code/wheels/")} == {
        "code/wheels/one-1.0-py3-none-any.whl": b"one",
        "code/wheels/two-1.0-py3-none-any.whl": b"two",
    }
    assert world.pack(wheels=folder).method == "unchanged"
    (overrides / "code" / "wheels").mkdir()
    (overrides / "code" / "wheels" / "one-1.0-py3-none-any.whl").write_bytes(b"mine")
    mine = world.pack(wheels=folder, overrides=overrides)
    assert contents(world.body(mine))["code/wheels/one-1.0-py3-none-any.whl"] == b"mine"


@pytest.mark.parametrize("instance_type", ["ml.m7g.large", "ml.c6gn.xlarge", "ml.t4g.medium"])
def test_an_instance_on_which_they_do_not_run_is_refused(instance_type):
    with pytest.raises(ModelError, match=rf"{instance_type} has an Arm processor.*such as ml\.m5\.large"):
        wheels.check_instance(instance_type)


@pytest.mark.parametrize(
    "instance_type", [*jumpstart.INSTANCE_TYPES, "ml.g5.xlarge", "ml.g4dn.xlarge", "ml.g6e.xlarge"]
)
def test_others_are_taken(instance_type):
    wheels.check_instance(instance_type)
