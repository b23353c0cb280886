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
MODEL_PARAMETERS = (
    "ModelBucket", "ModelKey", "ModelDataType", "ImageUri", "InstanceType", "ModelId", "AcceptEula", "NetworkIsolation",
)  # fmt: skip
"""Parameters of the application stack that say which model it deploys; its container's environment is another part of
them (:mod:`contract.container`)."""
STACK_PARAMETERS_FILE = "stack-parameters.json"
"""What packaging leaves for CloudFormation in the pipeline: all parameters, as a template configuration file."""
LONGEST_WORKSHOP = 20
"""Letters of a workshop's name. CloudFormation names what a template leaves unnamed after stack and resource, and
shortens both when a service takes no more than 63 or 64 letters: it then keeps 25 of the stack's name. No page of AWS
says so; names in public repositories do, such as amplify-d10355pa75rc5y-ma-CustomS3AutoDeleteObject-WDh3npb3Rh6w. A
stack ``<20 letters>-app`` is never shortened, so that its bucket is known by the beginning of its name."""
STACK_LETTERS_KEPT = 25
"""How much of a stack's name is at the beginning of every name that CloudFormation makes for its resources."""
LONGEST_INSTANCE_TYPE = 30
"""``ml.p6e-gb200.36xlarge``, the longest of today, has 21 letters; an endpoint's name, which holds it, at most 63."""
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
EXPIRES_AT = "expires-at"
"""Last part of the SSM parameter that the safety stack writes: when everything is deleted, or :data:`NEVER`."""
EXPIRES_AT_PARAMETER = "ExpiresAt"
"""Parameter of the safety stack: what that SSM parameter holds at first; helpers overwrite it, CloudFormation never."""
BUDGET_REGIONS = frozenset((
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
    "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2",
    "us-west-1", "us-west-2",
))  # fmt: skip
"""Where CloudFormation has budgets, says its registry of November 2026 in cfn-lint; a budget belongs to no region."""
NEVER = "never"
"""What the SSM parameter holds when nothing expires."""

# The model.
SMALLWORLD = "model-txt2img-smallworld"
SMALLWORLD_TURBO = "model-txt2img-smallworld-turbo"
SMALLWORLD_MODELS = (SMALLWORLD, SMALLWORLD_TURBO)
"""JumpStart ids of the models that come with the workshop, as ``smallworld.bundle`` has them."""
MAX_RESPONSE_BYTES = 100_000_000
"""What the model servers let through, in either direction. Asynchronous payloads may have 1 GB on AWS
(https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html); the servers in the containers take 6,553,500
bytes unless told otherwise, and JumpStart tells them 20,000,000. Four pictures of 1024 x 1024 are 66 MB as RGB JSON."""


def ssm_parameter(workshop: str, name: str) -> str:
    """Path of the SSM parameter ``name`` of a workshop: ``/<workshop>/<name>``."""
    return f"/{workshop}/{name}"


def jumpstart_bucket(region: str) -> str:
    """The public bucket in which AWS keeps JumpStart's models of a region; the local cloud has one of that name."""
    return f"jumpstart-cache-prod-{region}"


def endpoint_prefix(application_stack: str) -> str:
    """How the names of a workshop's endpoints begin, the present one's and earlier ones': an instance type follows."""
    return f"{application_stack}-ml-"


def endpoint_log_group(endpoint: str) -> str:
    """The log group that SageMaker makes for an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
