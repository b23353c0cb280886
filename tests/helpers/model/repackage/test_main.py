"""``python -m helpers.model.repackage`` as a build runs it, with the environment of the local cloud.

As a program where only a program shows it: exit status, output file, signals. Else in this process, whose look-ups
share one process of the SageMaker SDK; each program would start its own, which takes seconds.
"""

import contextlib
import dataclasses
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
from typing import Any
from unittest import mock

import pytest

import localcloud
from contract import settings
from contract.errors import ModelError, TargetError
from contract.names import SMALLWORLD, SMALLWORLD_TURBO, jumpstart_bucket
from helpers.inference.connection import Connection, connect
from helpers.model import jumpstart
from helpers.model.repackage import PackagedModel, __main__, look_up, package, wheels
from tests.helpers.model.repackage.archives import contents, tarball

SPLIT = "model-txt2img-split"
"""A model that JumpStart keeps as data and code apart."""
WEIGHTS = random.Random(5).randbytes(18 << 20)
ROOT = settings.ROOT


@pytest.fixture(scope="module")
def connection(cloud: localcloud.Running, client: Any) -> Connection:
    """Small World in the local JumpStart bucket, and another model beside it."""
    connection = connect(settings.load(environ={}), start=False, state=cloud.state_dir)
    jumpstart.publish_smallworld(connection)
    bucket = jumpstart_bucket("us-east-1")
    keys = {"model": "split/model.tar.gz", "script": "split/sourcedir.tar.gz", "prepacked": "split/none.tar.gz"}
    client.put_object(Bucket=bucket, Key=keys["model"], Body=tarball({"w": WEIGHTS}))
    client.put_object(Bucket=bucket, Key=keys["script"], Body=tarball({"./inference.py": b"import torch\n"}))
    specification = jumpstart.specification("us-east-1", keys) | {"model_id": SPLIT}
    spec_key = f"community_models/{SPLIT}/specs.json"
    client.put_object(Bucket=bucket, Key=spec_key, Body=json.dumps(specification))
    manifest = json.loads(client.get_object(Bucket=bucket, Key="models_manifest.json")["Body"].read())
    manifest.append({**manifest[0], "model_id": SPLIT, "spec_key": spec_key})
    client.put_object(Bucket=bucket, Key="models_manifest.json", Body=json.dumps(manifest))
    client.create_bucket(Bucket="packaged")
    return connection


def environment(cloud: localcloud.Running, **variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, **cloud.environment, **variables}


def run(cloud: localcloud.Running, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers.model.repackage", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(cloud, **variables), capture_output=True, text=True, timeout=120, check=False
    )


