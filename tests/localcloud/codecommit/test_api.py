"""CodeCommit API Reference: repositories, branches, commits, files, differences and tags, through boto3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.platform.conftest import CloudUnderTest

from .conftest import GitClient

pytestmark = pytest.mark.cloud

UNKNOWN = "0123456789" * 4


def refused(code: str, call: Any, **parameters: Any) -> str:
    """The message with which ``call`` is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code, error.value
    return str(error.value.response["Error"]["Message"])


class Branch:
    """``main`` of one repository, through the API."""

    def __init__(self, client: Any, repository: str) -> None:
        self.client = client
        self.where = {"repositoryName": repository, "branchName": "main"}
        self.repository = repository

    def tip(self) -> str:
        return str(self.client.get_branch(**self.where)["branch"]["commitId"])

    def put(self, path: str, content: bytes, **more: Any) -> Any:
        return self.client.put_file(**self.where, filePath=path, fileContent=content, **more)

    def change(self, **changes: Any) -> Any:
        return self.client.create_commit(**self.where, parentCommitId=self.tip(), **changes)

    def read(self, path: str, **more: Any) -> Any:
        return self.client.get_file(repositoryName=self.repository, filePath=path, **more)

    def paths(self) -> list[str]:
        found = self.client.get_differences(repositoryName=self.repository, afterCommitSpecifier="main")
        return [row["afterBlob"]["path"] for row in found["differences"]]


@pytest.fixture
def main(codecommit: Any, repository: str) -> Branch:
    return Branch(codecommit, repository)


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


# Writing files -----------------------------------------------------------------------------------------------------


def test_a_file_is_put_changed_read_and_deleted(main: Branch, git: GitClient, codecommit: Any) -> None:
    first = main.put("docs/a.txt", b"one", name="Ada", email="ada@example.com", commitMessage="first")
    second = main.put("docs/a.txt", b"two", parentCommitId=first["commitId"], fileMode="EXECUTABLE")
    tree = git.clone(main.repository, "tree")
    assert (tree / "docs" / "a.txt").read_bytes() == b"two"
    assert (tree / "docs" / "a.txt").stat().st_mode & 0o100
    log = git.run("log", "--reverse", "--format=%an <%ae> %s", cwd=tree).splitlines()
    assert log == ["Ada <ada@example.com> first", "root <> Edited docs/a.txt"]
    read = main.read("docs/a.txt")
    assert read["fileContent"] == b"two"
    assert (read["fileMode"], read["fileSize"], read["blobId"]) == ("EXECUTABLE", 3, second["blobId"])
    assert main.read("docs/a.txt", commitSpecifier=first["commitId"])["fileContent"] == b"one"
    assert codecommit.get_blob(repositoryName=main.repository, blobId=first["blobId"])["content"] == b"one"
    third = codecommit.delete_file(**main.where, filePath="docs/a.txt", parentCommitId=second["commitId"])
    assert third["blobId"] == second["blobId"]
    assert main.paths() == []
    refused("FileDoesNotExistException", main.read, path="docs/a.txt")


def test_what_put_file_refuses(main: Branch, git: GitClient, codecommit: Any) -> None:
    first = main.put("a", b"1")["commitId"]
    second = main.put("folder/b", b"2", parentCommitId=first)["commitId"]
    for code, path, content, more in (
        ("ParentCommitIdRequiredException", "c", b"3", {}),
        ("ParentCommitIdOutdatedException", "c", b"3", {"parentCommitId": first}),
        ("ParentCommitDoesNotExistException", "c", b"3", {"parentCommitId": UNKNOWN}),
        ("InvalidParentCommitIdException", "c", b"3", {"parentCommitId": "main"}),
        ("SameFileContentException", "a", b"1", {"parentCommitId": second}),
        ("FileContentRequiredException", "c", b"", {"parentCommitId": second}),
        ("FileNameConflictsWithDirectoryNameException", "folder", b"3", {"parentCommitId": second}),
        ("DirectoryNameConflictsWithFileNameException", "a/c", b"3", {"parentCommitId": second}),
        ("InvalidPathException", "../c", b"3", {"parentCommitId": second}),
        ("InvalidPathException", "/c", b"3", {"parentCommitId": second}),
        ("InvalidPathException", "x/.git/config", b"3", {"parentCommitId": second}),
        ("InvalidEmailException", "c", b"3", {"parentCommitId": second, "email": "a>b"}),
    ):
        refused(code, main.put, path=path, content=content, **more)
    where = {"repositoryName": main.repository, "filePath": "c", "fileContent": b"3"}
    refused("BranchDoesNotExistException", codecommit.put_file, **where, branchName="nowhere")
    tree = git.clone(main.repository, "tree")
    git.run("tag", "v1", cwd=tree)
    git.run("push", "origin", "v1", cwd=tree)
    refused("BranchNameIsTagNameException", codecommit.put_file, **where, branchName="v1")
    assert main.tip() == second


