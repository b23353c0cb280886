"""Amazon SageMaker Runtime: asynchronous invocations, as they are accepted or refused."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import Hosting

INVOKE = "sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html"
RUNTIME = "sagemaker-runtime"


@behaviour(RUNTIME, "InvokeEndpointAsync", "A request is accepted with 202, its id and the place of its answer", INVOKE)
def test_a_request_is_accepted(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({}, InferenceId="mine")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "mine"
    folder = f"s3://{hosting.bucket}"
    unique = answer["OutputLocation"].removeprefix(f"{folder}/output/").removesuffix(".out")
    assert str(uuid.UUID(unique)) == unique
    assert answer["FailureLocation"] == f"{folder}/failures/{unique}-error.out"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-sagemaker-outputlocation"] == answer["OutputLocation"]
    assert headers["x-amzn-sagemaker-failurelocation"] == answer["FailureLocation"]


@behaviour(RUNTIME, "InvokeEndpointAsync", "A request without an id gets one", INVOKE)
def test_an_id_is_made(aws: Account, hosting: Hosting) -> None:
    assert uuid.UUID(hosting.invoke({})["InferenceId"])


@behaviour(RUNTIME, "InvokeEndpointAsync", "An endpoint that does not exist is not found", INVOKE)
def test_an_endpoint_that_is_not_there(aws: Account, hosting: Hosting) -> None:
    name = aws.name()
    with aws.refused("ValidationError", f"Endpoint {name} of account {aws.account} not found."):
        hosting.invoke({}, EndpointName=name)


@behaviour(
    RUNTIME,
    "InvokeEndpointAsync",
    "The case of an endpoint's name must be matched in an invocation",
    "sagemaker/latest/APIReference/API_CreateEndpoint.html",
)
def test_the_case_of_a_name(aws: Account, hosting: Hosting) -> None:
    for name in (hosting.endpoint.upper(), hosting.endpoint.lower()):
        with aws.refused("ValidationError", f"Endpoint {name} of account {aws.account} not found."):
            hosting.invoke({}, EndpointName=name)


@behaviour(RUNTIME, "InvokeEndpointAsync", "An endpoint that is being created takes no requests", INVOKE)
def test_an_endpoint_that_is_being_created(aws: Account, hosting: Hosting) -> None:
    sagemaker, name = aws.client("sagemaker"), aws.name("endpoint")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=hosting.config)
    aws.later(sagemaker.delete_endpoint, EndpointName=name)
    with aws.refused("ValidationError", "not found"):
        hosting.invoke({}, EndpointName=name)


WRONG: dict[str, dict[str, Any]] = {
    "a time to live of 59 seconds": {"RequestTTLSeconds": 59},
    "a time to live of 21,601 seconds": {"RequestTTLSeconds": 21_601},
    "an invocation time of 0 seconds": {"InvocationTimeoutSeconds": 0},
    "an invocation time of 3,601 seconds": {"InvocationTimeoutSeconds": 3601},
    "an id of 65 letters": {"InferenceId": "a" * 65},
    "an input location of another form": {"InputLocation": "ftp://bucket/key"},
    "an endpoint's name with an underscore": {"EndpointName": "a_b"},
    "custom attributes of 1,025 letters": {"CustomAttributes": "a" * 1025},
}


@behaviour(RUNTIME, "InvokeEndpointAsync", "Refused on AWS as here: {what}", INVOKE)
@pytest.mark.parametrize("what", WRONG)
def test_parameters_that_are_wrong(aws: Account, hosting: Hosting, what: str) -> None:
    wanted = {"EndpointName": hosting.endpoint, "InputLocation": f"s3://{hosting.bucket}/nothing"} | WRONG[what]
    with aws.refused("ValidationError"):
        hosting.unchecked(RUNTIME).invoke_endpoint_async(**wanted)


@behaviour(RUNTIME, "InvokeEndpointAsync", "A request comes in S3 or in the call, not both, not neither", INVOKE)
def test_one_input(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationError"):
        hosting.invoke({}, InputLocation=f"s3://{hosting.bucket}/nothing", Body=b"{}")
    with aws.refused("ValidationError"):
        aws.client(RUNTIME).invoke_endpoint_async(EndpointName=hosting.endpoint)


@behaviour(RUNTIME, "InvokeEndpointAsync", "A request in the call has 128,000 bytes at most", INVOKE)
def test_a_request_that_is_too_large_for_the_call(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationError"):
        hosting.unchecked(RUNTIME).invoke_endpoint_async(EndpointName=hosting.endpoint, Body=b" " * 128_001)


@behaviour(
    RUNTIME,
    ("InvokeEndpoint", "InvokeEndpointWithResponseStream"),
    "An asynchronous endpoint answers no real-time request (on AWS in other words)",
    "sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
    "differs",
)
def test_real_time_requests(aws: Account, hosting: Hosting) -> None:
    runtime = aws.client(RUNTIME)
    for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        with aws.refused("ValidationError"):
            call(EndpointName=hosting.endpoint, Body=b"{}")


@behaviour(RUNTIME, "InvokeEndpointAsync", "Refused: an input location that begins with https", INVOKE, "refused")
def test_https_locations(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationError", "The local cloud takes an InputLocation of the form s3://bucket/key only."):
        hosting.invoke({}, InputLocation=f"https://{hosting.bucket}.s3.amazonaws.com/key")


@behaviour(
    RUNTIME, "InvokeEndpointAsync", "A file name and an extension of the output path say where the answer goes", INVOKE
)
def test_the_place_of_the_answer(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"n": 1}, S3OutputPathExtension="team/a", Filename="picture.json")
    assert answer["OutputLocation"] == f"s3://{hosting.bucket}/output/team/a/picture.json"
    assert hosting.notice(answer["InferenceId"])["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert hosting.read(answer["OutputLocation"])["n"] == 1
