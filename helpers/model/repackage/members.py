"""The members of a tar archive read as a stream: what is where, whether it may be there, and its bytes unchanged."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator

from contract.errors import ModelError

BLOCK = tarfile.BLOCKSIZE
END = b"\0" * (2 * BLOCK)
"""The end of an archive: two blocks of zeros."""
HEADER_BYTES = 1 << 20
"""More than any header with its extensions (PAX records, long names, maps of sparse files) has a right to."""

Sink = Callable[[bytes | memoryview], None]


class Forward(io.RawIOBase):
    """A file that can be read once, from front to back, for :mod:`tarfile`; it keeps what headers it read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces, self._piece, self._at = iter(pieces), memoryview(b""), 0
        self.kept = bytearray()

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def tell(self) -> int:
        """Bytes handed out so far."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward only, ``io.UnsupportedOperation`` otherwise; what is passed over counts as read."""
        if whence != io.SEEK_SET or offset < self._at:
            raise io.UnsupportedOperation("this file goes forward only")
        self.pass_on(offset, self.kept.extend)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """At most ``size`` bytes (fewer only at the end), kept in :attr:`kept` too.

        Raises
        ------
        tarfile.ReadError
            A header never ends.
        """
        wanted, found = HEADER_BYTES if size is None or size < 0 else size, bytearray()
        if len(self.kept) + wanted > 2 * HEADER_BYTES:
            raise tarfile.ReadError(f"a header of more than {HEADER_BYTES:,} bytes")
        self.pass_on(self._at + wanted, found.extend)
        self.kept += found
        return bytes(found)

    def pass_on(self, end: int, sink: Sink | None) -> None:
        """Hand the bytes up to offset ``end`` (or the end of the file) to ``sink``."""
        while self._at < end:
            if not self._piece:
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._piece = memoryview(piece)
                continue
            part = self._piece[: end - self._at]
            self._piece = self._piece[len(part) :]
            self._at += len(part)
            if sink:
                sink(part)


@dataclasses.dataclass(frozen=True)
class Member:
    """One member of an archive, just met.

    Attributes
    ----------
    name : str
        Without ``./`` in front or a slash at the end; empty for the root itself.
    info : tarfile.TarInfo
    header : bytes
        Its header blocks as they are in the archive, extensions included.
    """

    name: str
    info: tarfile.TarInfo
    header: bytes


def plain(name: str) -> str:
    """The name without ``./``, doubled slashes and the slash at the end."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


class Rules:
    """What a model archive may hold: files, folders and links, all of them inside the folder it is unpacked to."""

    def __init__(self, where: str, links: Iterable[str] = ()) -> None:
        self.where, self._links = where, set(links)

    def refuse(self, what: str) -> ModelError:
        """The error for a member that breaks the rules."""
        return ModelError(
            f"{self.where}: {what}; a model that writes outside its folder is not packaged: choose another one in "
            "[model] id and version, or make the archive again without it."
        )

    def check(self, info: tarfile.TarInfo) -> str:
        """The plain name of a member that is allowed; ModelError otherwise."""
        name = plain(info.name)
        if info.name.startswith("/") or ".." in name.split("/"):
            raise self.refuse(f"member {info.name!r} is outside of the archive's folder")
        if info.isdev():
            raise self.refuse(f"member {info.name!r} is a device or pipe")
        if not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
            raise self.refuse(f"member {info.name!r} is of the unknown type {info.type!r}")
        self._through_link(name, info.name)
        if info.issym() or info.islnk():
            self._target(name, info)
        if info.issym():
            self._links.add(name)
        return name

    def _through_link(self, name: str, shown: str) -> None:
        parts = name.split("/")
        for count in range(1, len(parts)):
            if (parent := "/".join(parts[:count])) in self._links:
                raise self.refuse(f"member {shown!r} would be written through the link {parent!r}")

    def _target(self, name: str, info: tarfile.TarInfo) -> None:
        """A link's target, without following it: no absolute path, and no ``..`` past the root or after a name."""
        target = [part for part in info.linkname.split("/") if part not in ("", ".")]
        up = next((count for count, part in enumerate(target) if part != ".."), len(target))
        allowed = name.count("/") if info.issym() else 0
        if info.linkname.startswith("/") or up > allowed or ".." in target[up:]:
            raise self.refuse(f"member {info.name!r} links to {info.linkname!r}, outside of the archive's folder")
        if info.islnk():
            self._through_link("/".join([*target, ""]), info.name)


class Archive:
    """A tar archive as a stream: iterate for its members, and take each one's bytes before the next.

    Parameters
    ----------
    where : str
        The archive's name, for messages.
    pieces : iterable of bytes
        Its content, unpacked.
    links : iterable of str, optional
        Names of links that are already in the folder where this archive is unpacked, too.

    Attributes
    ----------
    names : list of str
        Plain names of the members so far; folders with a slash at the end.

    Raises
    ------
    ModelError
        From the iteration: the archive is damaged, or a member is not allowed.
    """

    def __init__(self, where: str, pieces: Iterable[bytes], links: Iterable[str] = ()) -> None:
        self.where, self.names = where, list[str]()
        self._file, self._rules = Forward(pieces), Rules(where, links)
        self._tar: tarfile.TarFile | None = None

    def _corrupt(self, what: object) -> ModelError:
        return ModelError(
            f"{self.where}: corrupt tar archive at unpacked byte {self._file.tell():,}: {what}; the file in S3 is "
            "damaged: choose another [model] version in workshop.toml, or upload it again if it is yours."
        )

    def __iter__(self) -> Iterator[Member]:
        try:
            # Opening reads the first header already.
            self._tar = tar = tarfile.TarFile(fileobj=self._file, mode="r")
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # its stubs lack it; tarfile would keep all of them
                name = self._rules.check(info)
                self.names.append(name + "/" if info.isdir() else name)
                yield Member(name, info, bytes(self._file.kept))
                self.data(None)
                self._file.kept.clear()
        except tarfile.TarError as problem:
            raise self._corrupt(problem) from None
        self._check_end()
        self._file.pass_on(1 << 63, None)  # the padding, so that all of the file was read

    def data(self, sink: Sink | None) -> None:
        """Hand the rest of the member just met, padding included, to ``sink``; ModelError when there is less."""
        assert self._tar is not None
        self._file.pass_on(self._tar.offset, sink)
        if self._file.tell() < self._tar.offset:
            raise self._corrupt(f"it ends within member {self.names[-1]!r}")

    def content(self, member: Member, sink: Sink) -> None:
        """Hand the file's content alone to ``sink``, without the padding; ModelError for a sparse file."""
        size = member.info.size
        if member.info.issparse():
            raise self._rules.refuse(f"member {member.info.name!r} is a sparse file, which cannot be moved to code/")
        self._file.pass_on(self._file.tell() + (size if member.info.isreg() else 0), sink)
        self.data(None)

    def _check_end(self) -> None:
        # tarfile takes a damaged header for the end of the archive, and says nothing.
        if self._file.kept.strip(b"\0"):
            raise self._corrupt("there is no tar header where the next member should begin")
