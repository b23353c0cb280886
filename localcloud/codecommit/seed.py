"""The first commit of a repository that a template fills: the files of a ZIP archive in S3."""

from __future__ import annotations

import stat
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import IO, Any

from localcloud.codecommit.git import Git, GitFailed
from localcloud.codecommit.operations.changes import check_path
from localcloud.codecommit.repository import HEADS
from localcloud.services import ServiceError

PIECE = 1024 * 1024
AUTHOR = "AWS CloudFormation"
MESSAGE = b"Initial commit by CloudFormation"


def seed(git: Git, folder: Path, branch: str, s3: Any, source: dict[str, Any], work: Path) -> None:
    """Commit the files of an archive as the first commit of ``branch``.

    Parameters
    ----------
    git : Git
    folder : Path
        An empty bare repository.
    branch : str
    s3 : client
    source : dict
        ``Bucket``, ``Key`` and perhaps ``ObjectVersion``.
    work : Path
        Where the archive may be stored meanwhile.

    Raises
    ------
    ServiceError
        When the archive cannot be read.
    GitFailed
    """
    place = f"s3://{source['Bucket']}/{source['Key']}"
    version = {"VersionId": str(source["ObjectVersion"])} if source.get("ObjectVersion") else {}
    with tempfile.TemporaryFile(dir=work) as file:
        try:
            s3.download_fileobj(source["Bucket"], source["Key"], file, ExtraArgs=version)
            archive = zipfile.ZipFile(file)
        except Exception as error:
            raise ServiceError(
                "InvalidRequest", f"Code.S3: {place} cannot be read as a ZIP archive: {error}"
            ) from error
        with archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            for member in members:
                check_path(member.filename)
            _import(git, folder, branch, archive, members)


def _import(git: Git, folder: Path, branch: str, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """Feed the files to one ``git fast-import``, in pieces."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [git.program(), f"--git-dir={folder}", "fast-import", "--quiet", "--done"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=git.environment(),
        )
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                _write(pipe, branch, archive, members)
        except BrokenPipeError:
            pass  # it ended early: its exit code and its words say why
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.wait():
            said.seek(0)
            raise GitFailed(said.read().decode("utf-8", "replace").strip())


def _write(pipe: IO[bytes], branch: str, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """The stream that git-fast-import(1) describes."""
    pipe.write(f"commit {HEADS}{branch}\n".encode())
    pipe.write(f"committer {AUTHOR} <> {int(time.time())} +0000\n".encode())
    pipe.write(b"data %d\n%s\n" % (len(MESSAGE), MESSAGE))
    for member in members:
        pipe.write(f"M {_mode(member)} inline {_quoted(member.filename)}\ndata {member.file_size}\n".encode())
        with archive.open(member) as content:
            while piece := content.read(PIECE):
                pipe.write(piece)
        pipe.write(b"\n")
    pipe.write(b"done\n")


def _mode(member: zipfile.ZipInfo) -> str:
    unix = member.external_attr >> 16
    if stat.S_ISLNK(unix):
        return "120000"
    return "100755" if unix & stat.S_IXUSR else "100644"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
