"""Push to deploy, after the first push (tests/clouds.py): what else may happen to the workshop's pipeline.

How a pipeline works is tested with tiny ones, in tests/localcloud/codepipeline; pushes of the whole workshop take a
minute each, so all but one of them are in ``make test-all``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import PipelineError
from contract.names import SMALLWORLD, SMALLWORLD_TURBO, endpoint_log_group
from helpers.commands.demo_pipeline import Demonstration, commit, max_capacity
from helpers.delivery import edit_settings
from helpers.delivery.deployment import destroy
from helpers.delivery.pipeline import describe, executions, watch
from helpers.delivery.source import push
from helpers.inference.connection import Connection
from helpers.model.model_view import describe_model
from helpers.show.pipeline_view import markup, text
from tests.clouds import NAME, deployed_copy, until
from tests.endtoend.test_instance_type import of as assert_endpoint_of

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


class Pushed:
    """A workshop of its own: settings, cloud, and a copy of the code that is pushed."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.connection, self.folder, self.said = connection, folder, []
        self.demonstration = Demonstration(self.connection, self.folder, self.said.append)

    def change(self, message: str, **tables: dict[str, object]) -> str:
        """Change settings, commit and push; the commit's id."""
        edit_settings.change(self.folder / "workshop.toml", **tables)
        commit(self.folder, message)
        return push(self.connection, self.folder).commit


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    folder = tmp_path_factory.mktemp("pushed") / "workshop"
    with deployed_copy(folder) as connection:
        yield Pushed(connection, folder)


def test_the_first_push_has_deployed_everything(workshop: Pushed) -> None:
    newest = describe(workshop.connection, executions(workshop.connection)[0].id)
    assert newest.status == "Succeeded"
    assert {action.status for action in newest.actions} == {"Succeeded"}
    assert [action.stage for action in newest.actions if action.name == "SmokeTest"] == ["Test"]
    assert newest.commit[:12] in text(newest)
    assert "Succeeded" in markup(newest)
    job = workshop.connection.generate("a yellow star", width=64, height=64, num_inference_steps=2)
    assert job.wait(120).images[0].size == (64, 64)


def test_the_model_can_be_looked_at_before_and_after(workshop: Pushed) -> None:
    view = describe_model(workshop.connection)
    names = {member.name for member in view.after.members}
    data, code = view.before if len(view.before) == 2 else (view.before[0], None)
    assert {member.name for member in data.members} <= names
    assert "code/inference.py" in names
    assert code is None or {f"code/{member.name}" for member in code.members} <= names
    assert "def model_fn" in "".join(view.code.values())
    assert view.specification["model_id"] == view.model.model_id == "model-txt2img-smallworld"
    assert view.after.size == view.packaged.size
    for shown in (str(view), view._repr_html_()):
        assert view.model.image_uri in shown
        assert "inference.py" in shown


@pytest.mark.rare
def test_a_readme_does_not_package_the_model_again(workshop: Pushed) -> None:
    workshop.demonstration.readme()


@pytest.mark.rare
def test_a_setting_of_the_scaling_leaves_the_endpoint_alone(workshop: Pushed) -> None:
    workshop.demonstration.capacity()


@pytest.mark.rare
def test_two_pushes_in_quick_succession_end_with_the_second(workshop: Pushed) -> None:
    bound = max_capacity(workshop.connection)
    first = workshop.change("one more", endpoint={"max_capacity": bound + 1})
    until(lambda: any(execution.commit == first for execution in executions(workshop.connection)))
    second = workshop.change("two more", endpoint={"max_capacity": bound + 2})
    assert watch(workshop.connection, second, view=lambda execution: None).status == "Succeeded"
    until(lambda: all(row.status != "InProgress" for row in executions(workshop.connection)))
    assert max_capacity(workshop.connection) == bound + 2


@pytest.mark.rare
def test_a_setting_of_the_pipeline_changes_the_pipeline_itself(workshop: Pushed) -> None:
    """It updates itself, is cancelled, and starts again on the same commit; the smoke test is gone then."""
    pushed = workshop.change("no smoke test", pipeline={"smoke_test": False})
    execution = watch(workshop.connection, pushed, view=lambda execution: None)
    assert "SmokeTest" not in {action.name for action in execution.actions}
    statuses = [row.status for row in executions(workshop.connection) if row.commit == pushed]
    assert statuses == ["Succeeded", "Cancelled"]


@pytest.mark.rare
def test_a_push_moves_the_workshop_to_a_gpu_and_another_moves_it_back(workshop: Pushed) -> None:
    """As README and notebook 3 promise it; between both pushes another model arrives without another endpoint."""
    connection, kept = workshop.connection, workshop.connection.names.bucket
    earlier = connection.generate("a yellow star", width=64, height=64, num_inference_steps=2)
    earlier.wait(120)

    def arrive(message: str, kind: str, **model: object) -> str:
        pushed = workshop.change(message, model={"instance_type": kind, **model})
        execution = watch(connection, pushed, view=lambda execution: None)
        assert execution.status == "Succeeded"
        assert {action.status for action in execution.actions if action.name == "SmokeTest"} <= {"Succeeded"}
        assert_endpoint_of(connection, kind)
        assert connection.names.bucket == kept
        job = connection.generate("a yellow star", width=64, height=64, num_inference_steps=2)
        assert job.wait(120).images[0].size == (64, 64)
        return str(connection.describe_endpoint()["EndpointConfigName"])

    before = arrive("to a GPU", "ml.g5.xlarge")
    again = arrive("another model on it", "ml.g5.xlarge", id=SMALLWORLD_TURBO)
    assert again != before  # the same endpoint, updated in place
    assert connection.names.model == SMALLWORLD_TURBO
    arrive("and back", "ml.m5.large", id=SMALLWORLD)
    assert connection.resume(earlier.id).wait(30).images[0].size == (64, 64)
    groups = connection.client("logs").describe_log_groups(logGroupNamePrefix=endpoint_log_group(""))["logGroups"]
    assert len(groups) == 2  # SageMaker made one for each endpoint; the last test here sees both go


def test_a_push_that_cannot_be_built_says_why_and_the_old_endpoint_answers(workshop: Pushed) -> None:
    workshop.demonstration.broken()
    assert any("unknown key 'max_capacitee'; did you mean 'max_capacity'?" in line for line in workshop.said)


def test_who_waits_for_a_red_pipeline_gets_an_error_with_its_log(workshop: Pushed) -> None:
    newest = executions(workshop.connection)[0]
    with pytest.raises(PipelineError, match="did you mean 'max_capacity'") as caught:
        watch(workshop.connection, newest.commit, view=lambda execution: None)
    assert caught.value.execution is not None
    assert caught.value.execution.failed is not None


@pytest.mark.rare
def test_everything_can_be_removed_again(workshop: Pushed) -> None:
    destroy(workshop.connection, lambda line: None)
    stacks = workshop.connection.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks if stack["StackName"].startswith(NAME)] == []
    logs = workshop.connection.client("logs")
    assert logs.describe_log_groups(logGroupNamePrefix=endpoint_log_group(""))["logGroups"] == []
