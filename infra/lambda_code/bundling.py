"""Lambda bundles without Docker: a function's package beside ``shared`` and its pinned requirements.

A bundle is made for one interpreter: Lambda's on AWS, this one on the local target, where functions run in the
host's Python and compiled packages such as Pillow must match it. Installed requirements are cached under a hash of
what decides them; a second synthesis needs no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from infra.errors import BundlingError
from infra.lambda_code.installer import install, pinned

LAMBDA_PYTHON = "3.12"
RECIPE = "1"
"""Part of every hash; raise it when a change of this module changes what a bundle holds."""

SHARED = "shared"
"""The package that every function may import: it is beside theirs in ``lambdas/``, and in every bundle."""

# What an installer writes about itself (paths, times, hashes of scripts that we drop), and what only tests need.
_BOOKKEEPING = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock"}
_UNUSED_FOLDERS = {"__pycache__", "tests", "test"}


@dataclass(frozen=True)
class Interpreter:
    """The Python that a bundle will run in.

    Attributes
    ----------
    python : str
        Major and minor version, such as ``3.12``.
    platform : str
        A Lambda architecture, or the host's platform as :func:`sysconfig.get_platform` names it.
    """

    python: str
    platform: str

    @classmethod
    def of_lambda(cls, architecture: str) -> Interpreter:
        """Lambda's runtime on ``x86_64`` or ``arm64``."""
        return cls(LAMBDA_PYTHON, architecture)

    @classmethod
    def of_host(cls) -> Interpreter:
        """The interpreter that runs this code, and on the local target the functions too."""
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", sysconfig.get_platform())


def _sources(folder: Path) -> Iterator[Path]:
    """The files that travel: no byte code, nothing hidden, in an order that no file system decides."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and path.suffix not in (".pyc", ".md"):
            yield path


def _travelling(folder: Path) -> Iterator[Path]:
    """The files of a function's package, and of the shared one where there is one."""
    yield from _sources(folder)
    yield from _sources(folder.parent / SHARED)


def bundle_hash(folder: Path, interpreter: Interpreter) -> str:
    """SHA-256 over all that decides a bundle: names and contents of its sources, requirements and interpreter."""
    digest = hashlib.sha256(f"{RECIPE}\0{folder.name}\0{interpreter.python}\0{interpreter.platform}\0".encode())
    for path in _travelling(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder.parent).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def bundle(folder: Path, interpreter: Interpreter, cache: Path, output: Path) -> None:
    """Make the bundle of one Lambda package: the same bytes for the same input.

    Parameters
    ----------
    folder : Path
        A Python package with a ``requirements.txt`` that pins every distribution as ``name==version``. A package
        ``shared`` beside it travels too; what that one imports must be among these requirements.
    interpreter : Interpreter
        What the bundle must run in.
    cache : Path
        Where installed requirements are kept.
    output : Path
        The folder that gets the packages and the requirements side by side.

    Raises
    ------
    BundlingError
        The folder is not a package, a requirement is not pinned, or it cannot be installed.
    """
    requirements = folder / "requirements.txt"
    if not (folder / "__init__.py").is_file() or not requirements.is_file():
        raise BundlingError(f"{folder}: a Lambda package needs __init__.py and requirements.txt.")
    if pinned(requirements):
        shutil.copytree(installed(requirements, interpreter, cache), output, dirs_exist_ok=True)
    for path in _travelling(folder):
        if path != requirements:
            target = output / path.relative_to(folder.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    _same_modes(output)


def installed(requirements: Path, interpreter: Interpreter, cache: Path) -> Path:
    """The folder with a function's requirements, from the cache unless they or the interpreter are new.

    They are kept apart from the function's own code: changing that needs no network.

    Parameters
    ----------
    requirements : Path
        Each line ``name==version``.
    interpreter : Interpreter
        What will import them.
    cache : Path
        Where the folder is, or will be.

    Raises
    ------
    BundlingError
        A requirement is not pinned, or cannot be installed.
    """
    pins = "\n".join(line for _, line in sorted(pinned(requirements).items()))
    key = hashlib.sha256(f"{RECIPE}\0{interpreter.python}\0{interpreter.platform}\0{pins}".encode()).hexdigest()
    finished = cache / key
    if finished.is_dir():
        return finished
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
        made = Path(scratch) / "site"
        made.mkdir()
        install(requirements, made, python=interpreter.python, platform=interpreter.platform)
        _strip(made)
        try:
            made.rename(finished)  # in one step: what the cache holds is always whole
        except OSError:
            if not finished.is_dir():  # another process made the same meanwhile, and its folder is as good
                raise
    return finished


def _strip(made: Path) -> None:
    """Remove what differs between two installations of the same packages, and what a function never runs."""
    shutil.rmtree(made / "bin", ignore_errors=True)
    for path in sorted(made.rglob("*")):
        if path.is_dir() and path.name in _UNUSED_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and (path.name in _BOOKKEEPING or path.suffix == ".pyc"):
            path.unlink()


def _same_modes(made: Path) -> None:
    """Modes travel in the zip file, so they must not depend on the umask."""
    for folder, _, files in os.walk(made):
        Path(folder).chmod(0o755)
        for name in files:
            (Path(folder) / name).chmod(0o644)


@jsii.implements(cdk.ILocalBundling)
class _CachedBundling:
    """What the CDK calls instead of Docker; the arguments are those of :func:`bundle`, without its output."""

    failure: BundlingError | None = None
    """The last one, for :func:`bundling_failure`: on its way through JavaScript an error becomes a traceback."""

    def __init__(self, folder: Path, interpreter: Interpreter, cache: Path) -> None:
        self._arguments = (folder, interpreter, cache)

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        try:
            bundle(*self._arguments, Path(output_dir))
        except BundlingError as error:
            _CachedBundling.failure = error
            raise
        return True


def bundling_failure() -> BundlingError | None:
    """Why the last bundle was not made; None when all were."""
    return _CachedBundling.failure


def python_code(folder: Path, interpreter: Interpreter, cache: Path) -> lambda_.Code:
    """The code of a Lambda function, bundled when (and only when) its stack is synthesised for deployment.

    Parameters
    ----------
    folder : Path
        The function's package.
    interpreter : Interpreter
        What the bundle must run in.
    cache : Path
        Where installed requirements are kept.
    """
    local: Any = _CachedBundling(folder, interpreter, cache)  # jsii checks the interface, mypy cannot see it
    return lambda_.Code.from_asset(
        str(folder),
        # Our own hash: CDK's would be the bundle's, which is only known once it has been made.
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        asset_hash=bundle_hash(folder, interpreter),
        bundling=cdk.BundlingOptions(image=cdk.DockerImage.from_registry("docker-is-not-used"), local=local),
    )
