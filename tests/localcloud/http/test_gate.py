"""Who may enter the local cloud."""

from __future__ import annotations

import http.client
import sys
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.localcloud.conftest import CloudUnderTest

pytestmark = pytest.mark.cloud

EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
TRUST = '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}'


def ask(cloud: CloudUnderTest, path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(cloud.running.endpoint_url.rpartition(":")[2]), timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(
    cloud: CloudUnderTest, path: str = "/", method: str = "GET", *, key: str = "", secret: str = "", host: str = ""
) -> dict[str, str]:
    """The headers of a request to S3, signed with the cloud's own key unless told otherwise."""
    environment = cloud.running.environment
    credentials = Credentials(key or environment["AWS_ACCESS_KEY_ID"], secret or environment["AWS_SECRET_ACCESS_KEY"])
    url = f"http://{host}{path}" if host else f"{cloud.running.endpoint_url}{path}"
    request = AWSRequest(method=method, url=url, headers={"Host": host} if host else {})
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    return dict(request.headers)


def test_the_access_key_of_this_run_enters(cloud: CloudUnderTest) -> None:
    assert ask(cloud, "/", signed(cloud))[0] == 200
    assert cloud.client("sts").get_caller_identity()["Account"] == "000000000000"


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "000000000000", "111111111111", "test", ""])
def test_any_other_access_key_is_refused(cloud: CloudUnderTest, key: str) -> None:
    """Twelve digits would be another account in MiniStack."""
    status, body = ask(cloud, "/", signed(cloud, key=key or "-"))
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
    assert ask(cloud, "/", signed(cloud, host="localhost:1"))[0] == 200


def test_liveness_needs_no_key_and_tells_nothing(cloud: CloudUnderTest) -> None:
    assert ask(cloud, "/_localcloud/health", {}) == (200, b'{"localcloud": "ready"}')
    assert ask(cloud, "/_localcloud/health", {"Origin": "x"})[0] == 403
    assert ask(cloud, "/_localcloud/status", {})[0] == 403


OWN_PATHS = (
    "/_ministack/reset",
    "/%5fministack/reset",
    "/%5Fministack%2Freset",
    "/_MiniStack/reset",
    "//_ministack/reset",
    "/./_ministack/reset",
    "/_ministack",
    "/_ministack/config",
    "/_localstack/health",
    "/_aws/sqs/messages",
    "/%5faws/lambda-url/x/",
)


@pytest.mark.parametrize("path", OWN_PATHS)
def test_ministacks_own_paths_are_closed_however_they_are_written(cloud: CloudUnderTest, path: str) -> None:
    cloud.client("s3").create_bucket(Bucket="survivor")
    for method in ("GET", "POST"):
        status, body = ask(cloud, path, signed(cloud, path, method), method=method)
        assert (status, b"AccessDenied" in body) == (403, True)
        assert ask(cloud, path, {}, method=method)[0] == 403
    assert "survivor" in [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_presigned_urls_enter(cloud: CloudUnderTest, signature: str) -> None:
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
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="deployer", PolicyName="s3", PolicyDocument=EVERYTHING)
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


def test_a_made_up_signature_is_refused(cloud: CloudUnderTest) -> None:
    """Who reads the access key in a log or a cache of the CDK has not entered."""
    genuine = signed(cloud)
    forged = {**genuine, "Authorization": genuine["Authorization"].rpartition("=")[0] + "=" + "0" * 64}
    status, body = ask(cloud, "/", forged)
    assert (status, b"SignatureDoesNotMatch" in body) == (403, True)
    assert ask(cloud, "/", signed(cloud, secret="guessed"))[0] == 403
    assert ask(cloud, "/other", genuine)[0] == 403
    assert ask(cloud, "/", genuine, method="PUT")[0] == 403
    assert ask(cloud, "/?acl", genuine)[0] == 403
    assert ask(cloud, "/", genuine)[0] == 200