def test_a_commit_of_many_changes(main: Branch, codecommit: Any) -> None:
    first = codecommit.create_commit(
        **main.where,
        putFiles=[{"filePath": path, "fileContent": path.encode()} for path in ("a", "b", "c/d", "e")],
        authorName="Ada",
        commitMessage="four",
    )
    assert [row["absolutePath"] for row in first["filesAdded"]] == ["a", "b", "c/d", "e"]
    second = main.change(
        putFiles=[
            {"filePath": "a", "fileContent": b"changed"},
            {"filePath": "moved", "sourceFile": {"filePath": "b", "isMove": True}},
            {"filePath": "copied", "sourceFile": {"filePath": "e"}},
        ],
        deleteFiles=[{"filePath": "c/d"}],
        setFileModes=[{"filePath": "e", "fileMode": "EXECUTABLE"}],
        keepEmptyFolders=True,
    )
    shown = {name: [row["absolutePath"] for row in second[name]] for name in second if name.startswith("files")}
    assert shown["filesAdded"] == ["moved", "copied", "c/.gitkeep"]
    assert shown["filesUpdated"] == ["a", "e"]
    assert shown["filesDeleted"] == ["c/d", "b"]
    assert main.paths() == ["a", "c/.gitkeep", "copied", "e", "moved"]
    assert main.read("moved")["fileContent"] == b"b"
    assert main.read("copied")["fileContent"] == b"e"
    assert main.read("e")["fileMode"] == "EXECUTABLE"
    commit = codecommit.get_commit(repositoryName=main.repository, commitId=second["commitId"])["commit"]
    assert commit["parents"] == [first["commitId"]]
    assert commit["treeId"] == second["treeId"]


def test_what_create_commit_refuses(main: Branch, codecommit: Any) -> None:
    main.put("a", b"1")
    put = {"filePath": "b", "fileContent": b"2"}
    for code, changes in (
        ("FileEntryRequiredException", {}),
        ("NoChangeException", {"putFiles": [{"filePath": "a", "fileContent": b"1"}]}),
        ("SamePathRequestException", {"putFiles": [put], "deleteFiles": [{"filePath": "b"}]}),
        ("PutFileEntryConflictException", {"putFiles": [put, {"filePath": "b/c", "fileContent": b"3"}]}),
        ("SourceFileOrContentRequiredException", {"putFiles": [{"filePath": "b"}]}),
        ("FileContentAndSourceFileSpecifiedException", {"putFiles": [put | {"sourceFile": {"filePath": "a"}}]}),
        ("FileDoesNotExistException", {"deleteFiles": [{"filePath": "b"}]}),
        ("FileDoesNotExistException", {"setFileModes": [{"filePath": "b", "fileMode": "NORMAL"}]}),
        (
            "MaximumFileEntriesExceededException",
            {"putFiles": [{"filePath": str(number), "fileContent": b"x"} for number in range(101)]},
        ),
    ):
        refused(code, main.change, **changes)
    outdated = main.tip()
    main.change(putFiles=[put])
    refused(
        "ParentCommitIdOutdatedException",
        codecommit.create_commit,
        **main.where,
        putFiles=[{"filePath": "c", "fileContent": b"3"}],
        parentCommitId=outdated,
    )


def test_writers_at_the_same_time_lose_no_commit(main: Branch, git: GitClient) -> None:
    """Each starts from what it sees as the tip, and starts again when it is told that it came too late."""
    main.put("start", b"0")

    def write(number: int) -> int:
        for attempt in range(200):
            try:
                main.put(f"file-{number}", b"x", parentCommitId=main.tip())
                return attempt
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParentCommitIdOutdatedException":
                    raise
        pytest.fail("always too late")

    with ThreadPoolExecutor(6) as pool:
        attempts = list(pool.map(write, range(12)))
    assert any(attempts), "nobody met anybody: this test tests nothing"
    assert main.paths() == sorted(["start", *(f"file-{number}" for number in range(12))])
    tree = git.clone(main.repository, "tree")
    assert git.run("rev-list", "--count", "HEAD", cwd=tree).strip() == "13"


# Reading -----------------------------------------------------------------------------------------------------------


