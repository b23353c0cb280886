"""What is added to a model: JumpStart's inference code under ``code/``, wheels, and the overrides on top of it all."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from contract.errors import ModelError
from helpers.model.repackage.gzipped import Unpacked
from helpers.model.repackage.members import BLOCK, Archive, Rules, Sink, plain
from helpers.model.repackage.sources import PIECE_BYTES, Artifact

ENTRY_POINT = "code/inference.py"
"""What SageMaker's PyTorch and Hugging Face containers load."""
LEFT_OUT = frozenset(("__pycache__", ".DS_Store"))


@dataclasses.dataclass(frozen=True)
class Entry:
    """A member to add: its header, and how to get its content."""

    info: tarfile.TarInfo
    copy: Callable[[Sink], None]


class Shadow:
    """The names that are added, and which members of the model they hide.

    Attributes
    ----------
    links : set of str
        Those that are symbolic links.
    """

    def __init__(self) -> None:
        self._files, self._folders, self.links = set[str](), set[str](), set[str]()

    def add(self, info: tarfile.TarInfo) -> None:
        """Note one added member."""
        name = plain(info.name)
        (self._folders if info.isdir() else self._files).add(name)
        self._folders.update(_parents(name))
        if info.issym():
            self.links.add(name)

    def hides(self, name: str, folder: bool) -> bool:
        """True when a model's member cannot be beside what is added: a folder in both is shared."""
        if name in self._files or (name in self._folders and not folder):
            return True
        return any(parent in self._files for parent in _parents(name))

    def __contains__(self, name: str) -> bool:
        return name in self._files


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


class Additions:
    """Inference code, wheels and overrides of one model.

    Parameters
    ----------
    script : Artifact or None
        JumpStart's sourcedir tarball, whose root becomes ``code/``; None when the model holds its code already.
    overrides : Path or None
        A folder whose files are laid on top of the model's root, and win.
    wheels : Path or None
        Another one, which wins over model and code, but not over the overrides.
    """

    def __init__(self, script: Artifact | None, overrides: Path | None, wheels: Path | None = None) -> None:
        self._script = script
        files = {name: path for folder in (wheels, overrides) if folder for name, path in _files(folder)}
        self._files = sorted(files.items())

    @property
    def empty(self) -> bool:
        """True when the model stays as it is."""
        return self._script is None and not self._files

    def digests(self) -> list[list[str]]:
        """Name, mode and SHA-256 of each file that does not come from JumpStart."""
        found = []
        for name, path in self._files:
            with path.open("rb") as file:
                found.append([name, f"{_mode(path):o}", hashlib.file_digest(file, "sha256").hexdigest()])
        return found

    def entries(self, shadow: Shadow) -> Iterator[Entry]:
        """All that is added, noted in ``shadow``; take each one's content before the next."""
        for name, path in self._files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = path.stat().st_size, _mode(path)
            shadow.add(info)
            yield Entry(info, functools.partial(_copy_file, path, info.size))
        if self._script is None:
            return
        overrides = Shadow()
        for name, _ in self._files:
            overrides.add(tarfile.TarInfo(name))
        with contextlib.closing(self._script.chunks()) as chunks:
            archive = Archive(self._script.uri, Unpacked(self._script.uri, chunks))
            for member in archive:
                name = f"code/{member.name}"
                if not member.name or overrides.hides(name, member.info.isdir()):
                    continue
                info = _moved(member.info, name)
                shadow.add(info)
                yield Entry(info, functools.partial(archive.content, member))

    def write(self, sink: Sink) -> Shadow:
        """Write the tar members, without the end of an archive; return what they hide."""
        shadow = Shadow()
        for entry in self.entries(shadow):
            sink(entry.info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            entry.copy(sink)
            sink(bytes(-entry.info.size % BLOCK))
        return shadow


def _moved(info: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    """The member's header under another name; owner and times of JumpStart's build machines stay behind."""
    moved = tarfile.TarInfo(name)
    moved.type = tarfile.REGTYPE if info.isreg() else info.type
    moved.mode, moved.mtime = info.mode & 0o777, int(info.mtime)
    moved.size = info.size if info.isreg() else 0
    # The target of a hard link counts from the archive's root, that of a symbolic link from where it is.
    moved.linkname = f"code/{plain(info.linkname)}" if info.islnk() else info.linkname
    return moved


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Names and paths of all files to lay on top, in order."""
    found, rules = [], Rules(str(folder))
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if LEFT_OUT.intersection(path.relative_to(folder).parts) or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise rules.refuse(f"{name} is not an ordinary file")
        found.append((name, path))
    return found


def _copy_file(path: Path, size: int, sink: Sink) -> None:
    with path.open("rb") as file:
        while size and (piece := file.read(min(PIECE_BYTES, size))):
            size -= len(piece)
            sink(piece)
    if size:
        raise ModelError(f"{path} got shorter while it was read: run this again.")
