"""Other people's rules, on every variant: cdk-nag's AwsSolutions, and the CDK's own. cfn-lint is in `make lint`."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from infra.stacks import build_app
from tests.infra.conftest import VARIANTS


def findings(assembly: Path) -> list[tuple[str, str]]:
    """What the rules found in a synthesised assembly, as rule and construct."""
    report = json.loads((assembly / "validation-report.json").read_text())
    return [
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def test_cdk_nag_and_cloudformation_find_nothing(variant, synthesise):
    assert findings(synthesise(variant)) == []


def nag(settings, lambdas, folder):
    """Rules of cdk-nag that find something in a synthesis of its own."""
    app = build_app(settings, folder / "out", lambdas=lambdas, bundles=folder / "bundles")
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    return {rule for rule, _ in findings(folder / "out")}


def test_each_acknowledgement_is_about_a_finding_and_has_a_reason(lambdas, tmp_path, monkeypatch):
    """Without them cdk-nag finds exactly what they name, so it does look and none is left over."""
    acknowledged = {}
    for module in (
        "common.reasons",
        "common.storage",
        "serving.functions",
        "safety.expiry",
        "delivery.builds",
        "pipeline",
    ):
        monkeypatch.setattr(f"infra.{module}.acknowledge", lambda _, reasons: acknowledged.update(reasons))
    found = set()
    for name in ("default", "vpc", "kms", "aws-arm64"):
        (tmp_path / name).mkdir()
        found |= nag(VARIANTS[name], lambdas, tmp_path / name)
    assert found == set(acknowledged)
    assert all(len(reason.split()) > 5 for reason in acknowledged.values())
