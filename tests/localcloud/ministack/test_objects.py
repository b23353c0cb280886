"""Objects that S3 keeps in files from the request to the answer: PutObject, GetObject, CopyObject, versions."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import random
import threading
import urllib.parse
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import localcloud
from tests.localcloud.conftest import CloudUnderTest, wait_until

MIB = 1024 * 1024
DATA = random.Random(4).randbytes(3 * MIB + 12_345)
CRC32 = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()


@pytest.fixture(scope="module")
def s3(cloud: CloudUnderTest) -> Any:
    client = cloud.client("s3", config=Config(retries={"max_attempts": 0}))  # boto3 tries again after a BadDigest
    client.create_bucket(Bucket="large")
    return client


def held(cloud: CloudUnderTest) -> list[Path]:
    """Files of bodies that are in use: uploads, parts, copies in the making."""
    return list(cloud.running.state_dir.glob("work/*/tmp/objects/*"))


def content(s3: Any, key: str, **options: Any) -> bytes:
    body: bytes = s3.get_object(Bucket="large", Key=key, **options)["Body"].read()
    return body


def put(cloud: CloudUnderTest, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    """A PUT as no client of AWS would send it; its status and what it says."""
    host = urllib.parse.urlparse(cloud.running.endpoint_url).netloc
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.putrequest("PUT", path)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in ({"content-length": str(len(body))} | given | signature(cloud, path, **given)).items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


class Signer(S3SigV4Auth):
    """Signs whatever ``x-amz-content-sha256`` says, of which clients of AWS choose the value themselves."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])


def signature(cloud: CloudUnderTest, path: str, **headers: str) -> dict[str, str]:
    """The headers that sign a PUT."""
    environment = cloud.running.environment
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest("PUT", f"{cloud.running.endpoint_url}{path}")
    request.context["payload"] = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    Signer(keys, "s3", "us-east-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def chunked(payload: bytes, *, trailer: str, sizes: tuple[int, ...] = (65_536, 1, MIB)) -> bytes:
    """``payload`` in the aws-chunked encoding."""
    out, at, turn = b"", 0, 0
    while at < len(payload):
        piece = payload[at : at + sizes[turn % len(sizes)]]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
        at, turn = at + len(piece), turn + 1
    return out + f"0\r\n{trailer}\r\n\r\n".encode()


@pytest.mark.parametrize("streamed", [False, True], ids=["bytes", "stream with a trailing checksum"])
def test_what_is_put_comes_back(s3: Any, streamed: bool) -> None:
    body = io.BytesIO(DATA) if streamed else DATA
    answer = s3.put_object(
        Bucket="large",
        Key="kept/object",
        Body=body,
        ContentType="application/x-model",
        Metadata={"family": "Small World"},
        Tagging="stage=test",
        ServerSideEncryption="AES256",
    )
    assert answer["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    got = s3.get_object(Bucket="large", Key="kept/object", ChecksumMode="ENABLED")
    assert got["Body"].read() == DATA
    assert (got["ContentType"], got["Metadata"]) == ("application/x-model", {"family": "Small World"})
    assert (got["ChecksumCRC32"], got["TagCount"]) == (CRC32, 1)
    assert got["ServerSideEncryption"] == answer["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket="large", Key="kept/object")["ContentLength"] == len(DATA)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_a_wrong_checksum_is_refused_and_nothing_is_stored(cloud: CloudUnderTest, s3: Any, algorithm: str) -> None:
    """S3 API Reference, "PutObject", errors: BadDigest."""
    size = {"CRC32": 4, "CRC32C": 4, "SHA1": 20, "SHA256": 32, "CRC64NVME": 8}[algorithm]
    wrong = base64.b64encode(bytes(size)).decode()
    status, said = put(cloud, "/large/wrong", DATA, **{f"x-amz-checksum-{algorithm.lower()}": wrong})
    assert status == 400
    assert f"<Code>BadDigest</Code><Message>The {algorithm} you specified did not match" in said
    with pytest.raises(ClientError, match="Not Found"):
        s3.head_object(Bucket="large", Key="wrong")
    wait_until(lambda: held(cloud) == [])


def test_a_wrong_content_md5_is_refused(s3: Any) -> None:
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket="large", Key="wrong", Body=DATA, ContentMD5=base64.b64encode(bytes(16)).decode())


@pytest.mark.parametrize(
    ("trailer", "code"),
    [
        (f"x-amz-checksum-crc32:{CRC32}", ""),
        ("x-amz-checksum-crc32:AAAAAA==", "BadDigest"),
        ("x-amz-something-else:1", "IncompleteBody"),
    ],
)
def test_the_trailing_checksum_is_verified(cloud: CloudUnderTest, s3: Any, trailer: str, code: str) -> None:
    """SigV4 User Guide, "Including trailing headers": an announced trailer must come, and a checksum must fit."""
    status, said = put(
        cloud,
        "/large/trailed",
        chunked(DATA, trailer=trailer),
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_trailer="x-amz-checksum-crc32",
        x_amz_decoded_content_length=str(len(DATA)),
        content_encoding="aws-chunked,gzip",
    )
    if code:
        assert (status, f"<Code>{code}</Code>" in said) == (400, True)
    else:
        assert status == 200
        got = s3.get_object(Bucket="large", Key="trailed")
        assert (got["Body"].read(), got["ContentEncoding"]) == (DATA, "gzip")


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"10000\r\n", b"10001\r\n", 1),
        lambda body: b"size\r\n" + body[7:],
        lambda body: body[: body.rindex(b"0\r\nx-amz")],
        lambda body: body[:-2],
    ],
    ids=["a wrong size", "no size", "no last chunk", "half a trailer"],
)
def test_broken_framing_is_refused(cloud: CloudUnderTest, change: Any) -> None:
    body = change(chunked(DATA, trailer=f"x-amz-checksum-crc32:{CRC32}"))
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc32"}
    status, said = put(cloud, "/large/broken", body, **headers)
    assert (status, "<Code>IncompleteBody</Code>" in said) == (400, True)
    wait_until(lambda: held(cloud) == [])


