"""Four pictures of 1024 x 1024 as RGB JSON, 66 MB: through container, bucket, notification and function to PNGs."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.names import IMAGES, MODEL_BUCKET_OUTPUT, OUTPUT, REQUESTS
from helpers.delivery import deployment
from helpers.inference.connection import Connection
from helpers.model import jumpstart
from helpers.model.model_view import newest_package
from helpers.model.repackage import PackagedModel, repackage
from helpers.target import stack_outputs

SIDE, COUNT = 1024, 4
NOISE = """
import json
import numpy as np
from smallworld.response import body


def model_fn(model_dir):
    return np.random.default_rng(1)


def transform_fn(model, request, content_type, accept):
    pictures = [model.integers(0, 256, (1024, 1024, 3), dtype=np.uint8) for _ in range(4)]
    return body(pictures, "noise", plain=False, jpeg=False, largest=100_000_000)
"""
"""Pictures of noise, the largest that there are: no model that draws 1024 x 1024 comes with the workshop."""


@pytest.fixture
def noise(connection: Connection, tmp_path: Path) -> Iterator[None]:
    """The endpoint serves noise while the test runs."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(NOISE, encoding="utf-8")
    found = jumpstart.look_up(connection, connection.settings.model.id, "*", "ml.m5.large")
    bucket = stack_outputs(connection, connection.settings.models_stack)[MODEL_BUCKET_OUTPUT]
    before = newest_package(connection, found.model_id)
    packaged = repackage(
        connection.client("s3"), found, bucket, overrides=tmp_path, instance_type="ml.m5.large", progress=print
    )
    assembly = deployment.synthesise(connection, print)

    def serve(model: PackagedModel) -> None:
        stack = connection.settings.application_stack
        deployment._deploy_stack(connection, print, assembly, stack, model.parameters())

    serve(packaged)
    yield
    serve(before)


@pytest.mark.rare
def test_from_the_endpoint_to_pngs(connection: Connection, noise: None) -> None:
    bucket, s3 = connection.names.bucket, connection.client("s3")
    key = f"{REQUESTS}/large.json"
    s3.put_object(Bucket=bucket, Key=key, Body=b'{"prompt": "noise"}')
    answer = connection.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=connection.names.endpoint, InputLocation=f"s3://{bucket}/{key}", InferenceId="large",
        ContentType="application/json", Accept="application/json",
    )  # fmt: skip
    manifest, deadline = f"{IMAGES}/large/manifest.json", time.monotonic() + 120
    while not connection.store.exists(manifest) and time.monotonic() < deadline:
        time.sleep(0.2)
    body = json.loads(connection.store.read(manifest).body)
    assert [(image["width"], image["height"]) for image in body["images"]] == [(SIDE, SIDE)] * COUNT
    output = answer["OutputLocation"].removeprefix(f"s3://{bucket}/")
    assert output.startswith(f"{OUTPUT}/")
    raw = connection.store.read(output).body
    assert 60_000_000 < len(raw) < 70_000_000
    expected = np.array(json.loads(raw)["generated_images"][-1], np.uint8)
    picture = Image.open(io.BytesIO(connection.store.read(body["images"][-1]["key"]).body))
    assert np.array_equal(np.asarray(picture), expected)
    print(report(connection))


def report(connection: Connection) -> str:
    """Lambda's own words on time and memory."""
    logs = connection.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    (group,) = [name for name in groups if "ExtractImages" in name]
    events = logs.filter_log_events(logGroupName=group, filterPattern="REPORT")["events"]
    return str(events[-1]["message"])
