"""AWS Lambda: asynchronous invocations, their metrics and destinations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import active, unchecked
from tests.localcloud.conftest import wait_until

API = "lambda/latest/api/"
PUT = API + "API_PutFunctionEventInvokeConfig.html"
RECORDED = "localstack:tests/aws/services/lambda_/test_lambda_api.py::TestLambdaEventInvokeConfig::"
ASYNC = "lambda/latest/dg/invocation-async.html"
RECORDS = "lambda/latest/dg/invocation-async-retain-records.html"
METRICS = "lambda/latest/dg/monitoring-metrics-types.html"
FAILS = "def handler(event, context):\n    raise ValueError('never')"
ECHO = "def handler(event, context):\n    return event"


def function(aws: Account, source: str = ECHO, **settings: Any) -> str:
    actions = [{"Effect": "Allow", "Action": ["logs:*", "sqs:SendMessage", "sns:Publish"], "Resource": "*"}]
    name = aws.function(source, Role=aws.role("lambda.amazonaws.com", *actions), **settings).split(":")[-1]
    active(aws, name)
    return name


def total(aws: Account, name: str, metric: str, statistic: str = "Sum") -> float:
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)


@behaviour("lambda", "Invoke", "An event is accepted with 202 and an empty payload", ASYNC)
def test_accepted(aws: Account) -> None:
    answer = aws.client("lambda").invoke(FunctionName=function(aws), InvocationType="Event", Payload=b"{}")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")


@behaviour("lambda", "Invoke", "A failing event is tried three times and goes to the dead-letter queue", ASYNC)
def test_dead_letters(aws: Account) -> None:
    url, queue = aws.queue()
    name = function(aws, FAILS, DeadLetterConfig={"TargetArn": queue})
    answer = aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    message = aws.receive(url, 30)
    assert json.loads(message["Body"]) == {"n": 1}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    request = answer["ResponseMetadata"]["RequestId"]
    assert attributes == {"RequestID": request, "ErrorCode": "200", "ErrorMessage": "never"}
    assert wait_until(lambda: total(aws, name, "Errors")) == 3
    assert total(aws, name, "Invocations") == 3
    assert total(aws, name, "AsyncEventsReceived") == 1
    assert total(aws, name, "AsyncEventsDropped") == 1
    assert total(aws, name, "AsyncEventAge", "SampleCount") == 3


@pytest.mark.parametrize(
    ("side", "source", "condition"),
    [("OnSuccess", ECHO, "Success"), ("OnFailure", FAILS, "RetriesExhausted")],
    ids=["success", "failure"],
)
@behaviour(
    "lambda",
    ("Invoke", "PutFunctionEventInvokeConfig"),
    "The record of an event goes to the destination {side}",
    RECORDS,
)
def test_destination(aws: Account, side: str, source: str, condition: str) -> None:
    url, queue = aws.queue()
    name = function(aws, source)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={side: {"Destination": queue}}
    )
    aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 2}')
    record = json.loads(aws.receive(url, 30)["Body"])
    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestContext"]["functionArn"].endswith(f":function:{name}:$LATEST")
    assert record["requestPayload"] == {"n": 2}
    assert record["responseContext"]["statusCode"] == 200
    assert record["responseContext"].get("functionError") == (None if source is ECHO else "Unhandled")
    error = record["responsePayload"].get("errorType")
    assert error == (None if source is ECHO else "ValueError")


@behaviour("lambda", "Invoke", "A dead letter that cannot be sent is counted in DeadLetterErrors", METRICS)
def test_dead_letter_errors(aws: Account) -> None:
    url, queue = aws.queue()
    name = function(aws, FAILS, DeadLetterConfig={"TargetArn": queue})
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    aws.client("sqs").delete_queue(QueueUrl=url)
    aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert wait_until(lambda: total(aws, name, "DeadLetterErrors"), 30) == 1


@behaviour("lambda", "Invoke", "Invocations, errors, duration and concurrency are measured", METRICS)
def test_metrics(aws: Account) -> None:
    name = function(aws, "def handler(event, context):\n    return event['a']")
    for event in (b'{"a": 1}', b"{}"):
        aws.client("lambda").invoke(FunctionName=name, Payload=event)
    assert wait_until(lambda: total(aws, name, "Invocations")) == 2
    assert total(aws, name, "Errors") == 1
    assert total(aws, name, "Throttles") == 0
    assert total(aws, name, "Duration", "SampleCount") == 2
    assert total(aws, name, "ConcurrentExecutions", "Maximum") == 1


@behaviour(
    "lambda",
    ("PutFunctionConcurrency", "Invoke"),
    "Reserved concurrency of 0 throttles",
    "localstack:tests/aws/services/lambda_/test_lambda.py::TestLambdaConcurrency::test_reserved_concurrency",
)
def test_throttled(aws: Account) -> None:
    name, client = function(aws), aws.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with aws.refused("TooManyRequestsException", "Rate Exceeded.", status=429):
        client.invoke(FunctionName=name)
    assert wait_until(lambda: total(aws, name, "Throttles")) == 1
    client.delete_function_concurrency(FunctionName=name)
    assert client.invoke(FunctionName=name)["StatusCode"] == 200


@behaviour(
    "lambda",
    ("PutFunctionConcurrency", "Invoke"),
    "With reserved concurrency of 0 an event goes to the destination at once",
    "localstack:tests/aws/services/lambda_/test_lambda.py::TestLambdaConcurrency::test_reserved_concurrency",
)
def test_zero_concurrency(aws: Account) -> None:
    url, queue = aws.queue()
    name, client = function(aws), aws.client("lambda")
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig={"OnFailure": {"Destination": queue}})
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 3}')
    record = json.loads(aws.receive(url, 30)["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["requestPayload"] == {"n": 3}
    assert "responsePayload" not in record


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("MaximumRetryAttempts", -1),
        ("MaximumRetryAttempts", 3),
        ("MaximumEventAgeInSeconds", 59),
        ("MaximumEventAgeInSeconds", 21601),
    ],
)
@behaviour("lambda", "PutFunctionEventInvokeConfig", "{member} {value} is refused", PUT)
def test_limits(aws: Account, member: str, value: int) -> None:
    with aws.refused("ValidationException", f"at '{member[0].lower()}{member[1:]}' failed to satisfy constraint"):
        unchecked(aws, "lambda").put_function_event_invoke_config(FunctionName="any", **{member: value})


@behaviour(
    "lambda",
    (
        "PutFunctionEventInvokeConfig",
        "GetFunctionEventInvokeConfig",
        "UpdateFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig",
    ),
    "Settings are replaced by Put, changed by Update, and gone after Delete",
    RECORDED + "test_lambda_eventinvokeconfig_lifecycle",
)
def test_life_cycle(aws: Account) -> None:
    name, client = function(aws), aws.client("lambda")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    assert found["FunctionArn"].endswith(f":{name}:$LATEST")
    assert found["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    assert "MaximumEventAgeInSeconds" not in client.get_function_event_invoke_config(FunctionName=name)
    client.delete_function_event_invoke_config(FunctionName=name)
    with aws.refused("ResourceNotFoundException", f":{name}:$LATEST doesn't have an EventInvokeConfig"):
        client.get_function_event_invoke_config(FunctionName=name)


@behaviour(
    "lambda",
    "PutFunctionEventInvokeConfig",
    "Settings of nothing, for nothing, and to nothing are refused",
    RECORDED + "test_lambda_eventinvokeconfig_exceptions",
)
def test_refused_settings(aws: Account) -> None:
    name, client = function(aws), aws.client("lambda")
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:"
    with aws.refused("InvalidParameterValueException", "You must specify at least one of error handling or"):
        client.put_function_event_invoke_config(FunctionName=name)
    with aws.refused("ResourceNotFoundException", "The function doesn't exist."):
        client.put_function_event_invoke_config(FunctionName=aws.name("none"), MaximumRetryAttempts=0)
    with aws.refused("InvalidParameterValueException", f"The destination ARN {arn}none is invalid."):
        client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": f"{arn}none"}}
        )
    with aws.refused("InvalidParameterValueException", "You can't specify the function as a destination for itself."):
        client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn + name}}
        )
