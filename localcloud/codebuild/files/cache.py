"""The cache of a project: files that one build leaves for the next.

User Guide, "Build caching in AWS CodeBuild". Both kinds are one archive here: of type S3 in the bucket, of type LOCAL
(LOCAL_CUSTOM_CACHE) in this cloud's state folder. ``/root`` in a path is the build's HOME, as it is on AWS.
"""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from localcloud.codebuild.failures import PhaseFailed
from localcloud.codebuild.files import archive, selection
from localcloud.codebuild.files.places import Places, Storage, split_location

SOURCE, HOME = "src", "home"
"""The archive's two folders."""


@dataclasses.dataclass(frozen=True)
class Cache:
    """The cache for one build.

    Attributes
    ----------
    local : Path
        Folder of the project in the state folder.
    """

    config: Mapping[str, Any]
    paths: tuple[str, ...]
    project: str
    local: Path
    places: Places
    storage: Storage
    say: Callable[[str], None]

    @property
    def used(self) -> bool:
        """Whether there is anything to do."""
        kind = self.config.get("type", "NO_CACHE")
        if kind == "LOCAL" and "LOCAL_CUSTOM_CACHE" not in self.config.get("modes", []):
            return False
        return kind != "NO_CACHE" and bool(self.paths)

    def restore(self) -> None:
        """Put back what the last build left; without one, or when it cannot be read, the build starts without."""
        if not self.used:
            self.say("Skip cache due to: no paths specified to be cached")
            return
        bundle = self.local / "cache.zip"
        try:
            if self.config["type"] == "S3":
                bundle = self.places.control / "cache.zip"
                self.storage.download(*self._location(), bundle, None, "the cache")
            elif not bundle.exists():
                self.say("No cache yet")
                return
            unpacked = self.places.control / "cache"
            archive.unpack(bundle, unpacked)
        except PhaseFailed as error:
            self.say(f"No cache: {error.message}")
            return
        for name, folder in ((SOURCE, self.places.source), (HOME, self.places.home)):
            if (unpacked / name).is_dir():
                # Moved, not copied: a cache may be large.
                shutil.copytree(unpacked / name, folder, symlinks=True, dirs_exist_ok=True, copy_function=shutil.move)
        shutil.rmtree(unpacked)
        self.say("Restored the cache")

    def save(self) -> None:
        """Keep what the paths name for the next build."""
        if not self.used:
            return
        entries = list(self._entries())
        if not entries:
            self.say("The cache's paths match no file: the cache stays as it is")
            return
        bundle = self.places.control / "cache.zip"
        # Stored, not compressed: it is written after each build and is mostly compressed packages.
        archive.pack(bundle, entries, keep_links=True, compression=zipfile.ZIP_STORED)
        if self.config["type"] == "S3":
            self.say("Uploading S3 cache...")
            self.storage.upload(bundle, *self._location(), {}, "the cache")
        else:
            self.local.mkdir(parents=True, exist_ok=True)
            # In one step, because another build may read it; both folders are parts of the state folder.
            bundle.replace(self.local / "cache.zip")
        self.say(f"Saved {len(entries)} files in the cache")

    def _location(self) -> tuple[str, str]:
        bucket, prefix = split_location(self.config["location"])
        name = self.config.get("cacheNamespace") or self.project
        return bucket, f"{prefix.strip('/')}/{name}.zip".lstrip("/")

    def _entries(self) -> Iterable[tuple[Path, str]]:
        for pattern in self.paths:
            folder, name, relative = self.places.source, SOURCE, pattern
            for home in ("/root/", "~/", f"{self.places.home}/"):
                if pattern.startswith(home):
                    folder, name, relative = self.places.home, HOME, pattern.removeprefix(home)
            if Path(relative).is_absolute() or ".." in Path(relative).parts:
                self.say(f"Skipping cache path {pattern}: it is outside the build's own folders")
                continue
            if (folder / relative).is_dir():
                relative = f"{relative.rstrip('/')}/**/*"
            for path in selection.select(folder, [relative]):
                yield folder / path, f"{name}/{path}"
