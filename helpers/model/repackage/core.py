"""JumpStart's artifacts into one model for an endpoint: what is there already is left alone, the record comes last."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from contract.errors import ModelError
from contract.settings import ROOT
from helpers.model import jumpstart
from helpers.model.repackage import wheels as container_wheels
from helpers.model.repackage.additions import Additions
from helpers.model.repackage.facts import Progress, get_json
from helpers.model.repackage.packaged import PackagedModel, Source, Stored
from helpers.model.repackage.prefix import Prefix, compose, digest
from helpers.model.repackage.refusals import GONE, storing
from helpers.model.repackage.sources import Artifact, FileArtifact, ObjectArtifact, identity, parse
from helpers.model.repackage.tarball import Job, pack
from helpers.model.repackage.upload import abort_stale, base64_crc
from helpers.model.sizes import size
from helpers.target.explain import code_of
from helpers.target.handle import Handle

RECIPE = 1
"""Part of each key. Raise it when the same inputs make another package, so that the old one is not taken for it."""
OVERRIDES = ROOT / "models" / "overrides"
Verify = Literal["new", "always"]


def repackage(
    s3: Any,
    found: jumpstart.Model,
    bucket: str,
    *,
    overrides: Path | None = None,
    wheels: Path | None = None,
    verify: Verify = "new",
    accept_eula: bool = False,
    instance_type: str = "",
    progress: Progress = print,
) -> PackagedModel:
    """Make one model for an endpoint out of JumpStart's artifacts, in the model bucket.

    Parameters
    ----------
    s3 : boto3 client
    found : jumpstart.Model
        What JumpStart says of the model; ``model_uri`` may be a ``file:`` URI too.
    bucket : str
        The model bucket.
    overrides : Path, optional
        A folder whose files are laid on top of the model's root, and win.
    wheels : Path, optional
        Another one, with what the container imports (:mod:`helpers.model.repackage.wheels`); overrides win over it.
    verify : {"new", "always"}
        Read tarballs that were not read before, or all of them, to their end.
    accept_eula : bool
        Whether you accept the licence that a gated model asks for.
    instance_type : str
        The one that the image was looked up for.
    progress : callable
        Gets lines of text.

    Raises
    ------
    ModelError
        The artifacts are missing, damaged, or not what an endpoint can load; or a licence is not accepted.
    TargetError
        S3 refuses or cannot be reached. In either case nothing is left behind.
    """
    model = PackagedModel(
        bucket, "", "S3Object", found.image_uri, found.model_id, found.version, instance_type, dict(found.environment),
        network_isolation=found.network_isolation,
    )  # fmt: skip
    model.parameters()  # what the stack cannot pass on is said before gigabytes are read
    if found.needs_eula:
        return _gated(model, found, overrides, accept_eula, progress)
    script = None if found.prepacked else _artifact(s3, found.script_uri)
    additions = Additions(script, overrides, wheels)
    source = Prefix(s3, found.model_uri) if found.model_uri.endswith("/") else _artifact(s3, found.model_uri)
    sources = [source.identity if isinstance(source, Prefix) else identity(source)]
    if script:
        sources.append(identity(script))
    hashed = [RECIPE, [dataclasses.astuple(item) for item in sources], additions.digests()]
    home = f"models/{found.model_id}/{hashlib.sha256(json.dumps(hashed).encode()).hexdigest()[:16]}"
    model = dataclasses.replace(model, sources=tuple(sources))
    return _made(model, Job(s3, bucket, f"{home}/model.tar.gz", verify == "always", progress), source, additions, home)


def _made(
    model: PackagedModel, job: Job, source: Artifact | Prefix, additions: Additions, home: str
) -> PackagedModel:  # fmt: skip
    """What was packaged before, else a new package and its record, which comes last."""
    there = _there(job.s3, job.bucket, home, model)
    if isinstance(source, Prefix):
        packaged = there or _composed(model, source, additions, home, job.progress)
    else:
        if there and job.again:
            job.learn(source)
        packaged = there or _packed(model, job, source, additions)
    if there:
        job.progress(f"unchanged: s3://{job.bucket}/{packaged.key} ({size(packaged.size)})")
        return packaged
    key = f"{home}.json"
    with storing(job.s3, job.bucket, key):
        job.s3.put_object(Bucket=job.bucket, Key=key, Body=packaged.to_json().encode(), ContentType="application/json")
    return packaged


def _artifact(s3: Any, uri: str) -> Artifact:
    if uri.startswith("file:"):
        return FileArtifact(Path(uri.removeprefix("file:")))
    return ObjectArtifact(s3, uri)


def _gated(
    model: PackagedModel, found: jumpstart.Model, overrides: Path | None, accept_eula: bool, progress: Progress
) -> PackagedModel:
    """A model in the bucket that only SageMaker may read, and only for those who accept its licence."""
    if not accept_eula:
        raise ModelError(
            f"model {found.model_id!r} {found.version} asks for a licence to be accepted: read it on the model's page "
            "in SageMaker JumpStart, and set [model] accept_eula = true in workshop.toml."
        )
    if not found.prepacked or (overrides and not Additions(None, overrides).empty):
        what = "has its inference code apart" if not found.prepacked else f"has overrides in {overrides}"
        raise ModelError(
            f"model {found.model_id!r} {found.version} {what}, and nobody but SageMaker may read its data to put both "
            "together: choose another model in [model] id, or remove the overrides."
        )
    bucket, key = parse(found.model_uri)
    progress(f"{found.model_uri} is for SageMaker alone to read, so the endpoint loads it from there as it is")
    return dataclasses.replace(
        model, bucket=bucket, key=key, data_type="S3Prefix" if key.endswith("/") else "S3Object", method="gated",
        accept_eula=True, sources=(Source(found.model_uri, ""),),
    )  # fmt: skip


def _there(s3: Any, bucket: str, home: str, model: PackagedModel) -> PackagedModel | None:
    """The model as it was packaged before, if its record and every object of it are still there."""
    document = get_json(s3, bucket, f"{home}.json")
    if document is None:
        return None
    try:
        record = PackagedModel.from_json(json.dumps(document))
    except ModelError:
        return None  # written by another version of this program
    with storing(s3, bucket, record.key, "looking for"):
        if record.data_type == "S3Prefix":
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=record.key)
            listed = [item for page in pages for item in page.get("Contents", ())]
            present = {Stored(item["Key"], item["Size"], item["ETag"].strip('"')) for item in listed}
        else:
            present = _head(s3, bucket, record.key)
    if not record.objects or present != set(record.objects):
        return None
    kept = ("key", "data_type", "size", "checksum_algorithm", "checksum", "objects")
    return dataclasses.replace(model, method="unchanged", **{name: getattr(record, name) for name in kept})


def _head(s3: Any, bucket: str, key: str) -> set[Stored]:
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) in GONE:
            return set()
        raise
    return {Stored(key, head["ContentLength"], head["ETag"].strip('"'))}


def _composed(
    model: PackagedModel, source: Prefix, additions: Additions, home: str, progress: Progress
) -> PackagedModel:  # fmt: skip
    began, key = time.monotonic(), f"{home}/"
    objects = tuple(sorted(compose(source, additions, model.bucket, key, progress), key=lambda item: item.key))
    packaged = dataclasses.replace(
        model, key=key, data_type="S3Prefix", size=sum(item.size for item in objects), method="prefix",
        checksum_algorithm="SHA256-OF-ETAGS", checksum=digest((item.key, item) for item in objects), objects=objects,
    )  # fmt: skip
    progress(f"  s3://{model.bucket}/{key}: {len(objects)} objects in {time.monotonic() - began:.1f} s")
    return packaged


def _packed(model: PackagedModel, job: Job, source: Artifact, additions: Additions) -> PackagedModel:
    began = time.monotonic()
    abort_stale(job.s3, job.bucket, job.key, job.progress)
    packed = pack(job, source, additions)
    took, weight = time.monotonic() - began, size(packed.stored.size)
    job.progress(f"{packed.method}: s3://{job.bucket}/{job.key} ({weight}) in {took:.1f} s")
    return dataclasses.replace(
        model, key=job.key, size=packed.stored.size, method=packed.method, objects=(packed.stored,),
        checksum_algorithm="CRC32" if packed.crc is not None else "",
        checksum=base64_crc(packed.crc) if packed.crc is not None else "",
    )  # fmt: skip


def look_up(connection: Handle) -> jumpstart.Model | None:
    """What JumpStart says of the model in the settings; None for Small World on AWS, which comes from this repository.

    Raises
    ------
    ModelError
        See :func:`helpers.model.jumpstart.look_up`.
    """
    model = connection.settings.model
    if jumpstart.from_the_repository(connection, model.id):
        return None
    return jumpstart.look_up(connection, model.id, model.version, model.instance_type)


def package(
    connection: Handle,
    bucket: str,
    found: jumpstart.Model | None,
    *,
    verify: Verify = "new",
    progress: Progress = print,
) -> PackagedModel:
    """Package the model that the settings name, with the overrides of the repository; see :func:`repackage`.

    Parameters
    ----------
    connection : Handle
        The target, and the settings.
    bucket : str
        The model bucket.
    found : Model or None
        What :func:`look_up` said; Small World, when it is None, gets its wheels.
    verify, progress
        See :func:`repackage`.
    """
    model = connection.settings.model
    overrides = OVERRIDES / model.id
    if found is None:
        container_wheels.check_instance(model.instance_type)
    with tempfile.TemporaryDirectory() as folder:
        return repackage(
            connection.client("s3"),
            found or smallworld(connection, model.id, jumpstart.build_smallworld(Path(folder), model.id)),
            bucket,
            overrides=overrides if overrides.is_dir() else None,
            wheels=None if found else container_wheels.folder(progress),
            verify=verify,
            accept_eula=model.accept_eula,
            instance_type=model.instance_type,
            progress=progress,
        )


def smallworld(connection: Handle, model_id: str, files: Mapping[str, Path]) -> jumpstart.Model:
    """Small World as JumpStart would describe it, made of its files.

    Parameters
    ----------
    connection : Handle
        Region and instance type decide about the container's image.
    model_id : str
        Which of ``SMALLWORLD_MODELS``.
    files : mapping
        What :func:`helpers.model.jumpstart.build_smallworld` built.
    """
    region, prepacked = connection.settings.workshop.region, model_id not in jumpstart.CODE_APART
    variables = jumpstart.specification(region, dict.fromkeys(files, ""), model_id)["inference_environment_variables"]
    return jumpstart.Model(
        model_id=model_id,
        version=jumpstart.SMALLWORLD_VERSION,
        model_uri=f"file:{files['prepacked' if prepacked else 'model']}",
        script_uri=f"file:{files['script']}",
        image_uri=jumpstart.pytorch_image(connection, connection.settings.model.instance_type),
        environment={variable["name"]: variable["default"] for variable in variables},
        prepacked=prepacked,
        instance_types=jumpstart.INSTANCE_TYPES,
        network_isolation=True,
    )
