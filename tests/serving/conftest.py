"""What template and packaging make of Small World, unpacked as SageMaker does it, and a table of answers."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import infra  # noqa: F401 - first: it tells jsii where Node is
import localcloud
from contract import container
from contract.names import SMALLWORLD
from contract.settings import ROOT, Settings, Workshop
from helpers.model import jumpstart
from helpers.model.repackage import repackage, wheels
from infra.stacks import build_app
from tests.infra.conftest import Template
from tests.serving.sides import IMAGE, STACK, Answer, LocalContainer, RealStack

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Only `make test-serving` collects these: nobody else has the stack."""
    return None if config.option.markexpr == "serving" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.serving)


@pytest.fixture(scope="session", autouse=True)
def _stack_is_there() -> None:
    if not (STACK / "made-from.txt").is_file():
        pytest.fail("AWS's serving stack is not in .tools/serving: `make test-serving` installs it, then runs these.")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of the container of the synthesised application stack for target aws, with the parameters of Small World."""
    settings, out = Settings(workshop=Workshop(target="aws")), tmp_path_factory.mktemp("assembly")
    functions = tmp_path_factory.mktemp("lambdas")
    for folder in (ROOT / "lambdas").iterdir():
        if (folder / "requirements.txt").is_file():  # the template does not depend on what is in the functions
            (functions / folder.name).mkdir()
            for name in ("__init__.py", "requirements.txt", "handler.py"):
                (functions / folder.name / name).touch()
    build_app(settings, out, lambdas=functions, bundles=tmp_path_factory.mktemp("bundles")).synth()
    (path,) = out.glob("*-app.template.json")
    variables = jumpstart.specification("us-east-1", dict.fromkeys(("model", "script", "prepacked"), ""))
    told = {item["name"]: item["default"] for item in variables["inference_environment_variables"]}
    template = Template(json.loads(path.read_text(encoding="utf-8")), **container.parameters(told))
    found: dict[str, str] = template.one("AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    return found


@dataclasses.dataclass
class Packages:
    """Small World, packaged as for AWS (with wheels) and as for the local target."""

    s3: Any
    folder: Path

    def unpacked(self, *, brings_wheels: bool) -> Path:
        """The folder that SageMaker would make of the package."""
        target = self.folder / ("aws" if brings_wheels else "local")
        if target.exists():
            return target
        files = jumpstart.build_smallworld(self.folder / "artifacts")
        model = jumpstart.Model(
            SMALLWORLD, "1.0.0", f"file:{files['model']}", f"file:{files['script']}", IMAGE, {}, False, ()
        )
        made = repackage(self.s3, model, "models", wheels=wheels.folder(print) if brings_wheels else None)
        body = self.s3.get_object(Bucket=made.bucket, Key=made.key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            tar.extractall(target, filter="data")
        return target


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    running = localcloud.start(tmp_path_factory.mktemp("cloud"), port=0, service_modules=[])
    try:
        client = boto3.client(
            "s3",
            endpoint_url=running.endpoint_url,
            aws_access_key_id=running.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=running.environment["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket="models")
        yield Packages(client, tmp_path_factory.mktemp("packages"))
    finally:
        running.stop()


@pytest.fixture(scope="session")
def test_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is slow, large or broken on request."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "code").mkdir()
    shutil.copyfile(HERE / "inference.py", folder / "code" / "inference.py")
    return folder


Pair = tuple[RealStack, LocalContainer]


@contextlib.contextmanager
def pair(folder: Path, real: Path, local: Path, variables: Mapping[str, str], **more: str) -> Iterator[Pair]:
    """Both sides, not started: with the model folders ``real`` and ``local``, and ``more`` for the real one alone."""
    shutil.copytree(real, folder / "opt" / "ml" / "model")
    (folder / "local").mkdir()
    stack = RealStack(folder, {**variables, **more})
    container = LocalContainer(folder / "local", local, variables)
    try:
        yield stack, container
    finally:
        stack.stop()
        container.stop()


class Table:
    """What was asked, and what both sides answered."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def add(self, request: str, real: Answer, local: Answer | None = None) -> None:
        """One request and its answers."""
        self.rows.append((request, shown(real), "" if local is None else compared(real, local)))

    def say(self, what: str, real: str, local: str = "") -> None:
        """One line in words."""
        self.rows.append((what, real, local))

    def __str__(self) -> str:
        lines = ["| request | real stack | local container |", "| --- | --- | --- |"]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows]) + "\n"


def shown(answer: Answer) -> str:
    """An answer in one cell."""
    if answer.status == 0:
        return "connection reset"
    said = f"{len(answer.body):,} bytes"
    if answer.status >= 400:
        message = answer.body.decode("utf-8", "replace").splitlines()
        try:
            said = f"“{json.loads(answer.body)['message']}”"
        except ValueError:
            said = f"“{message[0]}”" + (" and a traceback" if "Traceback" in answer.body.decode() else "")
    return f"{answer.status}, {said}, {answer.seconds:.1f} s".replace("|", "\\|")


def compared(real: Answer, local: Answer) -> str:
    """How the local answer differs."""
    if local == real:
        return "the same"
    parts = [
        f"{name} {getattr(local, name)!r}"
        for name in ("status", "content_type")
        if getattr(local, name) != getattr(real, name)
    ]
    traceback = [answer.body.partition(b"\nTraceback")[0] for answer in (real, local)]
    if local.body != real.body and real.status >= 400 and traceback[0] == traceback[1]:
        parts.append("the same, with a traceback of its own" if not parts else "with a traceback of its own")
    elif local.body != real.body:
        parts.append("another body")
    return ", ".join(parts)


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    made = Table()
    yield made
    target = ROOT / "build" / "serving"
    target.mkdir(parents=True, exist_ok=True)
    (target / "table.md").write_text(str(made), encoding="utf-8")
