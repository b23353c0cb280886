"""CloudFormation Template Reference, AWS::CodeCommit::Repository."""

from __future__ import annotations

import io
import json
import os
import stat
import uuid
import zipfile
from typing import Any

import pytest

from tests.localcloud.conftest import CloudUnderTest, wait_until

from .conftest import Events, GitClient

pytestmark = pytest.mark.cloud


def template(**properties: Any) -> dict[str, Any]:
    attributes = ("Arn", "CloneUrlHttp", "CloneUrlSsh", "Name")
    return {
        "Resources": {"Code": {"Type": "AWS::CodeCommit::Repository", "Properties": properties}},
        "Outputs": {
            "Ref": {"Value": {"Ref": "Code"}},
            **{name: {"Value": {"Fn::GetAtt": ["Code", name]}} for name in attributes},
        },
    }


def test_a_stack_creates_renames_and_deletes_a_repository(cloud: CloudUnderTest, codecommit: Any) -> None:
    tags = [{"Key": "team", "Value": "one"}]
    outputs = cloud.deploy("code", template(RepositoryName="first", RepositoryDescription="x", Tags=tags))
    shown = codecommit.get_repository(repositoryName="first")["repositoryMetadata"]
    assert outputs == {
        "Ref": shown["repositoryId"],
        "Arn": shown["Arn"],
        "CloneUrlHttp": shown["cloneUrlHttp"],
        "CloneUrlSsh": shown["cloneUrlSsh"],
        "Name": "first",
    }
    assert shown["repositoryDescription"] == "x"
    assert codecommit.list_tags_for_resource(resourceArn=shown["Arn"])["tags"] == {"team": "one"}
    codecommit.put_file(repositoryName="first", branchName="main", filePath="a", fileContent=b"1")
    renamed = cloud.deploy("code", template(RepositoryName="second"), update=True)
    assert renamed["Ref"] == outputs["Ref"]
    assert renamed["Name"] == "second"
    assert codecommit.get_file(repositoryName="second", filePath="a")["fileContent"] == b"1"
    assert codecommit.list_tags_for_resource(resourceArn=renamed["Arn"])["tags"] == {}
    cloud.client("cloudformation").delete_stack(StackName="code")
    wait_until(lambda: codecommit.batch_get_repositories(repositoryNames=["second"])["repositoriesNotFound"])


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | (0o755 if name.endswith(".sh") else 0o644)) << 16
            bundle.writestr(info, content)
    return buffer.getvalue()


def test_a_repository_begins_with_the_files_of_an_archive(
    cloud: CloudUnderTest, codecommit: Any, git: GitClient
) -> None:
    files = {"README.md": b"hello", "a/run.sh": b"#!/bin/sh\n", 'a/odd "name"': b"", "noise": os.urandom(3_000_000)}
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="seeds")
    s3.put_object(Bucket="seeds", Key="code.zip", Body=archive(files))
    events = Events(cloud, "seeded", "seeded")
    code = {"S3": {"Bucket": "seeds", "Key": "code.zip"}, "BranchName": "trunk"}
    cloud.deploy("seeded", template(RepositoryName="seeded", Code=code))
    tree = git.clone("seeded", "tree")
    assert {path: (tree / path).read_bytes() for path in files} == files
    assert (tree / "a" / "run.sh").stat().st_mode & 0o100
    assert codecommit.get_repository(repositoryName="seeded")["repositoryMetadata"]["defaultBranch"] == "trunk"
    (told,) = events.take(1)
    assert told["detail"]["commitId"] == git.run("rev-parse", "HEAD", cwd=tree).strip()


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Code": {"S3": {"Bucket": "seeds", "Key": "no.zip"}}}, "cannot be read as a ZIP archive"),
        ({"Code": {"S3": {"Bucket": "escapes", "Key": "code.zip"}}}, "The specified path is not valid"),
        ({"Code": {"BranchName": "main"}}, "Code.S3 lacks Bucket and Key"),
        ({"Triggers": [{"Name": "x"}]}, "Triggers is refused by the local cloud"),
        ({"KmsKeyId": "alias/x"}, "repositories are not encrypted"),
        ({"RepositoryName": "not/valid"}, "failed to satisfy constraint"),
    ],
)
def test_what_a_template_cannot_have_fails_its_stack_and_leaves_nothing(
    cloud: CloudUnderTest, codecommit: Any, properties: dict[str, Any], reason: str
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="escapes")
    s3.put_object(Bucket="escapes", Key="code.zip", Body=archive({"../../escaped": b"x"}))
    stack = f"refused-{uuid.uuid4()}"

    body = json.dumps(template(**({"RepositoryName": "refused"} | properties)))
    cloud.client("cloudformation").create_stack(StackName=stack, TemplateBody=body)
    assert cloud.settled(stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert any(reason in event.get("ResourceStatusReason", "") for event in events), events
    assert codecommit.batch_get_repositories(repositoryNames=["refused"])["repositoriesNotFound"] == ["refused"]
