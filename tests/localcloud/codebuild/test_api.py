"""The operations on projects, builds and report groups; CloudFormation; events; CodeCommit as a source.

AWS CodeBuild API Reference; CloudFormation Template Reference, AWS::CodeBuild::Project and ::ReportGroup; User Guide,
"Build notifications input format reference".
"""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.conftest import wait_until

from .conftest import ENVIRONMENT, ROLE, Bench, context, phases

pytestmark = pytest.mark.cloud

ECHO = "version: 0.2\nphases: {build: {commands: [echo built]}}\n"


def definition(**settings: Any) -> dict[str, Any]:
    return {
        "name": f"p-{uuid.uuid4().hex[:8]}",
        "source": {"type": "NO_SOURCE", "buildspec": ECHO},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": ENVIRONMENT,
        "serviceRole": ROLE,
        **settings,
    }


# Projects ------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_project(bench: Bench) -> None:
    codebuild = bench.codebuild
    wanted = definition(description="first", tags=[{"key": "a", "value": "b"}])
    project = codebuild.create_project(**wanted)["project"]
    name = wanted["name"]
    assert project["arn"] == f"arn:aws:codebuild:us-east-1:000000000000:project/{name}"
    assert (project["timeoutInMinutes"], project["queuedTimeoutInMinutes"]) == (60, 480)
    with pytest.raises(codebuild.exceptions.ResourceAlreadyExistsException, match="Project already exists"):
        codebuild.create_project(**wanted)
    updated = codebuild.update_project(name=name, timeoutInMinutes=10)["project"]
    assert (updated["timeoutInMinutes"], updated["description"], updated["created"]) == (
        10,
        "first",
        project["created"],
    )
    found = codebuild.batch_get_projects(names=[name, "nowhere"])
    assert [each["name"] for each in found["projects"]] == [name]
    assert found["projectsNotFound"] == ["nowhere"]
    assert name in codebuild.list_projects()["projects"]
    codebuild.delete_project(name=name)
    codebuild.delete_project(name=name)
    assert name not in codebuild.list_projects()["projects"]
    with pytest.raises(codebuild.exceptions.ResourceNotFoundException, match="Project cannot be found"):
        bench.start(name)
    with pytest.raises(codebuild.exceptions.ResourceNotFoundException):
        codebuild.update_project(name=name, description="x")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": {"type": "GITHUB", "location": "https://github.com/x/y"}}, "does not fetch from GITHUB"),
        ({"source": {"type": "NO_SOURCE"}}, "the buildspec must be given in the project"),
        ({"source": {"type": "S3"}}, "location must be given for source type S3"),
        ({"source": {"type": "S3", "location": "bucket"}}, "location must be <bucket>/<key>"),
        ({"source": {"type": "CODEPIPELINE"}}, "both must be"),
        ({"artifacts": {"type": "S3"}}, "location .a bucket. must be given"),
        ({"cache": {"type": "S3"}}, "for a cache of type S3"),
        ({"cache": {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}}, "has no Docker"),
        ({"environment": {**ENVIRONMENT, "type": "WINDOWS_CONTAINER"}}, "no WINDOWS_CONTAINER"),
        ({"vpcConfig": {"vpcId": "vpc-1"}}, "does not offer VPCs: leave out vpcConfig"),
        ({"badgeEnabled": True}, "badges"),
        ({"logsConfig": {"s3Logs": {"status": "ENABLED", "location": "b/p"}}}, "logs to CloudWatch Logs only"),
        (
            {"secondaryArtifacts": [{"type": "S3", "location": "b", "artifactIdentifier": "a-b"}]},
            "letters, digits and underscores",
        ),
    ],
)
def test_what_is_not_copied_is_refused(bench: Bench, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(bench.codebuild.exceptions.InvalidInputException, match=message):
        bench.codebuild.create_project(**definition(**settings))


def test_an_operation_that_is_not_offered_says_so(bench: Bench) -> None:
    with pytest.raises(bench.codebuild.exceptions.ClientError, match="does not offer StartBuildBatch"):
        bench.codebuild.start_build_batch(projectName="x")


# Builds --------------------------------------------------------------------------------------------------------------


def test_lists_pages_and_deletion_of_builds(bench: Bench) -> None:
    codebuild = bench.codebuild
    project = bench.project(ECHO)
    builds = [bench.build(project)["id"] for _ in range(3)]
    assert codebuild.list_builds_for_project(projectName=project)["ids"] == builds[::-1]
    assert codebuild.list_builds_for_project(projectName=project, sortOrder="ASCENDING")["ids"] == builds
    assert set(builds) <= set(codebuild.list_builds()["ids"])
    with pytest.raises(codebuild.exceptions.ResourceNotFoundException):
        codebuild.list_builds_for_project(projectName="nowhere")
    bench.codebuild.delete_project(name=project)
    answer = codebuild.batch_delete_builds(ids=[builds[0], "nowhere:1"])
    assert answer["buildsDeleted"][0].endswith(builds[0])
    assert answer["buildsNotDeleted"] == [{"id": "nowhere:1", "statusCode": "BUILD_NOT_FOUND"}]
    # DeleteProject: its builds are not deleted.
    found = codebuild.batch_get_builds(ids=builds)
    assert [each["id"] for each in found["builds"]] == builds[1:]
    assert found["buildsNotFound"] == [builds[0]]


def test_a_retried_build_has_the_overrides_of_the_first(bench: Bench) -> None:
    project = bench.project("version: 0.2\nphases: {build: {commands: ['echo $WHO']}}\n")
    first = bench.build(project, environmentVariablesOverride=[{"name": "WHO", "value": "me"}])
    second = bench.finished(bench.codebuild.retry_build(id=first["id"])["build"]["id"])
    assert bench.printed(second) == ["me"]
    assert second["buildNumber"] == 2


def test_an_idempotency_token_starts_one_build(bench: Bench) -> None:
    """StartBuild, idempotencyToken."""
    project = bench.project(ECHO)
    first = bench.start(project, idempotencyToken="one")
    assert bench.start(project, idempotencyToken="one") == first
    with pytest.raises(bench.codebuild.exceptions.InvalidInputException, match="idempotency token"):
        bench.start(project, idempotencyToken="one", buildspecOverride=ECHO)


def test_logs_may_go_elsewhere_or_nowhere(bench: Bench) -> None:
    project = bench.project(ECHO, logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": "/my/logs"}})
    build = bench.build(project)
    assert build["logs"]["groupName"] == "/my/logs"
    assert bench.printed(build) == ["built"]
    build = bench.build(project, logsConfigOverride={"cloudWatchLogs": {"status": "DISABLED"}})
    assert build["buildStatus"] == "SUCCEEDED"
    assert "groupName" not in build["logs"]


def test_a_completed_builds_log_is_whole(bench: Bench) -> None:
    build = bench.run("version: 0.2\nphases: {build: {commands: [seq 5000]}}\n")
    assert bench.printed(build) == [str(number) for number in range(1, 5001)]


def test_events_tell_of_start_and_end(bench: Bench) -> None:
    sqs, events = bench.client("sqs"), bench.client("events")
    url, arn = bench.queue("build-events")
    pattern = {"source": ["aws.codebuild"], "detail-type": ["CodeBuild Build State Change"]}
    events.put_rule(Name="builds", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="builds", Targets=[{"Id": "q", "Arn": arn}])
    good = bench.run("version: 0.2\nenv: {exported-variables: [CI]}\nphases: {build: {commands: [ls]}}\n")
    bad = bench.run("version: 0.2\nphases: {build: {commands: [exit 9]}}\n")
    seen: list[dict[str, Any]] = []

    def all_there() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            seen.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(seen) == 4

    wait_until(all_there)
    by_build = {build["arn"]: {} for build in (good, bad)}
    for event in seen:
        assert event["resources"] == [event["detail"]["build-id"]]
        by_build[event["detail"]["build-id"]][event["detail"]["build-status"]] = event["detail"]
    assert {arn: set(found) for arn, found in by_build.items()} == {
        good["arn"]: {"IN_PROGRESS", "SUCCEEDED"},
        bad["arn"]: {"IN_PROGRESS", "FAILED"},
    }
    more = by_build[bad["arn"]]["FAILED"]["additional-information"]
    contexts = {phase["phase-type"]: phase.get("phase-context") for phase in more["phases"]}
    assert contexts["BUILD"] == [
        "COMMAND_EXECUTION_ERROR: Error while executing command: exit 9. Reason: exit status 9"
    ]
    assert more["logs"]["stream-name"] == bad["logs"]["streamName"]
    assert by_build[good["arn"]]["SUCCEEDED"]["additional-information"]["exported-environment-variables"] == [
        {"name": "CI", "value": "true"}
    ]


# CloudFormation ------------------------------------------------------------------------------------------------------


def deploy(
    bench: Bench, stack: str, resources: dict[str, Any], outputs: dict[str, Any], *, update: bool = False
) -> Any:
    cloudformation = bench.client("cloudformation")
    act = cloudformation.update_stack if update else cloudformation.create_stack
    act(StackName=stack, TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))

    def settled() -> Any:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    found = wait_until(settled)
    return found["StackStatus"], {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


PROPERTIES: dict[str, Any] = {
    "ServiceRole": ROLE,
    "Source": {"Type": "NO_SOURCE", "BuildSpec": ECHO},
    "Artifacts": {"Type": "NO_ARTIFACTS"},
    "Environment": {
        "Type": "LINUX_CONTAINER",
        "Image": "aws/codebuild/standard:7.0",
        "ComputeType": "BUILD_GENERAL1_SMALL",
        "PrivilegedMode": "false",
        "EnvironmentVariables": [{"Name": "A", "Type": "PLAINTEXT", "Value": 1}],
    },
    "TimeoutInMinutes": "7",
    "Description": "first",
    "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": "/stack/logs"}},
    "Cache": {"Type": "LOCAL", "Modes": ["LOCAL_CUSTOM_CACHE"]},
    "Tags": [{"Key": "k", "Value": "v"}],
    "Triggers": {"Webhook": False},
    "Visibility": "PRIVATE",
}
OUTPUTS = {"Name": {"Value": {"Ref": "MyProject"}}, "Arn": {"Value": {"Fn::GetAtt": ["MyProject", "Arn"]}}}


