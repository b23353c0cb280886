"""Amazon SageMaker Runtime: what becomes of a request, in S3, in notifications, in logs and in metrics."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import VARIANT, Hosting
from tests.localcloud.conftest import wait_until

RUNTIME, CALL = "sagemaker-runtime", "InvokeEndpointAsync"
RESULTS = "sagemaker/latest/dg/async-inference-check-predictions.html"
MONITOR = "sagemaker/latest/dg/async-inference-monitor.html"
HINT = "See the SageMaker Endpoint logs in your account for more information."
TORCHSERVE = "github:pytorch/serve/docs/configuration.md"
TOOLKIT = "github:aws/sagemaker-pytorch-inference-toolkit/etc/default-ts.properties"


@behaviour(RUNTIME, CALL, "An answer is stored, and the success topic is told about it in the documented form", RESULTS)
def test_success(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"n": 7}, InferenceId="success")
    notice = hosting.notice("success")
    assert hosting.read(answer["OutputLocation"])["n"] == 7
    location = notice["requestParameters"].pop("inputLocation")
    assert location.startswith(f"s3://{hosting.bucket}/requests/")
    times = notice.pop("receivedTime"), notice.pop("eventTime")
    assert times[0] <= times[1]
    assert notice == {
        "awsRegion": aws.region,
        "invocationStatus": "Completed",
        "requestParameters": {"endpointName": hosting.endpoint},
        "responseParameters": {"contentType": "application/json", "outputLocation": answer["OutputLocation"]},
        "inferenceId": "success",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


@behaviour(RUNTIME, CALL, "A request in the call is answered like one in S3, without an input location", RESULTS)
def test_a_request_in_the_call(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke(None, Body=b'{"n": 8}')
    assert hosting.notice(answer["InferenceId"])["requestParameters"] == {"endpointName": hosting.endpoint}
    assert hosting.read(answer["OutputLocation"])["n"] == 8


@behaviour(RUNTIME, CALL, "An error {status} of the model goes to the error topic and below the failure path", RESULTS)
@pytest.mark.parametrize(("what", "status", "kind"), [("refuse", 400, "client"), ("raise", 500, "server")])
def test_errors_of_the_model(aws: Account, hosting: Hosting, what: str, status: int, kind: str) -> None:
    answer = hosting.invoke({what: True})
    notice = hosting.notice(answer["InferenceId"])
    assert notice["invocationStatus"] == "Failed"
    assert notice["failureReason"] == f"ClientError: Received {kind} error ({status}) from model. {HINT}"
    assert "responseParameters" not in notice
    expected = "width must be a multiple of 8" if status == 400 else "the model is broken"
    assert expected in hosting.read(answer["FailureLocation"])["message"]


@behaviour(
    RUNTIME,
    CALL,
    "An exception that is not the inference toolkit's is a 500, whatever status it has",
    "github:aws/sagemaker-inference-toolkit/src/sagemaker_inference/transformer.py",
)
def test_exceptions_of_the_models_own(aws: Account, hosting: Hosting) -> None:
    notice = hosting.notice(hosting.invoke({"foreign": True})["InferenceId"])
    assert notice["failureReason"] == f"ClientError: Received server error (500) from model. {HINT}"


@behaviour(
    RUNTIME,
    CALL,
    "What is stored of a failure is JSON, so that the SDK v2 raises AsyncInferenceModelError",
    "github:aws/sagemaker-python-sdk/src/sagemaker/async_inference/async_inference_response.py",
    "ours",
)
def test_the_form_of_a_failure(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"refuse": True})
    hosting.notice(answer["InferenceId"])
    bucket, key = answer["FailureLocation"].removeprefix("s3://").split("/", 1)
    head = aws.client("s3").head_object(Bucket=bucket, Key=key)
    assert head["ContentType"] == "application/json"
    assert set(hosting.read(answer["FailureLocation"])) == {"code", "message"}


@behaviour(RUNTIME, CALL, "Input that does not exist is accepted, and the request fails later", RESULTS)
def test_missing_input(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke(None, InputLocation=f"s3://{hosting.bucket}/nothing.json")
    notice = hosting.notice(answer["InferenceId"])
    assert notice["invocationStatus"] == "Failed"
    assert "nothing.json" in notice["failureReason"]


def answer_of(aws: Account, hosting: Hosting, payload: dict[str, Any], **environment: str) -> tuple[Any, Any]:
    """The notification and the answer of an endpoint whose model has this environment; and the answer to ``{}``."""
    model = hosting.new_model(aws, Environment=environment)
    endpoint = hosting.new_endpoint(aws, hosting.new_config(aws, model=model))
    answer = hosting.invoke(payload, EndpointName=endpoint)
    after = hosting.invoke({}, EndpointName=endpoint)
    notice = hosting.notice(answer["InferenceId"])
    assert hosting.notice(after["InferenceId"])["invocationStatus"] == "Completed"
    return notice, answer


@behaviour(
    RUNTIME,
    CALL,
    "A worker dies of an answer that takes longer than TS_DEFAULT_RESPONSE_TIMEOUT; the request fails with 500",
    TORCHSERVE,
)
def test_slow_answers(aws: Account, hosting: Hosting) -> None:
    notice, answer = answer_of(aws, hosting, {"sleep": 20}, TS_DEFAULT_RESPONSE_TIMEOUT="1")
    assert notice["failureReason"] == f"ClientError: Received server error (500) from model. {HINT}"
    found = hosting.read(answer["FailureLocation"])
    assert (found["code"], found["message"]) == (500, "Worker died.")


@behaviour(RUNTIME, CALL, "SAGEMAKER_MODEL_SERVER_TIMEOUT has no effect on TorchServe", TOOLKIT)
def test_the_timeout_without_effect(aws: Account, hosting: Hosting) -> None:
    notice, _ = answer_of(aws, hosting, {"sleep": 1.5}, SAGEMAKER_MODEL_SERVER_TIMEOUT="1")
    assert notice["invocationStatus"] == "Completed"


@behaviour(RUNTIME, CALL, "A worker dies of an answer above 6,553,500 bytes", TORCHSERVE)
def test_large_answers(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"fill": 6_553_500})
    assert "server error (500)" in hosting.notice(answer["InferenceId"])["failureReason"]
    assert hosting.read(answer["FailureLocation"])["message"] == "Worker died."


@behaviour(RUNTIME, CALL, "TS_MAX_RESPONSE_SIZE lets larger answers pass", TORCHSERVE)
def test_larger_answers(aws: Account, hosting: Hosting) -> None:
    notice, answer = answer_of(aws, hosting, {"fill": 7_000_000}, TS_MAX_RESPONSE_SIZE="8000000")
    assert notice["invocationStatus"] == "Completed"
    assert len(hosting.read(answer["OutputLocation"])["fill"]) == 7_000_000


@behaviour(RUNTIME, CALL, "Variables of Multi Model Server have no effect on TorchServe", TORCHSERVE)
def test_variables_of_the_other_server(aws: Account, hosting: Hosting) -> None:
    notice, _ = answer_of(aws, hosting, {"fill": 7_000_000}, MMS_MAX_RESPONSE_SIZE="8000000")
    assert "server error (500)" in notice["failureReason"]


@behaviour(RUNTIME, CALL, "A request above 6,553,500 bytes gets no answer of the model", TORCHSERVE, "ours")
def test_large_requests(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"n": "x" * 6_553_500})
    assert "server error (0)" in hosting.notice(answer["InferenceId"])["failureReason"]


@behaviour(RUNTIME, CALL, "TS_MAX_REQUEST_SIZE lets larger requests pass", TORCHSERVE)
def test_larger_requests(aws: Account, hosting: Hosting) -> None:
    limits = {"TS_MAX_REQUEST_SIZE": "8000000", "TS_MAX_RESPONSE_SIZE": "8000000"}
    notice, _ = answer_of(aws, hosting, {"n": "x" * 7_000_000}, **limits)
    assert notice["invocationStatus"] == "Completed"


@behaviour(RUNTIME, CALL, "A model that takes longer than the invocation's own time-out fails the request", RESULTS)
def test_the_invocation_s_own_timeout(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"sleep": 20}, InvocationTimeoutSeconds=1)
    assert hosting.notice(answer["InferenceId"])["invocationStatus"] == "Failed"
    assert "timed out" in hosting.read(answer["FailureLocation"])["message"]


@behaviour(
    "cloudwatch",
    "GetMetricStatistics",
    "A request is counted by endpoint and variant: {name}",
    MONITOR,
)
@pytest.mark.parametrize("name", ["InvocationsProcessed", "ModelLatency", "TimeInBacklog", "TotalProcessingTime"])
def test_metrics_of_requests(aws: Account, hosting: Hosting, name: str) -> None:
    hosting.notice(hosting.invoke({})["InferenceId"])
    dimensions = [{"Name": "EndpointName", "Value": hosting.endpoint}, {"Name": "VariantName", "Value": VARIANT}]
    assert wait_until(lambda: total(aws, "AWS/SageMaker", name, dimensions)) > 0


@behaviour("cloudwatch", "GetMetricStatistics", "An instance's {name} is measured by endpoint and variant", MONITOR)
@pytest.mark.parametrize("name", ["CPUUtilization", "MemoryUtilization"])
def test_metrics_of_instances(aws: Account, hosting: Hosting, name: str) -> None:
    dimensions = [{"Name": "EndpointName", "Value": hosting.endpoint}, {"Name": "VariantName", "Value": VARIANT}]
    assert wait_until(lambda: total(aws, "/aws/sagemaker/Endpoints", name, dimensions, "SampleCount")) >= 1


def total(aws: Account, namespace: str, name: str, dimensions: list[dict[str, str]], statistic: str = "Sum") -> float:
    """The sum of a statistic's values over the last hour."""
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=dimensions,
        StartTime=time.time() - 3600,
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=[statistic],
    )
    return float(sum(point[statistic] for point in found["Datapoints"]))


@behaviour(
    "logs", "FilterLogEvents", "What the model prints and what the platform says of a request is logged", MONITOR
)
def test_logs(aws: Account, hosting: Hosting) -> None:
    answer = hosting.invoke({"raise": True}, InferenceId=aws.name("logged"))
    group = f"/aws/sagemaker/Endpoints/{hosting.endpoint}"

    def lines(pattern: str) -> dict[str, str]:
        events = aws.client("logs").filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        return {event["logStreamName"]: event["message"] for event in events}

    platform = wait_until(lambda: lines(f'"{answer["InferenceId"]}"'))
    assert [stream.rsplit("/", 1)[1] for stream in platform] == ["data-log"]
    assert all("Received server error (500) from primary" in message for message in platform.values())
    assert all(stream.startswith(f"{VARIANT}/i-") for stream in wait_until(lambda: lines('"the model is broken"')))
