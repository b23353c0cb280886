"""A local cloud with nothing but S3, and buckets of their own for each test."""

import base64
import dataclasses
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import localcloud
from helpers.model.jumpstart import Model
from helpers.model.repackage import PackagedModel, repackage

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.Running]:
    running = localcloud.start(tmp_path_factory.mktemp("repackage"), port=0, service_modules=[])
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(cloud: localcloud.Running) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=cloud.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=32, retries={"total_max_attempts": 1}),
    )


@dataclasses.dataclass
class World:
    """JumpStart's bucket, a model bucket, and a model in the one that goes to the other."""

    s3: Any
    jumpstart: str
    bucket: str
    model: Model
    said: list[str] = dataclasses.field(default_factory=list)

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=self.jumpstart, Key=key, Body=body)
        return f"s3://{self.jumpstart}/{key}"

    def have(self, model: bytes | None = None, script: bytes | None = None, **fields: Any) -> None:
        """Put artifacts into JumpStart's bucket, and change what JumpStart says of the model."""
        if model is not None:
            self.put("model.tar.gz", model)
        if script is not None:
            self.put("sourcedir.tar.gz", script)
        self.model = dataclasses.replace(self.model, **fields)

    def pack(self, **options: Any) -> PackagedModel:
        client = options.pop("client", self.s3)
        return repackage(client, self.model, self.bucket, **{"progress": self.said.append, **options})

    def body(self, packaged: PackagedModel) -> bytes:
        body: bytes = self.s3.get_object(Bucket=packaged.bucket, Key=packaged.key)["Body"].read()
        assert len(body) == packaged.size
        assert packaged.checksum == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        return body

    def keys(self, prefix: str = "models/") -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def uploads(self) -> list[str]:
        return [item["Key"] for item in self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])]


@pytest.fixture
def world(client: Any) -> World:
    number = next(NUMBERS)
    names = f"jumpstart-{number}", f"models-{number}"
    for name in names:
        client.create_bucket(Bucket=name)
    uris = f"s3://{names[0]}/model.tar.gz", f"s3://{names[0]}/sourcedir.tar.gz"
    model = Model("model-txt2img-x", "1.2.0", *uris, "image:1", {"HF_TASK": "text-to-image"}, False, ("ml.g5.xlarge",))
    return World(client, *names, model)


@pytest.fixture
def overrides(tmp_path: Path) -> Path:
    folder = tmp_path / "overrides"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "requirements.txt").write_text("pillow\n")
    return folder


class Client:
    """An S3 client whose calls a test can change; the others go through."""

    def __init__(self, s3: Any, **calls: Any) -> None:
        self._s3, self._calls = s3, calls

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name, getattr(self._s3, name))
