"""AWS CodeBuild: projects and report groups."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "codebuild/latest/APIReference/"
ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
BUILDSPEC = "version: 0.2\nphases: {build: {commands: [echo built]}}\n"
LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


def definition(aws: Account, **settings: Any) -> dict[str, Any]:
    """What makes a project; its role may write logs."""
    role = settings.pop("serviceRole", None) or aws.role("codebuild.amazonaws.com", LOGS)
    return {
        "name": aws.name("project"),
        "source": {"type": "NO_SOURCE", "buildspec": BUILDSPEC},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": ENVIRONMENT,
        "serviceRole": role,
        **settings,
    }


def project(aws: Account, **settings: Any) -> dict[str, Any]:
    """A new project, as the service shows it."""
    codebuild = aws.client("codebuild")
    made: dict[str, Any] = codebuild.create_project(**definition(aws, **settings))["project"]
    aws.later(codebuild.delete_project, name=made["name"])
    return made


@behaviour(
    "codebuild",
    "CreateProject",
    "A project has an ARN, one hour for a build and eight in the queue unless told otherwise",
    f"{API}API_CreateProject.html",
)
def test_a_new_project(aws: Account) -> None:
    made = project(aws, description="first")
    assert made["arn"] == f"arn:aws:codebuild:{aws.region}:{aws.account}:project/{made['name']}"
    assert (made["timeoutInMinutes"], made["queuedTimeoutInMinutes"]) == (60, 480)
    assert made["description"] == "first"
    assert made["badge"]["badgeEnabled"] is False


@behaviour("codebuild", "CreateProject", "A project's name cannot be used twice", f"{API}API_CreateProject.html")
def test_a_name_twice(aws: Account) -> None:
    made = project(aws)
    with aws.refused("ResourceAlreadyExistsException", "Project already exists", made["arn"]):
        aws.client("codebuild").create_project(**definition(aws, name=made["name"]))


@behaviour(
    "codebuild",
    "UpdateProject",
    "An update changes what it names and leaves the rest",
    f"{API}API_UpdateProject.html",
)
def test_updating(aws: Account) -> None:
    made = project(aws, description="first")
    changed = aws.client("codebuild").update_project(name=made["name"], timeoutInMinutes=10)["project"]
    assert (changed["timeoutInMinutes"], changed["description"]) == (10, "first")
    assert changed["created"] == made["created"]
    assert changed["lastModified"] >= made["lastModified"]


@behaviour("codebuild", "UpdateProject", "An unknown project is not found", f"{API}API_UpdateProject.html")
def test_updating_an_unknown_project(aws: Account) -> None:
    with aws.refused("ResourceNotFoundException", "Project cannot be found"):
        aws.client("codebuild").update_project(name=aws.name(), description="x")


@behaviour(
    "codebuild",
    "BatchGetProjects",
    "Names without a project are listed beside those that were found",
    f"{API}API_BatchGetProjects.html",
)
def test_several_at_once(aws: Account) -> None:
    made, lost = project(aws), aws.name()
    found = aws.client("codebuild").batch_get_projects(names=[made["name"], lost])
    assert [each["name"] for each in found["projects"]] == [made["name"]]
    assert found["projectsNotFound"] == [lost]


@behaviour(
    "codebuild",
    ("ListProjects", "DeleteProject"),
    "Deleting a project that is gone already is not an error",
    f"{API}API_DeleteProject.html",
)
def test_deleting_twice(aws: Account) -> None:
    codebuild, made = aws.client("codebuild"), project(aws)

    def listed() -> list[str]:
        return [name for page in codebuild.get_paginator("list_projects").paginate() for name in page["projects"]]

    assert made["name"] in listed()
    codebuild.delete_project(name=made["name"])
    codebuild.delete_project(name=made["name"])
    assert made["name"] not in listed()


@behaviour("codebuild", "ListProjects", "Projects are listed by name, in either order", f"{API}API_ListProjects.html")
def test_listing(aws: Account) -> None:
    codebuild = aws.client("codebuild")
    names = sorted(project(aws)["name"] for _ in range(2))
    listed = [name for name in codebuild.list_projects(sortBy="NAME")["projects"] if name in names]
    assert listed == names
    turned = codebuild.list_projects(sortBy="NAME", sortOrder="DESCENDING")["projects"]
    assert [name for name in turned if name in names] == names[::-1]


@pytest.mark.parametrize(
    ("settings", "words", "what"),
    [
        ({"source": {"type": "NO_SOURCE"}}, "buildspec", "no source and no buildspec"),
        ({"source": {"type": "S3"}}, "location", "a source in S3 without a place"),
        ({"source": {"type": "CODEPIPELINE"}}, "both must be", "CodePipeline as source alone"),
        ({"artifacts": {"type": "S3"}}, "location", "artifacts in S3 without a bucket"),
        (
            {"secondaryArtifacts": [{"type": "S3", "location": "b", "artifactIdentifier": "a-b"}]},
            "letters, digits and underscores",
            "an identifier with a hyphen",
        ),
    ],
)
@behaviour("codebuild", "CreateProject", "CreateProject refuses {what}", f"{API}API_CreateProject.html")
def test_a_project_that_cannot_be(aws: Account, settings: dict[str, Any], words: str, what: str) -> None:
    with aws.refused("InvalidInputException", words):
        aws.client("codebuild").create_project(**definition(aws, **settings))


@pytest.mark.parametrize(
    ("settings", "words", "what"),
    [
        ({"source": {"type": "GITHUB", "location": "https://github.com/x/y"}}, "GITHUB", "Git hosts"),
        ({"vpcConfig": {"vpcId": "vpc-1"}}, "does not offer VPCs", "VPCs"),
        ({"badgeEnabled": True}, "badges", "badges"),
        ({"logsConfig": {"s3Logs": {"status": "ENABLED", "location": "b/p"}}}, "CloudWatch Logs only", "logs in S3"),
        ({"environment": {**ENVIRONMENT, "type": "WINDOWS_SERVER_2022_CONTAINER"}}, "WINDOWS", "Windows"),
        ({"cache": {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}}, "Docker", "caches of Docker layers"),
    ],
)
@behaviour(
    "codebuild",
    "CreateProject",
    "The local cloud has no {what}: such a project is refused",
    f"{API}API_CreateProject.html",
    "refused",
)
def test_what_the_local_cloud_lacks(aws: Account, settings: dict[str, Any], words: str, what: str) -> None:
    with aws.refused("InvalidInputException", words):
        aws.client("codebuild").create_project(**definition(aws, **settings))


@behaviour(
    "codebuild",
    "CreateProject",
    "A role that does not exist, or does not trust CodeBuild, is refused",
    "codebuild/latest/userguide/setting-up-service-role.html",
)
def test_a_role_that_codebuild_cannot_assume(aws: Account) -> None:
    other = aws.role("lambda.amazonaws.com")
    for role in (other, f"arn:aws:iam::{aws.account}:role/{aws.name()}"):
        with aws.refused("InvalidInputException", "CodeBuild is not authorized to perform: sts:AssumeRole"):
            aws.client("codebuild").create_project(**definition(aws, serviceRole=role))


@behaviour(
    "codebuild",
    "CreateProject",
    "Values that the service model excludes are refused in its words: a build of less than five minutes",
    f"{API}API_CreateProject.html",
)
def test_a_time_that_is_too_short(aws: Account) -> None:
    with aws.refused("InvalidInputException", "timeoutInMinutes", "greater than or equal to 5"):
        unchecked = aws.client("codebuild", config=Config(parameter_validation=False))
        unchecked.create_project(**definition(aws, timeoutInMinutes=4))


@behaviour(
    "codebuild",
    "StartBuildBatch",
    "The local cloud does not offer batch builds",
    f"{API}API_StartBuildBatch.html",
    "refused",
)
def test_batch_builds(aws: Account) -> None:
    with aws.refused("UnsupportedOperation", "does not offer StartBuildBatch"):
        aws.client("codebuild").start_build_batch(projectName=aws.name())


@behaviour(
    "codebuild",
    ("CreateReportGroup", "BatchGetReportGroups", "ListReportGroups", "DeleteReportGroup"),
    "A report group can be found by its ARN until it is deleted",
    f"{API}API_CreateReportGroup.html",
)
def test_a_report_group(aws: Account) -> None:
    codebuild, name = aws.client("codebuild"), aws.name("group")
    made = codebuild.create_report_group(name=name, type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"})
    arn = made["reportGroup"]["arn"]
    aws.later(codebuild.delete_report_group, arn=arn)
    assert arn == f"arn:aws:codebuild:{aws.region}:{aws.account}:report-group/{name}"
    assert codebuild.batch_get_report_groups(reportGroupArns=[arn])["reportGroups"][0]["name"] == name
    assert arn in codebuild.list_report_groups()["reportGroups"]
    codebuild.delete_report_group(arn=arn)
    assert codebuild.batch_get_report_groups(reportGroupArns=[arn])["reportGroupsNotFound"] == [arn]
