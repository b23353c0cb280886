"""Steps 6 to 13 of the flow, through the deployed stacks: prompts in, pictures out, nothing lost on the way."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract import ids
from contract.errors import JobFailed
from helpers.inference.connection import Connection, connect
from helpers.inference.jobs import Job
from helpers.inference.results import wait_for_timelines
from tests.clouds import until

SMALL = {"width": 64, "height": 64, "num_inference_steps": 4}
SECONDS = 120


def objects(connection: Connection) -> dict[str, str]:
    """Key to ETag of everything in the bucket."""
    return {entry["Key"]: entry["ETag"] for entry in listing(connection)}


def listing(connection: Connection) -> list[dict]:
    pages = connection.client("s3").get_paginator("list_objects_v2").paginate(Bucket=connection.names.bucket)
    return [item for page in pages for item in page.get("Contents", ())]


def put(connection: Connection, key: str, body: bytes) -> str:
    connection.client("s3").put_object(Bucket=connection.names.bucket, Key=key, Body=body)
    return f"s3://{connection.names.bucket}/{key}"


def read(connection: Connection, key: str) -> bytes:
    return connection.client("s3").get_object(Bucket=connection.names.bucket, Key=key)["Body"].read()


def invoke(connection: Connection, inference_id: str, location: str, **more: str) -> dict:
    return connection.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=connection.names.endpoint, InputLocation=location, InferenceId=inference_id, **more
    )


def publish(connection: Connection, notification: dict) -> None:
    connection.client("sns").publish(TopicArn=connection.names.success_topic_arn, Message=json.dumps(notification))


def invocations(connection: Connection, function: str) -> int:
    """How often the function has run, by the REPORT lines of its log."""
    logs = connection.client("logs")
    groups = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"] if function in g["logGroupName"]]
    pages = [page for group in groups for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)]
    return sum("REPORT RequestId" in event["message"] for page in pages for event in page["events"])


@pytest.fixture(scope="module")
def done(connection: Connection) -> Job:
    """A request that became a picture."""
    job = connection.generate("a red circle on a blue background", seed=1, **SMALL)
    job.wait(SECONDS)
    until(lambda: "status/" + job.id + ".json" in objects(connection))
    return job


@pytest.mark.parametrize("accept", ["application/json", "application/json;jpeg"])
def test_the_png_is_the_models_answer_pixel_for_pixel(connection: Connection, accept: str) -> None:
    job = connection.generate("a sunset over the sea", accept=accept, num_images_per_prompt=2, seed=3, **SMALL)
    result = job.wait(SECONDS)
    assert [array.shape for array in result.arrays] == [(64, 64, 3)] * 2
    for png, answer in zip(result.arrays, result.output().arrays, strict=True):
        assert np.array_equal(png, answer)


def test_plain_text_in_gives_a_single_picture(connection: Connection) -> None:
    inference_id = ids.new_id()
    location = put(connection, f"requests/{inference_id}.txt", b"a green star on a white background")
    invoke(connection, inference_id, location, ContentType="application/x-text")
    result = connection_job(connection, inference_id).wait(SECONDS)
    assert len(result.images) == 1
    assert b"generated_image" in read(connection, result.manifest["source"].split("/", 3)[3])


def connection_job(connection: Connection, inference_id: str) -> Job:
    return Job(connection, inference_id, {}, state="queued")


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(connection: Connection) -> None:
    jobs = [connection.generate("a pink heart on a black background", seed=seed, **SMALL) for seed in (5, 5, 6)]
    one, again, other = (result.arrays[0] for result in connection.wait_all(jobs, SECONDS))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_restarted_kernel_finds_every_job_again(connection: Connection, done: Job, state: Path) -> None:
    fresh = connect(connection.settings, state=state)
    assert done.id in [job.id for job in fresh.jobs()]
    assert fresh.resume(done.id).wait(SECONDS).prompt == "a red circle on a blue background"


def test_the_timeline_is_told_by_the_cloud_itself(connection: Connection, done: Job) -> None:
    result = done.wait(SECONDS)
    assert wait_for_timelines([result], 30)
    timeline = result.timeline
    assert timeline.queued <= timeline.started <= timeline.generated <= timeline.extracted


def test_a_notification_that_comes_twice_changes_nothing(connection: Connection, done: Job) -> None:
    before, runs = objects(connection), invocations(connection, "ExtractImages")
    notification = json.loads(read(connection, f"status/{done.id}.json"))
    for _ in range(2):
        publish(connection, notification)
    until(lambda: invocations(connection, "ExtractImages") >= runs + 2)
    assert objects(connection) == before


def test_notifications_in_either_order_leave_the_same_bucket(connection: Connection, done: Job) -> None:
    other = connection.generate("a white moon on a black background", seed=2, **SMALL)
    other.wait(SECONDS)
    until(lambda: f"status/{other.id}.json" in objects(connection))
    before, runs = objects(connection), invocations(connection, "ExtractImages")
    for job in (other, done, other):
        publish(connection, json.loads(read(connection, f"status/{job.id}.json")))
    until(lambda: invocations(connection, "ExtractImages") >= runs + 3)
    assert objects(connection) == before


def test_a_lambda_that_fails_twice_succeeds_the_third_time(connection: Connection, done: Job) -> None:
    notification = json.loads(read(connection, f"status/{done.id}.json"))
    inference_id = ids.new_id()
    location = f"s3://{connection.names.bucket}/output/late-{inference_id}.out"
    notification |= {"inferenceId": inference_id}
    notification["responseParameters"] = {"contentType": "application/json", "outputLocation": location}
    runs = invocations(connection, "ExtractImages")
    publish(connection, notification)
    until(lambda: invocations(connection, "ExtractImages") >= runs + 2)
    assert f"images/{inference_id}/manifest.json" not in objects(connection)
    body = b'{"generated_images": [[[[1, 2, 3], [4, 5, 6]]]], "prompt": "two pixels"}'
    put(connection, f"output/late-{inference_id}.out", body)
    result = connection_job(connection, inference_id).wait(SECONDS)
    assert result.arrays[0].tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_a_truncated_answer_ends_in_the_dead_letter_queue_with_an_alarm(connection: Connection, done: Job) -> None:
    notification = json.loads(read(connection, f"status/{done.id}.json"))
    inference_id = ids.new_id()
    whole = read(connection, notification["responseParameters"]["outputLocation"].split("/", 3)[3])
    location = put(connection, f"output/cut-{inference_id}.out", whole[: len(whole) // 2])
    notification |= {"inferenceId": inference_id}
    notification["responseParameters"]["outputLocation"] = location
    publish(connection, notification)
    sqs = connection.client("sqs")
    queues = [url for url in sqs.list_queues()["QueueUrls"] if "ExtractImages" in url]
    letters: list[str] = []

    def arrived() -> bool:
        for url in queues:
            answer = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=10)
            letters.extend(message["Body"] for message in answer.get("Messages", ()))
        return any(inference_id in letter for letter in letters)

    until(arrived)
    cloudwatch = connection.client("cloudwatch")

    def alarmed() -> bool:
        alarms = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
        return any(alarm["Namespace"] == "AWS/SQS" for alarm in alarms)

    until(alarmed)
    assert not [key for key in objects(connection) if key.startswith(f"images/{inference_id}/")]


def test_a_parameter_that_the_model_refuses_is_told_with_its_reason(connection: Connection) -> None:
    job = Job(connection, ids.new_id(), {"prompt": "a star", "width": 13}).submit()
    with pytest.raises(JobFailed, match="width") as caught:
        job.wait(SECONDS)
    assert "13" in str(caught.value)
    with pytest.raises(JobFailed, match=r"client error \(400\) from model"):
        connection.resume(job.id).wait(SECONDS)


def test_a_missing_input_is_a_failure_with_its_reason(connection: Connection) -> None:
    inference_id = ids.new_id()
    invoke(connection, inference_id, f"s3://{connection.names.bucket}/requests/none.json")
    with pytest.raises(JobFailed, match=r"none\.json"):
        connection_job(connection, inference_id).wait(SECONDS)


def test_a_stranger_needs_only_the_environment_that_the_command_prints(connection: Connection, state: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "localcloud", "env", "--json", "--state-dir", str(state)],
        capture_output=True,
        text=True,
        check=True,
    )
    script = f"""
import boto3, json
name = {connection.names.endpoint!r}
resource = f"endpoint/{{name}}/variant/AllTraffic"
boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={{"Delay": 1}})
scaling = boto3.client("application-autoscaling")
targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])["ScalableTargets"]
metrics = boto3.client("cloudwatch").list_metrics(
    Namespace="AWS/SageMaker", Dimensions=[{{"Name": "EndpointName", "Value": name}}])["Metrics"]
print(json.dumps({{
    "status": boto3.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"],
    "targets": targets,
    "activities": scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"],
    "metrics": [metric["MetricName"] for metric in metrics],
}}, default=str))
"""
    environment = {"PATH": "/usr/bin:/bin", **json.loads(printed.stdout)}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout)
    assert told["status"] in ("InService", "Updating"), "it scales whenever its alarms say so"
    assert (told["targets"][0]["MinCapacity"], told["targets"][0]["MaxCapacity"]) == (0, 2)
    assert "ApproximateBacklogSize" in told["metrics"]
