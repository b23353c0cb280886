"""Zip archives that keep file modes and symbolic links, and cannot reach outside their folder."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

from localcloud.codebuild.failures import client_error

LINK_LIMIT = 4096
"""Bytes of a symbolic link's target."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack ``archive`` into ``folder``.

    Raises
    ------
    PhaseFailed
        CLIENT_ERROR for what is not a zip, and for a member or link that leads outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as bundle:
            links = []
            for member in bundle.infolist():
                target = _inside(folder, member.filename)
                if stat.S_ISLNK(member.external_attr >> 16):
                    links.append((target, member))
                elif member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    _write(bundle, member, target)
            # Links last, so that no member is written through one.
            for target, member in links:
                _link(bundle, member, target, folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise client_error(f"the source archive cannot be unpacked: {error}") from error


def _inside(folder: Path, name: str) -> Path:
    target = Path(os.path.normpath(folder / name))
    if Path(name).is_absolute() or "\0" in name or not target.is_relative_to(folder):
        raise client_error(f"the archive's member {name!r} is outside the folder it is unpacked into: refused")
    return target


def _write(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open(member) as source, target.open("wb") as output:
        shutil.copyfileobj(source, output, 1 << 20)
    mode = (member.external_attr >> 16) & 0o777
    if mode:
        target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)


def _link(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, folder: Path) -> None:
    if member.file_size > LINK_LIMIT:
        raise client_error(f"the archive's symbolic link {member.filename!r} is too long")
    pointed = bundle.read(member).decode("utf-8", "surrogateescape")
    reached = Path(os.path.normpath(target.parent.resolve() / pointed))
    if Path(pointed).is_absolute() or not reached.is_relative_to(folder.resolve()):
        raise client_error(
            f"the archive's symbolic link {member.filename!r} points to {pointed!r}, outside the folder: refused"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()
    target.symlink_to(pointed)


def pack(
    archive: Path, entries: Iterable[tuple[Path, str]], *, keep_links: bool, compression: int = zipfile.ZIP_DEFLATED
) -> None:
    """Write ``entries`` (file, name in the archive) to ``archive``.

    Parameters
    ----------
    keep_links : bool
        Symbolic links stay links; otherwise the file they lead to is packed, and a link that leads nowhere or to a
        folder is left out.
    compression : int
        Of ``zipfile``.
    """
    with zipfile.ZipFile(archive, "w", compression) as bundle:
        for path, name in entries:
            if keep_links and path.is_symlink():
                member = zipfile.ZipInfo(name)
                member.create_system = 3  # Unix: the mode below counts
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
                bundle.writestr(member, os.readlink(path))  # noqa: PTH115 - the text itself, not a Path made of it
            elif path.is_file():
                # Files from before 1980 are legal on disk and not in a zip.
                member = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
                member.compress_type = compression
                with path.open("rb") as source, bundle.open(member, "w") as output:
                    shutil.copyfileobj(source, output, 1 << 20)
