"""AWS's own clients, unmodified and in environments of their own, on one local cloud."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import localcloud
from contract.settings import ROOT

UV = ROOT / ".tools" / "uv" / "bin" / "uv"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
MODEL = """
import json, os


class BaseInferenceToolkitError(Exception):
    pass  # the toolkit's own has this name: no other exception has a status


class BadRequest(BaseInferenceToolkitError):
    status_code = 400


def model_fn(model_dir):
    return open(os.path.join(model_dir, "weights.txt")).read()


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    if data.get("fail"):
        raise BadRequest("this request asks for failure")
    return {"echo": data, "weights": model}


def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


def environment_with(*requirements: str) -> Path:
    """The folder ``bin`` of an environment with ``requirements``, made once and kept below ``build/clients``."""
    digest = hashlib.sha256(" ".join((*requirements, sys.version)).encode()).hexdigest()[:12]
    folder = ROOT / "build" / "clients" / digest
    if not (folder / "whole").exists():
        for command in (
            [UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *requirements],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(requirements)} could not be installed: {done.stderr}"
        (folder / "whole").touch()
    return folder / "bin"


class Client:
    """A program in an environment of its own, which knows the local cloud by environment variables alone."""

    def __init__(self, folder: Path, running: localcloud.Running, home: Path) -> None:
        self.folder = folder
        self.running = running
        self.home = home

    def environment(self, **more: str) -> dict[str, str]:
        """As after ``eval "$(python -m localcloud env)"``."""
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **self.running.environment, **more}

    def run(self, *command: str | Path, ok: bool = True, **more: str) -> str:
        """What ``command`` prints."""
        done = subprocess.run(
            [*map(str, command)], cwd=self.home, env=self.environment(**more), capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == ok, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if ok else done.stderr


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.Running]:
    state = tmp_path_factory.mktemp("clients")
    try:
        yield localcloud.start(state, port=0, speed=240, provision_seconds=60)
    finally:
        localcloud.stop(state)


@pytest.fixture(scope="session")
def session(running: localcloud.Running) -> boto3.Session:
    keys = running.environment
    return boto3.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=keys["AWS_REGION"])


@pytest.fixture(scope="session")
def role(running: localcloud.Running, session: boto3.Session) -> str:
    """An execution role for models."""
    iam: Any = session.client("iam", endpoint_url=running.endpoint_url)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": ["s3:*", "sns:*", "logs:*", "cloudwatch:*", "ecr:*"], "Resource": "*"}
    arn = iam.create_role(
        RoleName="clients-model", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="clients-model", PolicyName="all", PolicyDocument=policy)
    return str(arn)


@pytest.fixture(scope="session")
def model_data(running: localcloud.Running, session: boto3.Session) -> str:
    """Where a packaged model is, as ``s3://bucket/key``."""
    s3: Any = session.client("s3", endpoint_url=running.endpoint_url)
    s3.create_bucket(Bucket="clients-models")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in (("code/inference.py", MODEL), ("weights.txt", "w")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    s3.put_object(Bucket="clients-models", Key="echo/model.tar.gz", Body=archive.getvalue())
    return "s3://clients-models/echo/model.tar.gz"
