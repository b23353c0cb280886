"""Watching a pipeline: every way in which it may end, without waiting for one. The real thing: tests/endtoend."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contract import settings
from contract.errors import NotDeployedError, PipelineError
from helpers.delivery import pipeline
from helpers.delivery.pipeline import Action, Execution, explain, log_excerpt, watch
from helpers.show import colours
from helpers.show.pipeline_view import _lines, _terminal, markup, text
from helpers.target.explain import Target

START = dt.datetime(2026, 11, 25, 4, 0, tzinfo=dt.UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Timer:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Cloud:
    """The services that a watch asks; ``runs`` says what each execution is at each look, newest last."""

    def __init__(self, **runs: list[str]) -> None:
        self.runs, self.details, self.log, self.revisions = runs, {}, [], dict.fromkeys(runs, COMMIT)

    def get_parameter(self, Name: str) -> dict[str, Any]:
        if Name != "/genai-async/pipeline-name":
            raise AssertionError(Name)
        return {"Parameter": {"Value": "the-pipeline"}}

    def list_pipeline_executions(self, **_: Any) -> dict[str, Any]:
        rows = [
            {
                "pipelineExecutionId": name,
                "status": statuses[0],
                "sourceRevisions": [{"revisionId": self.revisions[name]}] if self.revisions[name] else [],
            }
            for name, statuses in reversed(self.runs.items())
        ]
        return {"pipelineExecutionSummaries": rows}

    def get_pipeline_execution(self, pipelineExecutionId: str, **_: Any) -> dict[str, Any]:
        statuses = self.runs[pipelineExecutionId]
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return {"pipelineExecution": {"status": status, "artifactRevisions": [{"revisionId": COMMIT}]}}

    def get_pipeline(self, **_: Any) -> dict[str, Any]:
        stages = [
            {"name": "Source", "actions": [{"name": "Source"}]},
            {"name": "Build", "actions": [{"name": "Second", "runOrder": 2}, {"name": "First", "runOrder": 1}]},
        ]
        return {"pipeline": {"stages": stages}}

    def get_paginator(self, _: str) -> Any:
        cloud = self

        class Pages:
            def paginate(self, filter: dict[str, str], **_: Any) -> list[dict[str, Any]]:
                rows = cloud.details.get(filter["pipelineExecutionId"], [])
                return [{"actionExecutionDetails": rows[:1]}, {"actionExecutionDetails": rows[1:]}]

        return Pages()

    def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
        return {"builds": [{"logs": {"groupName": "group", "streamName": ids[0]}}]}

    def get_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": [{"message": line} for line in self.log]}


class Connection:
    """As much of one as a watch needs."""

    def __init__(self, cloud: Cloud, target: str = "local") -> None:
        self.cloud, self.target, self.timer = cloud, Target(target, "somewhere"), Timer()
        self.settings, self.refreshed = settings.Settings(), 0

    def client(self, _: str) -> Any:
        return self.cloud

    def refresh(self) -> None:
        self.refreshed += 1


def detail(name: str, status: str, *, after: int = 0, stage: str = "Build", **result: Any) -> dict[str, Any]:
    return {
        "stageName": stage,
        "actionName": name,
        "status": status,
        "startTime": START + dt.timedelta(seconds=after),
        "lastUpdateTime": START + dt.timedelta(seconds=after + 7),
        "input": {"actionTypeId": {"provider": "CodeBuild"}},
        "output": {"executionResult": result},
    }


def quiet(_: Execution) -> None:
    """A view that shows nothing."""


def test_actions_stand_in_the_pipelines_order_and_those_that_wait_are_there_too():
    cloud = Cloud(one=["Succeeded"])
    cloud.details["one"] = [detail("First", "Succeeded", after=1), detail("Source", "Succeeded", stage="Source")]
    found = pipeline.describe(Connection(cloud), "one")
    assert [(action.name, action.status) for action in found.actions] == [
        ("Source", "Succeeded"), ("First", "Succeeded"), ("Second", "Waiting"),
    ]  # fmt: skip
    assert found.actions[0].seconds == 7
    assert found.actions[2].seconds is None


def test_of_a_retried_action_the_last_attempt_counts():
    cloud = Cloud(one=["InProgress"])
    cloud.details["one"] = [detail("First", "Succeeded", after=60), detail("First", "Failed", after=1)]
    (first,) = (action for action in pipeline.describe(Connection(cloud), "one").actions if action.name == "First")
    assert first.status == "Succeeded"


def test_it_is_followed_until_it_succeeds_and_shown_at_each_change():
    shown: list[str] = []
    cloud = Cloud(one=["InProgress", "InProgress", "InProgress", "Succeeded"])
    connection = Connection(cloud)
    assert watch(connection, COMMIT, view=lambda run: shown.append(run.status)).status == "Succeeded"
    assert shown == ["InProgress", "Succeeded"]
    assert connection.refreshed == 1  # another instance type is another endpoint


def test_a_pipeline_that_updated_itself_is_followed_into_its_new_run():
    cloud = Cloud(one=["Cancelled"], two=["Succeeded"])
    cloud.revisions["two"] = COMMIT
    cloud.runs = {"two": ["Succeeded"], "one": ["Cancelled"]}  # the listing has the cancelled one first
    found = watch(Connection(cloud), COMMIT, view=quiet)
    assert (found.id, found.status) == ("two", "Succeeded")


def test_a_failure_names_action_reason_and_the_end_of_the_log():
    cloud = Cloud(one=["Failed"])
    cloud.details["one"] = [
        detail(
            "First", "Failed", errorDetails={"message": "Build terminated with state: FAILED."},
            externalExecutionId="project:1", externalExecutionUrl="https://console",
        )
    ]  # fmt: skip
    cloud.log = [
        "[Container] 1 Entering phase BUILD",
        "[Container] 2 Running command make",
        "no rule",
        " ",
        "[Container] 3 x",
    ]
    with pytest.raises(PipelineError) as caught:
        watch(Connection(cloud), COMMIT, view=quiet)
    assert str(caught.value).splitlines() == [
        "Build / First failed: Build terminated with state: FAILED.",
        "The end of its log:",
        "    [Container] 2 Running command make",
        "    no rule",
    ]
    assert caught.value.execution.failed.build == "project:1"
    assert "See https://console" in explain(Connection(cloud, "aws"), caught.value.execution)


@pytest.mark.parametrize(("status", "words"), [("Superseded", "a newer push"), ("Stopped", "somebody stopped it")])
def test_an_end_without_a_failed_action_is_explained(status, words):
    with pytest.raises(PipelineError, match=words):
        watch(Connection(Cloud(one=[status])), COMMIT, view=quiet)


def test_a_push_that_starts_nothing_is_told_after_three_minutes():
    cloud, other = Cloud(one=["Succeeded"]), "f" * 40
    connection = Connection(cloud)
    with pytest.raises(PipelineError, match=r"has not started for commit ffffffffffff within 180 s.*branch main"):
        watch(connection, other, view=quiet)
    assert 180 <= connection.timer.time < 200


def test_a_deadline_ends_the_watch_and_not_the_pipeline():
    with pytest.raises(PipelineError, match="goes on: call watch"):
        watch(Connection(Cloud(one=["InProgress"])), COMMIT, timeout=30, view=quiet)


def test_without_a_pipeline_it_says_what_to_deploy():
    class Nothing(Cloud):
        def get_parameter(self, Name: str) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": ""}}, "GetParameter")

    with pytest.raises(NotDeployedError, match=r"'genai-async' is not deployed.*deploy_pipeline"):
        watch(Connection(Nothing()), view=quiet)


def test_a_build_without_a_log_says_so():
    class Silent(Cloud):
        def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
            return {"builds": [{"logs": {}}]}

    assert log_excerpt(Connection(Silent()), "project:1") == ["(build project:1 wrote no log)"]


def test_a_build_that_ended_before_it_could_write_says_why():
    class Denied(Cloud):
        def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
            phase = {"phaseType": "PROVISIONING", "contexts": [{"statusCode": "ACCESS_DENIED", "message": "no role"}]}
            return {"builds": [{"logs": {"groupName": "g", "streamName": "s"}, "phases": [phase]}]}

        def get_log_events(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetLogEvents")

    told = log_excerpt(Connection(Denied()), "project:1")
    assert told == ["(build project:1 wrote no log)", "PROVISIONING: ACCESS_DENIED: no role"]


RUN = Execution(
    "the-pipeline",
    "one",
    "Failed",
    COMMIT,
    (
        Action("Source", "Source", "Succeeded", 1.2),
        Action("Build", "Package<b>", "Failed", 65.0, "exit <3>", url="https://console/log"),
        Action("Deploy", "Deploy"),
    ),
)


def test_the_table_tells_by_sign_word_and_time():
    assert text(RUN).splitlines() == [
        "the-pipeline: Failed, commit 0123456789ab",
        "  ✓  Source  Source      Succeeded  1 s",
        "  ✗  Build   Package<b>  Failed     65 s",
        "  ·  Deploy  Deploy      Waiting",
    ]


def test_what_a_service_says_cannot_become_markup():
    made = markup(RUN)
    assert "Package&lt;b&gt;" in made
    assert "exit &lt;3&gt;" in made
    assert '<a href="https://console/log">' in made
    assert "<caption" in made
    assert re.findall("border-left:.3em solid (#[0-9a-f]{6})", made) == [colours.GREEN, colours.VERMILION]


def test_a_terminal_is_redrawn_in_place(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    show = _terminal()
    show(RUN)
    show(RUN)
    assert out.getvalue().count("\x1b[4A\x1b[J") == 1


def test_a_log_gets_a_line_for_each_change_and_no_more(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    show = _lines()
    show(RUN)
    show(RUN)
    assert out.getvalue() == "  ✓ Source / Source: Succeeded after 1 s\n  ✗ Build / Package<b>: Failed after 65 s\n"
