"""What the parts of the workshop call things in the target: each name has its home here, and nowhere else.

The Lambda functions import nothing of the project, so they repeat the few names that they need;
``tests/contract/test_names.py`` holds both against each other. So does Small World, which any endpoint can load.
"""

from __future__ import annotations

# The bucket's folders.
REQUESTS = "requests"
"""``requests/<inference id>.json``: what the user asked for."""
OUTPUT = "output"
"""``output/<uuid>.out``: what the model answered; SageMaker names it."""
FAILURES = "failures"
"""``failures/<uuid>-error.out``: what the model answered when it failed."""
STATUS = "status"
"""``status/<inference id>.json``: the notification, as ``save_status`` received it."""
IMAGES = "images"
"""``images/<inference id>/<n>.png``, and ``manifest.json``, which ``extract_images`` writes last."""

INFERENCE_ID = r"[A-Za-z0-9._-]{1,64}"
"""What an inference id must match; ``.`` and ``..`` are refused besides."""

# The stacks.
TAG = "workshop"
"""A tag on every resource of the workshop, with the workshop's name as its value."""
VARIANT = "AllTraffic"
"""The only production variant of the endpoint. Once an endpoint scales, UpdateEndpoint cannot rename its variant."""
MODEL_PARAMETERS = ("ModelBucket", "ModelKey", "ModelDataType", "ImageUri", "InstanceType", "ModelId", "AcceptEula")
"""Parameters of the application stack that say which model it deploys; keys of ``model.json`` in the pipeline."""
MODEL_BUCKET_OUTPUT = "ModelBucketName"
"""Output of the models stack: the bucket of packaged models."""

# SSM parameters, by which notebooks and scripts find a deployed workshop.
PUBLISHED = {
    "bucket": "bucket-name",
    "endpoint": "endpoint-name",
    "success_topic_arn": "success-topic-arn",
    "error_topic_arn": "error-topic-arn",
    "model": "model",
}
"""Attribute of ``helpers.target.Names`` -> last part of the SSM parameter that the application stack writes."""
PIPELINE_NAME = "pipeline-name"
"""Last part of the SSM parameter that the pipeline stack writes."""

# The model.
SMALLWORLD = "model-txt2img-smallworld"
SMALLWORLD_TURBO = "model-txt2img-smallworld-turbo"
SMALLWORLD_MODELS = (SMALLWORLD, SMALLWORLD_TURBO)
"""JumpStart ids of the models that come with the workshop, as ``smallworld.bundle`` has them."""
MAX_RESPONSE_BYTES = 20_000_000
"""JumpStart's own ceiling for a response: one 1024 x 1024 picture as RGB JSON takes 16.5 MB."""


def ssm_parameter(workshop: str, name: str) -> str:
    """Path of the SSM parameter ``name`` of a workshop: ``/<workshop>/<name>``."""
    return f"/{workshop}/{name}"


def jumpstart_bucket(region: str) -> str:
    """The public bucket in which AWS keeps JumpStart's models of a region; the local cloud has one of that name."""
    return f"jumpstart-cache-prod-{region}"


def endpoint_log_group(endpoint: str) -> str:
    """The log group that SageMaker makes for an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
