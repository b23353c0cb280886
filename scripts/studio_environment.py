"""Tests in an environment like SageMaker Studio's: its versions of what it shares with the workshop, the rest ours.

Makes ``.tools/studio-venv`` with the Python and the packages of a SageMaker Distribution, adds what the workshop needs
besides, and runs there the helpers' unit tests and one notebook on the local target.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

from scripts.environments import ROOT, UV, find_python, made_from, run

VENV = ROOT / ".tools" / "studio-venv"
PINS = Path(__file__).with_name("sagemaker_distribution_4.4.txt")
PYTHON = "3.12"
NOTEBOOK = "03_generate"
FOR_TESTS = ("hypothesis", "moto", "pytest-timeout")
"""Of the group ``dev``: what the helpers' unit tests import."""
OVERRIDDEN = ("boto3", "botocore", "jupyterlab", "sagemaker")
"""Whose version there is older than ours or MiniStack's requirements ask for; all others must satisfy everybody."""
SHOWN = ("numpy", "pillow", "boto3", "jupyterlab", "ipywidgets", "sagemaker", "sagemaker-core")


def python_of_the_distribution() -> str:
    """A Python of the distribution's version; ends the program when there is none."""
    found = find_python(PYTHON)
    if found is None:
        sys.exit(
            f"studio: there is no Python {PYTHON} here, which SageMaker Distribution 4 has: install it (for example "
            f"`{UV} python install {PYTHON}`), or give one with make test-studio ARGS='--python PATH'."
        )
    return found


def requirements() -> str:
    """What the workshop and its unit tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tests = [line for line in project["dependency-groups"]["dev"] if line.startswith(FOR_TESTS)]
    return "\n".join([*project["project"]["dependencies"], *tests]) + "\n"


def make(python: str) -> None:
    """Make the environment, or make it again when its Python or what it must hold has changed."""

    def install() -> None:
        make_venv = [UV, "venv", "--quiet", "--clear", "--python", python, VENV]
        run("studio", make_venv, f"Python {PYTHON} in .tools/studio-venv")
        needed = VENV / "requirements.txt"
        needed.write_text(requirements(), encoding="utf-8")
        overrides = VENV / "overrides.txt"
        pins = PINS.read_text(encoding="utf-8").splitlines(keepends=True)
        overrides.write_text("".join(line for line in pins if line.split("==")[0] in OVERRIDDEN), encoding="utf-8")
        pip = [UV, "pip", "install", "--quiet", "--python", VENV / "bin" / "python"]
        all_of_it = [*pip, "-r", needed, "-r", PINS, "--override", overrides]
        run("studio", all_of_it, "packages, with Studio's versions (about 2 GB)")
        run("studio", [*pip, "--no-deps", "--editable", ROOT], "the workshop itself")

    made_from(VENV, f"{python}\n{requirements()}{OVERRIDDEN}\n{PINS.read_text(encoding='utf-8')}", install)


def versions() -> str:
    """Versions of the packages that matter most here."""
    script = f"import importlib.metadata as m; print(', '.join(f'{{n}} {{m.version(n)}}' for n in {SHOWN!r}))"
    told = subprocess.run([VENV / "bin" / "python", "-c", script], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help=f"a Python {PYTHON}; by default the first that is found")
    parser.add_argument("--notebook", default=NOTEBOOK, help="which notebook is run; default: %(default)s")
    chosen = parser.parse_args()
    make(chosen.python or python_of_the_distribution())
    print(f"studio: {versions()}", flush=True)
    pytest = [VENV / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # There the packages are not those of the lock, which the preflight says: that is what is tried here.
    unit = [
        "tests/helpers",
        "tests/contract",
        "-m",
        "not cloud and not rare",
        "--deselect",
        "tests/helpers/preflight/test_preflight.py::test_this_machine_is_ready",
    ]
    run("studio", [*pytest, *unit], "the helpers' unit tests")
    run(
        "studio",
        [*pytest, f"tests/notebooks/test_run.py::test_notebook[{chosen.notebook}]"],
        f"notebook {chosen.notebook}",
    )


if __name__ == "__main__":
    main()
