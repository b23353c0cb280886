"""The control plane: names, states, updates and capacities, on the real cloud."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

World = Any


def refused(call: Any, message: str, **parameters: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]


def test_names_that_are_not_there_or_taken(world: World, endpoint: str) -> None:
    """AWS's codes and words; the SDK and Terraform look for them."""
    sagemaker, arn = world.client("sagemaker"), "arn:aws:sagemaker:us-east-1:000000000000"
    refused(sagemaker.describe_endpoint, f'Could not find endpoint "{arn}:endpoint/nobody".', EndpointName="nobody")
    refused(sagemaker.delete_model, f'Could not find model "{arn}:model/nobody".', ModelName="nobody")
    wanted = f'Could not find endpoint configuration "{arn}:endpoint-config/nobody".'
    refused(sagemaker.describe_endpoint_config, wanted, EndpointConfigName="nobody")
    wanted = f'Cannot create already existing endpoint "{arn}:endpoint/{endpoint}".'
    refused(sagemaker.create_endpoint, wanted, EndpointName=endpoint, EndpointConfigName=endpoint)


def test_lists_and_tags(world: World, endpoint: str) -> None:
    sagemaker = world.client("sagemaker")
    rows = sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    assert [row["EndpointName"] for row in rows] == [endpoint]
    assert endpoint in [row["ModelName"] for row in sagemaker.list_models(MaxResults=100)["Models"]]
    first = sagemaker.list_endpoint_configs(MaxResults=1, SortBy="Name", SortOrder="Ascending")
    assert len(first["EndpointConfigs"]) == 1
    arn = world.describe(endpoint)["EndpointArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}, {"Key": "old", "Value": "b"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["old"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def test_update_brings_the_new_model_before_the_old_one_goes(world: World) -> None:
    world.create_endpoint("updates")
    world.settled("updates")
    old = world.pids("updates")
    slow = world.invoke("updates", {"n": 1, "sleep": 1.5})
    world.create_model("updates-2", world.archive({"weights.txt": "w2"}))
    world.create_config("updates-2", "updates-2", count=2)
    sagemaker = world.client("sagemaker")
    sagemaker.update_endpoint(EndpointName="updates", EndpointConfigName="updates-2")
    during = world.describe("updates")
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == "updates"
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "updates-2"
    refused(
        sagemaker.update_endpoint,
        "Cannot update in-progress endpoint",
        EndpointName="updates",
        EndpointConfigName="updates",
    )
    after = world.settled("updates")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "updates-2")
    assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    # What the old instance was working on was finished by it.
    assert world.notice(slow["InferenceId"])["invocationStatus"] == "Completed"
    body = json.loads(world.read(slow["OutputLocation"]))
    assert (body["weights"], [body["pid"]]) == ("w1", old)
    assert not set(old) & set(world.pids("updates"))
    assert not world.alive(old[0])
    answer = world.invoke("updates", {"n": 2})
    world.notice(answer["InferenceId"])
    assert json.loads(world.read(answer["OutputLocation"]))["weights"] == "w2"


def test_update_that_fails_leaves_the_old_one_in_service(world: World) -> None:
    world.create_endpoint("keeps")
    world.settled("keeps")
    before = world.pids("keeps")
    world.create_model("keeps-bad", world.archive({"code/inference.py": "raise OSError('broken')"}))
    world.create_config("keeps-bad", "keeps-bad")
    world.client("sagemaker").update_endpoint(EndpointName="keeps", EndpointConfigName="keeps-bad")
    after = world.settled("keeps")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "keeps")
    assert "OSError: broken" in after["FailureReason"]
    assert world.pids("keeps") == before
    answer = world.invoke("keeps", {"n": 1})
    assert world.notice(answer["InferenceId"])["invocationStatus"] == "Completed"


def test_capacity_to_two_to_zero_and_expiry_there(world: World) -> None:
    world.create_endpoint("sizes")
    world.settled("sizes")
    sagemaker = world.client("sagemaker")

    def to(count: int) -> dict[str, Any]:
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName="sizes", DesiredWeightsAndCapacities=wanted)
        assert world.describe("sizes")["ProductionVariants"][0]["DesiredInstanceCount"] == count
        answer: dict[str, Any] = world.settled("sizes")["ProductionVariants"][0]
        return answer

    assert to(2)["CurrentInstanceCount"] == 2
    pids = world.pids("sizes")
    assert len(pids) == 2
    # Scaling in ends a process only after its current request.
    slow = [world.invoke("sizes", {"n": n, "sleep": 1.0}) for n in range(2)]
    deadline = time.monotonic() + 10
    while not any("2 running" in line for line in world.running.status()["services"]["sagemaker"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert to(0)["CurrentInstanceCount"] == 0
    for answer in slow:
        assert world.notice(answer["InferenceId"])["invocationStatus"] == "Completed"
    assert {json.loads(world.read(answer["OutputLocation"]))["pid"] for answer in slow} == set(pids)
    assert world.pids("sizes") == []
    late = world.invoke("sizes", {"n": 1}, RequestTTLSeconds=60)  # a tenth of a second at this cloud's speed
    notice = world.notice(late["InferenceId"])
    assert notice["invocationStatus"] == "Failed"
    assert "RequestTTLSeconds (60 seconds)" in notice["failureReason"]
    assert b"expired" in world.read(late["FailureLocation"])


def test_deleted_while_it_comes_up(world: World) -> None:
    world.create_endpoint("short-lived")
    sagemaker = world.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName="short-lived")
    deadline = time.monotonic() + 10
    while True:
        try:
            assert world.describe("short-lived")["EndpointStatus"] == "Deleting"
        except ClientError as error:
            assert "Could not find endpoint" in str(error)  # noqa: PT017
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    world.client("sagemaker").create_endpoint(EndpointName="short-lived", EndpointConfigName="short-lived")
    assert world.settled("short-lived")["EndpointStatus"] == "InService"


def test_no_more_instances_than_the_quota(world: World, endpoint: str) -> None:
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1000}]
    with pytest.raises(ClientError, match="is 20 Instances") as caught:
        world.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=wanted
        )
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert world.describe(endpoint)["EndpointStatus"] == "InService"
