"""``python scripts/lint_aws``: AWS's own schemas and a linter of IAM policies look at every template, in every variant.

cfn-lint with its informational rules, in six regions, and parliament in an environment of its own (its dependencies are
old). What they find is fixed, or stands in explained.toml with its reason; a reason that explains nothing any more is a
finding too. When nothing that decides about the templates has changed since all was well, nothing runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import variants
from findings import Finding, cfn_lint, parliament, policies

from scripts.environments import ROOT, UV, made_from, run

HERE = Path(__file__).parent
STAMP = ROOT / "build" / "lint-aws.json"
DECIDE = ("contract", "infra", "static", "scripts/lint_aws", "tests/infra/conftest.py", ".cfnlintrc.yaml", "cdk.json")
TOOL = ROOT / ".tools" / "parliament"
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2", "sa-east-1")
"""For every template; on four continents."""
WITHOUT_PIPELINE = ("ca-west-1", "mx-central-1")
"""Besides, without CodeBuild and CodeCommit: for what ``deploy`` deploys, which must pass all the same."""
PIPELINE_ONLY = ("-pipeline.template.json", "-repository.template.json")


def digest() -> str:
    """What decides about the result: files, and the linters' versions."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *DECIDE],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    made = hashlib.sha256(importlib.metadata.version("cfn-lint").encode())
    made.update(importlib.metadata.version("aws-cdk-lib").encode())
    for name in sorted(set(filter(None, listed))):
        if (ROOT / name).is_file():
            made.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return made.hexdigest()


def say(text: str) -> None:
    print(f"lint-aws: {text}", flush=True)


def parliament_python() -> Path:
    """The Python of parliament's environment, made when it is missing or the pins have changed."""
    pins, python = HERE / "parliament.txt", TOOL / "bin" / "python"

    def install() -> None:
        make_venv = [UV, "venv", "--quiet", "--clear", "--python", sys.executable, TOOL]
        run("lint-aws", make_venv, "parliament into .tools/parliament (30 MB)")
        run("lint-aws", [UV, "pip", "install", "--quiet", "--python", python, "-r", pins], "its packages")

    made_from(TOOL, pins.read_text(encoding="utf-8"), install)
    return python


def found(folder: Path) -> Iterable[Finding]:
    """All findings in what the variants synthesise, each once."""
    began = time.monotonic()
    assemblies = variants.synthesise(folder)
    templates = {
        path.read_bytes(): path for made in assemblies.values() for path in sorted(made.glob("*.template.json"))
    }
    plain = [*templates.values(), *tracked("static/*.yaml")]
    say(f"{len(plain)} templates of {len(assemblies)} variants in {time.monotonic() - began:.0f} s")
    with_pipeline = [path for path in plain if path.name.endswith(PIPELINE_ONLY) or path.parent.name == "static"]
    direct = [path for path in plain if path not in with_pipeline]
    yield from timed("cfn-lint in four regions", lambda: cfn_lint(with_pipeline, REGIONS))
    yield from timed("cfn-lint in six regions", lambda: cfn_lint(direct, (*REGIONS, *WITHOUT_PIPELINE)))
    documents = [item for made in assemblies.values() for item in policies(made)]
    documents += [(path.name, json.loads(path.read_text())) for path in tracked("static/*policy*.json")]
    distinct = {json.dumps(document, sort_keys=True): (name, document) for name, document in documents}
    say(f"{len(distinct)} different policies")
    yield from timed("parliament", lambda: parliament(parliament_python(), list(distinct.values())))


def tracked(pattern: str) -> list[Path]:
    """Files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def timed(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of one linter, and how long it took."""
    began = time.monotonic()
    findings = look()
    say(f"{what}: {len(findings)} findings in {time.monotonic() - began:.0f} s")
    return findings


def main() -> int:
    """Run both linters; the exit status for make."""
    wanted = digest()
    if STAMP.exists() and json.loads(STAMP.read_text())["digest"] == wanted:
        say("templates, policies and linters are those that passed last time")
        return 0
    with tempfile.TemporaryDirectory(prefix="lint-aws-") as folder:
        findings = set(found(Path(folder)))
    reasons = tomllib.loads((HERE / "explained.toml").read_text(encoding="utf-8")).get("explained", [])
    used: set[int] = set()
    open_ = []
    for finding in sorted(findings):
        number = next((n for n, reason in enumerate(reasons) if explains(reason, finding)), None)
        if number is None:
            open_.append(finding)
        else:
            used.add(number)
    for finding in open_:
        print(f"  {finding.tool} {finding.rule} {finding.where}: {finding.text}")
    for number, reason in enumerate(reasons):
        if number not in used:
            print(f"  explained.toml, {reason['rule']} ({reason['match']}): explains nothing any more; remove it")
    if open_ or len(used) < len(reasons):
        say("fix what is above, or say in scripts/lint_aws/explained.toml why it is right")
        return 1
    say(f"nothing to fix; {len(findings)} findings are explained in scripts/lint_aws/explained.toml")
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text(json.dumps({"digest": wanted}))
    return 0


def explains(reason: dict[str, str], finding: Finding) -> bool:
    """Whether a reason is about this finding."""
    return (reason["tool"], reason["rule"]) == (finding.tool, finding.rule) and bool(
        re.search(reason["match"], f"{finding.where}: {finding.text}")
    )


if __name__ == "__main__":
    sys.exit(main())
