"""AWS Lambda: a function's configuration by itself."""

from __future__ import annotations

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

SOURCE = "def handler(event, context):\n    return 1\n"
API = "lambda/latest/api/API_GetFunctionConfiguration.html"


@behaviour(
    "lambda",
    ("GetFunctionConfiguration", "GetFunction"),
    "A function's configuration is the one that GetFunction shows, without the place of its code",
    API,
)
def test_the_configuration(aws: Account) -> None:
    functions, arn = aws.client("lambda"), aws.function(SOURCE, MemorySize=256, Timeout=7)
    alone = functions.get_function_configuration(FunctionName=arn)
    assert (alone["FunctionArn"], alone["MemorySize"], alone["Timeout"]) == (arn, 256, 7)
    shown = functions.get_function(FunctionName=arn)["Configuration"]
    names = (
        "FunctionName",
        "FunctionArn",
        "Runtime",
        "Role",
        "Handler",
        "CodeSize",
        "CodeSha256",
        "Timeout",
        "Version",
    )
    assert {name: alone[name] for name in names} == {name: shown[name] for name in names}
    assert "Code" not in alone


@behaviour("lambda", "GetFunctionConfiguration", "A function that does not exist is not found", API)
def test_an_unknown_function(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException", "Function not found: arn:aws:lambda:"):
        aws.client("lambda").get_function_configuration(FunctionName=aws.name())
