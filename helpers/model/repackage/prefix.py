"""A model that is a prefix of uncompressed objects: composed under another prefix by server-side copies.

Nothing of the model passes through this machine, except the code that is added under ``code/``.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from contract.errors import ModelError
from helpers.model.repackage.additions import ENTRY_POINT, Additions, Entry, Shadow
from helpers.model.repackage.facts import Progress
from helpers.model.repackage.members import Rules, plain
from helpers.model.repackage.packaged import Source, Stored
from helpers.model.repackage.refusals import copying, reading, storing
from helpers.model.repackage.sources import ObjectArtifact, parse
from helpers.model.repackage.upload import LARGEST_PART, Upload
from helpers.model.sizes import size

COPIES = 8


class Prefix:
    """The objects of a model below a prefix, in the versions that were found.

    Raises
    ------
    ModelError
        There are none, or one whose name leads outside of the model's folder.
    """

    def __init__(self, s3: Any, uri: str) -> None:
        self.s3, self.uri = s3, uri
        self.bucket, self.prefix = parse(uri)
        with reading(s3, uri):
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            listed = [item for page in pages for item in page.get("Contents", ())]
        self.objects = {
            item["Key"].removeprefix(self.prefix): Stored(item["Key"], item["Size"], item["ETag"].strip('"'))
            for item in listed
            if not item["Key"].endswith("/")  # what the console makes for a folder
        }
        if not self.objects:
            raise ModelError(
                f"{uri} is empty, although JumpStart names it: choose another [model] version in workshop.toml."
            )
        for name in self.objects:
            if name != plain(name) or ".." in name.split("/"):
                raise Rules(uri).refuse(f"object {name!r} is outside of the model's folder")

    @property
    def identity(self) -> Source:
        """URI, and a hash of all names, sizes and ETags in the place of the ETag."""
        return Source(self.uri, digest((name, item) for name, item in sorted(self.objects.items())))


def digest(objects: Iterable[tuple[str, Stored]]) -> str:
    """SHA-256 of names, sizes and ETags."""
    listed = [[name, item.size, item.etag] for name, item in objects]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def compose(source: Prefix, additions: Additions, bucket: str, key: str, progress: Progress) -> list[Stored]:
    """Put the model with what is added under the prefix ``key``; all that was written is deleted when it fails.

    Parameters
    ----------
    source : Prefix
        The model.
    additions : Additions
        Code and overrides.
    bucket, key : str
        Where it goes; the key ends in a slash.
    progress : callable
        Gets lines of text.

    Raises
    ------
    ModelError, TargetError
        The model cannot be loaded, or S3 refuses.
    """
    written: list[str] = []
    try:
        shadow, made = Shadow(), list[Stored]()
        for entry in additions.entries(shadow):
            if not entry.info.isdir():
                written.append(key + entry.info.name)
                made.append(_put(source.s3, entry, bucket, key, progress))
        kept = {name: item for name, item in source.objects.items() if not shadow.hides(name, False)}
        if ENTRY_POINT not in shadow and ENTRY_POINT not in kept:
            raise ModelError(
                f"{source.uri} with what is added to it has no {ENTRY_POINT}, so no endpoint can load it: choose "
                "another model in [model] id, or put the file into models/overrides/<model id>/code/."
            )
        written += [key + name for name in kept]
        progress(f"copying {len(kept)} objects ({size(sum(item.size for item in kept.values()))}) of {source.uri}")
        return made + _copy_all(source, kept, bucket, key, progress)
    except BaseException:
        _delete(source.s3, bucket, written, progress)
        raise


def _put(s3: Any, entry: Entry, bucket: str, key: str, progress: Progress) -> Stored:
    if not entry.info.isreg():
        raise ModelError(
            f"{entry.info.name} of the inference code is a link, and an S3 prefix holds files only: put the file "
            f"itself into models/overrides/<model id>/{entry.info.name}."
        )
    with Upload(s3, bucket, key + entry.info.name, progress) as upload:
        entry.copy(upload.write)
        return upload.complete()


def _copy_all(
    source: Prefix, kept: dict[str, Stored], bucket: str, key: str, progress: Progress
) -> list[Stored]:  # fmt: skip
    copy = functools.partial(_copy, source, bucket, key, progress)
    with ThreadPoolExecutor(COPIES, thread_name_prefix="copy") as pool:
        # The large ones first, so that none of them is begun when all others are done.
        largest = sorted(kept.items(), key=lambda item: -item[1].size)
        futures = [pool.submit(copy, name, item) for name, item in largest]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _copy(source: Prefix, bucket: str, key: str, progress: Progress, name: str, item: Stored) -> Stored:
    target = key + name
    if item.size > LARGEST_PART:
        with Upload(source.s3, bucket, target, progress) as upload:
            upload.copy(ObjectArtifact(source.s3, f"s3://{source.bucket}/{item.key}", item), 0, item.size)
            return upload.complete()
    with copying(source.s3, f"s3://{source.bucket}/{item.key}", bucket, target):
        answer = source.s3.copy_object(
            Bucket=bucket, Key=target, CopySource={"Bucket": source.bucket, "Key": item.key},
            CopySourceIfMatch=f'"{item.etag}"',
            TaggingDirective="REPLACE",  # copying tags would need s3:GetObjectTagging on a bucket of somebody else's
        )  # fmt: skip
    return Stored(target, item.size, answer["CopyObjectResult"]["ETag"].strip('"'))


def _delete(s3: Any, bucket: str, keys: list[str], progress: Progress) -> None:
    try:
        for begin in range(0, len(keys), 1000):
            names = [{"Key": key} for key in keys[begin : begin + 1000]]
            with storing(s3, bucket, keys[begin], "deleting"):
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})
            for error in answer.get("Errors", ()):
                progress(f"  {error['Key']} could not be deleted: {error['Code']}: {error['Message']}")
    except Exception as error:  # noqa: BLE001 - what made us delete is raised, and matters more
        progress(f"  {len(keys)} objects of the broken-off packaging could not be deleted: {error}")
