"""The front, with real boto3 clients in front of it and made-up services behind it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud.http.constraints import compiled_pattern
from localcloud.services import ServiceError
from tests.localcloud.http.fronted import KEY, SERVICES, Fronted, serving

NOW = datetime.datetime(2026, 11, 22, 12, 0, 0, 250000, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def fronted() -> Iterator[Fronted]:
    with serving(Fronted()) as fixture:
        yield fixture


def test_json_request_and_response_go_round_trip(fronted: Fronted) -> None:
    service = fronted.answers(
        "sagemaker",
        {
            "EndpointName": "e",
            "EndpointArn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e",
            "EndpointStatus": "InService",
            "CreationTime": NOW,
            "LastModifiedTime": NOW.timestamp(),
            "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentWeight": 1.0, "CurrentInstanceCount": 0}],
        },
    )
    answer = fronted.client("sagemaker").describe_endpoint(EndpointName="e")
    assert service.asked == [("DescribeEndpoint", {"EndpointName": "e"})]
    assert answer["EndpointStatus"] == "InService"
    assert answer["CreationTime"] == NOW == answer["LastModifiedTime"]
    assert answer["ProductionVariants"][0]["CurrentInstanceCount"] == 0


def test_nested_parameters_blobs_and_timestamps_arrive_as_boto3_documents_them(fronted: Fronted) -> None:
    service = fronted.answers("codecommit", {"commitId": "c", "blobId": "b", "treeId": "t"})
    fronted.client("codecommit").put_file(
        repositoryName="r", branchName="main", fileContent=b"\x00\xff", filePath="a.bin", fileMode="NORMAL"
    )
    assert service.asked[0][1]["fileContent"] == b"\x00\xff"
    service = fronted.answers("sagemaker", {"Endpoints": []})
    fronted.client("sagemaker").list_endpoints(CreationTimeAfter=NOW)
    assert service.asked[0][1]["CreationTimeAfter"] == NOW
    service = fronted.answers("sagemaker", {"ModelArn": "arn:aws:sagemaker:us-east-1:000000000000:model/m"})
    model = {
        "ModelName": "m",
        "ExecutionRoleArn": "arn:aws:iam::000000000000:role/r",
        "PrimaryContainer": {"Image": "i", "Environment": {"A": "1"}},
    }
    fronted.client("sagemaker").create_model(**model)
    assert service.asked == [("CreateModel", model)]


def test_rest_json_takes_the_path_and_headers_and_answers_in_headers(fronted: Fronted) -> None:
    """API Reference, InvokeEndpointAsync: 202, InferenceId in the body, both locations in headers."""
    service = fronted.answers(
        "sagemaker-runtime", {"InferenceId": "i", "OutputLocation": "s3://b/o.out", "FailureLocation": "s3://b/f.out"}
    )
    answer = fronted.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName="e", InputLocation="s3://b/k", ContentType="application/json", RequestTTLSeconds=60
    )
    assert service.asked == [
        (
            "InvokeEndpointAsync",
            {
                "EndpointName": "e",
                "InputLocation": "s3://b/k",
                "ContentType": "application/json",
                "RequestTTLSeconds": 60,
            },
        )
    ]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (answer["InferenceId"], answer["OutputLocation"], answer["FailureLocation"]) == (
        "i",
        "s3://b/o.out",
        "s3://b/f.out",
    )


def test_a_body_arrives_as_bytes(fronted: Fronted) -> None:
    service = fronted.answers("sagemaker-runtime", {"Body": b"out", "ContentType": "text/plain"})
    answer = fronted.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"in", Accept="text/plain")
    assert service.asked[0][1] == {"EndpointName": "e", "Body": b"in", "Accept": "text/plain"}
    assert (answer["Body"].read(), answer["ContentType"]) == (b"out", "text/plain")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "answer"),
    [
        (
            "application-autoscaling",
            "describe_scalable_targets",
            {"ServiceNamespace": "sagemaker"},
            {"ScalableTargets": []},
        ),
        ("codepipeline", "list_pipelines", {}, {"pipelines": []}),
        ("codebuild", "list_projects", {}, {"projects": ["p"]}),
        ("codecommit", "list_repositories", {}, {"repositories": []}),
    ],
)
def test_every_service_that_will_come_can_be_spoken_to(
    fronted: Fronted, service: str, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    fronted.answers(service, answer)
    got = getattr(fronted.client(service), operation)(**parameters)
    assert {key: got[key] for key in answer} == answer


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "message"),
    [
        (
            "sagemaker",
            "describe_endpoint",
            {},
            "1 validation error detected: Value null at 'endpointName' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "sagemaker",
            "describe_endpoint",
            {"EndpointName": "-bad-"},
            "1 validation error detected: Value '-bad-' at 'endpointName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint_async",
            {"EndpointName": "e", "InputLocation": "s3://b/k", "RequestTTLSeconds": 59},
            "1 validation error detected: Value '59' at 'requestTTLSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 60",
        ),
        (
            "application-autoscaling",
            "describe_scalable_targets",
            {"ServiceNamespace": "nonsense", "MaxResults": 5},
            "Value 'nonsense' at 'serviceNamespace' failed to satisfy constraint: Member must satisfy enum value set: ",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "x" * 64}]},
            "Value '" + "x" * 64 + "' at 'productionVariants.1.member.variantName' failed to satisfy constraint: "
            "Member must have length less than or equal to 63",
        ),
    ],
)
def test_bad_parameters_are_refused_in_the_words_of_aws(
    fronted: Fronted, service: str, operation: str, parameters: dict[str, Any], message: str
) -> None:
    asked = fronted.answers(service, {}).asked
    with pytest.raises(ClientError) as caught:
        getattr(fronted.client(service, validate=False), operation)(**parameters)
    code = "ValidationError" if service == "sagemaker-runtime" else "ValidationException"
    assert caught.value.response["Error"]["Code"] == code
    assert message in caught.value.response["Error"]["Message"]
    assert asked == []


def test_a_service_error_arrives_with_code_message_and_status(fronted: Fronted) -> None:
    fronted.answers("sagemaker", ServiceError("ValidationException", 'Could not find endpoint "e".'))
    with pytest.raises(ClientError, match='Could not find endpoint "e"') as caught:
        fronted.client("sagemaker").describe_endpoint(EndpointName="e")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    fronted.answers("sagemaker-runtime", ServiceError("ValidationError", "Endpoint e not found.", 404))
    with pytest.raises(ClientError, match="Endpoint e not found") as caught:
        fronted.client("sagemaker-runtime").invoke_endpoint_async(EndpointName="e", InputLocation="s3://b/k")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    client = fronted.client("application-autoscaling")
    fronted.answers("application-autoscaling", ServiceError("ObjectNotFoundException", "no such target"))
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="no such target"):
        client.delete_scaling_policy(
            PolicyName="p",
            ServiceNamespace="sagemaker",
            ResourceId="r",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        )


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"EndpointArn": "a" * 20, "Surprise": 1}, "no member 'Surprise'"),
        ({"EndpointArn": 5}, "can not be converted to a String"),
        ({}, "lacks EndpointArn"),
        (RuntimeError("broken"), "broken"),
    ],
)
def test_an_answer_that_does_not_fit_the_model_is_our_fault_and_says_so(
    fronted: Fronted, answer: Any, complaint: str
) -> None:
    fronted.answers("sagemaker", answer)
    with pytest.raises(ClientError, match=complaint) as caught:
        fronted.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="c")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert caught.value.response["Error"]["Code"] == "InternalFailure"


def test_what_is_not_ours_goes_to_ministack(fronted: Fronted) -> None:
    fronted.elsewhere.clear()
    with pytest.raises(ClientError):
        fronted.client("s3").head_bucket(Bucket="endpoints")
    assert fronted.elsewhere == ["/endpoints"]


def test_an_operation_of_a_newer_api_is_refused_clearly(fronted: Fronted) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", int(fronted.url.rpartition(":")[2]))
    request = AWSRequest("POST", fronted.url, {"X-Amz-Target": "SageMaker.InventSomething"}, b"{}")
    SigV4Auth(Credentials(KEY, "secret"), "sagemaker", "us-east-1").add_auth(request)
    connection.request("POST", "/", body=b"{}", headers=dict(request.headers))
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"sagemaker has no operation 'InventSomething'" in answer.read()
    connection.close()


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{ASCII}*", "abc~", "é"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"[\p{L}\p{Z}]+", "é x", "5"),
        (r"[^[a]+", "b", "["),
    ],
)
def test_java_patterns_of_the_models_are_understood(pattern: str, good: str, bad: str) -> None:
    compiled = compiled_pattern(pattern)
    assert compiled is not None
    assert compiled.fullmatch(good)
    assert not compiled.fullmatch(bad)


def test_nearly_every_pattern_of_our_services_is_checked() -> None:
    """Counted, so that a silently unchecked constraint shows."""
    from localcloud.http.protocol import service_model

    unknown = [
        shape.metadata["pattern"]
        for name in SERVICES
        for shape in map(service_model(name).shape_for, service_model(name).shape_names)
        if "pattern" in shape.metadata and compiled_pattern(shape.metadata["pattern"]) is None
    ]
    assert unknown == []