def test_a_length_that_is_not_the_declared_is_refused(cloud: CloudUnderTest) -> None:
    body = chunked(DATA, trailer=f"x-amz-checksum-crc32:{CRC32}")
    length = str(len(DATA) + 1)
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": length}
    assert put(cloud, "/large/broken", body, **headers)[0] == 400


def test_a_client_that_goes_away_leaves_nothing(cloud: CloudUnderTest, s3: Any) -> None:
    host = urllib.parse.urlparse(cloud.running.endpoint_url).netloc
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("PUT", "/large/gone", headers=signature(cloud, "/large/gone") | {"content-length": "100000000"})
    connection.send(DATA)
    wait_until(lambda: held(cloud))
    s3.put_object(Bucket="large", Key="meanwhile", Body=b"answered")  # while the other waits for its body
    connection.close()
    wait_until(lambda: held(cloud) == [])
    with pytest.raises(ClientError, match="Not Found"):
        s3.head_object(Bucket="large", Key="gone")


def test_more_than_5_gib_at_once_are_refused_before_they_are_sent(cloud: CloudUnderTest) -> None:
    """S3 API Reference, "Error responses": EntityTooLarge."""
    status, said = put(cloud, "/large/huge", b"", **{"content-length": str(5 * 1024 * MIB + 1)})
    assert status == 400
    assert "<Code>EntityTooLarge</Code>" in said


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        (f"bytes={MIB}-{2 * MIB + 5}", MIB, 2 * MIB + 5),
        (f"bytes={3 * MIB}-", 3 * MIB, len(DATA) - 1),
        ("bytes=-1500000", len(DATA) - 1_500_000, len(DATA) - 1),
        ("bytes=5-99999999999", 5, len(DATA) - 1),
        ("bytes=-99999999999", 0, len(DATA) - 1),
    ],
)
def test_ranges(s3: Any, wanted: str, first: int, last: int) -> None:
    """S3 API Reference, "GetObject", Range; RFC 9110, section 14."""
    s3.put_object(Bucket="large", Key="ranged", Body=DATA)
    got = s3.get_object(Bucket="large", Key="ranged", Range=wanted)
    assert got["Body"].read() == DATA[first : last + 1]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/{len(DATA)}"
    assert got["ContentLength"] == last - first + 1


