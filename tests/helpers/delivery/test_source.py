"""Pushing the workshop: real Git, real repositories in a local cloud."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.credentials import Credentials

import localcloud
from contract import settings
from contract.errors import NotDeployedError, SourceError
from helpers.delivery import credentials, source
from helpers.delivery.source import push, uncommitted
from helpers.inference.connection import Connection, connect

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    state = tmp_path_factory.mktemp("cloud")
    localcloud.start(state, port=0, service_modules=["localcloud.codecommit"])
    yield state
    localcloud.stop(state)


@pytest.fixture
def connection(cloud: Path, request: pytest.FixtureRequest) -> Connection:
    """A workshop whose repository is there and empty."""
    name = f"w{abs(hash(request.node.name)) % 10**9}"
    made = connect(settings.load(environ={"WORKSHOP_WORKSHOP_NAME": name}), start=False, state=cloud)
    made.client("codecommit").create_repository(repositoryName=name)
    return made


@pytest.fixture
def quick(connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential helper that knows its answer: the real one imports boto3 for each call of Git."""
    name, access = connection.settings.workshop.name, connection.environment
    keys = Credentials(access["AWS_ACCESS_KEY_ID"], access["AWS_SECRET_ACCESS_KEY"])
    now = dt.datetime.now(dt.UTC)
    secret = credentials.password(keys, "us-east-1", "127.0.0.1", f"/v1/repos/{name}", now)
    helper = tmp_path / "helper.py"
    helper.write_text(f"print('username={keys.access_key}')\nprint('password={secret}')\n")
    monkeypatch.setattr(source, "CREDENTIALS", helper)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Git repository with two commits."""
    folder = tmp_path / "workshop"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "work")
    for number in (1, 2):
        (folder / "file.txt").write_text(f"version {number}\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"version {number}")
    return folder


def content(connection: Connection, path: str) -> bytes:
    name = connection.settings.workshop.name
    answer = connection.client("codecommit").get_file(repositoryName=name, filePath=path, commitSpecifier="main")
    return bytes(answer["fileContent"])


def tip(connection: Connection) -> str:
    name = connection.settings.workshop.name
    branch = connection.client("codecommit").get_branch(repositoryName=name, branchName="main")
    return str(branch["branch"]["commitId"])


def test_the_newest_commit_arrives_with_its_history(connection, folder):
    pushed = push(connection, folder)
    assert pushed.commit == git(folder, "rev-parse", "HEAD") == tip(connection)
    assert (pushed.changed, pushed.uncommitted) == (True, ())
    commit = connection.client("codecommit").get_commit(
        repositoryName=connection.settings.workshop.name, commitId=pushed.commit
    )["commit"]
    assert commit["parents"] == [git(folder, "rev-parse", "HEAD^")]


@pytest.mark.usefixtures("quick")
def test_the_same_again_is_no_change(connection, folder):
    first = push(connection, folder)
    again = push(connection, folder)
    assert (again.commit, again.changed) == (first.commit, False)


@pytest.mark.usefixtures("quick")
def test_a_setting_of_this_shell_is_refused_since_no_build_would_see_it(connection, folder, monkeypatch):
    (folder / "workshop.toml").write_text("[endpoint]\nmax_capacity = 3\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "settings")
    monkeypatch.setenv("WORKSHOP_WORKSHOP_NAME", connection.settings.workshop.name)
    monkeypatch.setenv("WORKSHOP_ENDPOINT_MAX_CAPACITY", "4")
    with pytest.raises(
        SourceError, match=r"WORKSHOP_ENDPOINT_MAX_CAPACITY=4, and the file says '3'\. Write the values"
    ):
        push(connection, folder)
    (folder / "workshop.toml").write_text("[endpoint]\nmax_capacity = 4\n")  # what is pushed decides, uncommitted too
    assert push(connection, folder, include_uncommitted=True).changed


@pytest.mark.usefixtures("quick")
def test_a_settings_file_that_cannot_be_read_is_pushed_since_the_build_says_why(connection, folder, monkeypatch):
    (folder / "workshop.toml").write_text("[endpoint]\nmax_capacitee = 3\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "a typing slip")
    monkeypatch.setenv("WORKSHOP_ENDPOINT_MAX_CAPACITY", "4")
    assert push(connection, folder).changed


def test_uncommitted_changes_are_named_and_refused(connection, folder):
    (folder / "file.txt").write_text("version 3\n")
    (folder / "new.txt").write_text("new\n")
    with pytest.raises(SourceError, match=r"2 changes .*M file\.txt, \?\? new\.txt.*include_uncommitted=True"):
        push(connection, folder)
    with pytest.raises(connection.client("codecommit").exceptions.BranchDoesNotExistException):
        tip(connection)


@pytest.mark.usefixtures("quick")
def test_uncommitted_changes_may_go_along_and_the_folder_stays_as_it_is(connection, folder):
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "ignored").write_text("no")
    (folder / "file.txt").write_text("version 3\n")
    before = git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain"), git(folder, "branch", "-a")
    pushed = push(connection, folder, include_uncommitted=True)
    assert (
        git(folder, "rev-parse", "HEAD"),
        git(folder, "status", "--porcelain"),
        git(folder, "branch", "-a"),
    ) == before
    assert content(connection, "file.txt") == b"version 3\n"
    assert content(connection, ".gitignore") == b"ignored\n"
    with pytest.raises(connection.client("codecommit").exceptions.FileDoesNotExistException):
        content(connection, "ignored")
    assert len(pushed.uncommitted) == 2
    assert pushed.commit == tip(connection) != git(folder, "rev-parse", "HEAD")


@pytest.mark.usefixtures("quick")
def test_a_snapshot_gives_way_to_the_next_one_and_to_the_commit(connection, folder):
    for text in ("version 3\n", "version 4\n"):
        (folder / "file.txt").write_text(text)
        push(connection, folder, include_uncommitted=True)
        assert content(connection, "file.txt") == text.encode()
    git(folder, "commit", "-q", "-a", "-m", "version 4")
    (folder / "file.txt").write_text("version 5\n")
    git(folder, "commit", "-q", "-a", "-m", "version 5")
    assert push(connection, folder).commit == git(folder, "rev-parse", "HEAD") == tip(connection)


@pytest.mark.usefixtures("quick")
def test_what_somebody_else_has_pushed_is_not_overwritten(connection, folder):
    push(connection, folder)
    name = connection.settings.workshop.name
    theirs = connection.client("codecommit").put_file(
        repositoryName=name, branchName="main", fileContent=b"theirs\n", filePath="theirs.txt",
        parentCommitId=tip(connection),
    )["commitId"]  # fmt: skip
    (folder / "file.txt").write_text("version 3\n")
    git(folder, "commit", "-q", "-a", "-m", "version 3")
    with pytest.raises(SourceError, match="somebody else has pushed"):
        push(connection, folder)
    (folder / "file.txt").write_text("version 4\n")
    with pytest.raises(SourceError, match="somebody else has pushed"):
        push(connection, folder, include_uncommitted=True)
    assert tip(connection) == theirs


@pytest.mark.parametrize("include", [True, False])
def test_a_repository_inside_the_folder_is_refused(connection, folder, include):
    git(folder, "clone", "-q", str(folder), "vendor")
    with pytest.raises(SourceError, match=r"holds other Git repositories: vendor/\."):
        push(connection, folder, include_uncommitted=include)
    with pytest.raises(connection.client("codecommit").exceptions.BranchDoesNotExistException):
        tip(connection)


def test_a_folder_without_a_commit_says_what_to_do(connection, tmp_path):
    with pytest.raises(SourceError, match="git init -b main && git add -A"):
        push(connection, tmp_path)
    with pytest.raises(SourceError, match="not a Git repository"):
        uncommitted(tmp_path)


def test_without_a_repository_it_says_what_to_deploy(cloud, folder):
    lost = connect(settings.load(environ={"WORKSHOP_WORKSHOP_NAME": "nowhere"}), start=False, state=cloud)
    with pytest.raises(NotDeployedError, match=r"no CodeCommit repository 'nowhere'.*deploy_pipeline"):
        push(lost, folder)


def test_the_users_own_credential_helpers_are_not_asked(connection, folder, tmp_path, monkeypatch):
    """A helper that knows another password for this host would lock the participant out."""
    configuration = tmp_path / "gitconfig"
    configuration.write_text('[credential]\n\thelper = "!touch asked; echo username=x; echo password=y; true"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    push(connection, folder)
    assert not (folder / "asked").exists()


def test_the_password_is_a_signature_over_host_path_and_time():
    """As ``aws codecommit credential-helper`` makes it; the expected value is computed by hand with HMAC-SHA256."""
    import hashlib
    import hmac

    now = dt.datetime(2026, 11, 25, 4, 5, 6, tzinfo=dt.UTC)
    secret, day = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20261125"
    made = credentials.password(
        Credentials("AKIDEXAMPLE", secret), "us-east-1", "git-codecommit.us-east-1.amazonaws.com", "/v1/repos/w", now
    )
    canonical = "GIT\n/v1/repos/w\n\nhost:git-codecommit.us-east-1.amazonaws.com\n\nhost\n"
    scope = f"{day}/us-east-1/codecommit/aws4_request"
    text = f"AWS4-HMAC-SHA256\n20261125T040506\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in (day, "us-east-1", "codecommit", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert made == "20261125T040506Z" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
