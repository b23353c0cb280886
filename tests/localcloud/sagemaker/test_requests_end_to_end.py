"""Requests against real processes: what a caller gets, finds in S3, and is told.

SageMaker Developer Guide, "Invoke an asynchronous endpoint", "Check prediction results" and "Monitor
asynchronous endpoint".
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

World = Any
LOGS_HINT = "See the SageMaker Endpoint logs in your account for more information."


def wait(check: Any, timeout: float = 20) -> Any:
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"nothing within {timeout} s; last value {value!r}"
        time.sleep(0.1)


def log_lines(world: World, endpoint: str, ending: str = "") -> list[str]:
    logs, group = world.client("logs"), f"/aws/sagemaker/Endpoints/{endpoint}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    names = [s["logStreamName"] for s in streams if s["logStreamName"].endswith("data-log") == bool(ending)]
    return [
        event["message"]
        for name in names
        for event in logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
    ]


def test_answer_lies_in_s3_and_is_announced(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {"n": 1}, InferenceId="first", CustomAttributes="trace=7")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "first"
    assert answer["OutputLocation"].startswith(f"s3://{world.bucket}/output/")
    assert answer["OutputLocation"].endswith(".out")
    unique = answer["OutputLocation"].rsplit("/", 1)[1].removesuffix(".out")
    assert answer["FailureLocation"] == f"s3://{world.bucket}/failures/{unique}-error.out"
    notice = world.notice("first")
    body = json.loads(world.read(answer["OutputLocation"]))
    assert (body["n"], body["weights"], body["attributes"]) == (1, "w1", "trace=7")
    stamps = notice.pop("receivedTime"), notice.pop("eventTime")
    assert stamps[0] <= stamps[1]
    assert notice.pop("requestParameters")["inputLocation"].startswith(f"s3://{world.bucket}/requests/")
    assert notice == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "responseParameters": {"contentType": "application/json", "outputLocation": answer["OutputLocation"]},
        "inferenceId": "first",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    head = world.client("s3").head_object(Bucket=world.bucket, Key=f"output/{unique}.out")
    assert head["ContentType"] == "application/json"


def test_container_sees_its_own_environment_and_not_the_host_s(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {"n": 2})
    world.notice(answer["InferenceId"])
    seen = json.loads(world.read(answer["OutputLocation"]))["environment"]
    assert seen["SAGEMAKER_SUBMIT_DIRECTORY"] == seen["SM_MODEL_DIR"] + "/code"
    assert seen["SAGEMAKER_PROGRAM"] == "inference.py"
    assert seen["MARKERS"] == str(world.markers)
    assert seen["AWS_ENDPOINT_URL"] == world.running.endpoint_url
    assert "PYTHONPATH" not in seen
    assert "PYTEST_CURRENT_TEST" not in seen
    assert seen["HOME"] != os.environ.get("HOME")


def test_container_imports_what_is_installed_and_nothing_of_this_project(world: World, endpoint: str) -> None:
    project = ["contract", "helpers", "infra", "extract_images", "smallworld"]
    assert all(map(importlib.util.find_spec, project))
    answer = world.invoke(endpoint, {"look for": [*project, "numpy", "onnxruntime"]})
    world.notice(answer["InferenceId"])
    assert json.loads(world.read(answer["OutputLocation"]))["found"] == ["numpy", "onnxruntime"]


@pytest.mark.parametrize(("status", "kind", "metric"), [(400, "client", "4XX"), (500, "server", "5XX")])
def test_model_that_raises(world: World, endpoint: str, status: int, kind: str, metric: str) -> None:
    answer = world.invoke(endpoint, {"raise": status}, InferenceId=f"raises-{status}")
    notice = world.notice(f"raises-{status}")
    assert notice["invocationStatus"] == "Failed"
    assert notice["failureReason"] == f"ClientError: Received {kind} error ({status}) from model. {LOGS_HINT}"
    assert "responseParameters" not in notice
    stored = json.loads(world.read(answer["FailureLocation"]))
    expected = "width=7: allowed are multiples of 8" if status == 400 else "the model is broken"
    assert stored["code"] == status
    assert stored["message"].startswith(expected + "\nTraceback")
    assert not world.exists(answer["OutputLocation"])
    wait(lambda: any(f"[raises-{status}]" in line and expected in line for line in log_lines(world, endpoint, "data")))

    def total() -> float:
        answer = world.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=f"Invocation{metric}Errors",
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))

    wait(lambda: total() >= 1)


def test_model_that_hangs_is_replaced(world: World) -> None:
    world.create_endpoint("hangs")
    world.settled("hangs")
    (before,) = world.pids("hangs")
    answer = world.invoke("hangs", {"hang": True}, InvocationTimeoutSeconds=1)
    after = world.invoke("hangs", {"n": 5})
    notice = world.notice(answer["InferenceId"])
    assert notice["failureReason"] == f"ClientError: Received server error (0) from model. {LOGS_HINT}"
    assert b"Your invocation timed out" in world.read(answer["FailureLocation"])
    assert world.notice(after["InferenceId"])["invocationStatus"] == "Completed"
    (now,) = world.pids("hangs")
    assert now != before
    wait(lambda: any("starting another container" in line for line in log_lines(world, "hangs")))


def test_what_shares_a_worker_with_a_request_that_ends_it_is_answered_all_the_same(world: World, endpoint: str) -> None:
    """Four at a time here; with one worker, as on AWS, the others would still wait for it."""
    others = [world.invoke(endpoint, {"n": n, "sleep": 2.5}) for n in range(3)]
    for _ in range(4):  # more often than a request is tried whose container ends
        bad = world.invoke(endpoint, {"hang": True}, InvocationTimeoutSeconds=1)
        assert world.notice(bad["InferenceId"])["invocationStatus"] == "Failed"
    for answer in others:
        assert world.notice(answer["InferenceId"])["invocationStatus"] == "Completed"


def test_model_killed_mid_request_is_tried_again(world: World) -> None:
    world.create_endpoint("dies")
    world.settled("dies")
    answer = world.invoke("dies", {"n": 3, "die": "once"})
    assert world.notice(answer["InferenceId"])["invocationStatus"] == "Completed"
    assert json.loads(world.read(answer["OutputLocation"]))["n"] == 3
    answer = world.invoke("dies", {"die": "every-time", "always": True})
    assert world.notice(answer["InferenceId"])["invocationStatus"] == "Failed"
    assert b"SIGKILL" in world.read(answer["FailureLocation"])
    assert len(world.pids("dies")) == 1
    # A container that ends while nobody asks anything of it is replaced as well.
    (pid,) = world.pids("dies")
    os.kill(pid, 9)
    wait(lambda: world.pids("dies") not in ([pid], []))
    again = world.invoke("dies", {"n": 4})
    assert world.notice(again["InferenceId"])["invocationStatus"] == "Completed"


def test_missing_input(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {}, InputLocation=f"s3://{world.bucket}/requests/not-there.json")
    notice = world.notice(answer["InferenceId"])
    assert notice["invocationStatus"] == "Failed"
    assert (
        "Unable to download the request from s3://models-and-results/requests/not-there.json" in notice["failureReason"]
    )
    assert b"not-there.json" in world.read(answer["FailureLocation"])


def test_output_path_extension_and_filename(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {"n": 8}, S3OutputPathExtension="team/a/", Filename="picture.json")
    assert answer["OutputLocation"] == f"s3://{world.bucket}/output/team/a/picture.json"
    assert world.notice(answer["InferenceId"])["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert json.loads(world.read(answer["OutputLocation"]))["n"] == 8


def test_inline_body(world: World, endpoint: str) -> None:
    runtime = world.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint_async(EndpointName=endpoint, ContentType="application/json", Body=b'{"n": 9}')
    notice = world.notice(answer["InferenceId"])
    assert notice["requestParameters"] == {"endpointName": endpoint}
    assert json.loads(world.read(answer["OutputLocation"]))["n"] == 9
    with pytest.raises(ClientError, match="exactly one of InputLocation and Body"):
        runtime.invoke_endpoint_async(EndpointName=endpoint, ContentType="application/json")


def test_response_larger_than_the_server_takes(world: World, endpoint: str) -> None:
    before = world.pids(endpoint)
    answer = world.invoke(endpoint, {"fill": 7_000_000})
    assert "server error (500)" in world.notice(answer["InferenceId"])["failureReason"]
    stored = json.loads(world.read(answer["FailureLocation"]))
    assert stored == {"code": 500, "type": "InternalServerException", "message": "Worker died."}
    wait(lambda: any("TS_MAX_RESPONSE_SIZE is 6553500" in line for line in log_lines(world, endpoint)))
    wait(lambda: world.pids(endpoint) not in ([], before))


def test_response_of_many_megabytes(world: World) -> None:
    world.create_model("large", TS_MAX_RESPONSE_SIZE="70000000")
    world.create_config("large", "large")
    world.client("sagemaker").create_endpoint(EndpointName="large", EndpointConfigName="large")
    world.settled("large")
    answer = world.invoke("large", {"fill": 66_000_000})
    assert world.notice(answer["InferenceId"], timeout=60)["invocationStatus"] == "Completed"
    key = answer["OutputLocation"].split("/", 3)[3]
    head = world.client("s3").head_object(Bucket=world.bucket, Key=key)
    assert head["ContentLength"] > 66_000_000
    world.client("s3").delete_object(Bucket=world.bucket, Key=key)
    world.client("sagemaker").delete_endpoint(EndpointName="large")


def test_real_time_calls_and_unknown_endpoints_are_refused(world: World, endpoint: str) -> None:
    runtime = world.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="asynchronous") as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"{}")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match=r"Endpoint nobody of account 000000000000 not found\.") as caught:
        runtime.invoke_endpoint_async(EndpointName="nobody", InputLocation="s3://a/b")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_two_hundred_requests_at_once_on_two_processes(world: World) -> None:
    world.create_endpoint("busy", count=2, concurrency=2)
    assert world.settled("busy")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    pids = world.pids("busy")
    assert len(set(pids)) == 2
    assert all(world.alive(pid) for pid in pids)
    location = world.put("requests/same.json", '{"n": 1, "sleep": 0.01}')
    runtime = world.client("sagemaker-runtime")
    sent = [
        runtime.invoke_endpoint_async(
            EndpointName="busy", InputLocation=location, ContentType="application/json", InferenceId=f"many-{n}"
        )
        for n in range(200)
    ]

    def done() -> bool:
        arrived = [notice for notice in world.notices() if notice["inferenceId"].startswith("many-")]
        return len({notice["inferenceId"] for notice in arrived}) == 200

    wait(done, 60)
    notices = [notice for notice in world.notices() if notice["inferenceId"].startswith("many-")]
    assert {notice["invocationStatus"] for notice in notices} == {"Completed"}
    assert len({answer["OutputLocation"] for answer in sent}) == 200
    served = {json.loads(world.read(answer["OutputLocation"]))["pid"] for answer in sent[::4]}
    assert served == set(pids)
    world.client("sagemaker").delete_endpoint(EndpointName="busy")
    wait(lambda: not any(world.alive(pid) for pid in pids))


def test_both_log_streams(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {"n": 77}, InferenceId="logged")
    world.notice(answer["InferenceId"])
    wait(lambda: any("working on 77" in line for line in log_lines(world, endpoint)))
    assert any("INFO model loaded from" in line for line in log_lines(world, endpoint))
    (line,) = wait(lambda: [line for line in log_lines(world, endpoint, "data") if "[logged]" in line])
    assert "Inference request succeeded. ModelLatency: " in line


def test_metrics_have_the_documented_names_and_dimensions_and_no_others(world: World, endpoint: str) -> None:
    world.notice(world.invoke(endpoint, {"n": 1})["InferenceId"])
    by_endpoint = {
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "ApproximateAgeOfOldestRequest",
        "HasBacklogWithoutCapacity",
    }
    by_variant = {
        "InvocationsProcessed",
        "InvocationFailures",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "ModelLatency",
        "RequestDownloadLatency",
        "ResponseUploadLatency",
        "TimeInBacklog",
        "TotalProcessingTime",
        "RequestDownloadFailures",
        "ResponseUploadFailures",
        "NotificationFailures",
        "ExpiredRequests",
    }

    def found() -> dict[str, set[tuple[str, ...]]] | None:
        out: dict[str, set[tuple[str, ...]]] = {}
        for row in world.client("cloudwatch").list_metrics(Namespace="AWS/SageMaker")["Metrics"]:
            out.setdefault(row["MetricName"], set()).add(tuple(sorted(d["Name"] for d in row["Dimensions"])))
        return out if {"TotalProcessingTime", "ApproximateBacklogSizePerInstance"} <= set(out) else None

    metrics = wait(found)
    assert set(metrics) <= by_endpoint | by_variant
    for name, dimensions in metrics.items():
        wanted = ("EndpointName",) if name in by_endpoint else ("EndpointName", "VariantName")
        assert dimensions == {wanted}, name
