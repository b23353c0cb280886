"""What ends a cloud or a stack: a kill, an idle hour, a deletion. Runs after the other tests of this folder."""

import os
import signal
from pathlib import Path

import pytest

import localcloud
from helpers.delivery.deployment import destroy
from helpers.inference.connection import Connection, connect
from tests.clouds import NAME, until
from tests.endtoend.test_request_path import SMALL, listing

QUEUED = 50


def instances(connection: Connection) -> int:
    variants = connection.client("sagemaker").describe_endpoint(EndpointName=connection.names.endpoint)
    return int(variants["ProductionVariants"][0]["CurrentInstanceCount"])


@pytest.mark.rare
def test_fifty_queued_requests_outlive_a_kill(connection: Connection, state: Path) -> None:
    before = {item["Key"] for item in listing(connection)}
    jobs = connection.generate_many([f"{n} blue circles" for n in range(QUEUED)], **SMALL)
    cloud = localcloud.running(state)
    assert cloud is not None
    os.kill(cloud.pid, signal.SIGKILL)
    again = connect(connection.settings, state=state)
    results = again.wait_all([again.resume(job.id) for job in jobs], 240)
    assert [len(result.images) for result in results] == [1] * QUEUED
    until(lambda: all(f"status/{job.id}.json" in keys(again) for job in jobs))
    new = keys(again) - before
    for prefix in ("requests/", "output/", "status/"):
        assert len([key for key in new if key.startswith(prefix)]) == QUEUED
    assert len([key for key in new if key.endswith(".png")]) == QUEUED
    assert not [key for key in new if key.startswith("failures/")]


def keys(connection: Connection) -> set[str]:
    return {item["Key"] for item in listing(connection)}


def test_an_idle_endpoint_falls_asleep_and_a_prompt_wakes_it(connection: Connection) -> None:
    until(lambda: instances(connection) == 0, 180)
    asleep = len(wakings(connection))
    result = connection.generate("a yellow star on a blue background", **SMALL).wait(180)
    assert result.images[0].size == (64, 64)
    assert len(wakings(connection)) == asleep + 1


def wakings(connection: Connection) -> list[dict]:
    """Scaling activities that set the instance count to 1 because of a backlog without an instance."""
    scaling = connection.client("application-autoscaling")
    found = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    return [item for item in found if "WithoutCapacity" in item["Cause"] and " 1" in item["Description"]]


@pytest.mark.rare
def test_destroying_leaves_nothing_behind(connection: Connection) -> None:
    endpoint, bucket = connection.names.endpoint, connection.names.bucket
    destroy(connection, lambda text: None)
    stacks = connection.client("cloudformation").describe_stacks()["Stacks"]
    assert {stack["StackName"] for stack in stacks} == {"CDKToolkit"}
    assert endpoint not in [
        item["EndpointName"] for item in connection.client("sagemaker").list_endpoints()["Endpoints"]
    ]
    assert bucket not in [item["Name"] for item in connection.client("s3").list_buckets()["Buckets"]]
    assert not connection.client("logs").describe_log_groups()["logGroups"]
    assert not connection.client("lambda").list_functions()["Functions"]
    assert not connection.client("cloudwatch").describe_alarms()["MetricAlarms"]
    scaling = connection.client("application-autoscaling")
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert not connection.client("ssm").get_parameters_by_path(Path=f"/{NAME}", Recursive=True)["Parameters"]
    assert not connection.client("sns").list_topics()["Topics"]
    assert not connection.client("sqs").list_queues().get("QueueUrls")
