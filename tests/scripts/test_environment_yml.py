"""environment.yml says what uv.lock and pyproject.toml say, read here without the script that writes it."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from contract.settings import ROOT
from scripts import environment_yml


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text())


@pytest.fixture(scope="module")
def pip(environment):
    return [Requirement(line) for line in environment["dependencies"][-1]["pip"] if line != "-e ."]


def toml(name):
    return tomllib.loads((ROOT / name).read_text())


def test_it_is_what_the_script_writes():
    done = subprocess.run(
        [sys.executable, "scripts/environment_yml.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_file_that_is_out_of_date_is_an_error(tmp_path, monkeypatch):
    old = tmp_path / "environment.yml"
    old.write_text((ROOT / "environment.yml").read_text().replace("boto3==", "boto3==0."))
    monkeypatch.setattr(environment_yml, "FILE", old)
    monkeypatch.setattr(sys, "argv", ["environment_yml.py", "--check"])
    with pytest.raises(SystemExit, match="run make environment"):
        environment_yml.main()


def test_conda_brings_python_pip_and_node_from_conda_forge_alone(environment):
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *conda, last = environment["dependencies"]
    assert set(last) == {"pip"}
    names = dict(re.fullmatch(r"([a-z]+)(?:=([\d.]+))?", line).groups() for line in conda)
    assert set(names) == {"python", "pip", "nodejs"}  # conda warns of a pip section without pip
    assert SpecifierSet(toml("pyproject.toml")["project"]["requires-python"]).contains(f"{names['python']}.0")


def test_the_workshop_is_installed_last_from_its_folder(environment):
    assert environment["dependencies"][-1]["pip"][-1] == "-e ."


def test_every_package_is_pinned_to_a_version_of_the_lock(pip):
    locked = {}
    for package in toml("uv.lock")["package"]:
        locked.setdefault(package["name"], set()).add(package.get("version"))
    for requirement in pip:
        versions = {str(specifier.version) for specifier in requirement.specifier}
        assert len(versions) == 1, requirement
        assert versions <= locked[canonicalize_name(requirement.name)], requirement
        assert requirement.marker is None or "sys_platform" in str(requirement.marker), requirement
    assert len({canonicalize_name(requirement.name) for requirement in pip}) == len(pip)


def test_everything_that_the_workshop_needs_is_there(pip):
    there = {canonicalize_name(requirement.name): requirement for requirement in pip}
    for line in toml("pyproject.toml")["project"]["dependencies"]:
        needed = Requirement(line)
        pinned = next(iter(there[canonicalize_name(needed.name)].specifier)).version
        assert needed.specifier.contains(pinned), line


def test_what_only_developers_need_is_not(pip):
    names = {canonicalize_name(requirement.name) for requirement in pip}
    assert not names & {"ruff", "mypy", "pytest-timeout", "playwright", "cdk-nag", "nbstripout"}