@pytest.mark.parametrize("wanted", [f"bytes={len(DATA)}-", "bytes=-0"])
def test_a_range_outside_is_refused(s3: Any, wanted: str) -> None:
    s3.put_object(Bucket="large", Key="ranged", Body=DATA)
    with pytest.raises(ClientError, match="InvalidRange") as caught:
        s3.get_object(Bucket="large", Key="ranged", Range=wanted)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(cloud: CloudUnderTest, s3: Any, version: str) -> None:
    """S3 User Guide, "Download and upload objects with presigned URLs"."""
    signer = cloud.client("s3", config=Config(signature_version=version))
    where = {"Bucket": "large", "Key": "presigned/" + version}
    answers = []
    for action, method, body in (("put_object", "PUT", DATA), ("get_object", "GET", None)):
        url = urllib.parse.urlparse(signer.generate_presigned_url(action, Params=where))
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        connection.request(method, f"{url.path}?{url.query}", body)
        answer = connection.getresponse()
        answers.append((answer.status, answer.read()))
    assert answers == [(200, b""), (200, DATA)]


def test_conditions(s3: Any) -> None:
    etag = s3.put_object(Bucket="large", Key="conditional", Body=DATA)["ETag"]
    assert content(s3, "conditional", IfMatch=etag) == DATA
    with pytest.raises(ClientError, match="Not Modified"):
        content(s3, "conditional", IfNoneMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        content(s3, "conditional", IfMatch='"other"')
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="large", Key="conditional", Body=DATA, IfNoneMatch="*")


def test_a_read_that_has_begun_is_not_disturbed_by_a_new_object(s3: Any) -> None:
    """S3 User Guide, "Amazon S3 data consistency model": a GET never returns a mixture."""
    old, new = DATA * 8, DATA[::-1] * 8  # more than the buffers of a connection hold
    s3.put_object(Bucket="large", Key="replaced", Body=old)
    body = s3.get_object(Bucket="large", Key="replaced")["Body"]
    begun = body.read(10)
    s3.put_object(Bucket="large", Key="replaced", Body=new)
    other = s3.get_object(Bucket="large", Key="replaced")["Body"]
    s3.delete_object(Bucket="large", Key="replaced")
    assert begun + body.read() == old
    assert other.read() == new


def test_many_read_at_the_same_time(s3: Any) -> None:
    s3.put_object(Bucket="large", Key="shared", Body=DATA)
    wrong: list[int] = []

    def read(number: int) -> None:
        start = number * 100_000
        if content(s3, "shared", Range=f"bytes={start}-") != DATA[start:]:
            wrong.append(number)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(10)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)
    assert wrong == []


