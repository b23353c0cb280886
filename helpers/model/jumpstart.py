"""JumpStart: look a model up with the SageMaker SDK, and publish Small World where the SDK looks.

AWS keeps JumpStart's models in a public bucket, ``jumpstart-cache-prod-<region>``: a manifest of models, a
specification for each version, and the artifacts. The local cloud gets a bucket of the same name and layout, so the
SDK finds Small World there as it finds any JumpStart model; nothing of the SDK is replaced or patched.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.exceptions

from contract.errors import ModelError, TargetError
from contract.names import MAX_RESPONSE_BYTES, SMALLWORLD, SMALLWORLD_MODELS, jumpstart_bucket
from contract.settings import ROOT
from helpers.model import sdk
from helpers.target.handle import Handle

SMALLWORLD_VERSION = "1.0.0"
PYTORCH, PYTORCH_PYTHON = "2.6.0", "py312"
CODE_APART = (SMALLWORLD,)
"""Models whose weights and code JumpStart keeps apart, so that each packaging puts them together; others come in one
archive, as JumpStart's newer models do."""
GPU_FAMILIES = ("g4dn", "g5", "g6")
"""Families of GPU instances on which Small World runs, too."""
INSTANCE_TYPES = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.large", "ml.c5.xlarge", "ml.c6i.large", "ml.c6i.xlarge")


@dataclasses.dataclass(frozen=True)
class Model:
    """What JumpStart says of one version of a model.

    Attributes
    ----------
    model_uri, script_uri : str
        S3 URIs of the model data (a tarball, or a prefix that ends in ``/``) and of the inference code.
    image_uri : str
        The container image for the instance type that was asked for.
    environment : mapping
        The container's environment variables.
    prepacked : bool
        True when the model data already holds ``code/inference.py``.
    needs_eula : bool
        True when the model asks for a licence to be accepted.
    notice : str
        What JumpStart warns of, such as a withdrawal that it has announced; empty when of nothing.
    accept_types : tuple of str
        Media types of answers that JumpStart names for the model; empty when it names none.
    network_isolation : bool
        Whether JumpStart deploys the model in a container that reaches no network.
    """

    model_id: str
    version: str
    model_uri: str
    script_uri: str
    image_uri: str
    environment: Mapping[str, str]
    prepacked: bool
    instance_types: tuple[str, ...]
    needs_eula: bool = False
    notice: str = ""
    accept_types: tuple[str, ...] = ()
    network_isolation: bool = False


WITHDRAWN = ("DeprecatedJumpStartModelError", "VulnerableJumpStartModelError")
"""The SDK's refusals of a model that JumpStart still lists: ``sagemaker.core.jumpstart.exceptions``."""


def from_the_repository(connection: Handle, model_id: str) -> bool:
    """Whether a model comes from this repository, since JumpStart's bucket on AWS belongs to AWS and lacks it."""
    return connection.settings.workshop.target == "aws" and model_id in SMALLWORLD_MODELS


def ask(connection: Handle, *question: str) -> Any:
    """What the SageMaker SDK answers to one of ``helpers.model.jumpstart_lookup.QUESTIONS``; RefusedError else."""
    environment = connection.child_environment() | {
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(Path(__file__).with_name("sagemaker_config.yaml"))
    }
    return sdk.ask(environment, *question)


def look_up(connection: Handle, model_id: str, version: str, instance_type: str) -> Model:
    """Look a model up in JumpStart with the SageMaker SDK (about 5 s).

    Parameters
    ----------
    connection : Handle
        Whose JumpStart bucket is asked.
    model_id, version : str
        As JumpStart names them; ``*`` is the newest version.
    instance_type : str
        What the container's image is chosen for; empty for the one that JumpStart takes by default.

    Raises
    ------
    ModelError
        The id or version is unknown (with the nearest ids) or withdrawn, or there is no image for the instance type.
    TargetError
        JumpStart's bucket cannot be read.
    """
    region = connection.settings.workshop.region
    try:
        found = ask(connection, "look_up", model_id, version, instance_type, region)
    except sdk.RefusedError as refusal:
        raise _explain(connection, model_id, version, instance_type, refusal) from None
    lists = {name: tuple(found[name]) for name in ("instance_types", "accept_types")}
    return Model(**{**found, **lists})


def known(connection: Handle) -> list[str]:
    """Ids of all text-to-image models that JumpStart has in the region (about 5 s); ModelError when it does not say."""
    try:
        found: list[str] = ask(connection, "known", connection.settings.workshop.region)
    except sdk.RefusedError as refusal:
        kind, message = refusal.args
        raise ModelError(f"JumpStart's models could not be listed: {kind}: {message}") from None
    return found


