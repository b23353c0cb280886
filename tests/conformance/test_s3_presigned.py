"""Amazon S3: presigned URLs of both signature versions, as boto3 makes them, and forms with a signed policy."""

from __future__ import annotations

import datetime as dt
import http.client
import time
import urllib.parse
import uuid
from typing import Any

import pytest
from botocore.compat import get_current_datetime
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

GUIDE = "AmazonS3/latest/userguide/"
RECORDED = "localstack:tests/aws/services/s3/test_s3.py::TestS3PresignedUrl::"
VERSIONS = ["s3", "s3v4"]


def signing(aws: Account, version: str) -> Any:
    """A client that signs URLs in one version: boto3's default in us-east-1 is the older one."""
    style = {} if aws.local else {"addressing_style": "path"}
    return aws.client("s3", config=Config(signature_version=version, s3=style))


def send(method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A request without a client of AWS."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=20)
    connection.request(method, f"{parts.path}?{parts.query}", body or None, headers)
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    content = answer.read()
    connection.close()
    return answer.status, found, content


def stored(aws: Account, body: bytes = b"precious") -> dict[str, str]:
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key="a b/ü.png", Body=body)
    return {"Bucket": bucket, "Key": "a b/ü.png"}


def again(aws: Account, place: dict[str, str]) -> bytes:
    return bytes(aws.client("s3").get_object(**place)["Body"].read())


