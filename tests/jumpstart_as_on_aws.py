"""A JumpStart bucket as AWS has one: real models, some of them withdrawn, and no Small World.

The specifications have the fields of a real one, that of ``huggingface-txt2img-conflictx-complex-lineart`` 2.0.3
among the constants of the SageMaker SDK's unit tests.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from contract.names import jumpstart_bucket
from helpers.model.catalogue import RGB_ANSWERS
from helpers.target.handle import Handle

USABLE = "model-txt2img-stabilityai-stable-diffusion-v1-4"
DEPRECATED = "model-txt2img-stabilityai-stable-diffusion-v2-1-base"
VULNERABLE = "model-txt2img-weak"
OTHER_FORM = "huggingface-txt2img-black-forest-labs-flux-1-schnell"
WITHDRAWN_WORDS = "Stability AI has withdrawn Stable Diffusion 2."
MANIFEST = "models_manifest.json"


def specification(region: str, model_id: str, **changes: Any) -> dict[str, Any]:
    """A model of the Stable Diffusion family, for GPUs."""
    image = f"763104351884.dkr.ecr.{region}.amazonaws.com/huggingface-pytorch-inference"
    return {
        "model_id": model_id,
        "url": "https://huggingface.co",
        "version": "2.1.6",
        "min_sdk_version": "2.189.0",
        "training_supported": False,
        "hosting_ecr_specs": {"framework": "huggingface", "framework_version": "1.10.2", "py_version": "py38"},
        "hosting_artifact_key": f"stabilityai-infer/infer-{model_id}.tar.gz",
        "hosting_script_key": "source-directory-tarballs/stabilityai/inference/txt2img/v1.0.0/sourcedir.tar.gz",
        "hosting_prepacked_artifact_key": f"{model_id}/artifacts/inference-prepack/v1.0.0/",
        "hosting_use_script_uri": False,
        "inference_vulnerable": False,
        "inference_vulnerabilities": [],
        "deprecated": False,
        "inference_environment_variables": [
            {"name": "SAGEMAKER_PROGRAM", "type": "text", "default": "inference.py", "scope": "container",
             "required_for_model_class": True},
            {"name": "ENDPOINT_SERVER_TIMEOUT", "type": "int", "default": 3600, "scope": "container",
             "required_for_model_class": True},
        ],
        "default_inference_instance_type": "ml.g4dn.xlarge",
        "supported_inference_instance_types": ["ml.g4dn.xlarge", "ml.g4dn.2xlarge", "ml.g5.xlarge"],
        "predictor_specs": {
            "supported_content_types": ["application/json", "application/x-text"],
            "supported_accept_types": ["application/json", "application/json;verbose", RGB_ANSWERS],
            "default_content_type": "application/x-text",
            "default_accept_type": RGB_ANSWERS,
        },
        "inference_enable_network_isolation": True,
        "hosting_instance_type_variants": {
            "regional_aliases": {region: {"gpu": f"{image}:1.10.2-transformers4.17.0-gpu-py38-cu113-ubuntu20.04"}},
            "variants": {name: {"regional_properties": {"image_uri": "$gpu"}} for name in ("g4dn", "g5", "p3")},
        },
        **changes,
    }  # fmt: skip


@contextlib.contextmanager
def as_on_aws(connection: Handle) -> Iterator[None]:
    """While the block runs, JumpStart's bucket of the local cloud lists what this module has."""
    region, s3 = connection.settings.workshop.region, connection.client("s3")
    bucket = jumpstart_bucket(region)
    other = {"supported_accept_types": ["application/json"], "supported_content_types": ["application/json"]}
    specifications = [
        specification(region, USABLE),
        specification(region, DEPRECATED, deprecated=True, deprecated_message=WITHDRAWN_WORDS),
        specification(region, VULNERABLE, inference_vulnerable=True, inference_vulnerabilities=["CVE-2022-1"]),
        specification(region, OTHER_FORM, predictor_specs={
            **other, "default_content_type": "application/json", "default_accept_type": "application/json",
        }),
    ]  # fmt: skip
    rows = []
    for item in specifications:
        key = f"community_models/{item['model_id']}/specs_v2.1.6.json"
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(item).encode())
        rows.append({"model_id": item["model_id"], "version": "2.1.6", "min_version": "2.0.0", "spec_key": key})
    for name, text in (("code/inference.py", "def model_fn(folder):\n    pass\n"), ("unet/weights.bin", "0" * 1000)):
        key = f"{specifications[0]['hosting_prepacked_artifact_key']}{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    before = s3.get_object(Bucket=bucket, Key=MANIFEST)["Body"].read()
    s3.put_object(Bucket=bucket, Key=MANIFEST, Body=json.dumps(rows).encode())
    try:
        yield
    finally:
        s3.put_object(Bucket=bucket, Key=MANIFEST, Body=before)
