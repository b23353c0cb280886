"""AWS Lambda: what the request alone shows to be wrong, or to have no effect here.

AWS Lambda API Reference (docs.aws.amazon.com/lambda/latest/api), the page of each operation; the Developer Guide's
"Lambda quotas" (lambda/latest/dg/gettingstarted-limits.html) and "Defined runtime environment variables"
(lambda/latest/dg/configuration-envvars.html). Wording: answers of AWS that LocalStack recorded
(tests/aws/services/lambda_/test_lambda_api.snapshot.json and test_lambda.snapshot.json).
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.rules import Call, rule
from localcloud.services import ServiceError

MAX_REQUEST_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
MAX_ZIP_BYTES = 50 * 1024 * 1024
MAX_ENVIRONMENT_BYTES = 4096
MAX_LAYERS = 5
MAX_TAGS = 50
RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
DEPRECATED = ("nodejs", "java8", "go1.x", "provided", "ruby2.", "dotnetcore", "python2.7", "python3.6", "python3.7")
"""Runtimes with which AWS creates no function any more (Developer Guide, "Deprecated runtimes")."""
_WITHOUT_EFFECT = {
    "CapacityProviderConfig": "functions on instances of your own",
    "CodeSigningConfigArn": "code signing",
    "DurableConfig": "durable functions",
    "FileSystemConfigs": "file systems",
    "ImageConfig": "container images",
    "KMSKeyArn": "keys of KMS",
    "TenancyConfig": "tenant isolation",
}


def invalid(message: str) -> ServiceError:
    """The error that Lambda has for almost all parameters."""
    return ServiceError("InvalidParameterValueException", message)


def constraint(value: object, member: str, text: str) -> ServiceError:
    """An error in the words of the models' own constraints."""
    message = (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {text}"
    )
    return ServiceError("ValidationException", message)


def not_offered(what: str) -> ServiceError:
    """What AWS has and the local cloud does not."""
    return invalid(f"The local cloud does not offer {what}: the setting would have no effect. Leave it out.")


@rule("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def configuration(call: Call) -> None:
    """Quotas, reserved variables, runtimes, and settings that would have no effect here (API_CreateFunction)."""
    given = call.parameters
    if given.get("Timeout", 3) > 900:
        raise constraint(given["Timeout"], "timeout", "have value less than or equal to 900")
    if given.get("MemorySize", 128) > 10240:
        raise constraint(given["MemorySize"], "memorySize", "have value less than or equal to 10240")
    size = (given.get("EphemeralStorage") or {}).get("Size", 512)
    if size > 10240:
        raise constraint(size, "ephemeralStorage.size", "have value less than or equal to 10240")
    # What the CDK brings itself is JavaScript, and is not run here (localcloud.bucket_emptier does its work).
    _check_runtime(given.get("Runtime", "python3.12"), of_stack=not call.access_key)
    _check_variables((given.get("Environment") or {}).get("Variables") or {})
    _check_layers(given.get("Layers") or [])
    for member, what in _WITHOUT_EFFECT.items():
        if given.get(member):
            raise not_offered(what)
    if (given.get("VpcConfig") or {}).get("SubnetIds"):
        raise not_offered("VPCs")
    if (given.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise not_offered("SnapStart")
    if (given.get("TracingConfig") or {}).get("Mode") == "Active":
        raise not_offered("X-Ray")
    if (given.get("LoggingConfig") or {}).get("LogFormat", "Text") != "Text":
        raise not_offered("logs that Lambda itself writes as JSON")


@rule("lambda", "CreateFunction")
def creation(call: Call) -> None:
    """Package, handler and tags (API_CreateFunction)."""
    given = call.parameters
    if given.get("PackageType") == "Image" or "ImageUri" in given["Code"]:
        raise not_offered("container images")
    if not given.get("Runtime") or not given.get("Handler"):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if len(given["FunctionName"].rpartition(":")[2]) > 64:
        raise constraint(given["FunctionName"], "functionName", "have length less than or equal to 64")
    _check_code(given["Code"])
    if len(given.get("Tags") or {}) > MAX_TAGS:
        raise invalid("Number of tags exceeds resource tag limit.")


@rule("lambda", "UpdateFunctionCode")
def code(call: Call) -> None:
    """The package (API_UpdateFunctionCode)."""
    if "ImageUri" in call.parameters:
        raise not_offered("container images")
    _check_code(call.parameters)


def _check_code(given: dict[str, Any]) -> None:
    bundle = given.get("ZipFile")
    if bundle is None and not (given.get("S3Bucket") and given.get("S3Key")):
        raise invalid("Please provide a source for function code.")
    if bundle is not None and given.get("S3Bucket"):
        raise invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
    if len(bundle or b"") > MAX_ZIP_BYTES:
        message = f"Zipped size must be smaller than {MAX_ZIP_BYTES} bytes"
        raise ServiceError("RequestEntityTooLargeException", message, 413)
    if given.get("SourceKMSKeyArn"):
        raise not_offered("keys of KMS")


def _check_runtime(runtime: str, *, of_stack: bool) -> None:
    if runtime.startswith(DEPRECATED) and not re.match(
        r"nodejs2[0-9]|nodejs18|nodejs16|provided\.|java8\.al2", runtime
    ):
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if not runtime.startswith("python3.") and not of_stack:
        raise not_offered(f"the runtime {runtime}; it runs functions in Python")


def _check_variables(variables: dict[str, str]) -> None:
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > MAX_ENVIRONMENT_BYTES:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}"
        )


