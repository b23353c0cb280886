"""AWS CodeCommit: files and folders, through the API and through Git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.delivery import credentials
from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.test_codecommit import API, NOWHERE, commit, repository

__all__ = ["commit", "repository"]
LIMITS = "codecommit/latest/userguide/limits.html"


def put(aws: Account, repository: str, path: str, content: bytes, **more: Any) -> dict[str, Any]:
    where = {"repositoryName": repository, "branchName": "main"}
    return aws.client("codecommit").put_file(**where, filePath=path, fileContent=content, **more)


def change(aws: Account, repository: str, parent: str, **changes: Any) -> dict[str, Any]:
    where = {"repositoryName": repository, "branchName": "main", "parentCommitId": parent}
    return aws.client("codecommit").create_commit(**where, **changes)


@behaviour(
    "codecommit",
    ("PutFile", "GetFile", "GetBlob"),
    "A file is read as it is on a branch, or as it was in a commit; its blob has its content",
    f"{API}API_GetFile.html",
)
def test_a_file(aws: Account, repository: str, commit: str) -> None:
    codecommit, where = aws.client("codecommit"), {"repositoryName": repository, "filePath": "a.txt"}
    made = put(aws, repository, "a.txt", b"two", parentCommitId=commit, fileMode="EXECUTABLE")
    read = codecommit.get_file(**where)
    assert (read["fileContent"], read["fileMode"], read["fileSize"]) == (b"two", "EXECUTABLE", 3)
    assert read["commitId"] == made["commitId"]
    assert codecommit.get_file(**where, commitSpecifier=commit)["fileContent"] == b"one"
    assert codecommit.get_file(**where, commitSpecifier="main")["fileContent"] == b"two"
    assert codecommit.get_blob(repositoryName=repository, blobId=made["blobId"])["content"] == b"two"


@pytest.mark.parametrize(
    ("code", "path", "content", "more", "what"),
    [
        ("ParentCommitIdRequiredException", "c", b"3", {"parentCommitId": None}, "no parent where a branch has one"),
        ("ParentCommitDoesNotExistException", "c", b"3", {"parentCommitId": NOWHERE}, "a parent that is not there"),
        ("InvalidParentCommitIdException", "c", b"3", {"parentCommitId": "main"}, "a parent that is not a commit id"),
        ("SameFileContentException", "a.txt", b"one", {}, "a file's own content"),
        ("FileContentRequiredException", "c", b"", {}, "an empty file"),
        ("DirectoryNameConflictsWithFileNameException", "a.txt/c", b"3", {}, "a file below a file"),
        ("InvalidPathException", "../c", b"3", {}, "a path that leads out"),
        ("InvalidPathException", "/c", b"3", {}, "a path that begins with a slash"),
        ("InvalidEmailException", "c", b"3", {"email": "a>b"}, "an address that Git cannot write"),
    ],
)
@behaviour("codecommit", "PutFile", "PutFile refuses {what}: {code}", f"{API}API_PutFile.html")
def test_a_file_that_cannot_be_put(
    aws: Account, repository: str, commit: str, code: str, path: str, content: bytes, more: dict[str, Any], what: str
) -> None:
    given = {key: value for key, value in ({"parentCommitId": commit} | more).items() if value is not None}
    with aws.refused(code):
        put(aws, repository, path, content, **given)


@behaviour(
    "codecommit",
    "PutFile",
    "Of two writers who began at the same commit, the second is told that its parent is outdated",
    f"{API}API_PutFile.html",
)
def test_the_second_writer(aws: Account, repository: str, commit: str) -> None:
    put(aws, repository, "b", b"1", parentCommitId=commit)
    with aws.refused("ParentCommitIdOutdatedException"):
        put(aws, repository, "c", b"1", parentCommitId=commit)


@behaviour(
    "codecommit",
    "PutFile",
    "A file cannot take the name of a folder",
    f"{API}API_PutFile.html",
)
def test_a_file_where_a_folder_is(aws: Account, repository: str, commit: str) -> None:
    made = put(aws, repository, "folder/b", b"1", parentCommitId=commit)
    with aws.refused("FileNameConflictsWithDirectoryNameException"):
        put(aws, repository, "folder", b"1", parentCommitId=made["commitId"])


@behaviour(
    "codecommit",
    "DeleteFile",
    "A deleted file is gone from the branch, and stays in the commits before",
    f"{API}API_DeleteFile.html",
)
def test_deleting_a_file(aws: Account, repository: str, commit: str) -> None:
    codecommit, where = aws.client("codecommit"), {"repositoryName": repository, "filePath": "a.txt"}
    gone = codecommit.delete_file(**where, branchName="main", parentCommitId=commit)
    assert gone["filePath"] == "a.txt"
    with aws.refused("FileDoesNotExistException"):
        codecommit.get_file(**where)
    assert codecommit.get_file(**where, commitSpecifier=commit)["fileContent"] == b"one"


@behaviour(
    "codecommit",
    "CreateCommit",
    "One commit puts, moves, copies and deletes files, and lists what it added, updated and deleted",
    f"{API}API_CreateCommit.html",
)
def test_a_commit_of_many_changes(aws: Account, repository: str, commit: str) -> None:
    files = [{"filePath": path, "fileContent": path.encode()} for path in ("b", "c/d")]
    first = change(aws, repository, commit, putFiles=files)
    assert [each["absolutePath"] for each in first["filesAdded"]] == ["b", "c/d"]
    second = change(
        aws,
        repository,
        first["commitId"],
        putFiles=[
            {"filePath": "a.txt", "fileContent": b"two"},
            {"filePath": "moved", "sourceFile": {"filePath": "b", "isMove": True}},
        ],
        deleteFiles=[{"filePath": "c/d"}],
    )
    assert [each["absolutePath"] for each in second["filesAdded"]] == ["moved"]
    assert [each["absolutePath"] for each in second["filesUpdated"]] == ["a.txt"]
    assert sorted(each["absolutePath"] for each in second["filesDeleted"]) == ["b", "c/d"]


@behaviour(
    "codecommit",
    "CreateCommit",
    "keepEmptyFolders leaves a .gitkeep in a folder that has lost its last file",
    f"{API}API_CreateCommit.html",
)
def test_an_empty_folder_is_kept(aws: Account, repository: str, commit: str) -> None:
    first = change(aws, repository, commit, putFiles=[{"filePath": "c/d", "fileContent": b"1"}])
    change(aws, repository, first["commitId"], deleteFiles=[{"filePath": "c/d"}], keepEmptyFolders=True)
    folder = aws.client("codecommit").get_folder(repositoryName=repository, folderPath="c")
    assert [each["relativePath"] for each in folder["files"]] == [".gitkeep"]


FILE = {"filePath": "b", "fileContent": b"2"}


@pytest.mark.parametrize(
    ("code", "changes", "what"),
    [
        ("FileEntryRequiredException", {}, "no change at all"),
        ("NoChangeException", {"putFiles": [{"filePath": "a.txt", "fileContent": b"one"}]}, "what is there already"),
        ("SamePathRequestException", {"putFiles": [FILE], "deleteFiles": [{"filePath": "b"}]}, "one path twice"),
        ("SourceFileOrContentRequiredException", {"putFiles": [{"filePath": "b"}]}, "a file without content"),
        (
            "FileContentAndSourceFileSpecifiedException",
            {"putFiles": [FILE | {"sourceFile": {"filePath": "a.txt"}}]},
            "a file with two contents",
        ),
        ("FileDoesNotExistException", {"deleteFiles": [{"filePath": "b"}]}, "to delete what is not there"),
        (
            "MaximumFileEntriesExceededException",
            {"putFiles": [{"filePath": str(number), "fileContent": b"x"} for number in range(101)]},
            "more than 100 files",
        ),
    ],
)
@behaviour("codecommit", "CreateCommit", "CreateCommit refuses {what}: {code}", f"{API}API_CreateCommit.html")
def test_a_commit_that_cannot_be(
    aws: Account, repository: str, commit: str, code: str, changes: dict[str, Any], what: str
) -> None:
    with aws.refused(code):
        change(aws, repository, commit, **changes)


@behaviour(
    "codecommit",
    "GetFolder",
    "A folder lists its subfolders and its files, with paths from the root and from itself",
    f"{API}API_GetFolder.html",
)
def test_a_folder(aws: Account, repository: str, commit: str) -> None:
    put(aws, repository, "x/y/z", b"1", parentCommitId=commit)
    codecommit = aws.client("codecommit")
    top = codecommit.get_folder(repositoryName=repository, folderPath="/")
    assert [each["absolutePath"] for each in top["subFolders"]] == ["x"]
    assert [each["absolutePath"] for each in top["files"]] == ["a.txt"]
    inner = codecommit.get_folder(repositoryName=repository, folderPath="x/y")
    assert [(each["absolutePath"], each["relativePath"]) for each in inner["files"]] == [("x/y/z", "z")]
    with aws.refused("FolderDoesNotExistException"):
        codecommit.get_folder(repositoryName=repository, folderPath="nowhere")


@behaviour(
    "codecommit",
    "GetDifferences",
    "Differences between two commits are A, M or D, with the blobs of both sides",
    f"{API}API_GetDifferences.html",
)
def test_differences(aws: Account, repository: str, commit: str) -> None:
    second = change(
        aws, repository, commit, putFiles=[FILE, {"filePath": "a.txt", "fileContent": b"two"}], commitMessage="m"
    )["commitId"]
    third = change(aws, repository, second, deleteFiles=[{"filePath": "b"}])["commitId"]

    def between(before: str, after: str) -> list[tuple[str, str]]:
        rows = aws.client("codecommit").get_differences(
            repositoryName=repository, beforeCommitSpecifier=before, afterCommitSpecifier=after
        )["differences"]
        return [(row["changeType"], (row.get("afterBlob") or row["beforeBlob"])["path"]) for row in rows]

    assert between(commit, second) == [("M", "a.txt"), ("A", "b")]
    assert between(second, third) == [("D", "b")]
    assert between(second, second) == []


@pytest.mark.parametrize(("code", "blob"), [("BlobIdDoesNotExistException", NOWHERE), ("InvalidBlobIdException", "x")])
@behaviour("codecommit", "GetBlob", "GetBlob of `{blob}`: {code}", f"{API}API_GetBlob.html")
def test_a_blob_that_is_not_there(aws: Account, repository: str, code: str, blob: str) -> None:
    with aws.refused(code):
        aws.client("codecommit").get_blob(repositoryName=repository, blobId=blob)


@behaviour("codecommit", "GetFile", "A commit that does not exist has no files", f"{API}API_GetFile.html")
def test_a_file_of_an_unknown_commit(aws: Account, repository: str, commit: str) -> None:
    with aws.refused("CommitDoesNotExistException"):
        aws.client("codecommit").get_file(repositoryName=repository, filePath="a.txt", commitSpecifier="nowhere")


# Git -----------------------------------------------------------------------------------------------------------------


class GitClient:
    """The real git, with a credential helper that signs as the AWS CLI's does."""

    def __init__(self, aws: Account, folder: Path, repository: str) -> None:
        self.folder = folder
        keys = aws.session.get_credentials().get_frozen_credentials()
        shown = aws.client("codecommit").get_repository(repositoryName=repository)
        self.url = shown["repositoryMetadata"]["cloneUrlHttp"]
        self.environment = {
            "PATH": os.environ["PATH"],
            **({"AWS_ENDPOINT_URL": aws.endpoint_url} if aws.endpoint_url else {}),
            **{"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key},
            **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
            "AWS_DEFAULT_REGION": aws.region,
            **{"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"},
            **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "ada@example.com" for role in ("AUTHOR", "COMMITTER")},
        }

    def run(self, *arguments: str, cwd: Path | None = None, ok: bool = True) -> str:
        helper = f"!'{sys.executable}' '{credentials.__file__}'"
        settings = ("credential.helper=", f"credential.helper={helper}", "credential.useHttpPath=true")
        done = subprocess.run(
            ["git", *(word for each in settings for word in ("-c", each)), *arguments],
            cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def clone(self) -> Path:
        self.run("clone", "--quiet", self.url, "tree")
        return self.folder / "tree"

    def commit(self, tree: Path, **files: str) -> str:
        for name, text in files.items():
            (tree / name).write_text(text)
        self.run("add", "--all", cwd=tree)
        self.run("commit", "--quiet", "--message", "by git", cwd=tree)
        return self.run("rev-parse", "HEAD", cwd=tree).strip()


@pytest.fixture
def git(aws: Account, repository: str, tmp_path: Path) -> GitClient:
    return GitClient(aws, tmp_path, repository)


HTTPS = "codecommit/latest/userguide/setting-up-https-unixes.html"


@behaviour(
    "codecommit",
    ("GetFile", "GetBranch"),
    "What Git pushes with a signature as its password, the API reads; what the API writes, Git clones",
    HTTPS,
)
@behaviour(
    "codecommit",
    "GetFolder",
    "Links, executables and other files that Git pushes are told apart",
    f"{API}API_GetFolder.html",
)
def test_git_and_the_api_see_the_same(aws: Account, repository: str, commit: str, git: GitClient) -> None:
    codecommit = aws.client("codecommit")
    tree = git.clone()
    assert (tree / "a.txt").read_text() == "one"
    (tree / "link").symlink_to("a.txt")
    (tree / "run.sh").write_text("true")
    (tree / "run.sh").chmod(0o755)
    pushed = git.commit(tree, b="two")
    git.run("push", "--quiet", "origin", "HEAD:main", cwd=tree)
    assert codecommit.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"] == pushed
    assert codecommit.get_file(repositoryName=repository, filePath="b")["fileContent"] == b"two"
    shown = codecommit.get_folder(repositoryName=repository, folderPath="/")
    assert [(each["relativePath"], each["fileMode"]) for each in shown["symbolicLinks"]] == [("link", "SYMLINK")]
    modes = {each["relativePath"]: each["fileMode"] for each in shown["files"]}
    assert modes == {"a.txt": "NORMAL", "b": "NORMAL", "run.sh": "EXECUTABLE"}


@behaviour("codecommit", "GetRepository", "A push that is not a fast-forward is rejected without --force", HTTPS)
def test_a_push_that_would_lose_a_commit(aws: Account, repository: str, commit: str, git: GitClient) -> None:
    tree = git.clone()
    put(aws, repository, "c", b"3", parentCommitId=commit)
    git.commit(tree, b="two")
    assert "rejected" in git.run("push", "origin", "HEAD:main", cwd=tree, ok=False)


@behaviour(
    "codecommit",
    "GetRepository",
    "Git with a wrong password is refused",
    "codecommit/latest/userguide/troubleshooting-ch.html",
)
def test_a_wrong_password(aws: Account, repository: str, git: GitClient) -> None:
    git.environment["AWS_SECRET_ACCESS_KEY"] = "wrong"
    assert "403" in git.run("ls-remote", git.url, ok=False)


@behaviour(
    "codecommit",
    "CreateRepository",
    "A repository cannot be encrypted with a KMS key of one's own",
    f"{API}API_CreateRepository.html",
    "refused",
)
def test_a_key_for_a_repository(aws: Account) -> None:
    with aws.refused("UnsupportedOperation", "leave kmsKeyId out"):
        aws.client("codecommit").create_repository(repositoryName=aws.name(), kmsKeyId="alias/mine")