def test_a_project_of_a_stack(bench: Bench) -> None:
    resource = {"Type": "AWS::CodeBuild::Project", "Properties": PROPERTIES}
    status, outputs = deploy(bench, "one", {"MyProject": resource}, OUTPUTS)
    assert status == "CREATE_COMPLETE"
    name = outputs["Name"]
    assert name.startswith("MyProject-")
    project = bench.codebuild.batch_get_projects(names=[name])["projects"][0]
    assert project["arn"] == outputs["Arn"]
    assert project["timeoutInMinutes"] == 7
    assert project["environment"]["environmentVariables"] == [{"name": "A", "type": "PLAINTEXT", "value": "1"}]
    assert {"key": "k", "value": "v"} in project["tags"]
    build = bench.build(name)
    assert (build["buildStatus"], build["logs"]["groupName"]) == ("SUCCEEDED", "/stack/logs")
    less = {key: value for key, value in PROPERTIES.items() if key not in ("Description", "TimeoutInMinutes")}
    status, again = deploy(bench, "one", {"MyProject": resource | {"Properties": less}}, OUTPUTS, update=True)
    assert (status, again["Name"]) == ("UPDATE_COMPLETE", name)
    project = bench.codebuild.batch_get_projects(names=[name])["projects"][0]
    assert (project["timeoutInMinutes"], "description" in project) == (60, False)
    bench.client("cloudformation").delete_stack(StackName="one")
    wait_until(lambda: bench.codebuild.batch_get_projects(names=[name]).get("projectsNotFound"))