def test_folders(git: GitClient, repository: str, codecommit: Any) -> None:
    tree = git.clone(repository, "tree")
    git.commit(tree, {"top.txt": "1", "a/b/c.txt": "2", "a/run.sh": "3"})
    (tree / "a" / "run.sh").chmod(0o755)
    (tree / "a" / "link").symlink_to("run.sh")
    commit = git.commit(tree, {})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    where = {"repositoryName": repository}
    top = codecommit.get_folder(**where, folderPath="/")
    assert top["commitId"] == commit
    assert [(row["absolutePath"], row["relativePath"]) for row in top["subFolders"]] == [("a", "a")]
    assert [row["absolutePath"] for row in top["files"]] == ["top.txt"]
    inner = codecommit.get_folder(**where, folderPath="a", commitSpecifier="refs/heads/main")
    assert [row["absolutePath"] for row in inner["subFolders"]] == ["a/b"]
    assert [(row["absolutePath"], row["fileMode"]) for row in inner["files"]] == [("a/run.sh", "EXECUTABLE")]
    assert [row["relativePath"] for row in inner["symbolicLinks"]] == ["link"]
    assert codecommit.get_file(**where, filePath="a/link")["fileContent"] == b"run.sh"
    for path in ("nowhere", "top.txt"):
        refused("FolderDoesNotExistException", codecommit.get_folder, **where, folderPath=path)
    for path in ("a", "nowhere", "*.txt"):
        refused("FileDoesNotExistException", codecommit.get_file, **where, filePath=path)
    for specifier in ("nowhere", UNKNOWN, "main~1", "--all", "HEAD^{tree}"):
        refused(
            "CommitDoesNotExistException",
            codecommit.get_file,
            **where,
            filePath="top.txt",
            commitSpecifier=specifier,
        )
    refused("InvalidPathException", codecommit.get_folder, **where, folderPath="a/../..")


def test_a_blob_above_six_megabytes_is_for_git_clients(git: GitClient, repository: str, codecommit: Any) -> None:
    """CodeCommit User Guide, "Quotas"."""
    tree = git.clone(repository, "tree")
    git.commit(tree, {"large": b"x" * (6 * 1024 * 1024 + 1), "just": b"x" * (6 * 1024 * 1024)})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    refused("FileTooLargeException", codecommit.get_file, repositoryName=repository, filePath="large")
    assert codecommit.get_file(repositoryName=repository, filePath="just")["fileSize"] == 6 * 1024 * 1024
    blob = git.run("rev-parse", "HEAD:large", cwd=tree).strip()
    refused("FileTooLargeException", codecommit.get_blob, repositoryName=repository, blobId=blob)
    refused("BlobIdDoesNotExistException", codecommit.get_blob, repositoryName=repository, blobId=UNKNOWN)
    refused("InvalidBlobIdException", codecommit.get_blob, repositoryName=repository, blobId="large")


def test_differences(main: Branch, codecommit: Any) -> None:
    files = [{"filePath": path, "fileContent": path.encode()} for path in ("gone", "kept", "old/x", "old/y")]
    first = codecommit.create_commit(**main.where, putFiles=files)["commitId"]
    second = main.change(
        putFiles=[
            {"filePath": "kept", "fileContent": b"changed"},
            {"filePath": "new/x", "sourceFile": {"filePath": "old/x", "isMove": True}},
            {"filePath": "new/y", "fileContent": b"y, changed"},
        ],
        deleteFiles=[{"filePath": "gone"}, {"filePath": "old/y"}],
    )["commitId"]

    def compare(**how: Any) -> list[tuple[str, str | None, str | None]]:
        pages = codecommit.get_paginator("get_differences").paginate(
            repositoryName=main.repository, afterCommitSpecifier=second, **how
        )
        rows = [row for page in pages for row in page["differences"]]
        paths = [tuple(row.get(side, {}).get("path") for side in ("beforeBlob", "afterBlob")) for row in rows]
        return [(row["changeType"], *path) for row, path in zip(rows, paths, strict=True)]

    everything = [
        ("D", "gone", None),
        ("M", "kept", "kept"),
        ("A", None, "new/x"),
        ("A", None, "new/y"),
        ("D", "old/x", None),
        ("D", "old/y", None),
    ]
    assert compare(beforeCommitSpecifier=first) == everything
    assert compare(beforeCommitSpecifier=first, PaginationConfig={"PageSize": 2}) == everything
    assert compare(beforeCommitSpecifier=first, beforePath="old", afterPath="new") == [("M", "old/y", "new/y")]
    assert compare(beforeCommitSpecifier=first, afterPath="new") == everything[2:4]
    assert compare(beforeCommitSpecifier=first, afterPath="kept") == [("M", "kept", "kept")]
    assert compare() == [("A", None, path) for path in ("kept", "new/x", "new/y")]
    where = {"repositoryName": main.repository, "afterCommitSpecifier": second}
    refused("PathDoesNotExistException", codecommit.get_differences, **where, afterPath="nowhere")
    refused("CommitDoesNotExistException", codecommit.get_differences, **where, beforeCommitSpecifier="nowhere")
    refused("InvalidMaxResultsException", codecommit.get_differences, **where, MaxResults=0)
    refused("InvalidContinuationTokenException", codecommit.get_differences, **where, NextToken="x")
