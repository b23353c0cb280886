"""Install pinned requirements into a folder, for an interpreter that need not be this one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from contract.settings import ROOT
from infra.errors import BundlingError

# Lambda's Python 3.12 runs on Amazon Linux 2023 (glibc 2.34), so wheels for glibc 2.28 are welcome. pip matches a
# platform to the letter: with manylinux2014 alone it would silently take years-old releases of NumPy and Pillow.
_GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]+\])?==(?P<version>[A-Za-z0-9.!+]+)")


def _canonical(name: str) -> str:
    """PEP 503: ``Typing_Extensions`` and ``typing-extensions`` are one name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(requirements: Path) -> dict[str, str]:
    """Requirements by name, as written, from a file of which every line must be ``name==version``.

    Raises
    ------
    BundlingError
        A line leaves the version open: the bundle would change from day to day.
    """
    pins: dict[str, str] = {}
    for number, line in enumerate(requirements.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        found = _PIN.fullmatch(text)
        if found is None:
            raise BundlingError(f"{requirements}, line {number}: {text!r} is not pinned; write name==version.")
        pins[_canonical(found["name"])] = text
    return pins


def install(requirements: Path, target: Path, *, python: str, platform: str) -> None:
    """Install every pinned distribution into ``target``, wheels only.

    Parameters
    ----------
    requirements : Path
        Each line ``name==version``, those that others need included.
    target : Path
        An empty folder.
    python : str
        Major and minor version of the interpreter that will import the packages.
    platform : str
        ``x86_64`` or ``arm64`` for Lambda; anything else means this machine and this interpreter.

    Raises
    ------
    BundlingError
        No installer, no such release, no network, or a package came along that is not pinned.
    """
    command = [*_installer(platform, python), "--target", str(target), "-r", str(requirements)]
    # uv's cache first: pins leave nothing to look up, and a synthesis without network must work.
    attempts = [[*command, "--offline"], command] if Path(command[0]).stem == "uv" else [command]
    for attempt in attempts:
        result = subprocess.run(attempt, capture_output=True, text=True, check=False, cwd=ROOT)
        if not result.returncode:
            break
    if result.returncode:
        reason = (result.stderr or result.stdout).strip()[-2000:]
        raise BundlingError(f"{requirements}: not installable for Python {python} on {platform}:\n{reason}")
    came = {_canonical(path.name.removesuffix(".dist-info").split("-")[0]) for path in target.glob("*.dist-info")}
    if loose := sorted(came - set(pinned(requirements))):
        raise BundlingError(f"{requirements}: needs {', '.join(loose)} as well; pin them there too.")


def _installer(platform: str, python: str) -> list[str]:
    """``uv pip install`` or ``pip install`` with the options that both need for this platform."""
    machine = _MACHINES.get(platform)
    own = ROOT / ".tools/uv/bin/uv"
    uv = str(own) if own.is_file() else shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--no-python-downloads", "--link-mode", "copy"]
        command += ["--only-binary", ":all:", "--python", sys.executable]
        return command + (
            ["--python-version", python, "--python-platform", f"{machine}-{_GLIBC[0]}"] if machine else []
        )
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:"]
        tags = [option for tag in _GLIBC for option in ("--platform", f"{tag}_{machine}")]
        return command + (["--implementation", "cp", "--python-version", python, *tags] if machine else [])
    raise BundlingError(
        f"Lambda bundles need uv (in {own.parent} or on the path) or pip in {sys.executable}: run `make` once."
    )
