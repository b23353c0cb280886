"""AWS CodeBuild: builds, which run a line of shell each."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.test_codebuild_projects import API, ENVIRONMENT, definition, project
from tests.localcloud.conftest import wait_until

GUIDE = "codebuild/latest/userguide/"


def finished(aws: Account, build_id: str) -> dict[str, Any]:
    """The build's description when it has ended."""
    codebuild = aws.client("codebuild")

    def complete() -> Any:
        build = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
        return build if build["buildComplete"] else None

    found: dict[str, Any] = wait_until(complete, 60 if aws.local else 600)
    return found


def build(aws: Account, buildspec: str, overrides: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """A new project's first build, when it has ended."""
    source = {"type": "NO_SOURCE", "buildspec": textwrap.dedent(buildspec)}
    name = project(aws, source=source, **settings)["name"]
    started = aws.client("codebuild").start_build(projectName=name, **(overrides or {}))["build"]
    assert (started["buildStatus"], started["buildComplete"]) == ("IN_PROGRESS", False)
    return finished(aws, started["id"])


def printed(aws: Account, done: dict[str, Any]) -> list[str]:
    """What its commands printed."""
    where = {"logGroupName": done["logs"]["groupName"], "logStreamName": done["logs"]["streamName"]}
    events = aws.client("logs").get_log_events(**where, startFromHead=True)["events"]
    lines = [event["message"].rstrip("\n") for event in events]
    return [line for line in lines if line.strip() and not line.startswith("[Container]")]


def phases(done: dict[str, Any]) -> dict[str, str]:
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in done["phases"]}


def context(done: dict[str, Any], phase: str) -> tuple[str, str]:
    """Status code and message of a phase."""
    found = next(each for each in done["phases"] if each["phaseType"] == phase)["contexts"][0]
    return found["statusCode"], found["message"]


@behaviour(
    "codebuild",
    ("StartBuild", "BatchGetBuilds"),
    "A build goes through its phases in order, and what its commands print is in CloudWatch Logs",
    f"{GUIDE}view-build-details-phases.html",
)
@behaviour(
    "codebuild",
    "StartBuild",
    "A variable of a build has more weight than the project's, and the project's more than the buildspec's",
    f"{GUIDE}build-env-ref-env-vars.html",
)
def test_a_build(aws: Account) -> None:
    variables = [{"name": "B", "value": "project"}, {"name": "C", "value": "project"}]
    done = build(
        aws,
        """
        version: 0.2
        env: {variables: {A: spec, B: spec, C: spec}}
        phases:
          install: {commands: ['FROM_INSTALL=kept']}
          build: {commands: ['echo $A $B $C $FROM_INSTALL', 'echo $CODEBUILD_BUILD_ID']}
        """,
        {"environmentVariablesOverride": [{"name": "C", "value": "build"}]},
        environment={**ENVIRONMENT, "environmentVariables": variables},
    )
    assert done["buildStatus"] == "SUCCEEDED", done["phases"]
    assert list(phases(done)) == [
        *("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"),
        *("UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"),
    ]
    assert printed(aws, done) == ["spec project build kept", done["id"]]
    assert done["buildNumber"] == 1


@behaviour(
    "codebuild",
    "StartBuild",
    "When a command of BUILD fails, POST_BUILD still runs, with CODEBUILD_BUILD_SUCCEEDING 0, and the build fails",
    f"{GUIDE}view-build-details-phases.html",
)
@behaviour(
    "codebuild",
    "BatchGetBuilds",
    "The failed phase says COMMAND_EXECUTION_ERROR, the command and its exit status",
    f"{API}API_PhaseContext.html",
)
def test_a_command_that_fails(aws: Account) -> None:
    done = build(
        aws,
        """
        version: 0.2
        phases:
          build: {commands: [echo before, 'sh -c "exit 7"', echo never]}
          post_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}
        """,
    )
    assert done["buildStatus"] == "FAILED"
    assert (phases(done)["BUILD"], phases(done)["POST_BUILD"]) == ("FAILED", "SUCCEEDED")
    assert printed(aws, done) == ["before", "0"]
    code, message = context(done, "BUILD")
    assert code == "COMMAND_EXECUTION_ERROR"
    assert "exit status 7" in message


