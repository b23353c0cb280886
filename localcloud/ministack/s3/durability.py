"""A change of an object is answered with success when it is on the disk, and with InternalError when it is not.

MiniStack logs what it could not write, keeps it in memory and says 200; the object is gone with the process. Here such
a change is taken back, and nobody is notified of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from localcloud.ministack.bodies import FileBody

Answer = tuple[int, dict[str, str], Any]
_SIDECAR = ".meta.json"
_NOT_LOADED = ".tmp"  # an ending that MiniStack passes over when it loads its files


@dataclasses.dataclass(frozen=True)
class _Before:
    """What MiniStack knows of one key, or of one bucket, before a change."""

    bucket: str
    key: str
    exists: bool
    record: dict[str, Any] | None
    versions: list[dict[str, Any]] | None
    stores: dict[str, dict[tuple[Any, ...], Any]]
    upload: tuple[str, Any] | None


class Durability:
    """Changes that are on the disk or did not happen. Its methods belong on the event loop's thread."""

    def __init__(self, modules: Mapping[str, ModuleType], place: Callable[[FileBody, Path], None]) -> None:
        self._s3: Any = modules["s3"]
        self._place = place
        self._here = threading.local()

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Functions to put in place of MiniStack's; each gets the one that it replaces as its first argument."""
        return {"_atomic_write": self._write, "_fire_s3_event_async": self._fire}

    def carried_out(
        self, change: Callable[[], Answer], bucket: str, key: str, query: Mapping[str, list[str]]
    ) -> Answer:
        """Carry out a request that changes something.

        Parameters
        ----------
        change : callable
            MiniStack's part of it.
        bucket, key : str
            The key is empty when the bucket itself changes.
        query : mapping
            Of the request.
        """
        before = self._before(bucket, key, query)
        self._here.events, self._here.failure = [], None
        try:
            answer = change()
        except OSError as error:
            self._here.failure = error
        finally:
            events, failure = self._here.events, self._here.failure
            self._here.events = self._here.failure = None
        if failure is not None:
            self._take_back(before)
            message = f"The local cloud could not store the object: {failure}"
            refusal: Answer = self._s3._error("InternalError", message, 500, f"/{bucket}/{key}")
            return refusal
        for event in events:
            event()
        return answer

    def _before(self, bucket: str, key: str, query: Mapping[str, list[str]]) -> _Before:
        found = self._s3._buckets.get(bucket)
        record = found["objects"].get(key) if found else None
        versions = self._s3._object_versions.get((bucket, key))
        names = [None, "null", *(version["version_id"] for version in versions or ())]
        stores = {
            name: {
                place: store[place]
                for place in ((bucket, key, version) for version in names)
                if (store := getattr(self._s3, name)).get(place) is not None
            }
            for name in ("_object_tags", "_object_acl")
        }
        upload_id = query.get("uploadId", [""])[0]
        upload = self._s3._multipart_uploads.get(upload_id) if upload_id else None
        return _Before(
            bucket=bucket,
            key=key,
            exists=found is not None,
            record=None if record is None else dict(record),
            versions=None if versions is None else [dict(version) for version in versions],
            stores=stores,
            upload=None if upload is None else (upload_id, upload),
        )

    def _take_back(self, before: _Before) -> None:
        s3, bucket, key = self._s3, before.bucket, before.key
        if not before.exists:
            s3._buckets.pop(bucket, None)
            return
        if not key or bucket not in s3._buckets:
            return
        objects = s3._buckets[bucket]["objects"]
        later = [version["version_id"] for version in s3._object_versions.get((bucket, key)) or ()]
        for store, value in ((objects, before.record), (s3._object_versions, before.versions)):
            name = key if store is objects else (bucket, key)
            if value is None:
                store.pop(name, None)
            else:
                store[name] = value
        for name, kept in before.stores.items():
            for version in (None, "null", *later):
                getattr(s3, name).pop((bucket, key, version), None)
            for place, value in kept.items():
                getattr(s3, name)[place] = value
        if before.upload is not None:
            upload_id, upload = before.upload
            s3._multipart_uploads[upload_id] = upload
            s3._completed_multipart_uploads.pop(upload_id, None)

    # ---- in place of MiniStack's

    def _fire(self, original: Any, *arguments: Any, **options: Any) -> None:
        """Announce a change when it is on the disk."""
        events: list[Callable[[], Any]] | None = getattr(self._here, "events", None)
        if events is None:
            original(*arguments, **options)
        else:
            events.append(functools.partial(original, *arguments, **options))

    def _write(self, original: Any, path: str, data: Any, *, text: bool = False) -> None:
        """Write a file. An object's body waits for its sidecar, so that both are written or none."""
        try:
            if path.endswith(_SIDECAR) and text:
                self._commit(original, path, data)
            elif Path(path).is_relative_to(Path(self._s3.DATA_DIR, self._s3._VERSIONS_DIR)):
                self._write_body(original, path, data)
            else:
                self._here.waiting = (path, data)
        except OSError as error:
            self._here.failure = error  # MiniStack only logs it
            raise

    def _commit(self, original: Any, sidecar: str, text: str) -> None:
        path, body = getattr(self._here, "waiting", None) or ("", None)
        self._here.waiting = None
        if path + _SIDECAR != sidecar:
            original(sidecar, text, text=True)
            return
        staged = f"{sidecar}.new{_NOT_LOADED}"
        original(staged, text, text=True)
        try:
            self._write_body(original, path, body)
        except OSError:
            with contextlib.suppress(OSError):
                Path(staged).unlink()
            raise
        Path(staged).replace(sidecar)

    def _write_body(self, original: Any, path: str, body: Any) -> None:
        if isinstance(body, FileBody):
            self._place(body, Path(path))
        else:
            original(path, body)
