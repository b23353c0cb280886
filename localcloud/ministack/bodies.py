"""Bodies of objects in files: what stands in for MiniStack's ``bytes`` when an object is large."""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import os
import queue
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from localcloud.ministack.checksums import Digest, new_digest

logger = logging.getLogger(__name__)

CHUNK = 1024 * 1024
# What copy_file_range says where this pair of files or this kernel cannot do it.
_NO_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}


class Holding:
    """A folder of files that last as long as something uses them. The janitor removes what is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Removing a gigabyte takes a twentieth of a second, which the event loop does not have. A SimpleQueue, because
        # its put may be called at any time, in the middle of another put too.
        self._unused: queue.SimpleQueue[Path] = queue.SimpleQueue()
        threading.Thread(target=self._remove_unused, daemon=True, name="held-files").start()

    def _remove_unused(self) -> None:
        while True:
            path = self._unused.get()
            try:
                path.unlink(missing_ok=True)
            except OSError:
                logger.warning("%s cannot be removed; it goes when the cloud ends", path, exc_info=True)

    def new(self) -> HeldFile:
        """A name for a new file."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return HeldFile(self._folder / uuid.uuid4().hex, self._unused)

    def snapshot(self, body: FileBody) -> FileBody:
        """The same bytes, safe from a change of the object: objects are replaced by renaming, so a link keeps them."""
        held = self.new()
        link_or_copy(body.path, held.path)
        return FileBody(held.path, body.start, len(body), source=body.source, held=held)

    def place(self, body: FileBody, path: Path) -> None:
        """Let ``path`` be a file with the bytes of ``body``, from one moment to the next."""
        held = self.new()
        if body.is_whole_file():
            link_or_copy(body.path, held.path)
        else:
            write_together([body], held.path)
        held.path.replace(path)  # which leaves the name as it was if both are the same file


class HeldFile:
    """A file that is removed when no body uses it any more, or at once by :attr:`remove`."""

    def __init__(self, path: Path, unused: queue.SimpleQueue[Path]) -> None:
        self.path = path
        self.remove = weakref.finalize(self, unused.put, path)


class FileBody:
    """A range of a file. MiniStack measures and cuts it like ``bytes``."""

    def __init__(
        self,
        path: Path,
        start: int,
        size: int,
        *,
        source: str = "",
        digests: Mapping[str, bytes] | None = None,
        held: HeldFile | None = None,
    ) -> None:
        """Take ``size`` bytes of ``path`` from ``start`` on.

        Parameters
        ----------
        path : Path
        start, size : int
            In bytes.
        source : str
            What identifies the bytes if their MD5 is not known: the ETag of the object from which they come.
        digests : mapping, optional
            Checksums that were computed while the bytes arrived, by the algorithm's name.
        held : HeldFile, optional
            The file, if it is one to remove after use.
        """
        self.path = path
        self.start = start
        self.source = source
        self._size = size
        self._digests = dict(digests or {})
        self._held = held

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> FileBody:
        start, stop, _ = part.indices(self._size)
        return FileBody(self.path, self.start + start, max(0, stop - start), source=self.source, held=self._held)

    def __deepcopy__(self, memo: object) -> FileBody:
        return self

    def md5(self) -> bytes:
        """The MD5 of uploaded bytes. Copied bytes are not read: they get 16 bytes made of the source's ETag and range.

        S3 API Reference, "Object": "The ETag may or may not be an MD5 digest of the object data."
        """
        identity = f"{self.source}:{self.start}-{self.start + self._size}"
        return self._digests.get("MD5") or hashlib.md5(identity.encode(), usedforsecurity=False).digest()

    def checksum(self, algorithm: str) -> bytes | None:
        """A checksum, read from the file unless it is known already; None for an unknown algorithm."""
        if algorithm not in self._digests:
            digest = new_digest(algorithm)
            if digest is None:
                return None
            for chunk in self.chunks():
                digest.update(chunk)
            self._digests[algorithm] = digest.digest()
        return self._digests[algorithm]

    def open(self) -> BinaryIO:
        """The file, which stays readable when its name is given to another."""
        return self.path.open("rb", buffering=0)

    def chunks(self) -> Iterator[bytes]:
        """All bytes, 1 MiB at a time."""
        with self.open() as file:
            for offset in range(0, self._size, CHUNK):
                yield read_at(file, self.start + offset, min(CHUNK, self._size - offset))

    def read(self) -> bytes:
        """All bytes at once."""
        return b"".join(self.chunks())

    def is_followed_by(self, other: FileBody) -> bool:
        """Whether ``other`` goes on where this ends."""
        return self.start + self._size == other.start and self.path.samefile(other.path)

    def extended(self, more: int) -> FileBody:
        """The same range and the ``more`` bytes behind it."""
        return FileBody(self.path, self.start, self._size + more, source=self.source, held=self._held)

    def is_whole_file(self) -> bool:
        """Whether this is all of its file."""
        return self.start == 0 and self._size == self.path.stat().st_size


