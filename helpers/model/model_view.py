"""A model, opened up: what JumpStart says of it, what its artifacts hold, and what repackaging made of them."""

from __future__ import annotations

import dataclasses
import html
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from contract.errors import ModelError
from contract.names import MODEL_BUCKET_OUTPUT
from helpers.model import jumpstart
from helpers.model.repackage.core import smallworld
from helpers.model.repackage.packaged import PackagedModel
from helpers.model.repackage.sources import Artifact, FileArtifact, ObjectArtifact, parse
from helpers.model.sizes import size
from helpers.target.explain import explained
from helpers.target.handle import Handle
from helpers.target.stacks import stack_outputs

LISTED_BYTES = 512 << 20
"""A larger tarball is not read for its list of members: that would download all of it."""
TEXT_BYTES = 200_000
"""A larger file of the inference code is not shown."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A file in an artifact; ``size`` in bytes, unpacked."""

    name: str
    size: int


@dataclasses.dataclass(frozen=True)
class Contents:
    """One artifact.

    Attributes
    ----------
    uri : str
        ``s3://…``: a tarball, or a prefix that ends in a slash; ``file:…``: a tarball built from this repository.
    size : int
        Bytes, packed.
    members : tuple of Member or None
        What is in it, in order; None when it is too large to be read for that.
    texts : mapping
        Name to text of the Python and text files under ``code/``, or of the whole artifact of inference code.
    """

    uri: str
    size: int
    members: tuple[Member, ...] | None
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def unpacked(self) -> int | None:
        """Bytes of all members together."""
        return None if self.members is None else sum(member.size for member in self.members)


@dataclasses.dataclass(frozen=True)
class ModelView:
    """What :func:`describe_model` found.

    Attributes
    ----------
    specification : mapping
        JumpStart's, as it stands in its bucket; of a model that this repository brings, what would stand there.
    model : jumpstart.Model
        What the SageMaker SDK makes of it: URIs, image, environment, instance types.
    before : tuple of Contents
        JumpStart's artifacts: model data and, unless it is pre-packed, inference code.
    after : Contents or None
        The packaged model in the model bucket; None before the first packaging.
    packaged : PackagedModel or None
        The record of that.
    in_jumpstart : bool
        False for Small World on AWS, whose JumpStart lacks it: its artifacts are built from this repository.
    """

    specification: Mapping[str, Any] = dataclasses.field(repr=False)
    model: jumpstart.Model
    before: tuple[Contents, ...]
    after: Contents | None
    packaged: PackagedModel | None
    in_jumpstart: bool = True

    @property
    def code(self) -> Mapping[str, str]:
        """The inference code: file name to text."""
        return next((part.texts for part in (*self.before, self.after) if part and part.texts), {})

    @property
    def origin(self) -> str:
        """Where the model comes from, in words."""
        return "JumpStart" if self.in_jumpstart else "this repository (models/smallworld); JumpStart on AWS lacks it"

    def __str__(self) -> str:
        model = self.model
        lines = [
            f"{model.model_id} {model.version}",
            f"comes from: {self.origin}",
            f"container image: {model.image_uri}",
            f"instance types: {', '.join(model.instance_types) or 'not named'}",
            "before repackaging:",
            *(_indented(tree(part)) for part in self.before),
        ]
        if self.after and self.packaged:
            lines += [f"after repackaging ({self.packaged.method}):", _indented(tree(self.after))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        model = self.model
        facts = {
            "Comes from": self.origin,
            "Container image": model.image_uri,
            "Instance types": ", ".join(model.instance_types) or "not named",
            "Environment": ", ".join(f"{key}={value}" for key, value in model.environment.items()),
        }
        rows = "".join(
            f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in facts.items()
        )
        parts = [("Before repackaging", part) for part in self.before]
        parts += [("After repackaging", self.after)] if self.after else []
        boxes = "".join(
            f'<div style="flex:1 1 20em;min-width:0"><b>{title}</b>'
            f'<pre style="overflow:auto">{html.escape(tree(part))}</pre></div>'
            for title, part in parts
        )
        return (
            f"<h4>{html.escape(model.model_id)} {html.escape(model.version)}</h4><table>{rows}</table>"
            f'<div style="display:flex;flex-wrap:wrap;gap:1em">{boxes}</div>'
        )


def describe_model(connection: Handle, model_id: str | None = None, version: str | None = None) -> ModelView:
    """Open a model up: JumpStart's entry, its artifacts, and the packaged model when there is one.

    Parameters
    ----------
    model_id, version : str, optional
        By default those of ``workshop.toml``.

    Raises
    ------
    ModelError
        The model is unknown (with the nearest ids), or an artifact is not a tarball.
    TargetError
        S3 refuses or does not answer.
    """
    chosen = connection.settings.model
    model_id, version = model_id or chosen.id, version or chosen.version
    packaged = newest_package(connection, model_id)
    after = contents(connection, f"s3://{packaged.bucket}/{packaged.key}") if packaged else None
    if jumpstart.from_the_repository(connection, model_id):
        return _from_the_repository(connection, model_id, after, packaged)
    # Another model than the workshop's wants another instance: the one that JumpStart takes by default.
    model = jumpstart.look_up(connection, model_id, version, chosen.instance_type if model_id == chosen.id else "")
    specification = jumpstart.look_up_specification(connection, model_id, version)
    return ModelView(specification, model, _artifacts(connection, model), after, packaged)


def _from_the_repository(
    connection: Handle, model_id: str, after: Contents | None, packaged: PackagedModel | None
) -> ModelView:
    """Small World on AWS: the same builder, the same look, from files."""
    with tempfile.TemporaryDirectory() as folder:
        files = jumpstart.build_smallworld(Path(folder), model_id)
        model = smallworld(connection, model_id, files)
        before = _artifacts(connection, model)
    # The folder is gone: names alone.
    model_uri, script_uri = (f"file:{Path(uri).name}" for uri in (model.model_uri, model.script_uri))
    model = dataclasses.replace(model, model_uri=model_uri, script_uri=script_uri)
    keys = {name: path.name for name, path in files.items()}
    specification = jumpstart.specification(connection.settings.workshop.region, keys, model_id)
    return ModelView(specification, model, before, after, packaged, in_jumpstart=False)


def _artifacts(connection: Handle, model: jumpstart.Model) -> tuple[Contents, ...]:
    """Model data, and the inference code when it is not inside, or cannot be looked at there."""
    data = contents(connection, model.model_uri)
    if model.prepacked and data.members is not None:
        return (data,)
    return data, contents(connection, model.script_uri, code=True)


def newest_package(connection: Handle, model_id: str) -> PackagedModel | None:
    """The record of the model that was packaged last, None when there is none."""
    with explained("looking for packaged models", connection.target):
        outputs = stack_outputs(connection, connection.settings.models_stack)
        if outputs is None:
            return None
        s3, bucket = connection.client("s3"), outputs[MODEL_BUCKET_OUTPUT]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"models/{model_id}/", Delimiter="/")
        records = [item for page in pages for item in page.get("Contents", ()) if item["Key"].endswith(".json")]
        if not records:
            return None
        newest = max(records, key=lambda item: item["LastModified"])
        return PackagedModel.from_json(s3.get_object(Bucket=bucket, Key=newest["Key"])["Body"].read())


