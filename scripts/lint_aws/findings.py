"""What cfn-lint and parliament say, in one form; and a template's IAM policies with ARNs where it has references."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.infra.conftest import Template

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"
# What Ref or GetAtt would give: https://docs.aws.amazon.com/service-authorization/latest/reference/ has the forms.
ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/01234567-89ab-cdef-0123-456789abcdef",
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{region}:{account}:project/{name}",
    "AWS::CodeCommit::Repository": "arn:aws:codecommit:{region}:{account}:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::SageMaker::Endpoint": "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
}
REF_IS_ARN = ("AWS::SNS::Topic", "AWS::SageMaker::Endpoint")


class Finding(NamedTuple):
    """One finding: which linter and rule, where, and what."""

    tool: str
    rule: str
    where: str
    text: str


def cfn_lint(templates: Sequence[Path], regions: Sequence[str]) -> list[Finding]:
    """What cfn-lint finds, informational rules included."""
    command = [
        Path(sys.executable).parent / "cfn-lint", "--config-file", ROOT / ".cfnlintrc.yaml", "--format", "json",
        "--include-checks", "I", "--regions", *regions, "--template", *templates,
    ]  # fmt: skip
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        said = json.loads(done.stdout or "[]")
    except ValueError:
        sys.exit(f"lint-aws: cfn-lint ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return [
        Finding("cfn-lint", item["Rule"]["Id"], _place(item), " ".join(str(item["Message"]).split())) for item in said
    ]


def _place(item: Mapping[str, Any]) -> str:
    path = item["Location"].get("Path") or []
    return f"{Path(item['Filename']).name} {'/'.join(map(str, path[:5]))}"


def parliament(python: Path, documents: Sequence[tuple[str, Any]]) -> list[Finding]:
    """What parliament finds in policies: name and document."""
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("ask_parliament.py"))],
        input=json.dumps(documents), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"lint-aws: parliament ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return [Finding("parliament", rule, name, text) for name, rule, text in json.loads(done.stdout)]


def policies(assembly: Path) -> Iterator[tuple[str, Any]]:
    """Every identity-based policy of a synthesis, as ``<stack>/<role or policy>`` and document."""
    bodies = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(assembly.glob("*.template.json"))}
    exports = {}
    for body in bodies.values():
        reader = Template(body)
        for output in body.get("Outputs", {}).values():
            if "Export" in output:
                exported = _with_arns(reader.value(output["Value"]), body, reader.parameters)
                exports[reader.value(output["Export"]["Name"])] = exported
    for path, body in bodies.items():
        reader = Template(body)
        stack = path.name.removesuffix(".template.json")
        for kind, key in (("AWS::IAM::Policy", "PolicyDocument"), ("AWS::IAM::ManagedPolicy", "PolicyDocument")):
            for name, resource in reader.resources(kind).items():
                yield f"{stack}/{name}", _with_arns(resource["Properties"][key], body, reader.parameters, exports)
        for name, resource in reader.resources("AWS::IAM::Role").items():
            for inline in resource["Properties"].get("Policies", ()):
                yield f"{stack}/{name}", _with_arns(inline["PolicyDocument"], body, reader.parameters, exports)


def _with_arns(
    node: Any, body: Mapping[str, Any], parameters: Mapping[str, str], exports: Mapping[str, str] | None = None
) -> Any:
    """``<Name>`` and ``<Name.Arn>``, as the reader has written references, as the ARN or name that they stand for."""
    place = {"region": parameters["AWS::Region"], "account": parameters["AWS::AccountId"]}

    def stand_in(found: re.Match[str]) -> str:
        name, _, attribute = found[1].partition(".")
        if exports and found[1] in exports:
            return str(exports[found[1]])
        kind = body["Resources"].get(name, {}).get("Type", "")
        if kind in ARNS and (attribute == "Arn" or (not attribute and kind in REF_IS_ARN)):
            return ARNS[kind].format(name=name.lower(), **place)
        if kind == "AWS::SSM::Parameter" and not attribute:
            return f"/{name}"  # a parameter's Ref is its name, which begins with a slash
        return f"{name}{attribute}".lower().replace(":", "-")

    text = json.dumps(node)
    return json.loads(re.sub(r"<([^<>]+)>", stand_in, text))
