"""What CreateModel asks of other services: is there such a role, does it trust SageMaker, is the model's data there.

The messages are AWS's, as people have reported them (aws/sagemaker-python-sdk, terraform-provider-aws and others).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.sagemaker.deployment import PRINCIPAL, SESSION
from localcloud.sagemaker.model_server import IMAGE, served
from localcloud.sagemaker.shared import bucket_and_key, invalid, not_offered


def check_image(image: str) -> None:
    """Refuse an image that SageMaker would not pull, or whose containers the local cloud cannot stand for.

    Raises
    ------
    ServiceError
        It is not in a private registry of ECR; or it serves by other means than ``code/inference.py``.
    """
    found = IMAGE.fullmatch(image)
    if found is None:
        raise invalid(f'Using non-ECR image "{image}" without Vpc repository access mode is not supported.')
    if not served(found["repository"]):
        raise not_offered(
            f"the image {image}",
            "It runs no image, but code/inference.py of the model, as AWS's images pytorch-inference, "
            "huggingface-pytorch-inference, stabilityai-pytorch-inference and mxnet-inference do.",
        )


def check_role(cloud: Cloud, arn: str) -> None:
    """Refuse a role that SageMaker cannot assume; raises :class:`ServiceError`.

    Parameters
    ----------
    cloud : Cloud
    arn : str
        Its form has been checked.
    """
    if not cloud.can_assume(arn, PRINCIPAL):
        raise invalid(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal '{PRINCIPAL}' to "
            "assume the role."
        )


def check_model_data(cloud: Cloud, container: Mapping[str, Any], role: str | None) -> None:
    """Refuse a model whose data is not in S3, or may not be read.

    Parameters
    ----------
    cloud : Cloud
    container : mapping
        Of the model.
    role : str, optional
        The model's ``ExecutionRoleArn``.

    Raises
    ------
    ServiceError
        In AWS's words.
    """
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    uri = source["S3Uri"] if source else container.get("ModelDataUrl")
    if not uri:
        return
    no_access = invalid(
        f'Could not access model data at {uri}. Please ensure that the role "{role}" exists and that its trust '
        f'relationship policy allows the action "sts:AssumeRole" for the service principal "{PRINCIPAL}". Also ensure '
        f'that the role has "s3:GetObject" permissions and that the object is located in {cloud.region}. If your Model '
        'uses multiple models or uncompressed models, please ensure that the role has "s3:ListBucket" permission.'
    )
    if role is None:
        raise no_access
    try:
        s3 = cloud.client_as("s3", role, SESSION, PRINCIPAL)
        found = _is_there(s3, uri, prefix=bool(source) and source["S3DataType"] == "S3Prefix")
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            found = False
        else:
            raise no_access from error
    if not found:
        raise invalid(f"Could not find model data at {uri}.")


def _is_there(s3: Any, uri: str, *, prefix: bool) -> bool:
    bucket, key = bucket_and_key(uri)
    if prefix:
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
    s3.head_object(Bucket=bucket, Key=key)
    return True