def _check_layers(layers: list[str]) -> None:
    if len(layers) > MAX_LAYERS:
        raise invalid("Cannot reference more than 5 layers.")
    seen: dict[str, str] = {}
    for layer in layers:
        name = layer.rpartition(":")[0]
        if name in seen:
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[name]} and {layer} are versions of the same layer."
            )
        seen[name] = layer


@rule("lambda", "Invoke")
def payload(call: Call) -> None:
    """Sizes and form of the payload (API_Invoke; "Lambda quotas", invocation payload)."""
    body: bytes = call.parameters.get("Payload") or b""
    limit = MAX_EVENT_BYTES if call.parameters.get("InvocationType") == "Event" else MAX_REQUEST_BYTES
    if len(body) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise ServiceError("RequestEntityTooLargeException", message, 413)
    if body:
        try:
            json.loads(body)
        except ValueError as error:
            message = f"Could not parse request body into json: Could not parse payload into json: {error}"
            raise ServiceError("InvalidRequestContentException", message) from None


@rule("lambda", "AddPermission")
def permission(call: Call) -> None:
    """Who may be named (API_AddPermission)."""
    principal = call.parameters["Principal"]
    account = re.fullmatch(r"\d{12}|arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:.+|\*", principal)
    service = re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", principal)
    if not account and not service:
        raise invalid("The provided principal was invalid. Please check the principal and try again.")
    if call.parameters.get("Qualifier") == "$LATEST":
        raise invalid("We currently do not support adding policies for $LATEST.")


@rule("lambda", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "GetFunctionConcurrency")
def unqualified(call: Call) -> None:
    """Reserved concurrency is a function's, not a version's (API_PutFunctionConcurrency)."""
    if re.search(r"function:[^:]+:.+", call.parameters["FunctionName"]):
        raise invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )


@rule("lambda", "TagResource", "UntagResource", "ListTags")
def tags(call: Call) -> None:
    """Versions and aliases have no tags (API_TagResource)."""
    if re.search(r":function:[^:]+:.+", call.parameters["Resource"]):
        raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")


@rule("lambda", "PutFunctionEventInvokeConfig")
def something_to_configure(call: Call) -> None:
    """At least one setting (API_PutFunctionEventInvokeConfig)."""
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"} & call.parameters.keys():
        raise invalid("You must specify at least one of error handling or destination setting.")
