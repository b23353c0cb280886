"""Strict: what no conformance test verifies is refused as each client shows it, and MiniStack never sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud.http import strict, wire
from localcloud.http.protocol import service_model
from localcloud.http.strict import Strict, verified_operations
from localcloud.services import ServiceError
from tests.localcloud.http.fronted import KEY, Fronted, serving

VERIFIED = {"s3": ["ListBuckets"], "sns": ["Publish"], "ssm": ["GetParameter"]}


@pytest.fixture(scope="module")
def fronted() -> Iterator[Fronted]:
    with serving(Fronted(Strict(VERIFIED, unverified=False))) as fixture:
        yield fixture


def calls(client: Any, operation: str, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


@pytest.mark.parametrize(
    ("service", "operation", "name", "arguments"),
    [
        ("sns", "list_topics", "ListTopics", {}),
        ("sts", "get_caller_identity", "GetCallerIdentity", {}),
        ("ssm", "describe_parameters", "DescribeParameters", {}),
        ("lambda", "list_functions", "ListFunctions", {}),
        ("cloudwatch", "list_metrics", "ListMetrics", {}),
        ("s3", "list_objects_v2", "ListObjectsV2", {"Bucket": "bucket"}),
        ("s3", "put_object", "PutObject", {"Bucket": "bucket", "Key": "k", "Body": b"x"}),
    ],
)
def test_an_operation_that_no_test_verifies_is_refused(
    fronted: Fronted, service: str, operation: str, name: str, arguments: dict[str, Any]
) -> None:
    fronted.elsewhere.clear()
    code, message = calls(fronted.client(service), operation, **arguments)
    assert code == "UnsupportedOperation"
    assert f"does not offer {name} of {service}" in message
    assert "python -m localcloud start --unverified" in message
    assert "[local] unverified = true" in message
    assert fronted.elsewhere == []


def test_a_verified_operation_reaches_ministack(fronted: Fronted) -> None:
    fronted.elsewhere.clear()
    calls(fronted.client("s3"), "list_buckets")
    calls(fronted.client("ssm"), "get_parameter", Name="a")
    assert fronted.elsewhere == ["/", "/"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "list_tables", {}),  # json
        ("kinesis", "list_streams", {}),  # json, or cbor in newer models
        ("ses", "list_identities", {}),  # query
        ("ec2", "describe_instances", {}),  # ec2
        ("apigateway", "get_rest_apis", {}),  # rest-json
        ("sesv2", "list_email_identities", {}),  # rest-json, where MiniStack looks at the path first
        ("route53", "list_hosted_zones", {}),  # rest-xml
        ("cloudfront", "list_distributions", {}),  # rest-xml
        ("iot-data", "get_thing_shadow", {"thingName": "t"}),
    ],
)
def test_a_service_that_this_cloud_does_not_have_is_refused(
    fronted: Fronted, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    fronted.elsewhere.clear()
    code, message = calls(fronted.client(service), operation, **arguments)
    assert code == "UnsupportedOperation"
    assert "does not offer the service" in message
    assert "application-autoscaling, cloudformation" in message
    assert fronted.elsewhere == []


def signed(fronted: Fronted, service: str, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of a request that no client of AWS would send, with a good signature."""
    import urllib.error
    import urllib.request

    given = {name.replace("_", "-"): text for name, text in headers.items()}
    asked = AWSRequest(method, fronted.url + path, headers=given)
    SigV4Auth(Credentials(KEY, "secret"), service, "us-east-1").add_auth(asked)
    sent = urllib.request.Request(asked.url, method=method, headers=dict(asked.headers.items()))
    try:
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("service", "method", "path", "headers"),
    [
        ("s3", "GET", "/", {"x_amz_target": "DynamoDB_20120810.ListTables"}),
        ("s3", "GET", "/iceberg/v1/config", {}),
        ("s3", "GET", "/v20180820/mrap/instances", {}),
        ("s3", "GET", "/v2/email/identities", {}),
        ("s3", "GET", "/bucket/.well-known/openid-configuration", {}),
        ("s3", "GET", "/restapis/a/b/_user_request_/", {}),
        ("s3", "GET", "/", {"host": "abc.lambda-url.us-east-1.localhost"}),
        ("s3", "GET", "/", {"host": "abc.execute-api.localhost"}),
        ("s3", "GET", "/", {"host": "balancer.alb.localhost"}),
        ("sts", "GET", "/?Action=GetCallerIdentity", {"host": "abc.lambda-url.us-east-1.localhost"}),
        ("sts", "GET", "/v2/email/identities?Action=GetCallerIdentity", {}),
        ("ssm", "POST", "/v2/email/identities", {"x_amz_target": "AmazonSSM.GetParameter"}),
        ("ssm", "POST", "/", {"x_amz_target": "DynamoDB_20120810.ListTables"}),
        ("ssm", "POST", "/", {}),
        ("sagemaker", "POST", "/", {}),
        ("lambda", "GET", "/2026-04-04/network-connectors", {}),
        ("execute-api", "GET", "/stage/path", {}),
    ],
)
def test_what_ministack_would_take_for_something_else_is_refused(
    fronted: Fronted, service: str, method: str, path: str, headers: dict[str, str]
) -> None:
    fronted.elsewhere.clear()
    status, body = signed(fronted, service, method, path, **headers)
    assert status == 400
    assert b"UnsupportedOperation" in body
    assert fronted.elsewhere == []


def test_one_that_is_passed_on_is_remembered_and_written_down_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    passing = Strict(VERIFIED, unverified=True, log=log)
    for _ in range(2):
        passing.check("sns", "ListTopics")
        passing.check_service("dynamodb", ["sns"])
        passing.check("sns", "Publish")
    assert passing.passed_on == ["sns.ListTopics", "dynamodb"]
    assert log.read_text() == "sns.ListTopics\ndynamodb\n"


def test_an_unverified_operation_is_refused_by_default() -> None:
    with pytest.raises(ServiceError, match="does not offer ListTopics of sns"):
        Strict(VERIFIED, unverified=False).check("sns", "ListTopics")


def test_strict_is_what_this_cloud_is_unless_it_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "ENFORCED", True)
    assert not Strict.of_this_cloud(unverified=False).unverified
    assert Strict.of_this_cloud(unverified=True).unverified


def test_the_verified_operations_exist() -> None:
    for service, operations in verified_operations().items():
        assert service in wire.OFFERED
        assert set(operations) <= set(service_model(service).operation_names)
    assert "GetCallerIdentity" in verified_operations()["sts"]


def test_a_bucket_in_the_hosts_name_is_a_bucket(fronted: Fronted) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=fronted.url.replace("127.0.0.1", "localhost"),
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "virtual"}, retries={"total_max_attempts": 1}),
    )
    url = client.generate_presigned_url("list_objects_v2", Params={"Bucket": "bucket"})
    assert "//bucket.localhost:" in url
    status, body = signed(fronted, "s3", "GET", "/?list-type=2", host="bucket.localhost")
    assert status == 400
    assert b"does not offer ListObjectsV2 of s3" in body