def look_up_specification(connection: Handle, model_id: str, version: str) -> dict[str, Any]:
    """JumpStart's specification of a model, as JSON: everything that :func:`look_up` takes its answers from.

    Parameters
    ----------
    connection : Handle
        Whose JumpStart bucket is asked.
    model_id, version : str
        As JumpStart names them; ``*`` is the newest version.

    Raises
    ------
    ModelError
        The id or version is unknown (with the nearest ids).
    """
    try:
        found: dict[str, Any] = ask(connection, "specification", model_id, version, connection.settings.workshop.region)
    except sdk.RefusedError as refusal:
        raise _explain(connection, model_id, version, "", refusal) from None
    return found


def _explain(
    connection: Handle, model_id: str, version: str, instance_type: str, refusal: sdk.RefusedError
) -> ModelError | TargetError:
    kind, message = refusal.args
    region = connection.settings.workshop.region
    if hasattr(botocore.exceptions, kind):
        return TargetError(
            f"asking JumpStart in {region} for {model_id!r}: {kind}: {message.rstrip('.')}; check network, region and "
            "credentials, and that your role may read JumpStart's bucket."
        )
    if kind in WITHDRAWN:
        return ModelError(
            f"JumpStart in {region} lists {model_id!r} in version {version!r} and refuses to deploy it. It says: "
            f"{message.rstrip('.')}. Set [model] id or version in workshop.toml to another; "
            "helpers.model.catalogue(connection) marks those that are withdrawn."
        )
    if "instance" in message.lower():
        return ModelError(
            f"model {model_id!r} {version}: no image for instance type {instance_type!r} in {region}; set "
            f"[model] instance_type in workshop.toml to one that the model supports. JumpStart said: {message}"
        )
    try:
        # Those of this repository can be deployed on AWS too, where JumpStart does not list them.
        near = difflib.get_close_matches(model_id, sorted({*known(connection), *SMALLWORLD_MODELS}), 3, 0.4)
    except (sdk.RefusedError, ModelError):
        near = []
    hint = "the nearest ids are " + ", ".join(near) if near else "no id is near it"
    return ModelError(
        f"JumpStart in {region} has no model {model_id!r} in version {version!r}: {hint}. Set [model] id and version "
        f"in workshop.toml. JumpStart said: {kind}: {message}"
    )


def pytorch_image(connection: Handle, instance_type: str) -> str:
    """URI of AWS's PyTorch inference image (CPU or GPU) for an instance type; ModelError when there is none."""
    region = connection.settings.workshop.region
    try:
        return str(ask(connection, "image", instance_type, region, PYTORCH, PYTORCH_PYTHON)["image_uri"])
    except sdk.RefusedError as refusal:
        kind, message = refusal.args
        raise ModelError(
            f"no PyTorch {PYTORCH} image for instance type {instance_type!r} in {region}: set [model] instance_type "
            f"in workshop.toml. The SDK said: {kind}: {message}"
        ) from None


