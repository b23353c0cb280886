"""MiniStack's half: every operation of every service, in every protocol, as botocore writes and reads it.

Nothing is answered here: requests are written by botocore and read by the front, answers and errors the other way.
"""

from __future__ import annotations

import json

import pytest

from localcloud.http import cbor, protocol, query, rest_xml, wire
from localcloud.http.messages import Request
from localcloud.http.protocol import service_model
from localcloud.services import ServiceError
from tests.localcloud.http.wire_requests import answers, operations, parameters, read, request, spoken

SPOKEN = list(spoken())
ELSEWHERE = {
    "ListDirectoryBuckets": "has a host of its own, where GET / asks for it; here GET / is ListBuckets",
    "WriteGetObjectResponse": "has a host of its own",
}
"""Operations of S3 that are not told apart by method, path and arguments."""
STREAMED = {"InvokeWithResponseStream", "GetLogObject", "StartLiveTail", "SelectObjectContent"}
"""Operations whose answer is a stream of events, which MiniStack writes, if anyone."""


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types and names alone are tested; values that fit every pattern of a model are not made up here."""
    for module in (cbor, protocol, query):
        monkeypatch.setattr(module, "checked", lambda model, values: values)
    monkeypatch.setattr(rest_xml, "_check", lambda shape, values: None)


def speaking(service: str, kind: str) -> wire.WireProtocol:
    makers = {
        "smithy-rpc-v2-cbor": cbor.CborProtocol,
        "json": protocol.JsonProtocol,
        "rest-json": protocol.RestJsonProtocol,
        "rest-xml": rest_xml.RestXmlProtocol,
        "query": query.QueryProtocol,
    }
    return next(each for each in wire.protocols(service) if isinstance(each, makers[kind]))


@pytest.mark.parametrize(("service", "kind"), SPOKEN, ids="-".join)
def test_every_request_is_read_as_it_was_meant(service: str, kind: str, unchecked: None) -> None:
    wrong = []
    for model in operations(service):
        if model.name in ELSEWHERE or model.deprecated:
            continue
        arguments = parameters(model)
        asked = request(model, kind, arguments)
        if service == "s3" and not speaking("s3", kind).has_document(model):  # type: ignore[attr-defined]
            arguments.pop(str(model.input_shape.serialization.get("payload")), None)  # an object's bytes
        found = wire.find(service, asked)
        read_as = found.parse(asked) if found is not None else None
        if not isinstance(found, type(speaking(service, kind))) or read_as != (model.name, arguments):
            wrong.append((model.name, found, read_as, arguments))
    assert wrong == []


@pytest.mark.parametrize(("service", "kind"), SPOKEN, ids="-".join)
def test_every_answer_is_read_as_it_was_meant(service: str, kind: str) -> None:
    wrong = []
    for model in operations(service):
        if model.name in STREAMED or model.deprecated:
            continue
        answer = answers(model)
        got = read(model, kind, speaking(service, kind).response(model.name, answer))
        del got["ResponseMetadata"]
        if got != answer:
            wrong.append((model.name, got, answer))
    assert wrong == []


@pytest.mark.parametrize(("service", "kind"), SPOKEN, ids="-".join)
def test_an_answer_with_a_member_that_the_model_lacks_does_not_leave_the_cloud(service: str, kind: str) -> None:
    for model in operations(service):
        if model.output_shape is not None and not model.has_event_stream_output:
            with pytest.raises(protocol.ShapeError, match=r"Nope|requires"):
                speaking(service, kind).response(model.name, {"Nope": 1})


@pytest.mark.parametrize(("service", "kind"), SPOKEN, ids="-".join)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_error_is_raised_with_code_message_and_status(service: str, kind: str, status: int) -> None:
    response = speaking(service, kind).error(ServiceError("SomeCode", "<what> & why: ä", status))
    got = read(operations(service)[0], kind, response)
    assert (got["Error"]["Code"], got["Error"]["Message"]) == ("SomeCode", "<what> & why: ä")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("service", "kind", "code", "shape"),
    [
        ("sqs", "json", "QueueDoesNotExist", "QueueDoesNotExist"),
        ("sqs", "json", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        ("cloudwatch", "json", "InvalidParameterValue", "InvalidParameterValueException"),
        ("cloudwatch", "smithy-rpc-v2-cbor", "InvalidParameterValue", "InvalidParameterValueException"),
    ],
)
def test_services_that_once_spoke_query_name_an_error_twice(service: str, kind: str, code: str, shape: str) -> None:
    response = speaking(service, kind).error(ServiceError(code, "why"))
    body = cbor.cbor2.loads(response.body) if "cbor" in kind else json.loads(response.body)
    assert body["__type"] == shape  # what newer SDKs choose the exception by
    older = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}.get(code, code)
    got = read(operations(service)[0], kind, response)
    assert got["Error"]["Code"] == older  # what boto3 shows


# ---- what is not as it should be


def json_request(target: str, body: bytes) -> Request:
    return Request("POST", "/", {}, {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}, body)


def form(body: str, **headers: str) -> Request:
    return Request("POST", "/", {}, {"content-type": "application/x-www-form-urlencoded", **headers}, body.encode())


def refusal(service: str, asked: Request) -> tuple[str, str]:
    found = wire.find(service, asked)
    assert found is not None
    with pytest.raises(ServiceError) as caught:
        found.parse(asked)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        (b"{", "SerializationException", "not JSON"),
        (b'{"Name": NaN}', "SerializationException", "NaN is not JSON"),
        (b"[" * 100_000, "SerializationException", "not JSON"),
        (b"[]", "SerializationException", "must be an object"),
        (b'{"Name": 1}', "SerializationException", "can not be converted to a String"),
        (b'{"Name": "a", "Nope": 1}', "SerializationException", "unknown parameter 'Nope'"),
        (b"{}", "ValidationException", "Value null at 'name'"),
        (b'{"Name": null}', "ValidationException", "Value null at 'name'"),
    ],
)
def test_json_that_does_not_fit(body: bytes, code: str, part: str) -> None:
    got = refusal("ssm", json_request("AmazonSSM.GetParameter", body))
    assert got[0] == code
    assert part in got[1]


def test_an_unknown_json_operation() -> None:
    assert refusal("ssm", json_request("AmazonSSM.Nope", b"{}"))[0] == "UnknownOperationException"


def test_a_request_for_another_service_than_it_is_signed_for_speaks_none_of_its_protocols() -> None:
    assert wire.find("ssm", json_request("Logs_20140328.DescribeLogGroups", b"{}")) is None


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        ("Action=Nope&Version=2010-03-31", "InvalidAction", "Could not find operation Nope for version 2010-03-31"),
        ("Version=2010-03-31", "InvalidAction", "Could not find operation"),
        ("Action=Publish&Message=m&Nope=1", "MalformedInput", "unknown parameter 'Nope'"),
        ("Action=Publish", "InvalidParameter", "Message Reason: no value for required parameter"),
        ("Action=CreateTopic&Name=n&Tags=x", "MalformedInput", "Tags: must be a list"),
        ("Action=Publish&Message.a=m", "MalformedInput", "Message: must be a value"),
        ("Action=CreateTopic&Name=n&Tags.member.1.Nope=1", "MalformedInput", "unknown parameter 'Tags.1.Nope'"),
        ("&".join(f"a{i}=1" for i in range(100_001)), "MalformedInput", "Max number of fields"),
    ],
)
def test_forms_that_do_not_fit(body: str, code: str, part: str) -> None:
    got = refusal("sns", form(body))
    assert got[0] == code
    assert part in got[1]


def test_a_form_may_come_in_the_url_with_an_old_signature_around_it() -> None:
    names = ("Action", "GetCallerIdentity"), ("Version", "2011-06-15"), ("SignatureVersion", "2"), ("Signature", "x")
    asked = Request("GET", "/", {name: [text] for name, text in names}, {}, b"")
    found = wire.find("sts", asked)
    assert found is not None
    assert found.parse(asked) == ("GetCallerIdentity", {})


def test_an_empty_list_in_a_form_is_an_empty_list() -> None:
    found = wire.find("sns", asked := form("Action=CreateTopic&Name=n&Tags="))
    assert found is not None
    assert found.parse(asked) == ("CreateTopic", {"Name": "n", "Tags": []})


@pytest.mark.parametrize(("body", "code"), [(b"\xff", "SerializationException"), (b"\xa0", "ValidationError")])
def test_cbor_that_does_not_fit(body: bytes, code: str) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert refusal("cloudwatch", Request("POST", path, {}, {"smithy-protocol": "rpc-v2-cbor"}, body))[0] == code


def test_not_a_number_reaches_the_rules_of_cloudwatch() -> None:
    model = service_model("cloudwatch").operation_model("PutMetricData")
    data = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": float("nan")}]}
    found = wire.find("cloudwatch", asked := request(model, "smithy-rpc-v2-cbor", data))
    assert found is not None
    assert str(found.parse(asked)[1]["MetricData"][0]["Value"]) == "nan"


def s3(method: str, path: str, body: bytes = b"", **headers: str) -> Request:
    name, _, text = path.partition("?")
    arguments = {key: [value] for key, _, value in (each.partition("=") for each in text.split("&") if each)}
    return Request(method, name, arguments, {key.replace("_", "-"): each for key, each in headers.items()}, body)


@pytest.mark.parametrize(
    ("asked", "operation"),
    [
        (s3("GET", "/"), "ListBuckets"),
        (s3("GET", "/b"), "ListObjects"),
        (s3("GET", "/b/"), "ListObjects"),
        (s3("GET", "/b?list-type=2"), "ListObjectsV2"),
        (s3("GET", "/b?list-type=2&prefix=a&acl-is-not-asked-for"), "ListObjectsV2"),
        (s3("GET", "/b?versions"), "ListObjectVersions"),
        (s3("GET", "/b?location"), "GetBucketLocation"),
        (s3("GET", "/b/k"), "GetObject"),
        (s3("GET", "/b/k?versionId=1"), "GetObject"),
        (s3("GET", "/b/k?uploadId=1"), "ListParts"),
        (s3("GET", "/b/k?tagging"), "GetObjectTagging"),
        (s3("PUT", "/b/a//b/"), "PutObject"),
        (s3("PUT", "/b/k", x_amz_copy_source="b/j"), "CopyObject"),
        (s3("PUT", "/b/k?partNumber=1&uploadId=1"), "UploadPart"),
        (s3("PUT", "/b/k?partNumber=1&uploadId=1", x_amz_copy_source="b/j"), "UploadPartCopy"),
        (s3("POST", "/b/k?uploads"), "CreateMultipartUpload"),
        (s3("POST", "/b/k?uploadId=1"), "CompleteMultipartUpload"),
        (s3("DELETE", "/b/k?uploadId=1"), "AbortMultipartUpload"),
        (s3("DELETE", "/b/k"), "DeleteObject"),
        (s3("DELETE", "/b"), "DeleteBucket"),
        (s3("PUT", "/k", host="bucket.localhost:4566"), "PutObject"),
        (s3("GET", "/", host="bucket.s3.us-east-1.localhost"), "ListObjects"),
        (s3("GET", "/b/k", host="s3.localhost:4566"), "GetObject"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.method} {value.path}",
)
def test_s3_operations_are_told_apart(asked: Request, operation: str) -> None:
    assert speaking("s3", "rest-xml").parse(asked)[0] == operation


BROKEN = "The XML you provided was not well-formed or did not validate against our published schema"


@pytest.mark.parametrize(
    ("asked", "code", "part"),
    [
        (s3("POST", "/b/k"), "MethodNotAllowed", "not allowed"),
        (s3("PUT", "/b?versioning", b"<V"), "MalformedXML", BROKEN),
        (s3("PUT", "/b?versioning", b"<V><Status>On</Status></V>"), "MalformedXML", BROKEN),
        (s3("PUT", "/b?versioning", b"<V><Nope/></V>"), "MalformedXML", BROKEN),
        (s3("PUT", "/b?versioning"), "MissingRequestBodyError", "Request Body is empty"),
        (s3("GET", "/b?max-keys=many"), "InvalidArgument", "MaxKeys"),
        (s3("GET", "/b?encoding-type=utf"), "InvalidArgument", "Invalid Encoding Method specified in Request"),
        (s3("PUT", "/b/k", x_amz_storage_class="GOLD"), "InvalidStorageClass", "not valid"),
        (s3("PUT", "/b/k", x_amz_acl="all"), "InvalidArgument", "enum value set"),
    ],
    ids=str,
)
def test_s3_requests_that_do_not_fit(asked: Request, code: str, part: str) -> None:
    got = refusal("s3", asked)
    assert got[0] == code
    assert part in got[1]


def test_a_date_that_s3_cannot_read_is_as_if_it_were_not_there() -> None:
    asked = s3("GET", "/b/k", if_modified_since="yesterday")
    assert speaking("s3", "rest-xml").parse(asked)[1].get("IfModifiedSince") is None


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/2018-10-31/layers", "ListLayers"),
        ("/2018-10-31/layers?find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("/2015-03-31/functions/f", "GetFunction"),
        ("/2015-03-31/functions/", "ListFunctions"),
    ],
)
def test_lambda_operations_that_differ_in_an_argument_are_told_apart(
    path: str, operation: str, unchecked: None
) -> None:
    assert speaking("lambda", "rest-json").parse(s3("GET", path))[0] == operation
