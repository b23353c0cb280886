"""AWS Lambda: updates, policies, concurrency, tags and lists."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import ONE, active, function
from tests.localcloud.conftest import zipped

API = "lambda/latest/api/"
RECORDED = "localstack:tests/aws/services/lambda_/test_lambda_api.py::"


@behaviour(
    "lambda",
    ("UpdateFunctionCode", "Invoke"),
    "New code runs in a new environment",
    API + "API_UpdateFunctionCode.html",
)
def test_update_code(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    assert client.invoke(FunctionName=name)["Payload"].read() == b"1"
    before = client.get_function_configuration(FunctionName=name)
    updated = client.update_function_code(FunctionName=name, ZipFile=zipped("def handler(event, context): return 2"))
    assert updated["CodeSha256"] != before["CodeSha256"]
    assert updated["RevisionId"] != before["RevisionId"]
    active(aws, name)
    assert client.invoke(FunctionName=name)["Payload"].read() == b"2"


@pytest.mark.parametrize("missing", ["Key", "Bucket"])
@behaviour(
    "lambda",
    "UpdateFunctionCode",
    "New code whose {missing} does not exist is refused",
    RECORDED + "TestLambdaFunction::test_lambda_code_location_s3_errors",
)
def test_update_to_missing_code(aws: Account, role: str, missing: str) -> None:
    name, bucket = function(aws, role), aws.bucket() if missing == "Key" else aws.name("none")
    with aws.refused("InvalidParameterValueException", f"GetObject. S3 Error Code: NoSuch{missing}. S3 Error Message"):
        aws.client("lambda").update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="none.zip")


@behaviour(
    "lambda",
    ("UpdateFunctionConfiguration", "Invoke"),
    "New settings are seen by the next invocation",
    API + "API_UpdateFunctionConfiguration.html",
)
def test_update_configuration(aws: Account, role: str) -> None:
    client = aws.client("lambda")
    source = "import os\ndef handler(event, context):\n    return os.environ.get('AB'), context.memory_limit_in_mb"
    name = active(aws, aws.function(source, Role=role).split(":")[-1])
    client.invoke(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"AB": "b"}}, MemorySize=192)
    active(aws, name)
    assert json.loads(client.invoke(FunctionName=name)["Payload"].read()) == ["b", "192"]


@behaviour(
    "lambda",
    ("UpdateFunctionConfiguration", "UpdateFunctionCode"),
    "An update during an update is refused",
    RECORDED + "TestLambdaFunction::test_lambda_concurrent_code_updates",
)
def test_update_during_update(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    words = "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:"

    def refusal(operation: Any, **settings: Any) -> Any:
        """The error of an update right after another; an update may be over before, on a busy machine."""
        for attempt in range(20):
            client.update_function_configuration(FunctionName=name, Timeout=5 + attempt)
            try:
                operation(FunctionName=name, **settings)
            except ClientError as error:
                active(aws, name)
                return error.response
            active(aws, name)
        pytest.fail("20 updates were over before the next")

    for response in (
        refusal(client.update_function_code, ZipFile=zipped(ONE)),
        refusal(client.update_function_configuration, Timeout=60),
    ):
        assert response["Error"]["Code"] == "ResourceConflictException"
        assert response["Error"]["Message"].startswith(words)
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize(
    "operation",
    ["get_function", "get_function_configuration", "delete_function", "get_function_concurrency"],
)
@behaviour(
    "lambda",
    (),
    "{operation} of a function that does not exist is refused",
    RECORDED + "TestLambdaFunction::test_ops_on_nonexisting_fn",
)
def test_not_found(aws: Account, operation: str) -> None:
    words = f"Function not found: arn:aws:lambda:{aws.region}:{aws.account}:function:none"
    with aws.refused("ResourceNotFoundException", words, status=404):
        getattr(aws.client("lambda"), operation)(FunctionName="none")


@behaviour("lambda", ("DeleteFunction", "GetFunction"), "A deleted function is gone", API + "API_DeleteFunction.html")
def test_delete(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    client.delete_function(FunctionName=name)
    with aws.refused("ResourceNotFoundException", f"function:{name}"):
        client.get_function(FunctionName=name)


@behaviour(
    "lambda",
    "GetFunction",
    "GetFunction links to the code for ten minutes; the local cloud gives no link",
    API + "API_GetFunction.html",
    "differs",
)
def test_no_link(aws: Account, role: str) -> None:
    assert aws.client("lambda").get_function(FunctionName=function(aws, role))["Code"] == {"RepositoryType": "S3"}


@behaviour(
    "lambda",
    ("AddPermission", "GetPolicy", "RemovePermission"),
    "A policy has the statements that were added and not removed",
    RECORDED + "TestLambdaPermissions::test_remove_multi_permissions",
)
def test_policy(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    with aws.refused("ResourceNotFoundException", "The resource you requested does not exist.", status=404):
        client.get_policy(FunctionName=name)
    topic = f"arn:aws:sns:{aws.region}:{aws.account}:t"
    added = client.add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "sns",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"arn:aws:lambda:{aws.region}:{aws.account}:function:{name}",
        "Condition": {"ArnLike": {"AWS:SourceArn": topic}},
    }
    assert json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"] == [statement]
    with aws.refused("ResourceNotFoundException", "Statement other is not found in resource policy."):
        client.remove_permission(FunctionName=name, StatementId="other")
    client.remove_permission(FunctionName=name, StatementId="sns")
    with aws.refused("ResourceNotFoundException", "No policy is associated with the given resource."):
        client.remove_permission(FunctionName=name, StatementId="sns")


@behaviour(
    "lambda",
    "AddPermission",
    "A statement id that is taken, an unknown principal, $LATEST and an unknown function are refused",
    RECORDED + "TestLambdaPermissions::test_permission_exceptions",
)
def test_refused_permissions(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    given = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    client.add_permission(FunctionName=name, **given)
    words = "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing"
    with aws.refused("ResourceConflictException", words, status=409):
        client.add_permission(FunctionName=name, **given)
    with aws.refused("InvalidParameterValueException", "The provided principal was invalid."):
        client.add_permission(FunctionName=name, **{**given, "StatementId": "b", "Principal": "invalid.nonaws.com"})
    with aws.refused("InvalidParameterValueException", "We currently do not support adding policies for $LATEST."):
        client.add_permission(FunctionName=name, **{**given, "StatementId": "c", "Qualifier": "$LATEST"})
    with aws.refused("ResourceNotFoundException", "Function not found: arn:aws:lambda:", ":function:none"):
        client.add_permission(FunctionName="none", **given)
    with aws.refused("ValidationException", "Value 'example.com' at 'statementId' failed to satisfy constraint"):
        client.add_permission(FunctionName=name, **{**given, "StatementId": "example.com"})


@behaviour(
    "lambda",
    ("PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency"),
    "Reserved concurrency is kept, and gone after Delete",
    RECORDED + "TestLambdaReservedConcurrency::test_function_concurrency",
)
def test_concurrency(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 2
    client.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)


@behaviour(
    "lambda",
    "PutFunctionConcurrency",
    "A reservation that leaves less than 100 is refused",
    RECORDED + "TestLambdaReservedConcurrency::test_function_concurrency_limits",
)
def test_too_much_concurrency(aws: Account, role: str) -> None:
    words = (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below"
    )
    with aws.refused("InvalidParameterValueException", words):
        aws.client("lambda").put_function_concurrency(
            FunctionName=function(aws, role), ReservedConcurrentExecutions=5000
        )


@behaviour(
    "lambda",
    "PutFunctionConcurrency",
    "Concurrency of a version is refused",
    RECORDED + "TestLambdaReservedConcurrency::test_function_concurrency_exceptions",
)
def test_concurrency_of_a_version(aws: Account) -> None:
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:any:1"
    with aws.refused("InvalidParameterValueException", "This operation is permitted on Lambda functions only."):
        aws.client("lambda").put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)


@behaviour(
    "lambda",
    ("TagResource", "ListTags", "UntagResource"),
    "Tags are added, replaced and removed",
    RECORDED + "TestLambdaTags::test_tag_lifecycle",
)
def test_tags(aws: Account, role: str) -> None:
    name, client = function(aws, role, Tags={"a": "1"}), aws.client("lambda")
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{name}"
    client.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    assert client.list_tags(Resource=arn)["Tags"] == {"a": "2", "b": "3"}
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "3"}


@behaviour(
    "lambda",
    ("TagResource", "ListTags"),
    "Tags of a version, more than 50, and of nothing are refused",
    RECORDED + "TestLambdaTags::test_tag_exceptions",
)
def test_refused_tags(aws: Account, role: str) -> None:
    client, arn = aws.client("lambda"), f"arn:aws:lambda:{aws.region}:{aws.account}:function:"
    with aws.refused("InvalidParameterValueException", "Tags on function aliases and versions are not supported."):
        client.tag_resource(Resource=arn + "any:1", Tags={"a": "b"})
    with aws.refused("ResourceNotFoundException", f"Function not found: {arn}none"):
        client.list_tags(Resource=arn + "none")
    with aws.refused("InvalidParameterValueException", "Number of tags exceeds resource tag limit."):
        client.tag_resource(Resource=arn + function(aws, role), Tags={f"k{number}": "x" for number in range(51)})


@behaviour("lambda", "ListFunctions", "Functions are listed in pages", API + "API_ListFunctions.html")
def test_list(aws: Account, role: str) -> None:
    names = {aws.function(ONE, Role=role).split(":")[-1] for _ in range(3)}
    pages = list(aws.client("lambda").get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["Functions"]) <= 2 for page in pages)
    assert names <= {each["FunctionName"] for page in pages for each in page["Functions"]}
