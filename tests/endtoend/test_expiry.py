"""The expiry, rehearsed: a deployed workshop, with a request on its way and a stack that failed, deletes itself.

Its own module, since the copy of the workshop does not survive it. Half an hour takes half a minute here.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import WorkshopError
from helpers.delivery import deployment
from helpers.delivery import expiry as deadlines
from helpers.inference.connection import Connection
from helpers.operations import clean_up, expires, extend, inventory
from helpers.target.stacks import stack_status
from tests.clouds import deployed_copy, until
from tests.endtoend.permissions import policies, proofs, requests

pytestmark = [pytest.mark.rare, pytest.mark.timeout(900)]
HOURS = 6
SAFETY = {
    "WORKSHOP_SAFETY_EXPIRE_HOURS": str(HOURS),
    "WORKSHOP_SAFETY_BUDGET_USD": "10",
    "WORKSHOP_SAFETY_NOTIFY_EMAIL": "admin@example.com",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copy is."""
    return tmp_path_factory.mktemp("expiry") / "workshop"


@pytest.fixture(scope="module")
def connection(place: Path) -> Iterator[Connection]:
    """A workshop that was deployed by a push, and expires in six hours."""
    with deployed_copy(place, **SAFETY) as made:
        assembly = deployment.synthesise(made, lambda text: None)
        deployment._deploy_safety(made, lambda text: None, assembly)
        yield made


def soon(connection: Connection) -> None:
    """Let the deadline be now."""
    deadlines.set_deadline(connection, dt.datetime.now(dt.UTC).replace(microsecond=0))


def test_six_hours_take_six_minutes(connection: Connection) -> None:
    found = expires(connection)
    assert found.hours_left == pytest.approx(HOURS, abs=2)
    assert found.deadline is not None
    assert (found.deadline - dt.datetime.now(dt.UTC)).total_seconds() < 6 * 60


def test_neither_an_update_nor_another_deployment_moves_the_deadline(connection: Connection) -> None:
    before = extend(connection, 48).deadline
    assembly = deployment.synthesise(connection, lambda text: None)
    deployment._deploy_safety(connection, lambda text: None, assembly)
    pipeline, client = connection.settings.pipeline_stack, connection.client("cloudformation")
    template = client.get_template(StackName=pipeline)["TemplateBody"]
    body = template if isinstance(template, dict) else json.loads(template)
    changed = json.dumps({**body, "Description": "as after a push"})
    client.update_stack(StackName=pipeline, TemplateBody=changed, Capabilities=["CAPABILITY_NAMED_IAM"])
    until(lambda: stack_status(connection, pipeline) == "UPDATE_COMPLETE")
    assert expires(connection).deadline == before


def test_until_the_deadline_it_only_looks(connection: Connection) -> None:
    until(lambda: "expires" in logged(connection), 30)
    assert all(stack_status(connection, name) for name in inventory.stack_names(connection.settings))


def logged(connection: Connection) -> str:
    """What the function wrote."""
    client = connection.client("logs")
    stack = inventory.find_stack(connection, connection.settings.safety_stack)
    assert stack is not None
    (group,) = stack.resources["AWS::Logs::LogGroup"]
    return "".join(each["message"] for each in client.filter_log_events(logGroupName=group)["events"])


def test_it_deletes_everything_and_then_itself(connection: Connection, place: Path) -> None:
    client, settings = connection.client("cloudformation"), connection.settings
    iam = connection.client("iam")
    role = next(
        each["RoleName"]
        for page in iam.get_paginator("list_roles").paginate()
        for each in page["Roles"]
        if each["RoleName"].startswith(f"{settings.safety_stack}-")
    )
    documents = policies(iam, role)
    # Nobody waits for this picture; its answer comes, if at all, into a bucket that is being emptied.
    connection.generate("a red circle", num_inference_steps=40, num_images_per_prompt=4)
    # At this moment somebody is updating the repository, and the models' bucket has what no custom resource removes.
    held = block_models(connection)
    soon(connection)
    until(lambda: stack_status(connection, settings.models_stack) == "DELETE_FAILED", 180)
    assert stack_status(connection, settings.application_stack) is None
    assert stack_status(connection, settings.safety_stack) == "CREATE_COMPLETE"
    until(lambda: stack_status(connection, settings.repository_stack) is None, 60)  # one failure holds up no other
    release_models(connection, held)
    until(lambda: all(stack_status(connection, name) is None for name in inventory.stack_names(settings)), 180)
    report = clean_up(connection, lambda text: None)
    assert report.ok, str(report)
    time.sleep(1)
    left = [name for page in connection.client("logs").get_paginator("describe_log_groups").paginate()
            for name in (each["logGroupName"] for each in page["logGroups"])]  # fmt: skip
    assert [name for name in left if "workshop" in name] == []
    assert client.describe_stacks(StackName="CDKToolkit")["Stacks"]
    asked = requests(place / ".localcloud" / "iam-decisions.jsonl")
    unneeded = [str(permission) for permission, found in proofs(documents, asked, role).items() if not found]
    assert unneeded == []


def block_models(connection: Connection) -> str:
    """Take the tag from the models' bucket, without which the CDK's custom resource does not empty it."""
    stack = inventory.find_stack(connection, connection.settings.models_stack)
    assert stack is not None
    (bucket,) = stack.resources["AWS::S3::Bucket"]
    s3 = connection.client("s3")
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": [each for each in tags if each["Key"] != "aws-cdk:auto-delete-objects"]}
    )
    return bucket


def release_models(connection: Connection, bucket: str) -> None:
    """What a person does whom the console tells that the bucket is not empty."""
    s3 = connection.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=each["Key"])


def test_afterwards_there_is_nothing_to_extend(connection: Connection) -> None:
    assert expires(connection).deadline is None
    with pytest.raises(WorkshopError, match="nothing expires"):
        extend(connection, 1)
