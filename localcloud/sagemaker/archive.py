"""Unpacks model data as SageMaker puts it under ``/opt/ml/model``, and nothing anywhere else."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path


class ArchiveError(Exception):
    """The model archive cannot be unpacked, or holds something that must not be; the message names the member."""


def _refusal(member: tarfile.TarInfo, target: Path) -> str | None:
    """Why ``member`` must not be unpacked below ``target``; None when it may."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return "is a device or a pipe; a model holds files, folders and links only"
    destination = (target / member.name).resolve()
    if not destination.is_relative_to(target):
        return "is outside the model folder"
    if member.issym() or member.islnk():
        # A hard link's target counts from the archive's root, a symbolic link's from the link's own folder.
        base = target if member.islnk() else (target / member.name).parent
        if Path(member.linkname).is_absolute() or not (base / member.linkname).resolve().is_relative_to(target):
            return f"links to {member.linkname!r}, which is outside the model folder"
    return None


def unpack(archive: Path, target: Path) -> int:
    """Unpack a gzip-compressed tarball; returns the unpacked bytes.

    SageMaker Developer Guide, "Deploy uncompressed models" and "Use your own inference code with hosting services":
    model data is a tar.gz archive that SageMaker extracts under /opt/ml/model. Members that would leave the folder are
    refused here by name instead of being dropped silently.

    Raises
    ------
    ArchiveError
        Not a gzip tarball, truncated, or with a member outside the folder, a link that leaves it, or a device.
    """
    target = target.resolve()
    total = 0
    try:
        # "r|gz" reads once, front to back, so that a large model is never held in memory.
        with tarfile.open(archive, "r|gz") as tar:
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4: what the check below lets through passes this as well
                tar.extraction_filter = tarfile.data_filter
            for member in tar:
                reason = _refusal(member, target)
                if reason:
                    raise ArchiveError(f"member {member.name!r} {reason}")
                tar.extract(member, target)
                total += member.size if member.isreg() else 0
        _check_gzip_end(archive)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ArchiveError(f"{type(error).__name__}: {error}") from error
    return total


def _check_gzip_end(archive: Path) -> None:
    """Read the stream to its end: in stream mode tarfile stops at the end-of-archive blocks, before gzip's checksum."""
    import gzip

    with gzip.open(archive) as stream:
        while stream.read(1 << 20):
            pass
