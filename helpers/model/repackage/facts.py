"""What one reading of a model's tarball teaches, kept beside the models so that nobody has to read it again."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from helpers.model.repackage.additions import Shadow
from helpers.model.repackage.gzipped import Unpacked
from helpers.model.repackage.members import BLOCK, Archive, Sink
from helpers.model.repackage.refusals import GONE, storing
from helpers.model.repackage.sources import Artifact
from helpers.model.sizes import size
from helpers.target.explain import code_of

Progress = Callable[[str], None]
READING = 1
"""Raise it when the reading checks or learns something new, so that sources are read again."""
TELL_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Facts:
    """A tarball that was read to its end and found whole.

    Attributes
    ----------
    gzip_members : int
        How many gzip files it is, one after the other; only one can be spliced.
    first, end : int
        Where the deflate bytes of the first of them begin and end.
    crc, length : int
        CRC-32 and true length (past 4 GiB too, where the trailer holds it modulo 2^32) of its unpacked bytes.
    deflate_crc, file_crc : int
        CRC-32 of its deflate bytes, and of the whole file.
    names : tuple of str
        The members; folders end in a slash.
    """

    uri: str
    etag: str
    size: int
    gzip_members: int
    first: int
    end: int
    crc: int
    length: int
    deflate_crc: int
    file_crc: int
    names: tuple[str, ...]

    def hidden_by(self, shadow: Shadow) -> list[str]:
        """The members that cannot be beside what is added."""
        return [name for name in self.names if shadow.hides(name.removesuffix("/"), name.endswith("/"))]


def read(
    artifact: Artifact,
    progress: Progress,
    *,
    shadow: Shadow | None = None,
    sink: Sink | None = None,
    check: Callable[[], None] = lambda: None,
) -> Facts:
    """Read a tarball to its end and check all of it; hand its members, as they are, to ``sink``.

    Parameters
    ----------
    shadow : Shadow, optional
        What is unpacked into the same folder; members that it hides do not reach ``sink``.
    check : callable
        Called now and then: raises when there is no use in going on.

    Raises
    ------
    ModelError
        Damaged, or with members that may not be there.
    """
    shadow = Shadow() if shadow is None else shadow
    with contextlib.closing(artifact.chunks()) as chunks:
        unpacked = Unpacked(artifact.uri, chunks)
        archive = Archive(artifact.uri, _told(unpacked, artifact.size, progress, check), shadow.links)
        for member in archive:
            if sink is None:
                continue
            if shadow.hides(member.name, member.info.isdir()):
                sink(_global_headers(member.header))
            else:
                sink(member.header)
                archive.data(sink)
    first = unpacked.members[0]
    return Facts(
        artifact.uri, artifact.etag, artifact.size, len(unpacked.members), first.first, first.end, first.crc,
        first.length, first.deflate_crc, unpacked.file_crc, tuple(archive.names),
    )  # fmt: skip


def _told(unpacked: Unpacked, count: int, progress: Progress, check: Callable[[], None]) -> Iterable[bytes]:
    """The pieces of ``unpacked``, with a word about the progress every ten seconds."""
    told, whole = time.monotonic(), size(count)
    for piece in unpacked:
        check()
        yield piece
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            progress(f"  read {size(unpacked.read)} of {whole}")


def _global_headers(header: bytes) -> bytes:
    """The PAX headers in front of a member that are meant for all members after it."""
    end = 0
    while header[end + 156 : end + 157] == b"g":
        length = int(header[end + 124 : end + 135].strip(b" \0") or b"0", 8)
        end += BLOCK + -(-length // BLOCK) * BLOCK
    return header[:end]


class Memory:
    """The facts in the model bucket: ``sources/<hash of URI and ETag>.json``."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def _key(self, artifact: Artifact) -> str:
        name = json.dumps([READING, artifact.uri, artifact.etag])
        return f"sources/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    def recall(self, artifact: Artifact) -> Facts | None:
        """What was learnt of this version of the artifact; None when it was not read yet."""
        document = get_json(self._s3, self._bucket, self._key(artifact))
        try:
            return Facts(**{**document, "names": tuple(document["names"])}) if document else None
        except (TypeError, KeyError):
            return None  # written by another version of this program: it is read again

    def keep(self, artifact: Artifact, facts: Facts) -> None:
        """Write down what was learnt."""
        key = self._key(artifact)
        with storing(self._s3, self._bucket, key):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=json.dumps(dataclasses.asdict(facts)).encode(),
                ContentType="application/json",
            )  # fmt: skip


def get_json(s3: Any, bucket: str, key: str) -> Any:
    """A JSON document of the model bucket; None when there is none, or none that can be read.

    Parameters
    ----------
    s3 : boto3 client
        Of the bucket.
    bucket, key : str
        Where the document is.
    """
    try:
        with storing(s3, bucket, key, "reading"):
            try:
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in GONE:
                    return None
                raise
        return json.loads(body)
    except ValueError:
        return None
