"""JumpStart look-ups by the SageMaker SDK, as a program: a line of JSON in, a line of JSON out, until its input ends.

A program because the SDK keeps one region and one S3 client for the whole process, taken from the environment when it
is imported: a kernel that asked two targets would mix them up. It stays for further questions because that import
takes seconds (4 s of processor time for SDK 3.27) and an answer milliseconds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

READERS = 10
"""As many specifications are read at a time as boto3 keeps connections for."""


def look_up(model_id: str, version: str, instance_type: str, region: str) -> dict[str, Any]:
    """What JumpStart says of one model, as JSON; SDK errors pass through.

    Parameters
    ----------
    model_id, version, instance_type, region : str
        See :func:`helpers.model.jumpstart.look_up`.
    """
    from sagemaker.core import environment_variables, image_uris, model_uris, script_uris
    from sagemaker.core.jumpstart.accessors import JumpStartModelsAccessor

    model = {"region": region, "model_id": model_id, "model_version": version}
    specs = JumpStartModelsAccessor.get_model_specs(region=region, model_id=model_id, version=version)
    instance_type = instance_type or specs.default_inference_instance_type
    return {
        "model_id": model_id,
        "version": specs.version,
        "model_uri": model_uris.retrieve(**model, model_scope="inference", instance_type=instance_type),
        "script_uri": script_uris.retrieve(**model, script_scope="inference"),
        "image_uri": image_uris.retrieve(**model, framework=None, image_scope="inference", instance_type=instance_type),
        "environment": environment_variables.retrieve_default(
            **model, include_aws_sdk_env_vars=True, instance_type=instance_type
        ),
        "prepacked": not specs.use_inference_script_uri(),
        "instance_types": list(specs.supported_inference_instance_types or []),
        "needs_eula": bool(specs.gated_bucket),
        "network_isolation": bool(specs.inference_enable_network_isolation),
        **_remarks(specs),
    }


def _remarks(specs: Any) -> dict[str, Any]:
    """What a specification says to those who are about to choose the model, withdrawn or not."""
    predictor = getattr(specs, "predictor_specs", None)
    return {
        "notice": specs.deprecate_warn_message or "",
        "accept_types": list(getattr(predictor, "supported_accept_types", None) or []),
    }


def specification(model_id: str, version: str, region: str) -> dict[str, Any]:
    """JumpStart's whole specification of one model.

    Parameters
    ----------
    model_id, version, region : str
        See :func:`helpers.model.jumpstart.look_up_specification`.
    """
    from sagemaker.core.jumpstart.accessors import JumpStartModelsAccessor

    specs = JumpStartModelsAccessor.get_model_specs(region=region, model_id=model_id, version=version)
    return json.loads(json.dumps(specs.to_json(), default=str))  # type: ignore[no-any-return]  # of the SDK


def image(instance_type: str, region: str, version: str, python: str) -> dict[str, Any]:
    """URI of AWS's PyTorch inference image for an instance type.

    Parameters
    ----------
    instance_type, region : str
        Where it runs.
    version, python : str
        PyTorch's version, and Python's as in ``py312``.
    """
    from sagemaker.core import image_uris

    uri = image_uris.retrieve(
        framework="pytorch",
        version=version,
        py_version=python,
        image_scope="inference",
        instance_type=instance_type,
        region=region,
    )
    return {"image_uri": uri}


def known(region: str) -> list[str]:
    """Ids of all text-to-image models."""
    from sagemaker.core.jumpstart.notebook_utils import list_jumpstart_models

    return sorted(list_jumpstart_models("task == txt2img", region=region))


def catalogue(region: str) -> list[dict[str, Any]]:
    """The newest version of each text-to-image model, with what its specification says against using it."""
    from sagemaker.core.jumpstart.accessors import JumpStartModelsAccessor
    from sagemaker.core.jumpstart.constants import DEFAULT_JUMPSTART_SAGEMAKER_SESSION
    from sagemaker.core.jumpstart.filters import And
    from sagemaker.core.jumpstart.notebook_utils import list_jumpstart_models
    from sagemaker.core.jumpstart.types import JumpStartModelSpecs
    from sagemaker.core.jumpstart.utils import get_jumpstart_content_bucket

    wanted = And("task == txt2img", "model_type == open_weights")
    newest = list_jumpstart_models(wanted, region=region, list_versions=True)
    headers = [
        JumpStartModelsAccessor.get_model_header(region=region, model_id=model_id, version=version)
        for model_id, version in newest
    ]
    bucket = get_jumpstart_content_bucket(region)

    def read(header: Any) -> dict[str, Any]:
        # Not through the SDK's cache, which several threads must not use; the SDK's own listing reads in this way.
        body = DEFAULT_JUMPSTART_SAGEMAKER_SESSION.read_s3_file(bucket, header.spec_key)
        specs = JumpStartModelSpecs(json.loads(body))
        return {
            "model_id": specs.model_id,
            "version": specs.version,
            "deprecated": (specs.deprecated_message or "deprecated") if specs.deprecated else "",
            "vulnerable": ", ".join(specs.inference_vulnerabilities or ["not named"]) * specs.inference_vulnerable,
            **_remarks(specs),
        }

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(read, headers))


IDLE_SECONDS = 300
"""After which it ends by itself: it holds 250 MB."""

QUESTIONS: dict[str, Callable[..., Any]] = {
    "look_up": look_up,
    "specification": specification,
    "image": image,
    "known": known,
    "catalogue": catalogue,
}


def answered(line: str) -> dict[str, Any]:
    """The answer to one question, ``["look_up", "model-…", …]``: ``{"answer": …}``, or ``{"error", "message"}``."""
    from sagemaker.core.jumpstart.accessors import JumpStartModelsAccessor

    question, *arguments = json.loads(line)
    try:
        JumpStartModelsAccessor.reset_cache()  # what was published meanwhile must be found
        return {"answer": QUESTIONS[question](*arguments)}
    except Exception as problem:  # noqa: BLE001 - the SDK's errors have no common base; all of them are the answer
        return {"error": type(problem).__name__, "message": str(problem)}


def main() -> None:
    """Answer until the input ends, or nobody has asked for ``IDLE_SECONDS``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the asking process, whose end closes our input
    # The SDK logs to stdout at times: answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # jsonschema does without it: a grammar of IRIs, which the SDK's schemas have none of, and 40 % of the SDK's import.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # Python's way to say "not installed"
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.readline()):
        answers.write(json.dumps(answered(line)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
