"""CodeCommit API Reference: files, folders and differences, through boto3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.codecommit.conftest import UNKNOWN, Branch, GitClient, refused

pytestmark = pytest.mark.cloud

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