@pytest.mark.parametrize(
    "properties",
    [
        {"Triggers": {"Webhook": True}},
        {"Nonsense": 1},
        {"VpcConfig": {"VpcId": "vpc-1", "Subnets": [], "SecurityGroupIds": []}},
    ],
)
def test_a_project_that_cannot_be_fails_its_stack(bench: Bench, properties: dict[str, Any]) -> None:
    resource = {"Type": "AWS::CodeBuild::Project", "Properties": PROPERTIES | properties}
    status, _ = deploy(bench, f"bad-{uuid.uuid4().hex[:6]}", {"MyProject": resource}, {})
    assert status in ("ROLLBACK_COMPLETE", "CREATE_FAILED")


def test_a_report_group_of_a_stack(bench: Bench) -> None:
    resource = {
        "Type": "AWS::CodeBuild::ReportGroup",
        "Properties": {
            "Name": "stack-reports",
            "Type": "TEST",
            "ExportConfig": {"ExportConfigType": "NO_EXPORT"},
            "DeleteReports": True,
        },
    }
    outputs = {"Ref": {"Value": {"Ref": "Group"}}, "Arn": {"Value": {"Fn::GetAtt": ["Group", "Arn"]}}}
    status, found = deploy(bench, "reports", {"Group": resource}, outputs)
    assert status == "CREATE_COMPLETE"
    assert found["Ref"] == found["Arn"] == "arn:aws:codebuild:us-east-1:000000000000:report-group/stack-reports"
    junit = "<testsuite><testcase name='x'/></testsuite>"
    build = bench.run(
        f'version: 0.2\nphases: {{build: {{commands: ["echo \\"{junit}\\" > r.xml"]}}}}\n'
        f"reports: {{'{found['Arn']}': {{files: [r.xml]}}}}\n"
    )
    reports = bench.codebuild.list_reports_for_report_group(reportGroupArn=found["Arn"])["reports"]
    assert reports == build["reportArns"]
    assert bench.codebuild.batch_get_reports(reportArns=reports)["reports"][0]["status"] == "SUCCEEDED"
    bench.client("cloudformation").delete_stack(StackName="reports")
    wait_until(lambda: found["Arn"] not in bench.codebuild.list_report_groups()["reportGroups"])
    assert bench.codebuild.batch_get_reports(reportArns=reports)["reportsNotFound"] == reports


