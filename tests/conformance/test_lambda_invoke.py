"""AWS Lambda: what an invocation is, answers and logs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import active
from tests.localcloud.conftest import wait_until, zipped

API = "lambda/latest/api/"
INVOKE = API + "API_Invoke.html"
RECORDED = "localstack:tests/aws/services/lambda_/test_lambda.py::"
PYTHON = "lambda/latest/dg/python-"
SOURCE = """
import json, logging, os, sys, time
from decimal import Decimal
count = 0
class Strange(Exception): pass
def handler(event, context):
    global count
    count += 1
    match event:
        case {"echo": value}: return value
        case {"count": _}: return count
        case {"print": lines}:
            for line in lines: print(line)
        case {"log": text}: logging.getLogger("a.b").warning(text)
        case {"raise": text}: raise Strange(text)
        case {"exit": code}: sys.exit(code)
        case {"sleep": seconds}: print("asleep"); time.sleep(seconds)
        case {"allocate": size}: block = b"x" * (size << 20); return len(block)
        case {"letters": number}: return "x" * number
        case {"eval": text}: return eval(text, {**globals(), "context": context})
    return None
"""


@pytest.fixture(scope="module")
def function(account: Account) -> Iterator[str]:
    """A function that does what its event says."""
    settings = {"Timeout": 10, "Environment": {"Variables": {"GREETING": "hello"}}}
    with account.lasting(account.function, SOURCE, **settings) as arn:
        yield active(account, arn.split(":")[-1])


def invoke(aws: Account, function: str, event: Any = None, **settings: Any) -> Any:
    payload = settings.pop("Payload", None) or json.dumps(event)
    return aws.client("lambda").invoke(FunctionName=function, Payload=payload, **settings)


def returned(aws: Account, function: str, event: Any, **settings: Any) -> Any:
    answer = invoke(aws, function, event, **settings)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def failed(aws: Account, function: str, event: Any, **settings: Any) -> Any:
    answer = invoke(aws, function, event, **settings)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    return json.loads(answer["Payload"].read())


def tail(answer: Any) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize("value", [None, True, 1.5, "text é 😀", [1, {"a": []}], {"b": None}], ids=repr)
@behaviour("lambda", "Invoke", "A result is returned as JSON: {value!r}", PYTHON + "handler.html")
def test_result(aws: Account, function: str, value: Any) -> None:
    assert returned(aws, function, {"echo": value}) == value


@behaviour("lambda", "Invoke", "Without a payload the event is an empty object", INVOKE)
def test_no_payload(aws: Account, function: str) -> None:
    answer = aws.client("lambda").invoke(FunctionName=function)
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["Payload"].read()) == (200, "$LATEST", b"null")


@behaviour("lambda", "Invoke", "A Decimal is returned as a number", PYTHON + "handler.html")
def test_decimal(aws: Account, function: str) -> None:
    assert returned(aws, function, {"eval": "Decimal('1.5')"}) == 1.5


@behaviour("lambda", "Invoke", "A result that is not JSON is an error", PYTHON + "handler.html")
def test_not_json(aws: Account, function: str) -> None:
    error = failed(aws, function, {"eval": "{1, 2}"})
    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


@behaviour(
    "lambda",
    "Invoke",
    "An exception is answered with its type, message, stack trace and request id",
    RECORDED + "TestLambdaErrors::test_lambda_handler_error",
)
def test_exception(aws: Account, function: str) -> None:
    answer = invoke(aws, function, {"raise": "so not"}, LogType="Tail")
    error = json.loads(answer["Payload"].read())
    line = SOURCE[: SOURCE.index("raise Strange")].count("\n") + 1
    assert error == {
        "errorMessage": "so not",
        "errorType": "Strange",
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "stackTrace": [
            f'  File "/var/task/index.py", line {line}, in handler\n    case {{"raise": text}}: raise Strange(text)\n'
        ],
    }
    assert answer["FunctionError"] == "Unhandled"
    assert "[ERROR] Strange: so not\nTraceback (most recent call last):\n" in tail(answer).replace("\r", "\n")


@behaviour(
    "lambda",
    "Invoke",
    "An execution environment is used again, also after an exception",
    "lambda/latest/dg/lambda-runtime-environment.html",
)
def test_warm(aws: Account, function: str) -> None:
    first = returned(aws, function, {"count": 1})
    failed(aws, function, {"raise": "x"})
    assert returned(aws, function, {"count": 1}) == first + 2


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "Runtime exited without providing a reason"), (3, "Runtime exited with error: exit status 3")],
)
@behaviour(
    "lambda",
    "Invoke",
    "A function that exits with {code} is an error",
    RECORDED + "TestLambdaErrors::test_lambda_handler_exit",
)
def test_exit(aws: Account, function: str, code: int, words: str) -> None:
    error = failed(aws, function, {"exit": code})
    assert error["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(rf"RequestId: [0-9a-f-]{{36}} Error: {words}", error["errorMessage"])


@behaviour(
    "lambda",
    "Invoke",
    "A function that exceeds its time-out is ended",
    RECORDED + "TestLambdaBehavior::test_lambda_invoke_with_timeout",
)
def test_timeout(aws: Account, function: str) -> None:
    role = aws.client("lambda").get_function_configuration(FunctionName=function)["Role"]
    short = active(aws, aws.function(SOURCE, Timeout=1, Role=role).split(":")[-1])
    answer = invoke(aws, short, {"sleep": 20}, LogType="Tail")
    error = json.loads(answer["Payload"].read())
    assert error["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1.00 seconds", error["errorMessage"])
    assert "asleep\n" in tail(answer)
    assert "\tStatus: timeout" in tail(answer)
    assert returned(aws, short, {"echo": "alive"}) == "alive"


@behaviour(
    "lambda",
    "Invoke",
    "A function that takes more memory than it has is killed",
    "lambda/latest/dg/troubleshooting-invocation.html",
)
def test_memory(aws: Account, function: str) -> None:
    answer = invoke(aws, function, {"allocate": 160}, LogType="Tail")
    error = json.loads(answer["Payload"].read())
    assert error["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in tail(answer)
    assert returned(aws, function, {"allocate": 20}) == 20 << 20


@behaviour(
    "lambda",
    "Invoke",
    "A result of more than 6 MB is an error",
    RECORDED + "TestLambdaBaseFeatures::test_lambda_too_large_response",
)
def test_large_result(aws: Account, function: str) -> None:
    assert failed(aws, function, {"letters": 6 * 1024 * 1024 + 99}) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6291456), ("Event", 1048576)])
@behaviour("lambda", "Invoke", "A payload of more than {limit} bytes is refused for {kind}", INVOKE)
def test_large_request(aws: Account, function: str, kind: str, limit: int) -> None:
    payload = json.dumps("x" * (limit - 1))
    words = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    with aws.refused("RequestEntityTooLargeException", words, status=413):
        invoke(aws, function, Payload=payload, InvocationType=kind)


@pytest.mark.parametrize("payload", [b"{not", b"\xff\x87", b"{}{}"])
@behaviour(
    "lambda",
    "Invoke",
    "The payload {payload!r} is refused",
    RECORDED + "TestLambdaErrors::test_lambda_invoke_payload_encoding_error",
)
def test_payload_is_not_json(aws: Account, function: str, payload: bytes) -> None:
    words = "Could not parse request body into json: Could not parse payload into json: "
    with aws.refused("InvalidRequestContentException", words, status=400):
        invoke(aws, function, Payload=payload)


@behaviour("lambda", "Invoke", "DryRun runs nothing", RECORDED + "TestLambdaFeatures::test_invocation_type_dry_run")
def test_dry_run(aws: Account, function: str) -> None:
    before = returned(aws, function, {"count": 1})
    answer = invoke(aws, function, {"count": 1}, InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert returned(aws, function, {"count": 1}) == before + 1


@behaviour("lambda", "Invoke", "A function that does not exist is not found", INVOKE)
def test_unknown_function(aws: Account) -> None:
    name = aws.name("none")
    words = f"Function not found: arn:aws:lambda:{aws.region}:{aws.account}:function:{name}"
    with aws.refused("ResourceNotFoundException", words, status=404):
        invoke(aws, name)


@behaviour("lambda", "Invoke", "A version that does not exist is not found", INVOKE)
def test_unknown_version(aws: Account, function: str) -> None:
    with aws.refused("ResourceNotFoundException", f"Function not found: arn:aws:lambda:{aws.region}:", f"{function}:7"):
        invoke(aws, function, Qualifier="7")


@behaviour(
    "lambda",
    "Invoke",
    "LogType Tail returns START, what was printed, END and REPORT",
    RECORDED + "TestLambdaFeatures::test_invocation_with_logs",
)
def test_log_tail(aws: Account, function: str) -> None:
    returned(aws, function, {"echo": 1})
    answer = invoke(aws, function, {"print": ["one", "two"]}, LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    start, one, two, end, report = tail(answer).strip().splitlines()
    assert start == f"START RequestId: {request} Version: $LATEST"
    assert (one, two) == ("one", "two")
    assert end == f"END RequestId: {request}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request}\tDuration: [0-9.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\t?",
        report,
    )


@behaviour("lambda", "Invoke", "LogType Tail returns the last 4 KB", INVOKE)
def test_log_tail_of_much(aws: Account, function: str) -> None:
    answer = invoke(aws, function, {"print": [f"line {number}" for number in range(2000)]}, LogType="Tail")
    assert len(base64.b64decode(answer["LogResult"])) == 4096
    assert "line 1999\nEND RequestId: " in tail(answer)
    assert "line 1\n" not in tail(answer)


@behaviour("lambda", "Invoke", "Without LogType no log is returned", INVOKE)
def test_no_log(aws: Account, function: str) -> None:
    assert "LogResult" not in invoke(aws, function, {"print": ["x"]})


@behaviour("lambda", "Invoke", "logging.warning writes level, time and request id", PYTHON + "logging.html")
def test_logging(aws: Account, function: str) -> None:
    answer = invoke(aws, function, {"log": "careful"}, LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    assert re.search(rf"\[WARNING\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{request}\tcareful\n", tail(answer))


@behaviour(
    "logs",
    "FilterLogEvents",
    "A function's log is in /aws/lambda/NAME, a stream for each environment",
    PYTHON + "logging.html",
)
def test_log_group(aws: Account, function: str) -> None:
    request = invoke(aws, function, {"print": ["hello"]})["ResponseMetadata"]["RequestId"]

    def events() -> Any:
        group = f"/aws/lambda/{function}"
        found = aws.client("logs").filter_log_events(logGroupName=group, filterPattern=f'"{request}"')["events"]
        return found if len(found) >= 3 else None

    found = wait_until(events)
    assert [event["message"].split()[0] for event in found] == ["START", "END", "REPORT"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found[0]["logStreamName"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GREETING", "hello"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12"),
        ("_HANDLER", "index.handler"),
    ],
)
@behaviour("lambda", "Invoke", "{name} is in the environment", "lambda/latest/dg/configuration-envvars.html")
def test_environment(aws: Account, function: str, name: str, value: str) -> None:
    assert returned(aws, function, {"eval": f"os.environ[{name!r}]"}) == value


@behaviour("lambda", "Invoke", "The context says who is called, and how long it may take", PYTHON + "context.html")
def test_context(aws: Account, function: str) -> None:
    names = "function_name", "function_version", "memory_limit_in_mb", "log_group_name", "invoked_function_arn"
    shown = f"[getattr(context, name) for name in {names!r}] + [context.get_remaining_time_in_millis()]"
    name, version, memory, group, arn, left = returned(aws, function, {"eval": shown})
    assert (name, version, int(memory), group) == (function, "$LATEST", 128, f"/aws/lambda/{function}")
    assert arn.endswith(f":function:{function}")
    assert 0 < left <= 10_000


@behaviour("lambda", "Invoke", "The client context is passed on", INVOKE)
def test_client_context(aws: Account, function: str) -> None:
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    assert returned(aws, function, {"eval": "context.client_context.custom"}, ClientContext=context) == {"a": "b"}


@pytest.mark.parametrize(
    ("kind", "source", "handler", "words"),
    [
        ("Runtime.ImportModuleError", "import nothing_like_it", "index.handler", "Unable to import module 'index': No"),
        ("Runtime.ImportModuleError", "", "other.handler", "Unable to import module 'other': No module named 'other'"),
        ("Runtime.HandlerNotFound", "", "index.other", "Handler 'other' missing on module 'index'"),
        ("Runtime.UserCodeSyntaxError", "def x(:", "index.handler", "Syntax error in module 'index': invalid syntax"),
        ("Runtime.MalformedHandlerName", "", "nodot", "Bad handler 'nodot': not enough values to unpack"),
        ("KeyError", "{}['a']", "index.handler", "'a'"),
        ("Runtime.ExitError", "raise SystemExit(4)", "index.handler", "Runtime exited with error: exit status 4"),
    ],
    ids=lambda value: value.replace(" ", "-") if value else "empty",
)
@behaviour(
    "lambda", "Invoke", "Code that cannot be loaded ({source!r}, {handler}) answers {kind}", PYTHON + "exceptions.html"
)
def test_load(aws: Account, function: str, kind: str, source: str, handler: str, words: str) -> None:
    client = aws.client("lambda")
    role = client.get_function_configuration(FunctionName=function)["Role"]
    broken = aws.function(source, Handler=handler, Role=role).split(":")[-1]
    active(aws, broken)
    error = failed(aws, broken, {})
    assert error["errorType"] == kind
    assert words in error["errorMessage"]


@behaviour(
    "lambda", "Invoke", "Two invocations at a time have two environments", "lambda/latest/dg/lambda-concurrency.html"
)
def test_concurrency(aws: Account, function: str) -> None:
    nested = (
        "__import__('boto3').client('lambda').invoke(FunctionName=os.environ['AWS_LAMBDA_FUNCTION_NAME'], "
        "Payload='{\"eval\": \"os.getpid()\"}')['Payload'].read().decode() + ' ' + str(os.getpid())"
    )
    client = aws.client("lambda")
    role = aws.role("lambda.amazonaws.com", {"Effect": "Allow", "Action": ["logs:*", "lambda:*"], "Resource": "*"})
    own = client.create_function(
        FunctionName=aws.name("nested"),
        Role=role,
        Runtime="python3.12",
        Handler="index.handler",
        Timeout=30,
        MemorySize=256,
        Code={"ZipFile": zipped(SOURCE)},
    )["FunctionName"]
    aws.later(client.delete_function, FunctionName=own)
    active(aws, own)
    inner, outer = returned(aws, own, {"eval": nested}).split()
    assert inner != outer
