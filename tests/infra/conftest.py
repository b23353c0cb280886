"""Templates of several settings, each synthesised once for all tests, and a small reader for them."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import infra  # noqa: F401 - first: it tells jsii where Node is

# isort: split
import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from contract.names import LONGEST_WORKSHOP
from contract.settings import Bucket, Endpoint, Functions, Model, Pipeline, Security, Settings, Workshop
from infra.stacks import build_app

LAMBDA_PACKAGES = ("save_status", "extract_images", "expire")
VPC = Security(
    vpc_id="vpc-0123456789abcdef0",
    subnet_ids=("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
    security_group_ids=("sg-0123456789abcdef0",),
)
VARIANTS = {
    "default": Settings(),
    "kms": Settings(security=Security(kms=True)),
    "vpc": Settings(security=VPC),
    "keep": Settings(bucket=Bucket(keep=True, expire_after_days=0)),
    "longest": Settings(
        workshop=Workshop(name="w" * LONGEST_WORKSHOP, target="aws", region="ap-southeast-1"),
        model=Model(instance_type="ml.p6e-gb200.36xlarge"),
        pipeline=Pipeline(
            source="connection",
            connection_arn="arn:aws:codestar-connections:ap-southeast-1:111122223333:connection/0123abcd-0123-4567-89ab-0123456789ab",
            repository="owner/workshop",
        ),
    ),
    "aws-arm64": Settings(workshop=Workshop(target="aws"), functions=Functions(architecture="arm64")),
    "everything": Settings(
        workshop=Workshop(name="art", target="aws", region="eu-west-1"),
        endpoint=Endpoint(
            initial_instances=2,
            max_capacity=7,
            concurrent_invocations=3,
            backlog_per_instance=2.5,
            scale_in_cooldown_seconds=60,
            scale_out_cooldown_seconds=30,
            alarm_minutes=2,
        ),
        bucket=Bucket(keep=True, expire_after_days=7),
        security=dataclasses.replace(VPC, kms=True),
        functions=Functions(architecture="arm64", memory_mb=1024, log_retention_days=30),
        pipeline=Pipeline(
            source="connection",
            branch="release",
            connection_arn="arn:aws:codeconnections:eu-west-1:111122223333:connection/0123abcd-0123-4567-89ab-0123456789ab",
            repository="owner/workshop",
            smoke_test=False,
            notify_email="admin@example.com",
            log_retention_days=7,
        ),
    ),
}
PARAMETERS = {
    "ModelBucket": "models",
    "ModelKey": "smallworld/abc/model.tar.gz",
    "ModelDataType": "S3Object",
    "ImageUri": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
    "InstanceType": "ml.m5.large",
    "ModelId": "model-txt2img-smallworld",
    "AWS::AccountId": "111122223333",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
}


class Template:
    """A CloudFormation template with its intrinsic functions worked out.

    ``Ref`` and ``Fn::GetAtt`` of resources become ``<LogicalId>`` and ``<LogicalId.Attribute>``: a test may compare
    them, and must not spell them.
    """

    def __init__(self, body: dict[str, Any], **parameters: str) -> None:
        self.body = body
        defaults = {name: entry["Default"] for name, entry in body["Parameters"].items() if "Default" in entry}
        self.parameters = {**PARAMETERS, **defaults, **parameters}

    def value(self, node: Any) -> Any:
        match node:
            case {"Ref": name}:
                return self.parameters.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::Join": [glue, parts]}:
                return glue.join(str(self.value(part)) for part in self.value(parts))
            case {"Fn::Split": [glue, text]}:
                return self.value(text).split(glue)
            case {"Fn::Select": [index, items]}:
                return self.value(items)[int(index)]
            case {"Fn::Base64": encoded}:
                return self.value(encoded)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.value({"Ref": found[1]}), text)
            case {"Fn::Equals": [left, right]}:
                return self.value(left) == self.value(right)
            case {"Fn::Not": [condition]}:
                return not self.value(condition)
            case {"Fn::ImportValue": name}:
                return f"<{self.value(name)}>"
            case {"Fn::If": [condition, yes, no]}:
                return self.value(yes if self.value(self.body["Conditions"][condition]) else no)
            case dict():
                unknown = [key for key in node if key.startswith("Fn::")]
                assert not unknown, f"{unknown}: this reader does not know it"
                values = {key: self.value(item) for key, item in node.items()}
                return {key: item for key, item in values.items() if item != "<AWS::NoValue>"}
            case list():
                return [self.value(item) for item in node]
        return node

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id → resource with all values worked out."""
        return {name: self.value(entry) for name, entry in self.body["Resources"].items() if entry["Type"] == kind}

    def properties(self, kind: str) -> list[dict[str, Any]]:
        return [entry.get("Properties", {}) for entry in self.resources(kind).values()]

    def one(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """Properties of the one resource of this type with these values."""
        found = [props for props in self.properties(kind) if all(props.get(k) == v for k, v in wanted.items())]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]

    def name_of(self, kind: str, **wanted: Any) -> str:
        """Logical id of the one resource of this type with these values."""
        found = [
            name
            for name, entry in self.resources(kind).items()
            if all(entry["Properties"].get(key) == value for key, value in wanted.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]

    def function(self, package: str) -> dict[str, Any]:
        return self.one("AWS::Lambda::Function", Handler=f"{package}.handler.handler")

    def function_name(self, package: str) -> str:
        return self.name_of("AWS::Lambda::Function", Handler=f"{package}.handler.handler")

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What a role (``<LogicalId>``, or its ARN) may do, each statement with lists for actions and resources."""
        role = role.replace(".Arn>", ">")
        documents = [
            policy["PolicyDocument"] for policy in self.properties("AWS::IAM::Policy") if role in policy["Roles"]
        ]
        return [_listed(statement) for document in documents for statement in document["Statement"]]


def _listed(statement: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [value] if key in ("Action", "Resource") and isinstance(value, str) else value
        for key, value in statement.items()
    }


@pytest.fixture(scope="session")
def lambdas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages that need nothing: what a template says of a function does not depend on its code."""
    folder = tmp_path_factory.mktemp("lambdas")
    for name in LAMBDA_PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
        (folder / name / "requirements.txt").touch()
        (folder / name / "handler.py").write_text("def handler(event, context):\n    return event\n")
    return folder


@pytest.fixture(scope="session")
def assembly(lambdas: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Path]:
    """Settings → folder of their synthesised assembly, with what the rules of others find in it.

    The rules are cdk-nag's AwsSolutions and those of CloudFormation that the CDK brings. Everything is written before
    they look, so a finding stops no other test than the one in tests/infra/test_rules.py.
    """
    rules = cdk.CloudFormationValidatePlugin()  # once: compiling them takes seconds

    @cache
    def made(settings: Settings) -> Path:
        out = tmp_path_factory.mktemp(settings.workshop.name)
        app = build_app(settings, out, lambdas=lambdas, bundles=tmp_path_factory.mktemp("bundles"))
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), rules)
        try:
            app.synth()
        except RuntimeError as problem:
            assert "ValidationFailed" in str(problem)  # noqa: PT017 - the findings are in a file only
        return out

    return made


@pytest.fixture(scope="session")
def synthesise(assembly: Callable[[Settings], Path]) -> Callable[[str], Path]:
    """Variant's name → folder of its synthesised assembly."""
    return lambda variant: assembly(VARIANTS[variant])


@pytest.fixture(scope="session")
def load(synthesise: Callable[[str], Path]) -> Callable[..., Template]:
    """Variant, stack and parameters → template."""

    def loaded(variant: str = "default", stack: str = "app", **parameters: str) -> Template:
        (path,) = synthesise(variant).glob(f"*-{stack}.template.json")
        return Template(json.loads(path.read_text(encoding="utf-8")), **parameters)

    return loaded


@pytest.fixture(scope="session")
def app(load: Callable[..., Template]) -> Template:
    """The application stack with the settings that the repository ships."""
    return load()


@pytest.fixture(params=list(VARIANTS), scope="session")
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
