"""Bodies in files on file systems that can do less, the aws-chunked encoding cut anywhere, and checksums."""

from __future__ import annotations

import errno
import os
import random
import zlib
from pathlib import Path

import pytest

from localcloud.ministack.bodies import FileBody, Holding, IncomingFile, joined, write_together
from localcloud.ministack.checksums import combined, new_digest
from localcloud.ministack.uploads import FramingError, Unframing
from tests.localcloud.conftest import wait_until
from tests.localcloud.ministack.test_objects import chunked

DATA = random.Random(5).randbytes(2 * 1024 * 1024 + 777)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def digest_of(algorithm: str, *pieces: bytes) -> bytes:
    digest = new_digest(algorithm)
    assert digest is not None
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


@pytest.mark.parametrize("kernel", ["copies", "refuses", "has no such call"])
def test_parts_are_written_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path, kernel: str) -> None:
    """macOS has no copy_file_range; Linux refuses it between some file systems."""

    def refuse(*arguments: object, **options: object) -> int:
        raise OSError(errno.EXDEV, "not here")

    if kernel == "refuses":
        monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    elif kernel == "has no such call":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    whole = FileBody(source, 0, len(DATA))
    write_together([b"<", whole[5 : len(DATA) - 5], b"|", whole, b">"], tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"<" + DATA[5:-5] + b"|" + DATA + b">"


def test_neighbouring_ranges_of_one_file_are_joined(tmp_path: Path, source: Path) -> None:
    holding = Holding(tmp_path / "held")
    whole = FileBody(source, 0, len(DATA))
    cut = [whole[:10], whole[10:50], b"-", whole[50:60], whole[70:80], whole[60:70], whole[70:]]
    snapshots = [piece if isinstance(piece, bytes) else holding.snapshot(piece) for piece in cut]
    together = joined(snapshots)
    assert [len(piece) for piece in together] == [50, 1, 10, 10, len(DATA) - 60]
    other = tmp_path / "other"
    other.write_bytes(DATA)
    assert len(joined([whole[:10], FileBody(other, 10, 10)])) == 2
    write_together(together, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == (
        DATA[:50] + b"-" + DATA[50:60] + DATA[70:80] + DATA[60:70] + DATA[70:]
    )


def test_a_file_that_is_shorter_than_it_should_be_is_an_error(tmp_path: Path, source: Path) -> None:
    with pytest.raises(OSError, match=f"ends at {len(DATA)}, before {len(DATA) + 1}"):
        write_together([FileBody(source, 0, len(DATA) + 1)], tmp_path / "target")


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_snapshot_outlives_its_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path, links: bool
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPERM, "not here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    holding = Holding(tmp_path / "held")
    snapshot = holding.snapshot(FileBody(source, 0, len(DATA))[10:20])
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(source)
    assert snapshot.read() == DATA[10:20]
    holding.place(snapshot, source)
    assert source.read_bytes() == DATA[10:20]
    del snapshot
    wait_until(lambda: not any((tmp_path / "held").iterdir()))


def test_a_file_may_be_placed_where_it_is(tmp_path: Path, source: Path) -> None:
    holding = Holding(tmp_path / "held")
    holding.place(FileBody(source, 0, len(DATA)), source)
    assert source.read_bytes() == DATA
    wait_until(lambda: not any((tmp_path / "held").iterdir()))


def test_what_arrives_is_digested(tmp_path: Path) -> None:
    held = Holding(tmp_path / "held").new()
    incoming = IncomingFile(held, ["MD5", "CRC32", "NOSUCH"])
    for start in range(0, len(DATA), 100_000):
        incoming.write([DATA[start : start + 7], DATA[start + 7 : start + 100_000]])
    body = incoming.finish()
    assert body.read() == DATA
    assert body.checksum("CRC32") == zlib.crc32(DATA).to_bytes(4, "big")
    assert body.checksum("SHA256") == digest_of("SHA256", DATA)  # which nobody asked for before
    assert body.checksum("NOSUCH") is None
    assert body[1:].md5() != body.md5() == digest_of("MD5", DATA)


@pytest.mark.parametrize("step", [1, 7, 4096, 10**9])
def test_the_encoding_may_be_cut_anywhere(step: int) -> None:
    payload = DATA[:9000]
    encoded = chunked(payload, trailer="x-amz-checksum-crc32:AAAA", sizes=(1, 4000, 16))
    unframing = Unframing()
    pieces = [piece for at in range(0, len(encoded), step) for piece in unframing.feed(encoded[at : at + step])]
    assert b"".join(pieces) == payload
    assert unframing.trailer == b"0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"


def test_signed_chunks_are_read_without_their_signature() -> None:
    """SigV4 User Guide, "Transferring payload in multiple chunks": the example's form."""
    assert b"".join(
        Unframing().feed(b"5;chunk-signature=ad80c730a21e5b8d\r\nhello\r\n0;chunk-signature=b6\r\n\r\n")
    ) == (b"hello")


@pytest.mark.parametrize(
    ("encoded", "complaint"),
    [
        (b"5\r\nhello, world\r\n", "is not as long as its header says"),
        (b"five\r\nhello\r\n", "is not a header of a chunk"),
        (b"5" * 2000, "header in the aws-chunked body is longer than"),
        (b"0\r\n" + b"x" * 20_000, "trailer of the aws-chunked body is longer than"),
    ],
)
def test_a_broken_encoding_is_refused(encoded: bytes, complaint: str) -> None:
    unframing = Unframing()
    pieces = (piece for at in range(0, len(encoded), 1000) for piece in unframing.feed(encoded[at : at + 1000]))
    with pytest.raises(FramingError, match=complaint):
        list(pieces)


@pytest.mark.parametrize(
    ("algorithm", "check"),
    [("CRC32", "cbf43926"), ("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888")],
)
def test_checksums(algorithm: str, check: str) -> None:
    """The check values of the catalogue of parametrised CRC algorithms (reveng), and any cut gives the same."""
    assert digest_of(algorithm, b"123456789").hex() == check
    whole = digest_of(algorithm, DATA)
    assert digest_of(algorithm, DATA[:100], DATA[100:1_500_000], DATA[1_500_000:]) == whole
    for cut in (0, 1, 1_234_567, len(DATA)):
        first, second = DATA[:cut], DATA[cut:]
        parts = digest_of(algorithm, first), digest_of(algorithm, second)
        assert combined(algorithm, *parts, len(second)) == whole
