"""The workflows call commands that exist, on the Pythons that are supported, and need nothing of anybody's account."""

import re
import tomllib

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from contract.settings import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(file):
    jobs = yaml.safe_load(file.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_there_are_some():
    assert {file.name for file in FILES} == {"ci.yml", "notebooks.yml"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_step_is_a_command_of_the_makefile(file):
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for step in steps(file) if "run" in step]
    assert commands
    for command in commands:
        assert re.fullmatch(r"make ([a-z-]+)", command)
        assert command.removeprefix("make ") in targets


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_to_a_major_version_and_may_only_read(file):
    content = yaml.safe_load(file.read_text())
    for step in steps(file):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))
    assert content["permissions"] == {"contents": "read"}
    assert not re.search(r"\${{[^}]*\bsecrets\b", file.read_text())
    assert all("timeout-minutes" in job for job in content["jobs"].values())


def test_every_supported_python_is_tried():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["strategy"][
        "matrix"
    ]
    supported = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
    assert matrix["python"] == [f"3.{minor}" for minor in range(8, 20) if supported.contains(f"3.{minor}.0")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_uploaded_is_below_build(file):
    paths = [step["with"]["path"].split() for step in steps(file) if "upload-artifact" in step.get("uses", "")]
    assert paths
    assert all(path.startswith("build/") for each in paths for path in each)
