"""What S3 could not write is not acknowledged: InternalError, the object as before, and no notification.

A folder where a file should be written makes a write fail as a full disk does, at a moment that the test chooses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

LARGE = b"l" * (1024 * 1024 + 1)
BODY, SIDECAR = "{key}.tmp", "{key}.meta.json.new.tmp.tmp"


@pytest.fixture(scope="module")
def s3(cloud: CloudUnderTest) -> Any:
    client = cloud.client("s3", config=Config(retries={"total_max_attempts": 1}))
    client.create_bucket(Bucket="durable")
    return client


@pytest.fixture
def full(cloud: CloudUnderTest, s3: Any) -> Callable[[str, str], Path]:
    """Call it with a key and the file that cannot be written; remove the folder to make room again."""

    def fill(key: str, file: str) -> Path:
        folder = cloud.running.state_dir / "s3" / "000000000000" / "durable" / file.format(key=key)
        folder.mkdir(parents=True)
        return folder

    return fill


def content(s3: Any, key: str, **options: Any) -> bytes:
    return bytes(s3.get_object(Bucket="durable", Key=key, **options)["Body"].read())


def refused(call: Callable[..., Any], **arguments: Any) -> None:
    with pytest.raises(ClientError, match=r"InternalError.*could not store the object"):
        call(Bucket="durable", **arguments)


@pytest.mark.parametrize("file", [BODY, SIDECAR])
def test_a_new_object_is_not_there(s3: Any, full: Any, file: str) -> None:
    key = f"new-{len(file)}"
    folder = full(key, file)
    refused(s3.put_object, Key=key, Body=b"x")
    with pytest.raises(ClientError, match="NoSuchKey"):
        content(s3, key)
    folder.rmdir()
    s3.put_object(Bucket="durable", Key=key, Body=b"y")
    assert content(s3, key) == b"y"


@pytest.mark.parametrize("body", [b"x", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("file", [BODY, SIDECAR])
def test_the_object_before_stays(cloud: CloudUnderTest, s3: Any, full: Any, file: str, body: bytes) -> None:
    if file == BODY and body is LARGE:
        file = SIDECAR  # a large body is in its own file already, which only gets its name
    key = f"kept-{len(file)}-{len(body)}"
    s3.put_object(Bucket="durable", Key=key, Body=b"precious", Metadata={"a": "1"}, Tagging="t=1")
    folder = full(key, file)
    refused(s3.put_object, Key=key, Body=body, Tagging="t=2")
    refused(s3.copy_object, Key=key, CopySource=f"durable/{key}", MetadataDirective="REPLACE")
    assert content(s3, key) == b"precious"
    assert s3.head_object(Bucket="durable", Key=key)["Metadata"] == {"a": "1"}
    assert s3.get_object_tagging(Bucket="durable", Key=key)["TagSet"] == [{"Key": "t", "Value": "1"}]
    stored = cloud.running.state_dir / "s3" / "000000000000" / "durable" / key
    assert stored.read_bytes() == b"precious"
    assert json.loads(stored.with_name(f"{key}.meta.json").read_text())["size"] == 8
    folder.rmdir()


def test_an_upload_can_be_completed_again(s3: Any, full: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="durable", Key="parts")["UploadId"]
    named = {"Key": "parts", "UploadId": upload}
    part = s3.upload_part(Bucket="durable", **named, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    folder = full("parts", SIDECAR)
    refused(s3.complete_multipart_upload, **named, MultipartUpload=parts)
    with pytest.raises(ClientError, match="NoSuchKey"):
        content(s3, "parts")
    folder.rmdir()
    s3.complete_multipart_upload(Bucket="durable", **named, MultipartUpload=parts)
    assert content(s3, "parts") == b"x"


def test_nobody_is_told_of_what_did_not_happen(cloud: CloudUnderTest, s3: Any, full: Any) -> None:
    url, arn = cloud.queue("durable")
    s3.put_bucket_notification_configuration(
        Bucket="durable",
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    folder = full("told", BODY)
    refused(s3.put_object, Key="told", Body=b"x")
    folder.rmdir()
    s3.put_object(Bucket="durable", Key="told", Body=b"yy")

    def told() -> list[int]:
        found = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        records = [record for message in found for record in json.loads(message["Body"]).get("Records", [])]
        return [record["s3"]["object"]["size"] for record in records]

    assert wait_until(told) == [2]
    s3.put_bucket_notification_configuration(Bucket="durable", NotificationConfiguration={})


def test_versions_and_delete_markers_are_taken_back(s3: Any, full: Any) -> None:
    s3.put_bucket_versioning(Bucket="durable", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="durable", Key="v", Body=b"1")["VersionId"]
    folder = full("v", SIDECAR)
    refused(s3.put_object, Key="v", Body=b"2")
    folder.rmdir()
    folder = full("v", "{key}.meta.json.tmp")
    refused(s3.delete_object, Key="v")
    folder.rmdir()
    listed = s3.list_object_versions(Bucket="durable", Prefix="v")
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["Versions"]] == [(first, True)]
    assert "DeleteMarkers" not in listed
    assert content(s3, "v") == content(s3, "v", VersionId=first) == b"1"


def test_what_was_acknowledged_outlives_a_kill(state_dir: Path) -> None:
    cloud = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[]))
    cloud.client("s3").create_bucket(Bucket="durable")
    for number in range(20):
        cloud.client("s3").put_object(Bucket="durable", Key=f"k{number}", Body=b"%d" % number)
    os.kill(cloud.running.pid, 9)
    cloud = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[]))
    assert [content(cloud.client("s3"), f"k{number}") for number in range(20)] == [b"%d" % n for n in range(20)]
    assert "ContentType" in cloud.client("s3").head_object(Bucket="durable", Key="k1")
