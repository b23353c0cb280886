"""docs/fidelity.md and localcloud/verified.json are what the conformance tests say, read here without their script."""

import ast
import dataclasses
import json
import re
import subprocess
import sys

import pytest

from contract.settings import ROOT
from scripts import fidelity

PAGE = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")


def test_the_page_and_the_operations_are_what_the_script_writes():
    done = subprocess.run(
        [sys.executable, "scripts/fidelity.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_on_the_page_exists_and_every_conformance_test_is_on_the_page():
    on_page = set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE))
    written = set()
    for file in (ROOT / "tests" / "conformance").rglob("test_*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
            if isinstance(node, ast.Assign):  # the same test for several operations
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            folder = ROOT / "tests" / "conformance"
            written |= {f"{file.relative_to(folder).as_posix()}::{name}" for name in names if name.startswith("test_")}
    assert on_page == written


ROW = fidelity.Row("sns", "It is | so", "sns/latest/api/API_Publish.html#a", "same", "test_a.py::test_b", ("Publish",))


def test_a_row_names_behaviour_document_verdict_and_test():
    recorded = dataclasses.replace(ROW, source="localstack:tests/aws/test_sns.py::test_it", verdict="refused")
    text = fidelity.page([ROW, recorded], {"sns": ["Not \n verified."]})
    address = "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#a"
    assert f"| It is \\| so | [API\\_Publish]({address}) | same | `test_a.py::test_b` |" in text
    assert "| recorded on AWS: `localstack:tests/aws/test_sns.py::test_it` | refused |" in text
    assert "| [sns](#sns) | 1 | 0 | 1 | 0 | 1 |" in text
    assert text.endswith("### sns\n\n- Not verified.\n")


@pytest.mark.parametrize(
    ("verdict", "verified"), [("same", True), ("differs", True), ("ours", True), ("refused", False)]
)
def test_what_is_refused_is_not_verified(verdict, verified):
    found = fidelity.operations([dataclasses.replace(ROW, verdict=verdict)])
    assert found == ({"sns": ["Publish"]} if verified else {})


def test_a_page_that_is_out_of_date_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fidelity, "ROOT", tmp_path)
    monkeypatch.setattr(fidelity, "PAGE", tmp_path / "fidelity.md")
    monkeypatch.setattr(fidelity, "VERIFIED", tmp_path / "verified.json")
    monkeypatch.setattr(fidelity, "collected", lambda: [ROW])
    assert fidelity.main(["--check"]) == 1
    assert "run `make fidelity`" in capsys.readouterr().err
    assert fidelity.main([]) == 0
    assert json.loads((tmp_path / "verified.json").read_text()) == {"sns": ["Publish"]}
    assert fidelity.main(["--check"]) == 0
