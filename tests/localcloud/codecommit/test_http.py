"""What git's own client seldom sends: compressed and chunked bodies, clients that hang up, a machine without git."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import localcloud
from localcloud.process.janitor import marked_processes
from tests.localcloud.conftest import CloudUnderTest, wait_until

from .conftest import MODULES, GitClient

pytestmark = pytest.mark.cloud

LIST_REFS = b"0014command=ls-refs\n0000"
"""A request of gitprotocol-v2(5)."""


class Wire:
    """HTTP without git."""

    def __init__(self, cloud: CloudUnderTest) -> None:
        self.address = cloud.running.endpoint_url.removeprefix("http://")
        keys = cloud.running.environment
        password = f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}"
        self.authorization = "Basic " + base64.b64encode(password.encode()).decode()

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, {"Authorization": self.authorization, **sent})
        response = connection.getresponse()
        return response.status, response.read()


def log_of(cloud: CloudUnderTest) -> str:
    """All that the cloud has logged, which other tests share."""
    return (cloud.running.state_dir / "cloud.log").read_text()


def other_processes(cloud: CloudUnderTest) -> list[int]:
    """What the cloud has started, but for its own process."""
    (work,) = (cloud.running.state_dir / "work").iterdir()
    return [pid for pid in marked_processes(str(work)) if pid != cloud.running.pid]


@pytest.mark.parametrize("way", ["gzip", "chunked", "both"])
def test_compressed_and_chunked_requests(git: GitClient, repository: str, cloud: CloudUnderTest, way: str) -> None:
    tree = git.clone(repository, "tree")
    commit = git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    body = LIST_REFS if way == "chunked" else gzip.compress(LIST_REFS)
    headers = {} if way == "chunked" else {"Content_Encoding": "gzip"}
    status, answer = Wire(cloud).post(
        f"/v1/repos/{repository}/git-upload-pack",
        body if way == "gzip" else iter([body[:5], body[5:]]),
        Content_Type="application/x-git-upload-pack-request",
        Git_Protocol="version=2",
        **headers,
    )
    assert status == 200
    assert f"{commit} refs/heads/main".encode() in answer


def test_a_client_that_hangs_up_leaves_no_process_and_no_lock(
    git: GitClient, repository: str, cloud: CloudUnderTest
) -> None:
    before, logged = set(other_processes(cloud)), len(log_of(cloud))
    wire = Wire(cloud)
    host, _, port = wire.address.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"POST /v1/repos/{repository}/git-receive-pack HTTP/1.1\r\nHost: {wire.address}\r\n"
            f"Authorization: {wire.authorization}\r\nContent-Type: application/x-git-receive-pack-request\r\n"
            "Content-Length: 1000000\r\n\r\n".encode()
            + b"0094"
        )
        wait_until(lambda: set(other_processes(cloud)) - before)
    wait_until(lambda: not set(other_processes(cloud)) - before)
    tree = git.clone(repository, "tree")
    git.commit(tree, {"a": "1"})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    log = log_of(cloud)[logged:]
    assert "the client hung up" in log
    assert "Traceback" not in log


def test_a_clone_that_is_cancelled_leaves_no_process(git: GitClient, repository: str, cloud: CloudUnderTest) -> None:
    tree = git.clone(repository, "tree")
    git.commit(tree, {"noise": os.urandom(20_000_000)})
    git.run("push", "origin", "HEAD:main", cwd=tree)
    before, logged = set(other_processes(cloud)), len(log_of(cloud))
    clone = git.start("clone", git.url(repository), "cancelled")
    wait_until(lambda: set(other_processes(cloud)) - before)
    clone.send_signal(signal.SIGKILL)
    clone.communicate()
    wait_until(lambda: not set(other_processes(cloud)) - before)
    assert "Traceback" not in log_of(cloud)[logged:]


def test_what_git_says_goes_to_the_log(repository: str, cloud: CloudUnderTest) -> None:
    path = f"/v1/repos/{repository}/git-upload-pack"
    Wire(cloud).post(path, b"zzzz", Content_Type="application/x-git-upload-pack-request")
    wait_until(lambda: "bad line length character: zzzz" in log_of(cloud))


@pytest.mark.parametrize("name", ["..", "../codecommit", "%2e%2e%2fcodecommit", "%2fetc", "x%00", "", "a/../{}"])
def test_no_name_leads_out_of_the_folder(repository: str, cloud: CloudUnderTest, name: str) -> None:
    """Not even the repository's own folder name, its id: only names that the service knows are looked up."""
    path = f"/v1/repos/{name.format(repository)}/git-upload-pack"
    status, _ = Wire(cloud).post(path, LIST_REFS, Content_Type="application/x-git-upload-pack-request")
    assert status == 404
    (*_, folder) = (cloud.running.state_dir / "codecommit").iterdir()
    status, said = Wire(cloud).post(f"/v1/repos/{folder.name}/git-upload-pack", LIST_REFS)
    assert status == 404
    assert b"does not exist" in said


@pytest.mark.parametrize("installed", ["nothing", "git without http-backend"])
def test_without_git_the_service_says_so(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    """Alpine Linux packages http-backend apart from git, for example."""
    tools = tmp_path / "tools"
    tools.mkdir()
    if installed != "nothing":
        script = f'#!/bin/sh\n[ "$1" = --exec-path ] && echo {tools} || exec {shutil.which("git")} "$@"\n'
        (tools / "git").write_text(script)
        (tools / "git").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tools}:/nowhere")
        running = localcloud.start(state_dir, port=0, service_modules=MODULES)
    cloud = CloudUnderTest(running)
    (line,) = running.status()["services"]["codecommit"]
    assert "CodeCommit of the local cloud needs git" in line
    client = cloud.client("codecommit", config=Config(retries={"max_attempts": 0}))
    if installed == "nothing":
        with pytest.raises(ClientError, match="install Git") as refused:
            client.create_repository(repositoryName="demo")
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    else:
        client.create_repository(repositoryName="demo")
        said = GitClient(tmp_path, running).run("clone", f"{running.endpoint_url}/v1/repos/demo", ok=False)
        assert "remote: CodeCommit of the local cloud needs git's http-backend" in said
