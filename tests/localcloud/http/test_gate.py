"""Who may enter the local cloud."""

from __future__ import annotations

import http.client
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.conftest import CloudUnderTest

pytestmark = pytest.mark.cloud


def ask(cloud: CloudUnderTest, path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(cloud.running.endpoint_url.rpartition(":")[2]), timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(cloud: CloudUnderTest, key: str | None = None) -> dict[str, str]:
    key = key or cloud.running.environment["AWS_ACCESS_KEY_ID"]
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261122/us-east-1/s3/aws4_request, Signature=0"}


def test_the_access_key_of_this_run_enters(cloud: CloudUnderTest) -> None:
    assert ask(cloud, "/", signed(cloud))[0] == 200
    assert cloud.client("sts").get_caller_identity()["Account"] == "000000000000"


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "000000000000", "111111111111", "test", ""])
def test_any_other_access_key_is_refused(cloud: CloudUnderTest, key: str) -> None:
    """Twelve digits would be another account in MiniStack."""
    status, body = ask(cloud, "/", {**signed(cloud), **signed(cloud, key or "-")})
    assert status == 403
    assert b"InvalidClientTokenId" in body
    assert b"python -m localcloud env" in body


@pytest.mark.parametrize("service", ["s3", "sqs", "sns", "cloudformation", "cloudwatch", "lambda", "ssm", "sts"])
def test_boto3_shows_the_reason_of_a_refusal(cloud: CloudUnderTest, service: str) -> None:
    import boto3

    client = boto3.client(
        service,
        endpoint_url=cloud.running.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x",
    )
    call = {
        "s3": "list_buckets",
        "sqs": "list_queues",
        "sns": "list_topics",
        "cloudformation": "list_stacks",
        "cloudwatch": "describe_alarms",
        "lambda": "list_functions",
        "ssm": "describe_parameters",
        "sts": "get_caller_identity",
    }[service]
    with pytest.raises(ClientError, match="is not the one of this local cloud") as caught:
        getattr(client, call)()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_an_unsigned_request_is_refused(cloud: CloudUnderTest) -> None:
    status, body = ask(cloud, "/", {})
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)


def test_a_browser_is_refused_even_with_the_right_key(cloud: CloudUnderTest) -> None:
    for origin in ("https://example.com", "http://127.0.0.1:8888", "null"):
        status, body = ask(cloud, "/", {**signed(cloud), "Origin": origin})
        assert (status, b"does not answer browsers" in body) == (403, True)
    status, _ = ask(cloud, "/bucket", {"Origin": "x", "Access-Control-Request-Method": "PUT"}, method="OPTIONS")
    assert status == 403


def test_no_answer_invites_a_browser(cloud: CloudUnderTest) -> None:
    for service, call in (("s3", "list_buckets"), ("sqs", "list_queues"), ("lambda", "list_functions")):
        headers = getattr(cloud.client(service), call)()["ResponseMetadata"]["HTTPHeaders"]
        assert not [name for name in headers if name.startswith("access-control-")]


def test_a_foreign_host_is_refused(cloud: CloudUnderTest) -> None:
    """DNS rebinding: a name of the attacker's that points here."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example:4566"):
        status, _ = ask(cloud, "/", {**signed(cloud), "Host": host})
        assert status == 403, host
    assert ask(cloud, "/", {**signed(cloud), "Host": "localhost:1"})[0] == 200


def test_liveness_needs_no_key_and_tells_nothing(cloud: CloudUnderTest) -> None:
    assert ask(cloud, "/_localcloud/health", {}) == (200, b'{"localcloud": "ready"}')
    assert ask(cloud, "/_localcloud/health", {"Origin": "x"})[0] == 403
    assert ask(cloud, "/_localcloud/status", {})[0] == 403


def test_ministacks_own_paths_are_closed(cloud: CloudUnderTest) -> None:
    for path in ("/_ministack/reset", "/_ministack/config", "/_localstack/health", "/_aws/sqs/messages"):
        assert ask(cloud, path, signed(cloud), method="POST")[0] == 403
        assert ask(cloud, path, {})[0] == 403


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_presigned_urls_enter(cloud: CloudUnderTest, signature: str) -> None:
    from botocore.config import Config

    s3: Any = cloud.client("s3", config=Config(signature_version=signature))
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="k", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "k"})
    path = url.removeprefix(cloud.running.endpoint_url)
    assert ask(cloud, path, {}) == (200, b"hello")
    wrong = path.replace(cloud.running.environment["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7EXAMPLE")
    assert ask(cloud, wrong, {})[0] == 403


def test_a_session_that_this_cloud_issued_enters(cloud: CloudUnderTest) -> None:
    """The CDK deploys with the session of a role that it assumes."""
    import boto3

    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=cloud.running.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert "Buckets" in s3.list_buckets()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS gives the loopback one address only, so no probe for it")
def test_it_listens_on_the_loopback_address_only(cloud: CloudUnderTest) -> None:
    import socket

    port = int(cloud.running.endpoint_url.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.2", port))  # impossible if it listened on every address
