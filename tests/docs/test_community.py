"""What a visitor expects to find is there, and says what the rest of the repository says."""

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from contract.settings import ROOT
from helpers.model.repackage import wheels

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
EXPECTED = ("LICENSE", "NOTICE", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff")


def load(path):
    return yaml.safe_load((ROOT / path).read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_there(name):
    assert (ROOT / name).read_text().strip()


def test_the_citation_names_this_version_and_licence():
    citation = load("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what version 1.2.0 requires
    assert citation["cff-version"] == "1.2.0"
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def requirements():
    files = [*(ROOT / "lambdas").glob("*/requirements.txt"), ROOT / "models" / "smallworld" / "requirements.txt"]
    lines = [line for file in files for line in file.read_text().splitlines()]
    named = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    return sorted(named | {wheel.name for wheel in wheels.wanted()})


@pytest.mark.parametrize("package", requirements())
def test_the_notice_has_the_licence_of_everything_that_a_bundle_carries(package):
    assert re.search(rf"^  {package} +[A-Z0-9]", (ROOT / "NOTICE").read_text(), re.MULTILINE)


def test_dependabot_looks_where_there_is_something():
    files = {"uv": "uv.lock", "npm": "package-lock.json", "github-actions": ".github/workflows"}
    updates = load(".github/dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == set(files)
    for update in updates:
        assert (ROOT / update["directory"].strip("/") / files[update["package-ecosystem"]]).exists()


def test_before_each_commit_a_command_of_the_makefile_runs():
    (repository,) = load(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert (hook["entry"], hook["pass_filenames"], hook["language"]) == ("make lint", False, "system")
    assert re.search(r"^lint:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_asks_something_under_names_of_its_own(form):
    content = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert content == {"blank_issues_enabled": True}
        return
    assert content["name"]
    assert content["description"]
    asked = [item for item in content["body"] if item["type"] != "markdown"]
    names = [item["id"] for item in asked]
    assert len(set(names)) == len(names) > 0
    assert all(item["attributes"]["label"] for item in asked)


@pytest.mark.parametrize(
    ("path", "attribute", "value"),
    [
        ("models/smallworld/weights/turbo.onnx", "diff", "unset"),
        ("uv.lock", "diff", "unset"),
        ("infra/cli/package-lock.json", "diff", "unset"),
        ("uv.lock", "linguist-generated", "set"),
        ("notebooks/00_start_here.ipynb", "text", "set"),
    ],
)
def test_git_treats_what_programs_write_as_such(path, attribute, value):
    assert (ROOT / path).exists()
    done = subprocess.run(["git", "check-attr", attribute, path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split(": ")[-1].strip() == value
