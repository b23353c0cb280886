"""UPLOAD_ARTIFACTS: which files, under which name, into which bucket."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.codebuild.buildspec.grammar import Artifacts, Buildspec
from localcloud.codebuild.failures import client_error
from localcloud.codebuild.files import archive, selection
from localcloud.codebuild.files.places import Places, Storage, split_location


@dataclasses.dataclass(frozen=True)
class Uploader:
    """Uploads the artifacts of one build.

    Attributes
    ----------
    record : mapping
        The build's document.
    expand : callable
        Text in which the build's shell expands variables and commands.
    say : callable
        A line of the log.
    """

    storage: Storage
    places: Places
    record: Mapping[str, Any]
    expand: Callable[[str], str]
    say: Callable[[str], None]

    def upload(self, plan: Mapping[str, Any], spec: Buildspec) -> dict[str, Any]:
        """Upload primary and secondary artifacts; ``artifacts`` and ``secondaryArtifacts`` of the build's document.

        Raises
        ------
        PhaseFailed
            CLIENT_ERROR, for example when no file matches.
        """
        found: dict[str, Any] = {}
        primary = plan["artifacts"]
        if primary["type"] != "NO_ARTIFACTS":
            if spec.artifacts is None:
                self.say("No artifacts are defined in the buildspec: nothing is uploaded")
            else:
                found["artifacts"] = self._one(primary, spec.artifacts)
        wanted = {each["artifactIdentifier"]: each for each in plan.get("secondaryArtifacts", [])}
        for identifier in wanted:
            if identifier not in spec.secondary_artifacts:
                raise client_error(f"the buildspec has no secondary-artifacts with the identifier {identifier}")
        for identifier in spec.secondary_artifacts:
            if identifier not in wanted:
                self.say(f"The project has no secondary artifact {identifier}: it is not uploaded")
        if wanted:
            found["secondaryArtifacts"] = [
                self._one(target, spec.secondary_artifacts[identifier]) | {"artifactIdentifier": identifier}
                for identifier, target in wanted.items()
            ]
        return found

    def _one(self, target: Mapping[str, Any], wanted: Artifacts) -> dict[str, Any]:
        entries = self._entries(wanted)
        bucket, _ = split_location(target["location"])
        key = self._key(target, wanted)
        metadata = {"codebuild-buildarn": self.record["arn"]}
        shown: dict[str, Any] = {
            "overrideArtifactName": bool(target.get("overrideArtifactName")),
            "encryptionDisabled": bool(target.get("encryptionDisabled")),
        }
        what = "the artifact"
        if target.get("packaging", "NONE") == "ZIP":
            bundle = self.places.control / "artifact.zip"
            archive.pack(bundle, entries, keep_links=wanted.enable_symlinks)
            shown |= _digests(bundle)
            metadata |= {"codebuild-content-sha256": shown["sha256sum"], "codebuild-content-md5": shown["md5sum"]}
            self.storage.upload(bundle, bucket, key, metadata, what)
            bundle.unlink()
        else:
            for path, name in entries:
                if path.is_file():
                    self.storage.upload(path, bucket, f"{key}/{name}".lstrip("/"), metadata, what)
        self.say(f"Uploaded {len(entries)} files to s3://{bucket}/{key}")
        return shown | {"location": f"arn:aws:s3:::{bucket}/{key}".rstrip("/")}

    def _key(self, target: Mapping[str, Any], wanted: Artifacts) -> str:
        """``path/namespace/name`` (API Reference, ProjectArtifacts)."""
        name = target.get("name") or self.record["projectName"]
        if target.get("overrideArtifactName"):
            if not wanted.name:
                raise client_error("overrideArtifactName is set, but the buildspec names no artifact (artifacts/name)")
            name = self.expand(wanted.name)
        namespace = ""
        if target.get("namespaceType") == "BUILD_ID":
            namespace = f"{wanted.s3_prefix}/{self.record['id'].partition(':')[2]}"
        parts = [target.get("path", ""), namespace, name]
        return "/".join(part.strip("/") for part in parts if part.strip("/"))

    def _entries(self, wanted: Artifacts) -> list[tuple[Path, str]]:
        base = wanted.base_directory
        self.say(f"Expanding base directory path: {base or '.'}")
        folders = selection.base_directories(self.places.source, base)
        if not folders:
            raise client_error(f"no matching base directory path found for {base}")
        found: dict[str, Path] = {}
        for folder in folders:
            self.say(f"Expanding file paths for base directory {base or '.'}")
            for pattern in wanted.files:
                self.say(f"Expanding {pattern}")
                relative = pattern
                if Path(pattern).is_absolute():
                    # Absolute paths are legal in AWS's container; here they must be in the source.
                    if not Path(pattern).is_relative_to(folder):
                        raise client_error(f"artifacts/files: {pattern} is outside {folder}")
                    relative = str(Path(pattern).relative_to(folder))
                paths = selection.select(folder, [relative], wanted.exclude_paths)
                if not paths:
                    self.say(f"Skipping invalid file path {pattern}")
                for path in paths:
                    found.setdefault(Path(path).name if wanted.discard_paths else path, folder / path)
            self.say(f"Found {len(found)} file(s)")
        if not found:
            raise client_error("no matching artifact paths found")
        return [(path, name) for name, path in sorted(found.items())]


def _digests(path: Path) -> dict[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            sha256.update(chunk)
            md5.update(chunk)
    return {"sha256sum": sha256.hexdigest(), "md5sum": md5.hexdigest()}