@behaviour(
    "codebuild",
    "StartBuild",
    "When PRE_BUILD fails, BUILD does not run",
    f"{GUIDE}view-build-details-phases.html",
)
def test_a_failure_before_the_build(aws: Account) -> None:
    done = build(aws, "version: 0.2\nphases: {pre_build: {commands: ['false']}, build: {commands: [echo never]}}\n")
    assert done["buildStatus"] == "FAILED"
    assert phases(done)["PRE_BUILD"] == "FAILED"
    assert "BUILD" not in phases(done)


@pytest.mark.parametrize(
    ("buildspec", "words", "what"),
    [
        ("version: 0.2\n", "phases", "without phases"),
        ("version: 0.2\nphases: [", "YAML_FILE_ERROR", "that is not YAML"),
        (
            "version: 0.2\nphases: {bild: {commands: [x]}}",
            "Invalid buildspec phase name: BILD",
            "with an unknown phase",
        ),
    ],
)
@behaviour(
    "codebuild",
    "StartBuild",
    "A buildspec {what} fails the build in DOWNLOAD_SOURCE with YAML_FILE_ERROR",
    f"{GUIDE}build-spec-ref.html",
)
def test_a_buildspec_that_is_wrong(aws: Account, buildspec: str, words: str, what: str) -> None:
    done = build(aws, buildspec)
    assert done["buildStatus"] == "FAILED"
    code, message = context(done, "DOWNLOAD_SOURCE")
    assert code == "YAML_FILE_ERROR"
    assert words in f"{code}: {message}"


@behaviour(
    "codebuild",
    "StartBuild",
    "An image that cannot be pulled ends the build in PROVISIONING with BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
    f"{GUIDE}troubleshooting.html",
)
def test_an_image_that_does_not_exist(aws: Account) -> None:
    done = build(aws, "version: 0.2\nphases: {build: {commands: [echo never]}}\n", {"imageOverride": "nonsense:zz"})
    assert done["buildStatus"] == "FAILED"
    code, message = context(done, "PROVISIONING")
    assert code == "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"
    assert "Unable to pull customer's container image" in message
    assert "BUILD" not in phases(done)


@behaviour(
    "codebuild",
    "StartBuild",
    "The local cloud pulls no images: a build in any image but AWS's own fails, and says so",
    f"{GUIDE}build-env-ref-available.html",
    "refused",
)
def test_an_image_of_ones_own(aws: Account) -> None:
    done = build(
        aws,
        "version: 0.2\nphases: {build: {commands: [echo never]}}\n",
        environment={**ENVIRONMENT, "image": "public.ecr.aws/docker/library/python:3.12"},
    )
    assert "The local cloud pulls no images" in context(done, "PROVISIONING")[1]


@behaviour(
    "codebuild",
    "StartBuild",
    "A build whose role may not write its log fails",
    f"{GUIDE}setting-up-service-role.html",
)
def test_a_role_that_may_not_write_logs(aws: Account) -> None:
    role = aws.role("codebuild.amazonaws.com")
    done = build(aws, "version: 0.2\nphases: {build: {commands: [echo never]}}\n", serviceRole=role)
    assert done["buildStatus"] == "FAILED"
    assert "ACCESS_DENIED" in [each["contexts"][0]["statusCode"] for each in done["phases"] if each.get("contexts")]


@behaviour(
    "codebuild",
    "StartBuild",
    "Commands get temporary credentials of the project's role",
    f"{GUIDE}setting-up-service-role.html",
)
def test_commands_have_the_role(aws: Account) -> None:
    given = "${AWS_SESSION_TOKEN:+session}${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI:+session}"
    done = build(aws, f"version: 0.2\nphases: {{build: {{commands: ['echo {given}']}}}}\n")
    assert printed(aws, done) == ["session"]


