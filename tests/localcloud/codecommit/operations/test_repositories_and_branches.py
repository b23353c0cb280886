"""CodeCommit API Reference: repositories, tags, branches and commits, through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.localcloud.codecommit.conftest import UNKNOWN, Branch, GitClient, refused
from tests.localcloud.conftest import CloudUnderTest

pytestmark = pytest.mark.cloud

# Repositories ------------------------------------------------------------------------------------------------------


def test_a_repository_from_creation_to_deletion(codecommit: Any, cloud: CloudUnderTest) -> None:
    made = codecommit.create_repository(repositoryName="life", repositoryDescription="one", tags={"a": "1"})
    made = made["repositoryMetadata"]
    assert made["repositoryName"] == "life"
    assert made["Arn"] == "arn:aws:codecommit:us-east-1:000000000000:life"
    assert made["cloneUrlHttp"] == f"{cloud.running.endpoint_url}/v1/repos/life"
    assert made["accountId"] == "000000000000"
    assert codecommit.get_repository(repositoryName="life")["repositoryMetadata"] == made
    assert "life" in refused("RepositoryNameExistsException", codecommit.create_repository, repositoryName="life")
    codecommit.update_repository_description(repositoryName="life", repositoryDescription="two")
    codecommit.update_repository_name(oldName="life", newName="afterlife")
    found = codecommit.batch_get_repositories(repositoryNames=["afterlife", "life"])
    assert found["repositoriesNotFound"] == ["life"]
    (shown,) = found["repositories"]
    assert (shown["repositoryId"], shown["repositoryDescription"]) == (made["repositoryId"], "two")
    pair = {"repositoryName": "afterlife", "repositoryId": made["repositoryId"]}
    assert pair in codecommit.list_repositories()["repositories"]
    assert codecommit.delete_repository(repositoryName="afterlife")["repositoryId"] == made["repositoryId"]
    assert "repositoryId" not in codecommit.delete_repository(repositoryName="afterlife")
    refused("RepositoryDoesNotExistException", codecommit.get_repository, repositoryName="afterlife")
    assert not (cloud.running.state_dir / "codecommit" / f"{made['repositoryId']}.git").exists()


def test_renaming_keeps_the_contents_and_takes_no_name_that_is_taken(
    main: Branch, codecommit: Any, git: GitClient
) -> None:
    main.put("a", b"1")
    codecommit.create_repository(repositoryName="taken")
    refused(
        "RepositoryNameExistsException",
        codecommit.update_repository_name,
        oldName=main.repository,
        newName="taken",
    )
    codecommit.delete_repository(repositoryName="taken")
    codecommit.update_repository_name(oldName=main.repository, newName="renamed")
    assert (git.clone("renamed", "tree") / "a").read_bytes() == b"1"
    codecommit.update_repository_name(oldName="renamed", newName=main.repository)


@pytest.mark.parametrize("name", ["..", ".", "x.git", "ü"])
def test_a_name_that_codecommit_does_not_take(codecommit: Any, name: str) -> None:
    refused("InvalidRepositoryNameException", codecommit.create_repository, repositoryName=name)
    refused("InvalidRepositoryNameException", codecommit.delete_repository, repositoryName=name)


@pytest.mark.parametrize("name", ["../x", "a/b", "x" * 101, ""])
def test_a_name_that_the_service_model_refuses_already(codecommit: Any, name: str, cloud: CloudUnderTest) -> None:
    before = sorted((cloud.running.state_dir / "codecommit").iterdir())
    with pytest.raises(Exception, match=r"repositoryName|Invalid length"):
        codecommit.create_repository(repositoryName=name)
    assert sorted((cloud.running.state_dir / "codecommit").iterdir()) == before


def test_listing_sorts(codecommit: Any) -> None:
    for name in ("sort-b", "sort-a"):
        codecommit.create_repository(repositoryName=name)

    def names(**how: str) -> list[str]:
        rows = codecommit.list_repositories(**how)["repositories"]
        return [row["repositoryName"] for row in rows if row["repositoryName"].startswith("sort-")]

    assert names() == ["sort-a", "sort-b"]
    assert names(order="descending") == ["sort-b", "sort-a"]
    assert names(sortBy="lastModifiedDate") == ["sort-b", "sort-a"]
    for name in ("sort-b", "sort-a"):
        codecommit.delete_repository(repositoryName=name)


def test_tags(codecommit: Any, repository: str) -> None:
    arn = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["Arn"]
    codecommit.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    codecommit.untag_resource(resourceArn=arn, tagKeys=["a", "unknown"])
    assert codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    refused("InvalidSystemTagUsageException", codecommit.tag_resource, resourceArn=arn, tags={"aws:x": "1"})
    many = {str(number): "x" for number in range(51)}
    refused("TooManyTagsException", codecommit.tag_resource, resourceArn=arn, tags=many)
    refused("InvalidResourceArnException", codecommit.list_tags_for_resource, resourceArn="arn:aws:s3:::x")
    refused("RepositoryDoesNotExistException", codecommit.list_tags_for_resource, resourceArn=arn + "x")


def test_what_is_not_offered_is_refused(codecommit: Any, repository: str) -> None:
    said = refused("UnsupportedOperation", codecommit.get_repository_triggers, repositoryName=repository)
    assert "does not offer GetRepositoryTriggers" in said
    assert "CreateRepository" in said
    refused("UnsupportedOperation", codecommit.create_repository, repositoryName="k", kmsKeyId="alias/x")


# Branches and commits ----------------------------------------------------------------------------------------------


def test_branches(main: Branch, codecommit: Any) -> None:
    commit = main.put("a", b"1")["commitId"]
    here = {"repositoryName": main.repository}
    codecommit.create_branch(**here, branchName="side/x", commitId=commit)
    assert codecommit.list_branches(**here)["branches"] == ["main", "side/x"]
    for code, name, at in (
        ("BranchNameExistsException", "side/x", commit),
        ("InvalidBranchNameException", "side", commit),  # a folder of references cannot be one, too
        ("InvalidBranchNameException", "a..b", commit),
        ("InvalidBranchNameException", "refs/heads/x", commit),
        ("InvalidBranchNameException", "../../x", commit),
        ("InvalidCommitIdException", "y", "main"),
        ("CommitDoesNotExistException", "y", UNKNOWN),
    ):
        refused(code, codecommit.create_branch, **here, branchName=name, commitId=at)
    refused("BranchDoesNotExistException", codecommit.get_branch, **here, branchName="nowhere")
    refused("DefaultBranchCannotBeDeletedException", codecommit.delete_branch, **here, branchName="main")
    codecommit.update_default_branch(**here, defaultBranchName="side/x")
    assert codecommit.get_repository(**here)["repositoryMetadata"]["defaultBranch"] == "side/x"
    refused("BranchDoesNotExistException", codecommit.update_default_branch, **here, defaultBranchName="nowhere")
    deleted = codecommit.delete_branch(**here, branchName="main")["deletedBranch"]
    assert deleted == {"branchName": "main", "commitId": commit}
    assert "deletedBranch" not in codecommit.delete_branch(**here, branchName="main")


def test_a_commit_is_shown_as_git_has_it(git: GitClient, repository: str, codecommit: Any) -> None:
    """API Reference, GetCommit: dates are seconds and a time zone; the message ends as git's does."""
    tree = git.clone(repository, "tree")
    first = git.commit(tree, {"a": "1"})
    (tree / "a").write_text("2")
    when = {"GIT_AUTHOR_DATE": "1484167798 -0800", "GIT_COMMITTER_DATE": "1484167799 +0100"}
    git.run("commit", "--quiet", "--all", "--message", "two\n\nmore", cwd=tree, **when)
    git.run("push", "origin", "HEAD:main", cwd=tree)
    second = git.run("rev-parse", "HEAD", cwd=tree).strip()
    shown = codecommit.get_commit(repositoryName=repository, commitId=second)["commit"]
    assert shown == {
        "commitId": second,
        "treeId": git.run("rev-parse", "HEAD^{tree}", cwd=tree).strip(),
        "parents": [first],
        "message": "two\n\nmore\n",
        "author": {"name": "Ada", "email": "ada@example.com", "date": "1484167798 -0800"},
        "committer": {"name": "Ada", "email": "ada@example.com", "date": "1484167799 +0100"},
        "additionalData": "",
    }
    batch = codecommit.batch_get_commits(repositoryName=repository, commitIds=[first, UNKNOWN, "x"])
    assert [commit["commitId"] for commit in batch["commits"]] == [first]
    codes = [error["errorCode"] for error in batch["errors"]]
    assert codes == ["CommitIdDoesNotExistException", "InvalidCommitIdException"]
    here = {"repositoryName": repository}
    refused("CommitIdDoesNotExistException", codecommit.get_commit, **here, commitId=UNKNOWN)
    refused("InvalidCommitIdException", codecommit.get_commit, **here, commitId="main")
    refused("CommitIdDoesNotExistException", codecommit.get_commit, **here, commitId=shown["treeId"])
