"""A scalable target on SageMaker: one production variant of one endpoint, through SageMaker's public API."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from botocore.exceptions import ClientError

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE_ID = re.compile(r"endpoint/([a-zA-Z0-9-]{1,63})/variant/([a-zA-Z0-9-]{1,63})")


class ScalingRefused(Exception):  # noqa: N818 - named for what happened
    """SageMaker did not take the new count; the message is SageMaker's."""


@dataclasses.dataclass(frozen=True)
class Capacity:
    """A variant's instance counts, and whether the endpoint can be scaled now."""

    desired: int
    current: int
    in_service: bool


def parse(resource_id: str) -> tuple[str, str] | None:
    """``("name", "AllTraffic")`` of ``endpoint/name/variant/AllTraffic``."""
    match = _RESOURCE_ID.fullmatch(resource_id)
    return (match[1], match[2]) if match else None


def read(sagemaker: Any, resource_id: str) -> Capacity | None:
    """The variant as it is; None when there is no such endpoint or variant."""
    names = parse(resource_id)
    if names is None:
        return None
    try:
        endpoint = sagemaker.describe_endpoint(EndpointName=names[0])
    except ClientError as error:
        if "Could not find" in str(error):
            return None
        raise
    for variant in endpoint.get("ProductionVariants", []):
        if (endpoint["EndpointName"], variant["VariantName"]) == names:
            return Capacity(
                desired=variant["DesiredInstanceCount"],
                current=variant["CurrentInstanceCount"],
                in_service=endpoint["EndpointStatus"] == "InService",
            )
    return None


def is_burstable(sagemaker: Any, resource_id: str) -> bool:
    """Whether the variant's instances are of a type that does not scale.

    SageMaker Developer Guide, "Configure model auto scaling with the console": "Automatic scaling is not supported for
    burstable instances such as T2". A configuration that is gone tells nothing.
    """
    names = parse(resource_id)
    assert names is not None
    try:
        config = sagemaker.describe_endpoint(EndpointName=names[0])["EndpointConfigName"]
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    except ClientError:
        return False
    return any(row["VariantName"] == names[1] and row["InstanceType"].startswith("ml.t") for row in found)


def set_count(sagemaker: Any, resource_id: str, count: int) -> None:
    """UpdateEndpointWeightsAndCapacities, as the Developer Guide says that automatic scaling does it.

    Parameters
    ----------
    sagemaker : boto3 client
    resource_id : str
        ``endpoint/<name>/variant/<name>``.
    count : int
        Instances wanted.

    Raises
    ------
    ScalingRefused
        In SageMaker's words.
    """
    names = parse(resource_id)
    assert names is not None
    try:
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=names[0],
            DesiredWeightsAndCapacities=[{"VariantName": names[1], "DesiredInstanceCount": count}],
        )
    except ClientError as error:
        raise ScalingRefused(error.response["Error"].get("Message", str(error))) from error