def joined(bodies: Iterable[bytes | FileBody]) -> list[bytes | FileBody]:
    """Neighbouring ranges of the same file become one: an object that is copied by ranges is one file again."""
    together: list[bytes | FileBody] = []
    for body in bodies:
        last = together[-1] if together else None
        if isinstance(last, FileBody) and isinstance(body, FileBody) and last.is_followed_by(body):
            together[-1] = last.extended(len(body))
        else:
            together.append(body)
    return together


class PartStandIn(bytes):
    """What MiniStack's completion sees of a part: it needs size and MD5, and joins bytes; this has none."""

    def __new__(cls, size: int, etag: str) -> PartStandIn:
        stand_in = super().__new__(cls)
        stand_in._size = size
        stand_in._etag = etag
        return stand_in

    _size: int
    _etag: str

    def __len__(self) -> int:
        return self._size

    def md5(self) -> bytes:
        """The MD5 that the part's ETag names."""
        return bytes.fromhex(self._etag.strip('"'))


class IncomingFile:
    """Bytes that arrive: written to a file and digested on the way. Belongs to one thread at a time."""

    def __init__(self, held: HeldFile, algorithms: Iterable[str]) -> None:
        self._held = held
        self._digests: dict[str, Digest] = {}
        for algorithm in algorithms:
            digest = new_digest(algorithm)
            if digest is not None:
                self._digests[algorithm] = digest
        descriptor = os.open(held.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self.size = 0

    def write(self, pieces: list[bytes]) -> None:
        """Take the next bytes."""
        block = b"".join(pieces)
        for digest in self._digests.values():
            digest.update(block)
        _write_all(self._file, block)
        self.size += len(block)

    def finish(self) -> FileBody:
        """The whole."""
        self._file.close()
        digests = {name: digest.digest() for name, digest in self._digests.items()}
        return FileBody(self._held.path, 0, self.size, digests=digests, held=self._held)

    def abandon(self) -> None:
        """Give up. The file is removed now: what failed may refer to it for long, in its traceback."""
        self._file.close()
        self._held.remove()


def as_base64(checksum: bytes) -> str:
    """A checksum as S3 writes it."""
    return base64.b64encode(checksum).decode()


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read a range of a file.

    Parameters
    ----------
    file : BinaryIO
    offset, size : int
        In bytes.

    Raises
    ------
    OSError
        When the file is shorter.
    """
    data = os.pread(file.fileno(), size, offset)
    while len(data) < size:
        more = os.pread(file.fileno(), size - len(data), offset + len(data))
        if not more:
            raise OSError(f"{file.name} ends at {offset + len(data)}, before {offset + size}: was it changed?")
        data += more
    return data


def link_or_copy(source: Path, target: Path) -> None:
    """``target`` becomes another name of ``source``; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        write_together([FileBody(source, 0, source.stat().st_size)], target)


def write_together(parts: Iterable[bytes | FileBody], target: Path) -> None:
    """Write ``parts`` one after the other into a new file; the kernel copies what is in files."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as out:
        for part in parts:
            if isinstance(part, FileBody):
                _copy(part, out)
            else:
                _write_all(out, part)


def _copy(body: FileBody, out: BinaryIO) -> None:
    offset, left = body.start, len(body)
    with body.open() as file:
        # Linux: no byte passes through this process, and a file system with reflinks shares the blocks.
        while left and hasattr(os, "copy_file_range"):
            try:
                copied = os.copy_file_range(file.fileno(), out.fileno(), min(left, 2**30), offset_src=offset)
            except OSError as error:
                if error.errno not in _NO_COPY:
                    raise
                break
            if not copied:
                break
            offset, left = offset + copied, left - copied
        while left:
            size = min(left, CHUNK)
            _write_all(out, read_at(file, offset, size))
            offset, left = offset + size, left - size


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
