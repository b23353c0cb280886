"""Archives for the tests of repackaging, and the judges of what comes out: tarfile as a stream, GNU tar and gzip."""

import gzip
import io
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isal import igzip

Content = bytes | tarfile.TarInfo
Found = dict[str, tuple[bytes, int, str, bytes]]


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def folder() -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


def tar(
    members: Mapping[str, Content] | list[tuple[str, Content]], form: int = tarfile.PAX_FORMAT, **fields: Any
) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=form, **fields) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
                archive.addfile(info, io.BytesIO(content))
    return plain.getvalue()


def gz(data: bytes, level: int = 1) -> bytes:
    if level == 1 and len(data) > 1 << 20:  # what many tests are made of: ten times as fast
        return igzip.compress(data, level, mtime=0)
    return gzip.compress(data, level, mtime=0)


def tarball(members: Mapping[str, Content] | list[tuple[str, Content]], **fields: Any) -> bytes:
    return gz(tar(members, **fields))


def with_header(data: bytes, name: bytes = b"", extra: bytes = b"", comment: bytes = b"", crc: bool = False) -> bytes:
    """A gzip file with the optional fields of RFC 1952, 2.3.1."""
    flags = (4 if extra else 0) | (8 if name else 0) | (16 if comment else 0) | (2 if crc else 0)
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\x03"
    if extra:
        header += struct.pack("<H", len(extra)) + extra
    header += (name + b"\0" if name else b"") + (comment + b"\0" if comment else b"")
    if crc:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header + gz(data)[10:]


def found_in(packed: bytes) -> Found:
    """Type, mode, link and content of each member, as Python's tarfile reads them from a stream."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r|gz") as archive:
        found: Found = {}
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            body = content.read() if content else b""
            found[member.name.removeprefix("./")] = (member.type, member.mode, member.linkname, body)
        return found


def contents(packed: bytes) -> dict[str, bytes]:
    """The files alone."""
    return {name: body for name, (kind, _, _, body) in found_in(packed).items() if kind == tarfile.REGTYPE}


def judge(packed: bytes, tmp_path: Path) -> None:
    """``gzip -t`` and GNU tar find nothing wrong, and unpack what tarfile does."""
    file, target = tmp_path / "judged.tar.gz", tmp_path / "judged"
    file.write_bytes(packed)
    target.mkdir(exist_ok=True)
    for command in (["gzip", "-t", file], ["tar", "xzf", file, "-C", target]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    for name, body in contents(packed).items():
        assert (target / name).read_bytes() == body
