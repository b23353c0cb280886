"""CodeCommit as source (CodePipeline User Guide, "CodeCommit source action reference")."""

from __future__ import annotations

import base64
import io
import os
import re
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud.clock import iso_timestamp
from localcloud.codepipeline.actions.job import ActionError, Job, Outcome

GIT_SECONDS = 300.0
_ABSENT = ("RepositoryDoesNotExistException", "BranchDoesNotExistException")
_PLAIN_ATTRIBUTES = "* -text !eol -filter -ident !working-tree-encoding -export-ignore -export-subst\n"
"""An artifact has every file of the commit, byte for byte; ``git archive`` would follow the tree's .gitattributes."""
_CODECOMMIT_DATE = re.compile(r"(\d+) ([+-]\d{4})")


def current_revision(client: Any, configuration: dict[str, str]) -> str | None:
    """The commit of the branch now; None while there is none."""
    try:
        return _tip(client("codecommit"), configuration["RepositoryName"], configuration["BranchName"])
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise


def _tip(codecommit: Any, repository: str, branch: str) -> str:
    return str(codecommit.get_branch(repositoryName=repository, branchName=branch)["branch"]["commitId"])


def _not_found(repository: str, branch: str) -> ActionError:
    return ActionError(
        "The service role or action role doesn't have the permissions required to access the AWS CodeCommit repository "
        f"named {repository}, or the Amazon CodeCommit repository {repository} or its branch {branch} could not be "
        "found. Push the branch, or correct the names in the pipeline.",
        "PermissionError",
    )


def run_codecommit_source(job: Job) -> Outcome:
    """Make the artifact of the commit that the branch points to, or of the one that was asked for.

    Raises
    ------
    ActionError
        When the repository or the branch does not exist, or git fails.
    """
    repository, branch = job.configuration["RepositoryName"], job.configuration["BranchName"]
    codecommit = job.client("codecommit")
    try:
        commit_id = job.override.get("COMMIT_ID") or _tip(codecommit, repository, branch)
        commit = codecommit.get_commit(repositoryName=repository, commitId=commit_id)["commit"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            raise _not_found(repository, branch) from error
        raise
    commit_id = str(commit["commitId"])
    for operation in ("UploadArchive", "GetUploadArchiveStatus"):  # CodeCommit's permissions for CodePipeline
        job.require("codecommit", operation, repositoryName=repository)
    target = job.outputs[0]
    job.store.put(target, _archive(job, repository, commit_id))
    message = str(commit.get("message", ""))
    return Outcome(
        variables={
            "AuthorDate": _moment(commit.get("author", {})),
            "BranchName": branch,
            "CommitId": commit_id,
            "CommitMessage": message,
            "CommitterDate": _moment(commit.get("committer", {})),
            "RepositoryName": repository,
        },
        revision={"Id": commit_id, "ChangeId": commit_id, "Summary": message, "Url": _url(job, repository)},
        external_id=commit_id,
        external_url=_url(job, repository),
        summary=message,
    )


def _moment(person: dict[str, Any]) -> str:
    """``1700000000 +0100`` of CodeCommit as ``2023-11-14T22:13:20Z``."""
    match = _CODECOMMIT_DATE.fullmatch(str(person.get("date", "")))
    if match is None:
        return str(person.get("date", ""))
    return iso_timestamp(int(match[1]), precision="seconds")


def _url(job: Job, repository: str) -> str:
    return f"{job.cloud.endpoint_url}/v1/repos/{repository}"


def _archive(job: Job, repository: str, commit_id: str) -> bytes:
    """A zip file of the commit's tree, with executable bits; see :func:`without_links`."""
    with tempfile.TemporaryDirectory(prefix="codepipeline-source-", dir=job.cloud.work) as folder:
        _git(job, folder, "init", "--quiet", "--bare")
        attributes = Path(folder) / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(_PLAIN_ATTRIBUTES)
        _git(job, folder, "fetch", "--quiet", "--no-tags", _url(job, repository), "+refs/heads/*:refs/heads/*")
        return without_links(_git(job, folder, "archive", "--format=zip", commit_id))


def without_links(archive: bytes) -> bytes:
    """``archive`` with a text file, which holds the target's path, in the place of each symbolic link.

    CodePipeline does not keep links: CDK API Reference, ``CodeCommitSourceOptions.codeBuildCloneOutput``, and
    https://github.com/aws/aws-cdk/issues/14520
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as given:
        if not any(stat.S_ISLNK(entry.external_attr >> 16) for entry in given.infolist()):
            return archive
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            for entry in given.infolist():
                content = given.read(entry)
                if stat.S_ISLNK(entry.external_attr >> 16):
                    entry.external_attr = (stat.S_IFREG | 0o644) << 16
                made.writestr(entry, content)
    return out.getvalue()


def _git(job: Job, folder: str, *arguments: str) -> bytes:
    keys = job.cloud.environment  # the cloud's own: whether the role may fetch was asked before
    user = f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}"
    credentials = base64.b64encode(user.encode()).decode()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": folder,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # In the environment, not in the arguments, which every user of the machine can read.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{job.cloud.endpoint_url}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
    }
    command = ["git", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ActionError(f"git {arguments[0]} did not work for the source: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ActionError(f"git {arguments[0]} failed for the source: {said}")
    return done.stdout