def test_a_copy_has_its_own_metadata_and_keeps_the_bytes(cloud: CloudUnderTest, s3: Any) -> None:
    """S3 API Reference, "CopyObject": MetadataDirective; and the copy is independent of its source."""
    s3.create_bucket(Bucket="other")
    etag = s3.put_object(Bucket="large", Key="source", Body=DATA, Metadata={"a": "1"})["ETag"]
    source = {"Bucket": "large", "Key": "source"}
    s3.copy_object(Bucket="other", Key="same", CopySource=source)
    s3.copy_object(
        Bucket="other",
        Key="new",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="x/y",
    )
    s3.copy_object(Bucket="large", Key="source", CopySource=source, MetadataDirective="REPLACE", Metadata={"c": "3"})
    assert content(s3, "source") == DATA
    s3.put_object(Bucket="large", Key="source", Body=b"small now")
    for key, metadata in (("same", {"a": "1"}), ("new", {"b": "2"})):
        got = s3.get_object(Bucket="other", Key=key)
        assert (got["Body"].read(), got["Metadata"], got["ETag"]) == (DATA, metadata, etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.copy_object(Bucket="other", Key="not", CopySource={"Bucket": "other", "Key": "same"}, CopySourceIfMatch="x")
    wait_until(lambda: held(cloud) == [])


def test_versions_keep_their_bytes_across_a_kill(state_dir: Path) -> None:
    """S3 User Guide, "Deleting object versions": the version before becomes the current one."""
    cloud = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[]))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="model", Body=DATA)
    s3.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
    bodies = {"null": DATA}
    for turn in range(3):
        body = DATA + bytes([turn])
        bodies[s3.put_object(Bucket="large", Key="model", Body=body)["VersionId"]] = body
    wait_until(lambda: held(cloud) == [])  # the versions lie in files of their own
    saved = state_dir / "ministack" / "s3.json"
    wait_until(lambda: saved.exists() and b'"Enabled"' in saved.read_bytes())
    os.kill(cloud.running.pid, 9)
    cloud = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[]))
    s3 = cloud.client("s3")
    for version, body in bodies.items():
        assert content(s3, "model", VersionId=version) == body
    for version in list(bodies)[:0:-1]:
        assert content(s3, "model") == bodies[version]
        s3.delete_object(Bucket="large", Key="model", VersionId=version)
    assert content(s3, "model") == DATA
    marker = s3.delete_object(Bucket="large", Key="model")["VersionId"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        content(s3, "model")
    s3.delete_object(Bucket="large", Key="model", VersionId=marker)
    assert content(s3, "model") == DATA


def test_other_services_read_large_objects(cloud: CloudUnderTest, s3: Any) -> None:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 'from a large bundle'\n")
        archive.writestr("ballast", DATA)
    s3.put_object(Bucket="large", Key="bundle.zip", Body=bundle.getvalue())
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="large",
        Runtime="python3.12",
        Role=cloud.role("test", "lambda.amazonaws.com"),
        Handler="index.handler",
        Code={"S3Bucket": "large", "S3Key": "bundle.zip"},
    )
    assert json.loads(functions.invoke(FunctionName="large")["Payload"].read()) == "from a large bundle"


def test_beyond_4_gib(state_dir: Path) -> None:
    """S3 API Reference, "CopyObject" and "UploadPartCopy": more than 5 GiB are copied by ranges."""
    size, tail = 6 * 1024 * MIB, b"the end"
    folder = state_dir / "s3" / "000000000000" / "huge"
    folder.mkdir(parents=True)
    with (folder / "model").open("wb") as file:  # an object of holes, as a run before has left it
        file.truncate(size - len(tail))
        file.seek(0, 2)
        file.write(tail)
    (folder / "model.meta.json").write_text(json.dumps({"key": "model", "size": size, "etag": '"0"'}))
    s3 = CloudUnderTest(localcloud.start(state_dir, port=0, speed=240, service_modules=[])).client("s3")
    assert s3.get_object(Bucket="huge", Key="model", Range="bytes=-7")["Body"].read() == tail
    source = {"Bucket": "huge", "Key": "model"}
    with pytest.raises(ClientError, match="larger than the maximum allowable size for a copy source: 5368709120"):
        s3.copy_object(Bucket="huge", Key="copy", CopySource=source)
    where = {"Bucket": "huge", "Key": "copy"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    with pytest.raises(ClientError, match="larger than the maximum allowable size"):
        s3.upload_part_copy(**where, PartNumber=1, CopySource=source)
    last = f"bytes={size - 6 * MIB}-{size - 1}"
    part = s3.upload_part_copy(**where, PartNumber=1, CopySource=source, CopySourceRange=last)["CopyPartResult"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    got = s3.get_object(Bucket="huge", Key="copy")["Body"].read()
    assert (len(got), got[-7:]) == (6 * MIB, tail)