def run_here(cloud: localcloud.Running, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """As :func:`run`, without a process of its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(cloud, **variables), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            status = __main__.main(list(arguments))
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@pytest.mark.parametrize(
    ("way", "model_id", "method"),
    [(run_here, SMALLWORLD, "spliced"), (run_here, SMALLWORLD_TURBO, "copied"), (run, SPLIT, "spliced")],
)
def test_a_build_packages_the_model_of_the_settings(cloud, client, connection, tmp_path, way, model_id, method):
    output = tmp_path / "model.json"
    arguments = ("--bucket", "packaged", "--output", str(output))
    done = way(cloud, *arguments, WORKSHOP_MODEL_ID=model_id)
    assert (done.returncode, done.stderr) == (0, "")
    packaged = PackagedModel.from_json(output.read_text())
    assert (packaged.model_id, packaged.method, packaged.instance_type) == (model_id, method, "ml.m5.large")
    assert packaged.image_uri.startswith("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference")
    body = client.get_object(Bucket="packaged", Key=packaged.key)["Body"].read()
    assert {"code/inference.py"} <= set(contents(body))
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"looking {model_id} * up for ml.m5.large on the local cloud at http://127.0.0.1")
    summary = rf"{model_id} 1\.0\.0: {method}, [0-9.]+ MB, s3://packaged/{packaged.key}, [0-9.]+ s; {output} says so"
    assert re.fullmatch(summary, lines[-1])
    # A second time, now from a notebook.
    chosen = dataclasses.replace(connection.settings.model, id=model_id)
    connection = Connection(dataclasses.replace(connection.settings, model=chosen), connection._access)
    again = package(connection, "packaged", look_up(connection), progress=lambda text: None)
    assert again == dataclasses.replace(packaged, method="unchanged")


@pytest.mark.parametrize(
    ("variables", "arguments", "said"),
    [
        (
            {"WORKSHOP_MODEL_ID": "model-txt2img-smalworld"},
            [],
            r"no model 'model-txt2img-smalworld'.*the nearest ids are model-txt2img-smallworld",
        ),
        ({"WORKSHOP_MODEL_VERSION": "0.9.0"}, [], r"no model '\S+' in version '0\.9\.0'.*\[model\] id and version"),
        (
            {"WORKSHOP_MODEL_INSTANCE_TYPE": "ml.p4d.24xlarge"},
            [],
            r"no image for instance type 'ml\.p4d\.24xlarge' in us-east-1; set \[model\] instance_type",
        ),
        ({}, ["--bucket", "no-such-bucket"], r"s3://no-such-bucket on .*NoSuchBucket.*deploy the stacks"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            [],
            r"s3://packaged on the local cloud at \S+: no answer .*stopped",
        ),
        ({"AWS_SECRET_ACCESS_KEY": ""}, [], r"AWS_SECRET_ACCESS_KEY must be set"),
        ({"WORKSHOP_MODEL_ID": "Ä"}, [], r"WORKSHOP_MODEL_ID = 'Ä': must be a JumpStart model id"),
        (
            {},
            ["--output", "no/such/folder/model.json"],
            r"--output no/such/folder/model\.json: there is no folder no/such/folder",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(cloud, connection, tmp_path, variables, arguments, said):
    output = tmp_path / "model.json"
    done = run_here(cloud, "--bucket", "packaged", "--output", str(output), *arguments, **variables)
    assert done.returncode == 1
    assert re.fullmatch(rf"error: .*({said}).*\n", done.stderr)
    assert not output.exists()


def test_a_program_that_fails_ends_with_status_1_and_that_line(cloud, tmp_path):
    output = tmp_path / "model.json"
    done = run(cloud, "--bucket", "packaged", "--output", str(output), "--settings", "none.toml")
    assert done.returncode == 1
    assert re.fullmatch(r"error: none\.toml: there is no such file.*\n", done.stderr)
    assert not output.exists()


SLOW = """
import json, sys, time
from helpers.model.jumpstart import Model
from helpers.model.repackage import __main__ as program, facts

def read(*arguments, **options):
    print("READING", flush=True)
    time.sleep(60)

facts.read = read
program.look_up = lambda connection: Model(**json.loads(sys.argv[1]))
sys.exit(program.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_stopped_leaves_nothing(cloud, client, connection, tmp_path, number):
    bucket = f"stopped-{number.name.lower()}"
    client.create_bucket(Bucket=bucket)
    found = jumpstart.look_up(connection, SPLIT, "*", "ml.m5.large")  # told to the program, which need not ask
    command = [sys.executable, "-c", SLOW, json.dumps(dataclasses.asdict(found)), "--bucket", bucket]
    command += ["--output", str(tmp_path / "model.json")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(cloud, WORKSHOP_MODEL_ID=SPLIT), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line == "READING\n":
                break
        # It copies while it reads.
        assert len(client.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (128 + number, f"error: ended by {number.name}; nothing was left behind\n")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    assert not (tmp_path / "model.json").exists()


def test_a_look_up_without_an_answer_blames_the_connection_and_not_the_id(connection):
    environment = {**connection.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    nowhere = Connection(connection.settings, dataclasses.replace(connection._access, environment=environment))
    with pytest.raises(
        TargetError, match=r"asking JumpStart in us-east-1 for '\S+': EndpointConnectionError: .*network"
    ):
        look_up(nowhere)


@pytest.mark.parametrize(("model_id", "apart"), [(SMALLWORLD, True), (SMALLWORLD_TURBO, False)])
def test_small_world_on_aws_comes_from_the_repository(client, connection, tmp_path, monkeypatch, model_id, apart):
    """JumpStart's bucket on AWS does not have it; the image is AWS's own. One file stands for 52 MB of wheels."""
    wheel = tmp_path / wheels.FOLDER / "numpy-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a wheel")
    (tmp_path / wheels.INSTRUCTIONS).write_text("--no-index\n")
    monkeypatch.setattr(wheels, "folder", lambda progress: tmp_path)
    workshop = dataclasses.replace(connection.settings.workshop, target="aws")
    chosen = dataclasses.replace(connection.settings.model, id=model_id)
    settings_ = dataclasses.replace(connection.settings, workshop=workshop, model=chosen)
    there = Connection(settings_, connection._access)
    assert look_up(there) is None
    packaged = package(there, "packaged", None, progress=lambda text: None)
    assert (packaged.method, packaged.model_id, len(packaged.sources)) == (
        "spliced" if apart else "streamed",  # whose own requirements.txt has to go
        model_id,
        2 if apart else 1,
    )
    assert packaged.environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert f"pytorch-inference:{jumpstart.PYTORCH}-cpu" in packaged.image_uri
    held = contents(client.get_object(Bucket="packaged", Key=packaged.key)["Body"].read())
    assert held["code/requirements.txt"] == b"--no-index\n"
    assert held[f"{wheels.FOLDER}/{wheel.name}"] == b"a wheel"
    assert {"code/inference.py", "config.json"} <= held.keys()
    arm = dataclasses.replace(settings_, model=dataclasses.replace(chosen, instance_type="ml.m7g.large"))
    with pytest.raises(ModelError, match="Arm processor"):
        package(Connection(arm, connection._access), "packaged", None)
