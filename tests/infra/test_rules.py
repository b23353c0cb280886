"""Other people's rules: cfn-lint on every template, cdk-nag's AwsSolutions on every variant."""

import json
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from contract.settings import ROOT
from infra.app import build_app
from tests.infra.conftest import VARIANTS


def nag(settings, lambdas, folder):
    """Findings of cdk-nag, as rule and construct; an empty list when synthesis went through."""
    app = build_app(settings, folder / "out", lambdas=lambdas, bundles=folder / "bundles")
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as problem:
        assert "ValidationFailed" in str(problem)  # noqa: PT017 - cdk-nag tells of findings in a file only
    report = json.loads((folder / "out" / "validation-report.json").read_text())
    return [
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def test_cdk_nag_finds_nothing(variant, lambdas, tmp_path):
    assert nag(VARIANTS[variant], lambdas, tmp_path) == []


def test_each_acknowledgement_is_about_a_finding_and_has_a_reason(lambdas, tmp_path, monkeypatch):
    """Without them cdk-nag finds exactly what they name, so it does look and none is left over."""
    acknowledged = {}
    for module in ("reasons", "storage", "functions", "builds", "pipeline"):
        monkeypatch.setattr(f"infra.{module}.acknowledge", lambda _, reasons: acknowledged.update(reasons))
    found = set()
    for name in ("default", "vpc", "kms"):
        (tmp_path / name).mkdir()
        found |= {rule for rule, _ in nag(VARIANTS[name], lambdas, tmp_path / name)}
    assert found == set(acknowledged)
    assert all(len(reason.split()) > 5 for reason in acknowledged.values())


def test_cfn_lint_has_nothing_to_say(synthesise):
    templates = [path for variant in VARIANTS for path in sorted(synthesise(variant).glob("*.template.json"))]
    stacks = sum(4 if settings.pipeline.source == "codecommit" else 3 for settings in VARIANTS.values())
    assert len(templates) == stacks
    command = [
        Path(sys.executable).parent / "cfn-lint",
        "--config-file",
        ROOT / ".cfnlintrc.yaml",
        "--template",
        *templates,
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
