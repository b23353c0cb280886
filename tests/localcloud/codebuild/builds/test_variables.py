"""What a build finds in its environment, and what nobody finds in its log.

AWS CodeBuild User Guide, "Environment variables in build environments".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

import localcloud
from tests.localcloud.codebuild.conftest import BUCKET, ENVIRONMENT, MODULES, Bench, context, phases

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A cloud whose image brings a variable, started from a shell that has one, too."""
    state = tmp_path_factory.mktemp("cloud")
    os.environ["HOST_ONLY"] = "leaked"
    try:
        variables = {"FROM_IMAGE": "image", "PATH": f"/image/bin:{os.environ['PATH']}", "HOME": "/elsewhere"}
        running = localcloud.start(state, port=0, speed=240, service_modules=MODULES, build_variables=variables)
    finally:
        del os.environ["HOST_ONLY"]
    try:
        yield Bench(running)
    finally:
        localcloud.stop(state)


def environment(bench: Bench, project: str, **overrides: object) -> dict[str, str]:
    """The variables of a build whose buildspec prints them."""
    build = bench.build(project, **overrides)
    assert build["buildStatus"] == "SUCCEEDED", bench.log(build)
    return dict(line.partition("=")[::2] for line in bench.printed(build) if "=" in line)


def test_the_documented_variables(bench: Bench) -> None:
    project = bench.project("version: 0.2\nphases: {build: {commands: [env]}}\n", {"a": "b"})
    build_id = bench.start(project)
    build = bench.finished(build_id)
    found = dict(line.partition("=")[::2] for line in bench.printed(build) if "=" in line)
    unique = build_id.partition(":")[2]
    assert found["CODEBUILD_BUILD_ID"] == build_id
    assert found["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert found["CODEBUILD_BUILD_NUMBER"] == "1"
    assert found["CODEBUILD_BUILD_IMAGE"] == "aws/codebuild/standard:7.0"
    assert found["CODEBUILD_BUILD_SUCCEEDING"] == "1"
    assert found["CODEBUILD_INITIATOR"] == build["initiator"]
    assert found["CODEBUILD_LOG_PATH"] == unique
    assert found["CODEBUILD_SOURCE_REPO_URL"] == f"s3://{BUCKET}/source/{project}.zip"
    assert found["CODEBUILD_SRC_DIR"] == found["PWD"]
    assert found["CODEBUILD_START_TIME"] == str(int(build["startTime"].timestamp() * 1000))
    assert found["CI"] == "true"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["AWS_ENDPOINT_URL"] == bench.running.endpoint_url
    assert bench.get(bench.start(project))["buildNumber"] == 2


def test_the_image_is_what_build_variables_say_and_the_host_does_not_leak(bench: Bench) -> None:
    found = environment(bench, bench.project("version: 0.2\nphases: {build: {commands: [env]}}\n"))
    assert found["FROM_IMAGE"] == "image"
    assert found["PATH"].startswith("/image/bin:")
    assert "HOST_ONLY" not in found
    assert found["HOME"] not in ("/elsewhere", os.environ["HOME"])
    allowed = ("AWS_", "CODEBUILD_", "LC_")
    known = {
        "CI",
        "FROM_IMAGE",
        "HOME",
        "LANG",
        "LOCALCLOUD_WORK",
        "PATH",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "TMPDIR",
        "TZ",
        "_",
    }
    assert {name for name in found if not name.startswith(allowed)} - known - {"LD_LIBRARY_PATH"} == set()


def test_start_build_counts_more_than_the_project_and_that_more_than_the_buildspec(bench: Bench) -> None:
    """env/variables: the order of precedence."""
    text = """\
        version: 0.2
        env:
          variables: {ONE: spec, TWO: spec, THREE: spec}
        phases:
          build:
            commands: ['echo "$ONE $TWO $THREE"']
        """
    variables = [{"name": name, "value": "project"} for name in ("TWO", "THREE")]
    project = bench.project(text, environment={**ENVIRONMENT, "environmentVariables": variables})
    build = bench.build(project, environmentVariablesOverride=[{"name": "THREE", "value": "start"}])
    assert bench.printed(build) == ["spec project start"]


def test_parameters_and_secrets_arrive_and_no_log_shows_them(bench: Bench) -> None:
    bench.client("ssm").put_parameter(Name="/app/token", Value="parameter-value", Type="SecureString")
    secret = bench.client("secretsmanager").create_secret(
        Name="app", SecretString=json.dumps({"user": "anna", "password": "secret-1\nsecret-2", "n": 90210})
    )
    text = """\
        version: 0.2
        env:
          parameter-store: {TOKEN: /app/token}
          secrets-manager: {PASSWORD: "app:password"}
          exported-variables: [TOKEN, LENGTH, WHOLE, AWS_REGION, NOT_SET]
        phases:
          build:
            commands:
              - echo "$TOKEN"; echo "<$PASSWORD>"; echo "$NUMBER"
              - LENGTH="${#TOKEN} ${#PASSWORD} ${#WHOLE}"; echo "$LENGTH"
              - echo parameter-value; exit 3
        """
    variables = [
        {"name": "NUMBER", "value": f"{secret['ARN']}:n", "type": "SECRETS_MANAGER"},
        {"name": "WHOLE", "value": "app", "type": "SECRETS_MANAGER"},
    ]
    build = bench.run(text, environment={**ENVIRONMENT, "environmentVariables": variables})
    whole = len(json.dumps({"user": "anna", "password": "secret-1\nsecret-2", "n": 90210}))
    assert bench.printed(build) == ["***", "<***", "***>", "***", f"15 17 {whole}", "***"]
    everything = "\n".join(bench.log(build))
    assert "parameter-value" not in everything
    assert "secret-1" not in everything
    assert context(build, "BUILD")[1] == "Error while executing command: echo ***; exit 3. Reason: exit status 3"
    assert [each["name"] for each in build["exportedEnvironmentVariables"]] == ["LENGTH"]


@pytest.mark.parametrize(
    ("env", "code", "message"),
    [
        ("parameter-store: {A: /nowhere}", "Decrypted Variables Error", "parameter does not exist: /nowhere"),
        ("secrets-manager: {A: nowhere}", "Secrets Manager Error", "ResourceNotFoundException"),
    ],
)
def test_what_is_not_there_fails_the_source_phase(bench: Bench, env: str, code: str, message: str) -> None:
    build = bench.run(f"version: 0.2\nenv:\n  {env}\nphases: {{build: {{commands: [ls]}}}}\n")
    assert context(build, "DOWNLOAD_SOURCE")[0] == code
    assert message in context(build, "DOWNLOAD_SOURCE")[1]
    assert list(phases(build))[-3:] == ["DOWNLOAD_SOURCE", "FINALIZING", "COMPLETED"]


def test_exported_variables_have_the_values_of_the_end(bench: Bench) -> None:
    """env/exported-variables: the value can be updated until the end of post_build."""
    text = """\
        version: 0.2
        env:
          variables: {SET: start}
          exported-variables: [SET, MADE, LINES, NEVER]
        phases:
          install: {commands: [export MADE=early]}
          build: {commands: ['MADE=late; LINES=$(printf "a\\nb")', "SET='$x \\"y\\"'"]}
          post_build: {commands: [exit 0]}
        """
    build = bench.run(text)
    exported = {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
    assert exported == {"SET": '$x "y"', "MADE": "late", "LINES": "a\nb"}


def test_codepipeline_names_the_initiator_and_the_revision(bench: Bench) -> None:
    given = [
        {"name": "CODEBUILD_INITIATOR", "value": "codepipeline/p"},
        {"name": "CODEBUILD_RESOLVED_SOURCE_VERSION", "value": "abc123"},
    ]
    project = bench.project("version: 0.2\nphases: {build: {commands: [env]}}\n")
    build = bench.build(project, environmentVariablesOverride=given)
    assert (build["initiator"], build["resolvedSourceVersion"]) == ("codepipeline/p", "abc123")
    assert {"CODEBUILD_INITIATOR=codepipeline/p", "CODEBUILD_RESOLVED_SOURCE_VERSION=abc123"} <= set(
        bench.printed(build)
    )
    assert all(not each["name"].startswith("CODEBUILD_") for each in build["environment"]["environmentVariables"])