@behaviour(
    "s3",
    ("PutObject", "GetObject"),
    "A presigned URL of version {version} reads an object",
    GUIDE + "ShareObjectPreSignedURL.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_get(aws: Account, version: str) -> None:
    place = stored(aws)
    status, _, body = send("GET", signing(aws, version).generate_presigned_url("get_object", place))
    assert (status, body) == (200, b"precious")
    assert again(aws, place) == b"precious"


@behaviour(
    "s3", "GetObject", "A presigned URL of version {version} writes an object", GUIDE + "PresignedUrlUploadObject.html"
)
@pytest.mark.parametrize("version", VERSIONS)
def test_put(aws: Account, version: str) -> None:
    place = {"Bucket": aws.bucket(), "Key": "k"}
    assert send("PUT", signing(aws, version).generate_presigned_url("put_object", place), b"new")[0] == 200
    assert again(aws, place) == b"new"


@behaviour(
    "s3",
    "GetObject",
    "A presigned URL of version {version} is refused after its time",
    RECORDED + "test_s3_presigned_url_expired",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_expired(aws: Account, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, client = stored(aws), signing(aws, version)
    now, seconds = get_current_datetime(), time.time()
    with monkeypatch.context() as patch:  # made five minutes ago, good for one
        patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: now - dt.timedelta(minutes=5))
        patch.setattr("botocore.auth.time.time", lambda: seconds - 300)
        urls = {name: client.generate_presigned_url(f"{name}_object", place, ExpiresIn=60) for name in ("get", "put")}
    for name, url in urls.items():
        status, _, body = send(name.upper(), url, b"" if name == "get" else b"new")
        assert (status, b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body) == (403, True)
    assert again(aws, place) == b"precious"


@behaviour(
    "s3",
    "GetObject",
    "A presigned URL of version {version} that was changed is refused",
    GUIDE + "using-presigned-url.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_tampered(aws: Account, version: str) -> None:
    place = stored(aws)
    url = signing(aws, version).generate_presigned_url("get_object", place, ExpiresIn=60)
    later = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    if later == url:
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query))
        query["Expires"] = str(int(query["Expires"]) + 540)
        later = parts._replace(query=urllib.parse.urlencode(query)).geturl()
    for changed in (later, url.replace("%C3%BC.png", "other.png")):
        status, _, body = send("GET", changed)
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    assert again(aws, place) == b"precious"


@behaviour(
    "s3",
    "GetObject",
    "A presigned URL of version {version} to read does not delete or write",
    GUIDE + "using-presigned-url.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_another_method(aws: Account, version: str) -> None:
    place = stored(aws)
    url = signing(aws, version).generate_presigned_url("get_object", place)
    for method in ("DELETE", "PUT"):
        status, _, body = send(method, url)
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    assert again(aws, place) == b"precious"


@behaviour(
    "s3",
    "GetObject",
    "A presigned URL of version {version} makes a download with a name and a type",
    "AmazonS3/latest/API/API_GetObject.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_download_with_a_name(aws: Account, version: str) -> None:
    place = stored(aws)
    wanted = {"ResponseContentDisposition": 'attachment; filename="my picture.png"', "ResponseContentType": "image/png"}
    status, headers, body = send("GET", signing(aws, version).generate_presigned_url("get_object", {**place, **wanted}))
    assert (status, body) == (200, b"precious")
    assert headers["content-disposition"] == 'attachment; filename="my picture.png"'
    assert headers["content-type"] == "image/png"
    assert again(aws, place) == b"precious"


@behaviour(
    "s3",
    "GetObject",
    "Response headers of a presigned URL of version {version} are signed, too",
    "AmazonS3/latest/API/API_GetObject.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_response_headers_are_signed(aws: Account, version: str) -> None:
    place = stored(aws)
    url = signing(aws, version).generate_presigned_url("get_object", place)
    assert send("GET", f"{url}&response-content-type=text%2Fhtml")[0] == 403
    assert again(aws, place) == b"precious"


@behaviour(
    "s3",
    "GetObject",
    "Metadata of a presigned PUT of version {version} must be sent as signed",
    GUIDE + "PresignedUrlUploadObject.html",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_signed_metadata(aws: Account, version: str) -> None:
    place = {"Bucket": aws.bucket(), "Key": "k"}
    client = signing(aws, version)
    url = client.generate_presigned_url("put_object", {**place, "ContentType": "text/x", "Metadata": {"who": "me"}})
    headers = {"content-type": "text/x", "x-amz-meta-who": "me"}
    assert send("PUT", url, b"x", **{**headers, "content-type": "text/y"})[0] == 403
    assert send("PUT", url, b"x", **headers)[0] == 200
    found = aws.client("s3").get_object(**place)
    assert (found["ContentType"], found["Metadata"]) == ("text/x", {"who": "me"})


@behaviour(
    "s3",
    "GetObject",
    "A presigned URL of version 2 without {lost} is refused",
    RECORDED + "test_s3_put_presigned_url_missing_sig_param",
)
@pytest.mark.parametrize("lost", ["AWSAccessKeyId", "Expires", "Signature"])
def test_a_missing_parameter(aws: Account, lost: str) -> None:
    place = stored(aws)
    url = signing(aws, "s3").generate_presigned_url("get_object", place)
    parts = urllib.parse.urlsplit(url)
    kept = [pair for pair in urllib.parse.parse_qsl(parts.query) if pair[0] != lost]
    status, _, body = send("GET", parts._replace(query=urllib.parse.urlencode(kept)).geturl())
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    assert b"Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters" in body
    assert again(aws, place) == b"precious"


# Forms


def form(post: dict[str, Any], body: bytes, **changes: str) -> tuple[int, dict[str, str], bytes]:
    """Send a form as a browser does."""
    boundary = uuid.uuid4().hex
    fields = {**post["fields"], **changes}
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="ü.txt"\r\n\r\n'.encode()
    content = b"".join([*lines, file, body, f"\r\n--{boundary}--\r\n".encode()])
    return send("POST", post["url"], content, **{"content-type": f"multipart/form-data; boundary={boundary}"})


@behaviour(
    "s3",
    "ListObjectsV2",
    "A form with a signed policy of version {version} stores a file; here presigned URLs do, and a form is refused",
    "AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html",
    "refused",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_form(aws: Account, version: str) -> None:
    bucket = aws.bucket()
    status, _, body = form(signing(aws, version).generate_presigned_post(bucket, "up/k"), b"from a form")
    assert (status, b"<Code>NotImplemented</Code>" in body) == (501, True)
    assert b"generate_presigned_url" in body
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
