"""AWS CodeCommit: repositories, tags, branches, commits, through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "codecommit/latest/APIReference/"
NOWHERE = "0" * 39 + "1"
"""A commit that no repository has."""


@pytest.fixture
def repository(aws: Account) -> str:
    """A new repository; its name."""
    codecommit, name = aws.client("codecommit"), aws.name("repository")
    codecommit.create_repository(repositoryName=name)
    aws.later(codecommit.delete_repository, repositoryName=name)
    return name


@pytest.fixture
def commit(aws: Account, repository: str) -> str:
    """The first commit of ``repository``, on main, with one file."""
    made = aws.client("codecommit").put_file(
        repositoryName=repository, branchName="main", filePath="a.txt", fileContent=b"one"
    )
    return str(made["commitId"])


@behaviour(
    "codecommit",
    ("CreateRepository", "GetRepository"),
    "A new repository has an ARN, an id, a clone URL that ends in its name, and no default branch",
    f"{API}API_RepositoryMetadata.html",
)
def test_a_new_repository(aws: Account) -> None:
    codecommit, name = aws.client("codecommit"), aws.name("repository")
    aws.later(codecommit.delete_repository, repositoryName=name)
    made = codecommit.create_repository(repositoryName=name, repositoryDescription="one")["repositoryMetadata"]
    assert made["Arn"] == f"arn:aws:codecommit:{aws.region}:{aws.account}:{name}"
    assert made["cloneUrlHttp"].endswith(f"/v1/repos/{name}")
    assert made["accountId"] == aws.account
    assert "defaultBranch" not in made
    assert codecommit.get_repository(repositoryName=name)["repositoryMetadata"] == made


@behaviour(
    "codecommit", "CreateRepository", "A repository's name cannot be used twice", f"{API}API_CreateRepository.html"
)
def test_a_name_twice(aws: Account, repository: str) -> None:
    with aws.refused("RepositoryNameExistsException", repository):
        aws.client("codecommit").create_repository(repositoryName=repository)


@pytest.mark.parametrize("name", ["x.git", "..", "."])
@behaviour(
    "codecommit",
    "CreateRepository",
    "`{name}` is not a repository's name, and names cannot end in .git",
    "codecommit/latest/userguide/limits.html",
)
def test_a_name_that_is_not_allowed(aws: Account, name: str) -> None:
    with aws.refused("InvalidRepositoryNameException"):
        aws.client("codecommit").create_repository(repositoryName=name)


@behaviour(
    "codecommit", "GetRepository", "A repository that does not exist is not found", f"{API}API_GetRepository.html"
)
def test_an_unknown_repository(aws: Account) -> None:
    with aws.refused("RepositoryDoesNotExistException"):
        aws.client("codecommit").get_repository(repositoryName=aws.name())


@behaviour(
    "codecommit",
    "BatchGetRepositories",
    "Names without a repository are listed beside those that were found",
    f"{API}API_BatchGetRepositories.html",
)
def test_several_at_once(aws: Account, repository: str) -> None:
    lost = aws.name()
    found = aws.client("codecommit").batch_get_repositories(repositoryNames=[repository, lost])
    assert [each["repositoryName"] for each in found["repositories"]] == [repository]
    assert found["repositoriesNotFound"] == [lost]


@behaviour(
    "codecommit",
    "DeleteRepository",
    "The id of a deleted repository is returned; of one that is gone already none is, and no error",
    f"{API}API_DeleteRepository.html",
)
def test_deleting(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")
    known = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["repositoryId"]
    assert codecommit.delete_repository(repositoryName=repository)["repositoryId"] == known
    assert "repositoryId" not in codecommit.delete_repository(repositoryName=repository)


@behaviour(
    "codecommit",
    "UpdateRepositoryName",
    "Renaming keeps the repository's id and contents, and changes its clone URL",
    f"{API}API_UpdateRepositoryName.html",
)
def test_renaming(aws: Account, repository: str, commit: str) -> None:
    codecommit, other = aws.client("codecommit"), aws.name("renamed")
    known = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]
    codecommit.update_repository_name(oldName=repository, newName=other)
    aws.later(codecommit.delete_repository, repositoryName=other)
    renamed = codecommit.get_repository(repositoryName=other)["repositoryMetadata"]
    assert renamed["repositoryId"] == known["repositoryId"]
    assert renamed["cloneUrlHttp"].endswith(f"/{other}")
    assert codecommit.get_branch(repositoryName=other, branchName="main")["branch"]["commitId"] == commit
    with aws.refused("RepositoryDoesNotExistException"):
        codecommit.get_repository(repositoryName=repository)


@behaviour(
    "codecommit",
    "UpdateRepositoryDescription",
    "A description can be changed, and left out to remove it",
    f"{API}API_UpdateRepositoryDescription.html",
)
def test_the_description(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")
    codecommit.update_repository_description(repositoryName=repository, repositoryDescription="two")
    shown = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert shown["repositoryDescription"] == "two"
    codecommit.update_repository_description(repositoryName=repository)
    assert "repositoryDescription" not in codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]


@behaviour(
    "codecommit",
    "ListRepositories",
    "Repositories are listed by name, ascending or descending",
    f"{API}API_ListRepositories.html",
)
def test_listing(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")

    def names(order: str) -> list[str]:
        pages = codecommit.get_paginator("list_repositories").paginate(sortBy="repositoryName", order=order)
        return [each["repositoryName"] for page in pages for each in page["repositories"]]

    assert repository in names("ascending")
    assert names("descending") == names("ascending")[::-1]


@behaviour(
    "codecommit",
    ("TagResource", "UntagResource", "ListTagsForResource"),
    "Tags are added, replaced and removed by their keys; a key that is not there may be removed",
    f"{API}API_TagResource.html",
)
def test_tags(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")
    arn = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["Arn"]
    codecommit.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    codecommit.tag_resource(resourceArn=arn, tags={"b": "3"})
    codecommit.untag_resource(resourceArn=arn, tagKeys=["a", "unknown"])
    assert codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "3"}


@behaviour(
    "codecommit",
    "TagResource",
    "A tag's key cannot begin with aws:, which is reserved",
    f"{API}API_TagResource.html",
)
def test_a_reserved_tag(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")
    arn = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["Arn"]
    with aws.refused("InvalidSystemTagUsageException"):
        codecommit.tag_resource(resourceArn=arn, tags={"aws:x": "1"})


@behaviour("codecommit", "TagResource", "More than 50 tags are refused", "codecommit/latest/userguide/limits.html")
def test_too_many_tags(aws: Account, repository: str) -> None:
    codecommit = aws.client("codecommit")
    arn = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["Arn"]
    with aws.refused("TooManyTagsException"):
        codecommit.tag_resource(resourceArn=arn, tags={f"key-{number}": "x" for number in range(51)})


@behaviour(
    "codecommit",
    "ListTagsForResource",
    "An ARN of another service is not a repository's",
    f"{API}API_ListTagsForResource.html",
)
def test_the_arn_of_something_else(aws: Account) -> None:
    with aws.refused("InvalidResourceArnException"):
        aws.client("codecommit").list_tags_for_resource(resourceArn="arn:aws:s3:::bucket")


# Branches and commits ------------------------------------------------------------------------------------------------


@behaviour(
    "codecommit",
    ("PutFile", "GetRepository"),
    "The first commit of an empty repository makes its branch, which becomes the default",
    f"{API}API_PutFile.html",
)
def test_the_first_commit(aws: Account, repository: str, commit: str) -> None:
    shown = aws.client("codecommit").get_repository(repositoryName=repository)["repositoryMetadata"]
    assert shown["defaultBranch"] == "main"


@behaviour(
    "codecommit",
    ("CreateBranch", "GetBranch", "ListBranches"),
    "A branch begins at the commit that is named",
    f"{API}API_CreateBranch.html",
)
def test_a_branch(aws: Account, repository: str, commit: str) -> None:
    codecommit = aws.client("codecommit")
    codecommit.create_branch(repositoryName=repository, branchName="side/x", commitId=commit)
    shown = codecommit.get_branch(repositoryName=repository, branchName="side/x")["branch"]
    assert shown == {"branchName": "side/x", "commitId": commit}
    assert sorted(codecommit.list_branches(repositoryName=repository)["branches"]) == ["main", "side/x"]


@pytest.mark.parametrize(
    ("code", "name", "at", "what"),
    [
        ("BranchNameExistsException", "main", "", "a branch that exists"),
        ("InvalidBranchNameException", "a..b", "", "a name that git does not take"),
        ("InvalidBranchNameException", "refs/heads/x", "", "a full reference"),
        ("InvalidCommitIdException", "y", "main", "a branch in the place of a commit id"),
        ("CommitDoesNotExistException", "y", NOWHERE, "a commit that does not exist"),
    ],
)
@behaviour("codecommit", "CreateBranch", "CreateBranch refuses {what}: {code}", f"{API}API_CreateBranch.html")
def test_a_branch_that_cannot_be(
    aws: Account, repository: str, commit: str, code: str, name: str, at: str, what: str
) -> None:
    with aws.refused(code):
        aws.client("codecommit").create_branch(repositoryName=repository, branchName=name, commitId=at or commit)


@behaviour("codecommit", "GetBranch", "A branch that does not exist is not found", f"{API}API_GetBranch.html")
def test_an_unknown_branch(aws: Account, repository: str) -> None:
    with aws.refused("BranchDoesNotExistException"):
        aws.client("codecommit").get_branch(repositoryName=repository, branchName="nowhere")


@behaviour(
    "codecommit",
    ("UpdateDefaultBranch", "DeleteBranch"),
    "The default branch cannot be deleted; another branch can be made the default first",
    f"{API}API_DeleteBranch.html",
)
def test_the_default_branch(aws: Account, repository: str, commit: str) -> None:
    codecommit, where = aws.client("codecommit"), {"repositoryName": repository}
    with aws.refused("DefaultBranchCannotBeDeletedException"):
        codecommit.delete_branch(**where, branchName="main")
    codecommit.create_branch(**where, branchName="trunk", commitId=commit)
    codecommit.update_default_branch(**where, defaultBranchName="trunk")
    assert codecommit.delete_branch(**where, branchName="main")["deletedBranch"]["commitId"] == commit


@behaviour(
    "codecommit",
    "DeleteBranch",
    "Deleting a branch that is gone already is not an error and returns nothing",
    f"{API}API_DeleteBranch.html",
)
def test_deleting_a_branch_twice(aws: Account, repository: str, commit: str) -> None:
    answer = aws.client("codecommit").delete_branch(repositoryName=repository, branchName="nowhere")
    assert "deletedBranch" not in answer


@behaviour(
    "codecommit",
    "GetCommit",
    "A commit has its tree, its parents, its message, and dates as seconds with a time zone",
    f"{API}API_GetCommit.html",
)
def test_a_commit(aws: Account, repository: str, commit: str) -> None:
    codecommit = aws.client("codecommit")
    made = codecommit.put_file(
        repositoryName=repository,
        branchName="main",
        filePath="a.txt",
        fileContent=b"two",
        parentCommitId=commit,
        name="Ada",
        email="ada@example.com",
        commitMessage="second",
    )
    shown = codecommit.get_commit(repositoryName=repository, commitId=made["commitId"])["commit"]
    assert (shown["treeId"], shown["parents"]) == (made["treeId"], [commit])
    assert (shown["author"]["name"], shown["author"]["email"]) == ("Ada", "ada@example.com")
    seconds, zone = shown["author"]["date"].split(" ")
    assert seconds.isdigit()
    assert zone[0] in "+-"
    assert shown["message"].strip() == "second"


@pytest.mark.parametrize(
    ("code", "commit_id"), [("InvalidCommitIdException", "main"), ("CommitIdDoesNotExistException", NOWHERE)]
)
@behaviour("codecommit", "GetCommit", "GetCommit of `{commit_id}`: {code}", f"{API}API_GetCommit.html")
def test_a_commit_that_is_not_there(aws: Account, repository: str, code: str, commit_id: str) -> None:
    with aws.refused(code):
        aws.client("codecommit").get_commit(repositoryName=repository, commitId=commit_id)


@behaviour(
    "codecommit",
    "BatchGetCommits",
    "Commits that are not found come back as errors beside the others",
    f"{API}API_BatchGetCommits.html",
)
def test_several_commits(aws: Account, repository: str, commit: str) -> None:
    found = aws.client("codecommit").batch_get_commits(repositoryName=repository, commitIds=[commit, NOWHERE])
    assert [each["commitId"] for each in found["commits"]] == [commit]
    assert [each["commitId"] for each in found["errors"]] == [NOWHERE]


@pytest.mark.parametrize(
    ("operation", "name", "arguments"),
    [
        ("get_repository_triggers", "GetRepositoryTriggers", {}),
        ("list_pull_requests", "ListPullRequests", {}),
    ],
)
@behaviour(
    "codecommit",
    (),
    "The local cloud does not offer {name}: pull requests, merges, comments, approval rules and triggers are refused",
    f"{API}API_Operations.html",
    "refused",
)
def test_what_is_not_offered(
    aws: Account, repository: str, operation: str, name: str, arguments: dict[str, Any]
) -> None:
    with aws.refused("UnsupportedOperation", f"does not offer {name}"):
        getattr(aws.client("codecommit"), operation)(repositoryName=repository, **arguments)
