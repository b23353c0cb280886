"""The bill of materials says what uv.lock and the CDK's package-lock.json say, read here without uv."""

import base64
import json
import tomllib
from urllib.parse import unquote

import pytest

from contract.settings import ROOT
from scripts import sbom


@pytest.fixture(scope="module")
def document():
    return json.loads(sbom.text())


@pytest.fixture(scope="module")
def lock():
    return tomllib.loads((ROOT / "uv.lock").read_text())


def test_it_says_which_format_and_which_project_it_is(document, lock):
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.5", 1)
    project = next(package for package in lock["package"] if "editable" in package["source"])
    about = document["metadata"]["component"]
    assert (about["name"], about["version"]) == (project["name"], project["version"])


def test_every_python_package_has_version_and_hashes_of_the_lock(document, lock):
    locked = {(package["name"], package["version"]): package for package in lock["package"]}
    python = [component for component in document["components"] if component["purl"].startswith("pkg:pypi/")]
    for component in python:
        package = locked[component["name"], component["version"]]
        assert component["purl"].startswith(f"pkg:pypi/{package['name']}@{package['version']}")
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        found = {each["content"] for reference in component["externalReferences"] for each in reference["hashes"]}
        assert found == {file["hash"].removeprefix("sha256:") for file in files}, component["name"]
    there = {component["name"] for component in python}
    assert {"ministack", "boto3", "aws-cdk-lib", "jupyterlab", "onnxruntime"} <= there
    assert not there & {"ruff", "mypy", "moto", "playwright", "cdk-nag"}


def test_the_cdks_command_line_is_there_with_its_checksum_and_licence(document):
    packages = json.loads((ROOT / "infra" / "cli" / "package-lock.json").read_text())["packages"]
    wanted = {path.removeprefix("node_modules/"): package for path, package in packages.items() if path}
    npm = {each["name"]: each for each in document["components"] if each["purl"].startswith("pkg:npm/")}
    assert npm.keys() == wanted.keys() == {"aws-cdk"}
    component, package = npm["aws-cdk"], wanted["aws-cdk"]
    (checksum,) = component["hashes"]
    assert checksum["alg"] == "SHA-512"
    assert package["integrity"] == "sha512-" + base64.b64encode(bytes.fromhex(checksum["content"])).decode()
    assert component["licenses"] == [{"expression": "Apache-2.0"}]


def test_every_reference_leads_to_a_component(document):
    project = document["metadata"]["component"]["bom-ref"]
    known = [component["bom-ref"] for component in document["components"]] + [project]
    assert len(set(known)) == len(known)
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert set(needs) == set(known)
    assert {ref for refs in needs.values() for ref in refs} <= set(known)
    assert any(ref.startswith("pkg:npm/aws-cdk@") for ref in needs[project])


def test_a_package_of_an_npm_scope_is_written_as_a_package_url_wants_it():
    package = {"version": "1.2.3", "integrity": "sha512-AAA=", "license": "MIT"}
    (component,) = sbom.npm_packages({"packages": {"": {}, "node_modules/a/node_modules/@b/c": package}})
    assert component["purl"] == "pkg:npm/%40b/c@1.2.3"
    assert unquote(component["purl"]) == "pkg:npm/@b/c@1.2.3"


def test_the_same_locks_give_the_same_bytes_and_other_ones_another_number(monkeypatch, tmp_path):
    first = sbom.text()
    assert sbom.text() == first
    other = tmp_path / "package-lock.json"
    other.write_text(sbom.NPM_LOCK.read_text().replace("2.1148.1", "2.1148.2"))
    monkeypatch.setattr(sbom, "NPM_LOCK", other)
    assert json.loads(sbom.text())["serialNumber"] != json.loads(first)["serialNumber"]


def test_the_command_writes_it_below_build(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sbom, "FILE", tmp_path / "build" / "sbom.cdx.json")
    monkeypatch.setattr("sys.argv", ["sbom.py"])
    sbom.main()
    assert sbom.FILE.read_text() == sbom.text()
    assert "components" in capsys.readouterr().out


def test_a_lock_that_uv_refuses_ends_with_what_to_do(monkeypatch):
    monkeypatch.setattr(sbom, "FORMAT", "no-such-format")
    with pytest.raises(SystemExit, match=r"uv cannot read uv\.lock .*no-such-format"):
        sbom.python_packages()