@behaviour(
    "codebuild",
    "StartBuild",
    "One idempotency token starts one build; with other parameters it is refused",
    f"{API}API_StartBuild.html",
)
@behaviour(
    "codebuild",
    "StopBuild",
    "A stopped build is STOPPED, and its commands end",
    f"{API}API_StopBuild.html",
)
@behaviour(
    "codebuild",
    "BatchDeleteBuilds",
    "A build in progress is not deleted; one that has ended is, and one that is not there is listed as such",
    f"{API}API_BatchDeleteBuilds.html",
)
def test_a_build_that_is_stopped(aws: Account) -> None:
    codebuild = aws.client("codebuild")
    spec = {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [sleep 300]}}\n"}
    name, token = project(aws, source=spec)["name"], aws.name("token")
    first = codebuild.start_build(projectName=name, idempotencyToken=token)["build"]["id"]
    assert codebuild.start_build(projectName=name, idempotencyToken=token)["build"]["id"] == first
    with aws.refused("InvalidInputException", "idempotency"):
        codebuild.start_build(projectName=name, idempotencyToken=token, timeoutInMinutesOverride=7)
    kept = codebuild.batch_delete_builds(ids=[first])["buildsNotDeleted"]
    assert kept == [{"id": first, "statusCode": "BUILD_IN_PROGRESS"}]
    codebuild.stop_build(id=first)
    assert finished(aws, first)["buildStatus"] == "STOPPED"
    lost = f"{name}:00000000-0000-0000-0000-000000000000"
    answer = codebuild.batch_delete_builds(ids=[first, lost])
    assert [arn.rpartition("/")[2] for arn in answer["buildsDeleted"]] == [first]
    assert [each["id"] for each in answer["buildsNotDeleted"]] == [lost]


@behaviour(
    "codebuild",
    ("RetryBuild", "ListBuilds", "ListBuildsForProject"),
    "A retried build has the next number and the overrides of the first; the newest comes first in lists",
    f"{API}API_RetryBuild.html",
)
@behaviour(
    "codebuild",
    "DeleteProject",
    "A project's builds outlive it",
    f"{API}API_DeleteProject.html",
)
def test_a_build_that_is_retried(aws: Account) -> None:
    codebuild = aws.client("codebuild")
    first = build(
        aws,
        "version: 0.2\nphases: {build: {commands: ['echo $WHO']}}\n",
        {"environmentVariablesOverride": [{"name": "WHO", "value": "me"}]},
    )
    second = finished(aws, codebuild.retry_build(id=first["id"])["build"]["id"])
    assert second["buildNumber"] == 2
    assert printed(aws, second) == ["me"]
    ids = [second["id"], first["id"]]
    assert codebuild.list_builds_for_project(projectName=first["projectName"])["ids"] == ids
    assert [each for each in codebuild.list_builds()["ids"] if each in ids] == ids
    codebuild.delete_project(name=first["projectName"])
    assert len(codebuild.batch_get_builds(ids=ids)["builds"]) == 2


@behaviour(
    "codebuild",
    ("StartBuild", "ListBuildsForProject"),
    "An unknown project cannot be built, nor its builds listed",
    f"{API}API_StartBuild.html",
)
def test_an_unknown_project(aws: Account) -> None:
    codebuild, name = aws.client("codebuild"), aws.name()
    with aws.refused("ResourceNotFoundException", "Project cannot be found"):
        codebuild.start_build(projectName=name)
    with aws.refused("ResourceNotFoundException"):
        codebuild.list_builds_for_project(projectName=name)


@behaviour(
    "codebuild",
    "BatchGetBuilds",
    "Builds that are not there are listed beside those that were found",
    f"{API}API_BatchGetBuilds.html",
)
def test_an_unknown_build(aws: Account) -> None:
    lost = f"{aws.name()}:00000000-0000-0000-0000-000000000000"
    found = aws.client("codebuild").batch_get_builds(ids=[lost])
    assert (found["builds"], found["buildsNotFound"]) == ([], [lost])


@behaviour(
    "codebuild",
    "StartBuild",
    "A source that is not in S3 fails the build in DOWNLOAD_SOURCE",
    f"{GUIDE}troubleshooting.html",
)
def test_a_source_that_is_not_there(aws: Account) -> None:
    codebuild = aws.client("codebuild")
    read = {"Effect": "Allow", "Action": ["logs:*", "s3:*"], "Resource": "*"}
    source = {"type": "S3", "location": f"{aws.bucket()}/nowhere.zip"}
    wanted = definition(aws, source=source, serviceRole=aws.role("codebuild.amazonaws.com", read))
    codebuild.create_project(**wanted)
    aws.later(codebuild.delete_project, name=wanted["name"])
    done = finished(aws, codebuild.start_build(projectName=wanted["name"])["build"]["id"])
    assert done["buildStatus"] == "FAILED"
    assert phases(done)["DOWNLOAD_SOURCE"] == "FAILED"