def build_smallworld(folder: Path, model_id: str = SMALLWORLD) -> dict[str, Path]:
    """Build a model's artifacts into ``folder``: ``model``, ``script``, ``prepacked``; byte-identical each time.

    A program of its own, because models know nothing of this project and this project nothing of their insides.

    Raises
    ------
    ModelError
        It failed; the message holds its last words.
    """
    command = [sys.executable, "-m", "smallworld.bundle", str(folder), "--model", model_id]
    # An empty environment: the result must not depend on the machine.
    done = subprocess.run(
        command, cwd=ROOT / "models", env={}, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise ModelError(f"building models/smallworld failed: {done.stderr.strip()[-2000:]}")
    names = {"model": f"infer-{model_id}.tar.gz", "script": "sourcedir.tar.gz", "prepacked": "model.tar.gz"}
    return {name: folder / file for name, file in names.items()}


def specification(region: str, keys: Mapping[str, str], model_id: str = SMALLWORLD) -> dict[str, Any]:
    """The JumpStart specification of one of ``SMALLWORLD_MODELS``, in the form of AWS's own.

    Parameters
    ----------
    region : str
        Where it is published.
    keys : mapping
        ``model``, ``script`` and ``prepacked`` to the keys of these artifacts in JumpStart's bucket; the last one is
        not taken for a model of :data:`CODE_APART`.
    model_id : str
        Which of the models.
    """
    repository = f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference"
    images = {
        "cpu_image": f"{repository}:{PYTORCH}-cpu-{PYTORCH_PYTHON}-ubuntu22.04-sagemaker",
        "gpu_image": f"{repository}:{PYTORCH}-gpu-{PYTORCH_PYTHON}-cu124-ubuntu22.04-sagemaker",
    }
    # A model without this key is one whose code is apart (class JumpStartModelSpecs of the SageMaker SDK).
    prepacked = {} if model_id in CODE_APART else {"hosting_prepacked_artifact_key": keys["prepacked"]}
    # It gains nothing from a GPU; so a move to one and back can be rehearsed before a larger model pays for it.
    families = dict.fromkeys(sorted({instance.split(".")[1] for instance in INSTANCE_TYPES}), "$cpu_image")
    families |= dict.fromkeys(GPU_FAMILIES, "$gpu_image")
    return {
        "model_id": model_id,
        "url": "",
        "version": SMALLWORLD_VERSION,
        "min_sdk_version": "2.0.0",
        "hosting_ecr_specs": {"framework": "pytorch", "framework_version": PYTORCH, "py_version": PYTORCH_PYTHON},
        "hosting_artifact_key": keys["model"],
        "hosting_script_key": keys["script"],
        **prepacked,
        "hosting_use_script_uri": not prepacked,
        "training_supported": False,
        "inference_enable_network_isolation": True,
        "inference_environment_variables": [
            {"name": name, "type": "text", "default": value, "scope": "container", "required_for_model_class": True}
            for name, value in (
                ("SAGEMAKER_PROGRAM", "inference.py"),
                ("SAGEMAKER_SUBMIT_DIRECTORY", "/opt/ml/model/code"),
                ("SAGEMAKER_CONTAINER_LOG_LEVEL", "20"),
                ("MMS_MAX_RESPONSE_SIZE", str(MAX_RESPONSE_BYTES)),
                ("TS_MAX_RESPONSE_SIZE", str(MAX_RESPONSE_BYTES)),
            )
        ],
        "default_inference_instance_type": INSTANCE_TYPES[0],
        "supported_inference_instance_types": list(INSTANCE_TYPES),
        "hosting_instance_type_variants": {
            "regional_aliases": {region: images},
            "variants": {name: {"regional_properties": {"image_uri": image}} for name, image in families.items()},
        },
    }


def _published(region: str) -> dict[str, bytes]:
    """Key to content of everything in the local JumpStart bucket; the manifest, which names the rest, comes last."""
    bodies: dict[str, bytes] = {}
    rows: list[dict[str, str]] = []
    for model_id in SMALLWORLD_MODELS:
        keys = {
            "model": f"smallworld-infer/infer-{model_id}-{SMALLWORLD_VERSION}.tar.gz",
            "script": f"source-directory-tarballs/smallworld/v{SMALLWORLD_VERSION}/sourcedir.tar.gz",
            "prepacked": f"smallworld-infer/prepack/v{SMALLWORLD_VERSION}/infer-prepack-{model_id}.tar.gz",
        }
        with tempfile.TemporaryDirectory() as folder:
            files = build_smallworld(Path(folder), model_id)
            apart = model_id in CODE_APART
            bodies |= {
                keys[name]: path.read_bytes() for name, path in files.items() if name != "prepacked" or not apart
            }
        spec_key = f"community_models/{model_id}/specs_v{SMALLWORLD_VERSION}.json"
        bodies[spec_key] = _json(specification(region, keys, model_id))
        rows.append({"model_id": model_id, "version": SMALLWORLD_VERSION, "min_version": "2.0.0", "spec_key": spec_key})
    # Listing models reads this second manifest too and fails when it is empty; a row for a later SDK is not listed.
    placeholder = {"model_id": "none", "version": "1.0.0", "min_version": "99.0.0", "spec_key": "none.json"}
    bodies["proprietary-sdk-manifest.json"] = _json([{**placeholder, "search_keywords": ["none"]}])
    bodies["models_manifest.json"] = _json(rows)
    return bodies


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1).encode()


def publish_smallworld(connection: Handle) -> bool:
    """Publish Small World to the local cloud in JumpStart's layout; return False when all of it was there already.

    Raises
    ------
    ModelError
        The target is AWS, whose JumpStart bucket belongs to AWS.
    """
    if connection.settings.workshop.target != "local":
        raise ModelError("Small World is published to the local cloud only: JumpStart's bucket on AWS belongs to AWS.")
    region, s3 = connection.settings.workshop.region, connection.client("s3")
    bucket = jumpstart_bucket(region)
    if bucket not in {item["Name"] for item in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
    bodies = _published(region)
    there = {
        item["Key"]: item["ETag"].strip('"')
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page.get("Contents", ())
    }
    # S3's ETag of an object put in one part is its MD5.
    changed = {
        key: body for key, body in bodies.items()
        if there.get(key) != hashlib.md5(body, usedforsecurity=False).hexdigest()
    }  # fmt: skip
    for key, body in changed.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    return bool(changed)