# CodeCommit ----------------------------------------------------------------------------------------------------------


def commit(bench: Bench, repository: str, branch: str, content: str, parent: str | None = None) -> str:
    """One commit with a buildspec that prints ``content``; its id."""
    spec = "version: 0.2\nphases: {build: {commands: [cat file, git log --format=%s]}}\n"
    files = [
        {"filePath": "file", "fileContent": f"{content}\n".encode()},
        {"filePath": "buildspec.yml", "fileContent": spec.encode()},
    ]
    more = {"parentCommitId": parent} if parent else {}
    codecommit = bench.client("codecommit")
    answer = codecommit.create_commit(
        repositoryName=repository, branchName=branch, putFiles=files, commitMessage=content, **more
    )
    return str(answer["commitId"])


def test_codecommit_is_a_source(bench: Bench) -> None:
    codecommit = bench.client("codecommit")
    codecommit.create_repository(repositoryName="code")
    first = commit(bench, "code", "main", "first")
    second = commit(bench, "code", "main", "second", first)
    codecommit.create_branch(repositoryName="code", branchName="feature/x", commitId=first)
    location = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/code"
    wanted = definition(source={"type": "CODECOMMIT", "location": location})
    bench.codebuild.create_project(**wanted)
    for version, content, resolved in (
        (None, "second", second),
        ("main", "second", second),
        ("refs/heads/feature/x", "first", first),
        (first, "first", first),
    ):
        build = bench.build(wanted["name"], **({"sourceVersion": version} if version else {}))
        assert build["buildStatus"] == "SUCCEEDED", bench.log(build)
        assert bench.printed(build)[0] == content
        assert build["resolvedSourceVersion"] == resolved
    build = bench.build(wanted["name"], sourceVersion="nowhere")
    assert context(build, "DOWNLOAD_SOURCE") == (
        "CLIENT_ERROR",
        "reference not found for primary source and source version nowhere",
    )
    build = bench.build(wanted["name"], sourceLocationOverride=location.replace("code", "gone"))
    assert context(build, "DOWNLOAD_SOURCE")[0] == "CLIENT_ERROR"
    assert phases(build)["DOWNLOAD_SOURCE"] == "FAILED"


def test_git_in_commands_reaches_codecommit_with_the_helper(bench: Bench) -> None:
    """env/git-credential-helper."""
    bench.client("codecommit").create_repository(repositoryName="library")
    commit(bench, "library", "main", "from the library")
    url = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/library"
    steps = f"phases: {{build: {{commands: [git clone -q {url}, cat library/file]}}}}"
    build = bench.run(f"version: 0.2\nenv: {{git-credential-helper: yes}}\n{steps}\n")
    assert bench.printed(build)[-1] == "from the library", bench.log(build)


def test_the_files_of_the_build_do_not_stay(bench: Bench) -> None:
    build = bench.run(ECHO)
    folder = Path(bench.running.state_dir) / "work"
    assert not list(folder.glob(f"*/codebuild/{build['id'].partition(':')[2]}"))
    listed = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    assert build["id"].partition(":")[2] not in listed