def contents(connection: Handle, uri: str, *, code: bool = False) -> Contents:
    """What an artifact holds.

    Parameters
    ----------
    uri : str
        ``s3://…``, or ``file:…`` for a tarball of this machine.
    code : bool
        It is inference code, so its text files are read too; of other artifacts only those under ``code/``.
    """
    if uri.startswith("file:"):
        return _of_tarball(FileArtifact(Path(uri.removeprefix("file:"))), code=code)
    s3 = connection.client("s3")
    with explained(f"reading {uri}", connection.target):
        return _of_prefix(s3, uri) if uri.endswith("/") else _of_tarball(ObjectArtifact(s3, uri), code=code)


def _of_prefix(s3: Any, uri: str) -> Contents:
    bucket, prefix = parse(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in page.get("Contents", ())]
    members = tuple(Member(item["Key"].removeprefix(prefix), item["Size"]) for item in items)
    texts = {
        member.name: s3.get_object(Bucket=bucket, Key=prefix + member.name)["Body"].read().decode("utf-8", "replace")
        for member in members
        if _is_text(member, in_code=member.name.startswith("code/"))
    }
    return Contents(uri, sum(member.size for member in members), members, texts)


def _of_tarball(artifact: Artifact, *, code: bool) -> Contents:
    uri = artifact.uri
    if artifact.size > LISTED_BYTES:
        return Contents(uri, artifact.size, None)
    members, texts = [], {}
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Stream(artifact.chunks())), mode="r|gz") as tar:
            for info in tar:
                if not info.isfile():
                    continue
                member = Member(info.name.removeprefix("./"), info.size)
                members.append(member)
                if _is_text(member, in_code=code or member.name.startswith("code/")):
                    file = tar.extractfile(info)
                    texts[member.name] = file.read().decode("utf-8", "replace") if file else ""
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ModelError(f"{uri} is not a gzip tarball that can be read: {error}.") from error
    return Contents(uri, artifact.size, tuple(members), texts)


def _is_text(member: Member, *, in_code: bool) -> bool:
    return in_code and member.size <= TEXT_BYTES and member.name.endswith((".py", ".txt", ".json", ".toml", ".md"))


class _Stream(io.RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes | bytearray]) -> None:
        super().__init__()
        self._chunks, self._left = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        part = self._left[: len(buffer)]
        buffer[: len(part)] = part
        self._left = self._left[len(part) :]
        return len(part)


def tree(part: Contents) -> str:
    """An artifact as a tree of names and sizes."""
    head = f"{part.uri}  {size(part.size)}"
    if part.members is None:
        return f"{head}\n(too large to be listed: all of it would have to be downloaded)"
    folders: dict[str, Any] = {}
    for member in part.members:
        *path, name = member.name.split("/")
        here = folders
        for folder in path:
            here = here.setdefault(folder, {})
        here[name] = member.size
    return "\n".join([head, *_branches(folders, "")])


def _branches(folder: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for number, (name, entry) in enumerate(sorted(folder.items())):
        last = number == len(folder) - 1
        if isinstance(entry, dict):
            lines.append(f"{indent}{'└── ' if last else '├── '}{name}/")
            lines += _branches(entry, indent + ("    " if last else "│   "))
        else:
            lines.append(f"{indent}{'└── ' if last else '├── '}{name}  {size(entry)}")
    return lines


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
