"""DOWNLOAD_SOURCE: from S3, from CodeCommit, or nothing."""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild.buildspec.grammar import DEFAULT_NAME
from localcloud.codebuild.failures import client_error, yaml_error
from localcloud.codebuild.files import archive
from localcloud.codebuild.files.places import Places, Storage, split_location
from localcloud.process.credentials import GIT_HELPER

TYPES = ("CODECOMMIT", "CODEPIPELINE", "NO_SOURCE", "S3")
"""Other providers need the internet, which this cloud does not reach."""

RunGit = Callable[[str, Mapping[str, str], Path], tuple[int, list[str]]]
"""``run(command, variables, folder)``: exit status and output lines."""


class Sources:
    """Fetches the sources of one build.

    Parameters
    ----------
    cloud : Cloud
    storage : Storage
    places : Places
    run_git : callable
        Runs a git command so that it ends with the build.
    """

    def __init__(self, cloud: Cloud, storage: Storage, places: Places, run_git: RunGit) -> None:
        self._cloud = cloud
        self._storage = storage
        self._places = places
        self._run_git = run_git

    def fetch(self, source: Mapping[str, Any], version: str | None, folder: Path, what: str) -> str | None:
        """Put ``source`` into ``folder``; return the version that it turned out to be, if its provider has versions.

        Parameters
        ----------
        source : mapping
            As in ProjectSource of the API.
        version : str or None
            ``sourceVersion``.
        folder : Path
            Created when it does not exist.
        what : str
            The source's role in the build, for messages.

        Raises
        ------
        PhaseFailed
            CLIENT_ERROR when it does not exist.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if source["type"] == "S3":
            return self._s3(source["location"], version, folder, what)
        if source["type"] == "CODECOMMIT":
            return self._codecommit(source, version, folder, what)
        return None

    def buildspec(self, source: Mapping[str, Any]) -> tuple[str, str]:
        """Where the buildspec is, and its text (User Guide, "Buildspec file name and storage location").

        Raises
        ------
        PhaseFailed
            YAML_FILE_ERROR when there is none, or it is outside the source, or not UTF-8.
        """
        given = source.get("buildspec", "").strip()
        if is_inline(given):
            return "the project's definition", source["buildspec"]
        if given.startswith("arn:"):
            bucket, key = split_location(given)
            target = self._places.control / "buildspec.yml"
            self._storage.download(bucket, key, target, None, "the buildspec")
            return given, target.read_text()
        path = Path(os.path.normpath(self._places.source / (given or DEFAULT_NAME)))
        if not path.resolve().is_relative_to(self._places.source.resolve()):
            raise yaml_error(f"the buildspec {given} is outside the source")
        if not path.is_file():
            raise yaml_error(f"stat {path}: no such file or directory" if given else "YAML file does not exist")
        try:
            return str(path), path.read_text()
        except UnicodeDecodeError as error:
            raise yaml_error(f"{given or DEFAULT_NAME} is not UTF-8: {error}") from error

    def _s3(self, location: str, version: str | None, folder: Path, what: str) -> str | None:
        bucket, key = split_location(location)
        if key.endswith("/") or not key:
            keys = self._storage.list(bucket, key, what)
            if not keys:
                raise client_error(f"NoSuchKey: no object below s3://{bucket}/{key} for {what}")
            for each in keys:
                relative = each.removeprefix(key)
                target = Path(os.path.normpath(folder / relative))
                if not target.is_relative_to(folder):
                    raise client_error(f"the object {each!r} is outside {what}: refused")
                if not relative.endswith("/") and relative:
                    self._storage.download(bucket, each, target, None, what)
            return None
        target = self._places.control / "source.zip"
        found = self._storage.download(bucket, key, target, version, what)
        archive.unpack(target, folder)
        target.unlink()
        return found

    def _codecommit(self, source: Mapping[str, Any], version: str | None, folder: Path, what: str) -> str:
        name = source["location"].rstrip("/").rpartition("/")[2]
        url = f"{self._cloud.endpoint_url}/v1/repos/{name}"
        variables = git_variables(self._cloud)
        depth = int(source.get("gitCloneDepth") or 0)
        shallow = f"--depth {depth} " if depth and not version else ""
        status, output = self._run_git(
            f"git clone --quiet --no-checkout {shallow}{shlex.quote(url)} .", variables, folder
        )
        if status:
            raise client_error(f"git clone of {name} failed for {what}: {' '.join(output) or f'exit status {status}'}")
        wanted = (version or "HEAD").removeprefix("refs/heads/").removeprefix("refs/tags/")
        for candidate in (f"refs/remotes/origin/{wanted}", f"refs/tags/{wanted}", wanted):
            command = f"git rev-parse --quiet --verify {shlex.quote(candidate + '^{commit}')}"
            status, output = self._run_git(command, variables, folder)
            if status == 0:
                commit = output[-1].strip()
                break
        else:
            raise client_error(f"reference not found for {what} and source version {version or 'HEAD'}")
        status, output = self._run_git(f"git checkout --quiet --detach {commit}", variables, folder)
        if status:
            raise client_error(f"git checkout of {commit} failed for {what}: {' '.join(output)}")
        return commit


def is_inline(text: str) -> bool:
    """Whether ``text`` is a buildspec itself, not the path or ARN of one."""
    return "\n" in text or text.startswith(("{", "version:"))


def git_variables(cloud: Cloud) -> dict[str, str]:
    """Git's configuration for the cloud's CodeCommit, in variables: nothing of it shows in a list of processes."""
    access_key, secret = cloud.environment["AWS_ACCESS_KEY_ID"], cloud.environment["AWS_SECRET_ACCESS_KEY"]
    token = cloud.environment.get("AWS_SESSION_TOKEN")
    user = f"{access_key}%{token}" if token else access_key
    credentials = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{cloud.endpoint_url}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def write_git_helper(cloud: Cloud, home: Path) -> None:
    """``git-credential-helper: yes``: Git in a build's commands reaches CodeCommit, under its AWS address, too."""
    address = f"https://git-codecommit.{cloud.region}.amazonaws.com/v1/repos/"
    escaped = GIT_HELPER.replace("\\", "\\\\").replace('"', '\\"')
    (home / ".gitconfig").write_text(
        f'[credential "{cloud.endpoint_url}"]\n\thelper = "{escaped}"\n\tuseHttpPath = true\n'
        f'[url "{cloud.endpoint_url}/v1/repos/"]\n\tinsteadOf = {address}\n'
    )
