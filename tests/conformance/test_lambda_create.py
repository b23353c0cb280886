"""AWS Lambda: which functions can be created."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import active, unchecked
from tests.localcloud.conftest import zipped

API = "lambda/latest/api/"
CREATE = API + "API_CreateFunction.html"
RECORDED = "localstack:tests/aws/services/lambda_/test_lambda_api.py::"
SOURCE = "def handler(event, context):\n    return event"


def create(aws: Account, role: str, **settings: Any) -> Any:
    given = {
        "FunctionName": aws.name("function"),
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": zipped(SOURCE)},
        **settings,
    }
    made = unchecked(aws, "lambda").create_function(**{key: value for key, value in given.items() if value is not None})
    aws.later(aws.client("lambda").delete_function, FunctionName=made["FunctionName"])
    return made


@behaviour("lambda", ("CreateFunction", "GetFunction"), "A new function has AWS's defaults and is Pending", CREATE)
def test_defaults(aws: Account, role: str) -> None:
    made = create(aws, role, Tags={"team": "a"})
    assert (made["Timeout"], made["MemorySize"], made["PackageType"], made["State"]) == (3, 128, "Zip", "Pending")
    assert made["EphemeralStorage"] == {"Size": 512}
    assert made["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{made['FunctionName']}"}
    found = aws.client("lambda").get_function(FunctionName=made["FunctionArn"])
    assert found["Configuration"]["CodeSha256"] == made["CodeSha256"]
    assert found["Tags"] == {"team": "a"}


@behaviour("lambda", "CreateFunction", "A name that is taken is refused", CREATE)
def test_taken(aws: Account, role: str) -> None:
    made = create(aws, role)
    with aws.refused("ResourceConflictException", "Function already exist: ", status=409):
        create(aws, role, FunctionName=made["FunctionName"])


@pytest.mark.parametrize("missing", ["Key", "Bucket"])
@behaviour(
    "lambda",
    "CreateFunction",
    "Code whose {missing} does not exist in S3 is refused",
    RECORDED + "TestLambdaFunction::test_lambda_code_location_s3_errors",
)
def test_missing_code(aws: Account, role: str, missing: str) -> None:
    bucket = aws.bucket() if missing == "Key" else aws.name("none")
    words = f"Error occurred while GetObject. S3 Error Code: NoSuch{missing}. S3 Error Message: "
    with aws.refused("InvalidParameterValueException", words):
        create(aws, role, Code={"S3Bucket": bucket, "S3Key": "none.zip"})


@behaviour("lambda", ("CreateFunction", "Invoke"), "Code is taken from a version of an object in S3", CREATE)
def test_code_from_s3(aws: Account, role: str) -> None:
    bucket, s3 = aws.bucket(), aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped("def handler(e, c):\n    return 1"))
    s3.put_object(Bucket=bucket, Key="code.zip", Body=b"not a bundle")
    code = {"S3Bucket": bucket, "S3Key": "code.zip", "S3ObjectVersion": first["VersionId"]}
    made = create(aws, role, Code=code)
    active(aws, made["FunctionName"])
    assert aws.client("lambda").invoke(FunctionName=made["FunctionName"])["Payload"].read() == b"1"


@behaviour(
    "lambda",
    "CreateFunction",
    "Code that is not a zip archive is refused",
    RECORDED + "TestLambdaFunction::test_create_lambda_exceptions",
)
def test_not_a_zip(aws: Account, role: str) -> None:
    with aws.refused("InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then"):
        create(aws, role, Code={"ZipFile": b"this is not a zip archive"})


@behaviour("lambda", "CreateFunction", "A function without code is refused", CREATE)
def test_no_code(aws: Account, role: str) -> None:
    with aws.refused("InvalidParameterValueException"):
        create(aws, role, Code={})


@pytest.mark.parametrize("runtime", ["python9", "PYTHON3.12", "python3.99"])
@behaviour(
    "lambda",
    "CreateFunction",
    "Runtime {runtime} is refused",
    RECORDED + "TestLambdaFunction::test_create_lambda_exceptions",
)
def test_unknown_runtime(aws: Account, role: str, runtime: str) -> None:
    words = f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["
    with aws.refused("InvalidParameterValueException", words):
        create(aws, role, Runtime=runtime)


@behaviour(
    "lambda",
    "CreateFunction",
    "A runtime that AWS has retired is refused",
    RECORDED + "TestRuntimeValidation::test_create_deprecated_function_runtime_with_validation_enabled",
)
def test_retired_runtime(aws: Account, role: str) -> None:
    with aws.refused("InvalidParameterValueException", "python3.7 is no longer supported for creating or updating"):
        create(aws, role, Runtime="python3.7")


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        ("nodejs22.x", {"Runtime": "nodejs22.x"}),
        ("java21", {"Runtime": "java21"}),
        ("container images", {"PackageType": "Image", "Code": {"ImageUri": "a/b:c"}, "Runtime": None, "Handler": None}),
        ("VPCs", {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}),
        ("X-Ray", {"TracingConfig": {"Mode": "Active"}}),
        ("SnapStart", {"SnapStart": {"ApplyOn": "PublishedVersions"}}),
        ("logs that Lambda itself writes as JSON", {"LoggingConfig": {"LogFormat": "JSON"}}),
        ("keys of KMS", {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/a"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@behaviour("lambda", "CreateFunction", "Functions with {what} are not offered", CREATE, "refused")
def test_not_offered(aws: Account, role: str, what: str, settings: dict[str, Any]) -> None:
    with aws.refused("InvalidParameterValueException", "The local cloud does not offer", what):
        create(aws, role, **settings)


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("Timeout", 0, "at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ("Timeout", 901, "at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"),
        ("MemorySize", 127, "at 'memorySize' failed to satisfy constraint: Member must have value greater than or"),
        ("MemorySize", 10241, "at 'memorySize' failed to satisfy constraint: Member must have value less than or"),
        ("Role", "nope", "at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern:"),
        ("Handler", "has space.x", "at 'handler' failed to satisfy constraint: Member must satisfy regular expression"),
        ("Architectures", ["x86_64", "arm64"], "Member must have length less than or equal to 1"),
    ],
)
@behaviour(
    "lambda",
    "CreateFunction",
    "{member} {value} is refused",
    RECORDED + "TestLambdaFunction::test_create_lambda_exceptions",
)
def test_constraints(aws: Account, role: str, member: str, value: Any, words: str) -> None:
    with aws.refused("ValidationException", "1 validation error detected: Value '", words):
        create(aws, role, **{member: value})


@pytest.mark.parametrize("size", [511, 10241])
@behaviour("lambda", "CreateFunction", "Ephemeral storage of {size} MB is refused", CREATE)
def test_ephemeral_storage(aws: Account, role: str, size: int) -> None:
    with aws.refused("ValidationException", "at 'ephemeralStorage.size' failed to satisfy constraint"):
        create(aws, role, EphemeralStorage={"Size": size})


@behaviour("lambda", "CreateFunction", "Handler and runtime are mandatory", CREATE)
def test_handler_is_mandatory(aws: Account, role: str) -> None:
    words = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    with aws.refused("InvalidParameterValueException", words):
        create(aws, role, Handler=None)
    with aws.refused("InvalidParameterValueException", words):
        create(aws, role, Runtime=None)


@behaviour("lambda", "CreateFunction", "A role that does not exist is refused", CREATE)
def test_missing_role(aws: Account) -> None:
    words = "The role defined for the function cannot be assumed by Lambda."
    with aws.refused("InvalidParameterValueException", words):
        create(aws, f"arn:aws:iam::{aws.account}:role/{aws.name('none')}")


@behaviour(
    "lambda",
    ("CreateFunction", "UpdateFunctionConfiguration"),
    "A role that does not trust Lambda is refused",
    "lambda/latest/dg/lambda-intro-execution-role.html",
)
def test_role_of_another_service(aws: Account, role: str) -> None:
    other, words = aws.role("ec2.amazonaws.com"), "The role defined for the function cannot be assumed by Lambda."
    with aws.refused("InvalidParameterValueException", words):
        create(aws, other)
    made = create(aws, role)["FunctionName"]
    active(aws, made)
    with aws.refused("InvalidParameterValueException", words):
        aws.client("lambda").update_function_configuration(FunctionName=made, Role=other)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT"])
@behaviour(
    "lambda",
    "CreateFunction",
    "The reserved environment variable {name} is refused",
    "lambda/latest/dg/configuration-envvars.html",
)
def test_reserved_variable(aws: Account, role: str, name: str) -> None:
    with aws.refused("InvalidParameterValueException", "Reserved keys used in this request: " + name):
        create(aws, role, Environment={"Variables": {name: "x"}})


@behaviour(
    "lambda",
    "CreateFunction",
    "Environment variables of more than 4 KB are refused, 4 KB are taken",
    RECORDED + "TestLambdaSizeLimits::test_large_environment_variables_fails",
)
def test_environment_size(aws: Account, role: str) -> None:
    fits = "x" * (4096 - len('{"BIG":""}'))
    create(aws, role, Environment={"Variables": {"BIG": fits}})
    with aws.refused("InvalidParameterValueException", "exceeded the 4KB limit. String measured: {"):
        create(aws, role, Environment={"Variables": {"BIG": fits + "x"}})


@pytest.mark.parametrize("service", ["sqs", "sns"])
@behaviour(
    "lambda",
    "CreateFunction",
    "A dead-letter target of {service} that does not exist is refused",
    "lambda/latest/dg/invocation-async-retain-records.html",
    "ours",
)
def test_missing_dead_letter_target(aws: Account, role: str, service: str) -> None:
    target = f"arn:aws:{service}:{aws.region}:{aws.account}:{aws.name('none')}"
    with aws.refused("InvalidParameterValueException", target):
        create(aws, role, DeadLetterConfig={"TargetArn": target})


@behaviour("lambda", "CreateFunction", "More than 50 tags are refused", RECORDED + "TestLambdaTags::test_tag_limits")
def test_tags(aws: Account, role: str) -> None:
    with aws.refused("InvalidParameterValueException", "Number of tags exceeds resource tag limit."):
        create(aws, role, Tags={f"key{number}": "x" for number in range(51)})


@behaviour("cloudformation", "CreateStack", "A stack whose function has no code in S3 fails", CREATE)
def test_missing_code_in_a_stack(aws: Account, role: str) -> None:
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"S3Bucket": aws.name("none"), "S3Key": "none.zip"},
    }
    stack = aws.stack({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "F"]
    assert any("Error occurred while GetObject. S3 Error Code: NoSuchBucket" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("AWS::Lambda::Function", {"Runtime": "python3.99"}, "python3.99"),
        ("AWS::Lambda::Function", {"Timeout": 9999}, "Timeout"),
        ("AWS::Lambda::Function", {"MemorySize": 1}, "MemorySize"),
        ("AWS::Lambda::Function", {"Role": "arn:aws:iam::000000000000:role/none"}, "cannot be assumed by Lambda"),
        ("AWS::Lambda::Function", {"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this"),
        ("AWS::Events::Rule", {"Description": "neither"}, "EventPattern or ScheduleExpression must be specified"),
        ("AWS::Events::Rule", {"ScheduleExpression": "rate(1 minutes)"}, "ScheduleExpression is not valid"),
        ("AWS::SSM::Parameter", {"Type": "String", "Value": "x" * 4097}, "maximum parameter value of 4096"),
        ("AWS::SSM::Parameter", {"Type": "String", "Value": "x", "AllowedPattern": "y"}, "allowedPattern"),
    ],
    ids=["runtime", "timeout", "memory", "role", "variable", "rule", "schedule", "size", "pattern"],
)
@behaviour(
    "cloudformation",
    "CreateStack",
    "A stack fails whose {kind} the service refuses: {reason}",
    "AWSCloudFormation/latest/UserGuide/troubleshooting.html",
)
def test_refused_in_a_stack(aws: Account, role: str, kind: str, properties: dict[str, Any], reason: str) -> None:
    if kind == "AWS::Lambda::Function":
        code = {"ZipFile": "def handler(event, context): pass"}
        properties = {"Runtime": "python3.12", "Handler": "index.handler", "Role": role, "Code": code, **properties}
    stack = aws.stack({"Resources": {"R": {"Type": kind, "Properties": properties}}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    assert any(reason in event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "R")