@pytest.mark.parametrize("service", ["sqs", "sns", "lambda", "ssm", "sts", "cloudformation", "cloudwatch", "logs"])
def test_the_secret_is_what_counts(cloud: CloudUnderTest, service: str) -> None:
    import boto3

    client = boto3.client(
        service,
        endpoint_url=cloud.running.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=cloud.running.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="guessed",
    )
    call = {
        "sqs": "list_queues",
        "sns": "list_topics",
        "lambda": "list_functions",
        "ssm": "describe_parameters",
        "sts": "get_caller_identity",
        "cloudformation": "list_stacks",
        "cloudwatch": "describe_alarms",
        "logs": "describe_log_groups",
    }[service]
    with pytest.raises(ClientError) as caught:
        getattr(client, call)()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("age", [-20, 20])
def test_a_signature_of_another_time_is_refused(cloud: CloudUnderTest, age: int) -> None:
    import datetime as dt

    environment = cloud.running.environment
    request = AWSRequest(method="GET", url=f"{cloud.running.endpoint_url}/")
    signer = S3SigV4Auth(
        Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]), "s3", "us-east-1"
    )
    then = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=age)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: then)
        signer.add_auth(request)
    status, body = ask(cloud, "/", dict(request.headers))
    assert (status, b"RequestTimeTooSkewed" in body) == (403, True)


def test_a_body_other_than_the_signed_one_is_refused(cloud: CloudUnderTest) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bodies")

    other = cloud.client("s3", config=Config())
    other.meta.events.register("before-send.s3.PutObject", lambda request, **_: setattr(request, "body", b"forged!"))
    with pytest.raises(ClientError) as caught:
        other.put_object(Bucket="bodies", Key="k", Body=b"genuine")
    assert caught.value.response["Error"]["Code"] == "XAmzContentSHA256Mismatch"
    assert "Contents" not in s3.list_objects_v2(Bucket="bodies")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_ends_and_is_for_one_thing(cloud: CloudUnderTest, version: str) -> None:
    import time

    s3: Any = cloud.client("s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket=f"urls-{version}")
    s3.put_object(Bucket=f"urls-{version}", Key="k", Body=b"hello")

    def path(**options: Any) -> str:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": f"urls-{version}", "Key": "k"}, **options)
        return str(url).removeprefix(cloud.running.endpoint_url)

    good = path()
    assert ask(cloud, good, {})[0] == 200
    assert ask(cloud, good, {}, method="DELETE")[0] == 403
    assert ask(cloud, good.replace("/k?", "/other?"), {})[0] == 403
    assert ask(cloud, good, {}, method="PUT")[0] == 403
    short = path(ExpiresIn=1)
    time.sleep(2.1)
    status, body = ask(cloud, short, {})
    assert (status, b"Request has expired" in body) == (403, True)
    assert s3.get_object(Bucket=f"urls-{version}", Key="k")["Body"].read() == b"hello"


def test_a_temporary_key_needs_its_token(cloud: CloudUnderTest) -> None:
    import boto3

    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="temporary", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="temporary", PolicyName="s3", PolicyDocument=EVERYTHING)
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    for token in (None, "wrong"):
        client = boto3.client(
            "sts",
            endpoint_url=cloud.running.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=token,
        )
        with pytest.raises(ClientError) as caught:
            client.get_caller_identity()
        assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"


@pytest.mark.parametrize(("number", "status", "connection"), [("1", 404, None), ("10001", 400, "close")])
def test_a_refusal_before_the_body_is_read_says_that_the_connection_ends(
    cloud: CloudUnderTest, number: str, status: int, connection: str | None
) -> None:
    """Else a client would send its next request into a connection that the server closes."""
    path, body = f"/nowhere/k?partNumber={number}&uploadId=x", b"x" * 100_000
    request = AWSRequest(method="PUT", url=f"{cloud.running.endpoint_url}{path}", data=body)
    environment = cloud.running.environment
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    open_connection = http.client.HTTPConnection(cloud.running.endpoint_url.removeprefix("http://"), timeout=10)
    open_connection.request("PUT", path, body, dict(request.headers))
    answer = open_connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (status, connection), answer.read()
    answer.read()
    open_connection.request("GET", "/_localcloud/health")  # the client opens another one when it was told
    assert open_connection.getresponse().status == 200
    open_connection.close()
