"""What models and endpoint configurations may hold; the rest is refused, not ignored."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from localcloud.sagemaker.catalog import check_config, check_model
from localcloud.services import ServiceError

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6"
CONTAINER: dict[str, Any] = {"Image": IMAGE, "ModelDataUrl": "s3://b/m.tar.gz"}
CONFIG: dict[str, Any] = {
    "EndpointConfigName": "c",
    "ProductionVariants": [
        {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    ],
    "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/out"}},
}


def source(**changes: Any) -> dict[str, Any]:
    base = {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"Image": IMAGE, "ModelDataSource": {"S3DataSource": base | changes}}


def test_a_single_container_in_a_list_is_the_primary_one() -> None:
    assert check_model({"ModelName": "m", "Containers": [CONTAINER]})["PrimaryContainer"] == CONTAINER


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (CONTAINER | {"Mode": "MultiModel"}, "multi-model"),
        (CONTAINER | {"ModelPackageName": "p"}, "ModelPackageName"),
        (CONTAINER | {"AdditionalModelDataSources": [{"ChannelName": "c"}]}, "AdditionalModelDataSources"),
        ({"ModelDataUrl": "s3://b/m"}, "must have an Image"),
        (CONTAINER | {"Image": "image"}, 'Using non-ECR image "image" without Vpc repository access mode'),
        (CONTAINER | {"Image": IMAGE.replace("pytorch", "djl")}, "does not offer the image"),
        (CONTAINER | {"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"}, "does not offer the image"),
        (CONTAINER | {"ModelDataUrl": "https://b/m.tar.gz"}, "not of the form s3://bucket/key"),
        (source(CompressionType="Gzip"), "S3Prefix with CompressionType Gzip"),
        (source(S3Uri="s3://b/p"), "must end with a forward slash"),
        (source(ManifestS3Uri="s3://b/x"), "ManifestS3Uri"),
        (source() | {"ModelDataUrl": "s3://b/m"}, "either ModelDataUrl or ModelDataSource"),
    ],
)
def test_containers_that_are_refused(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        check_model({"ModelName": "m", "PrimaryContainer": container})
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Containers": [CONTAINER, CONTAINER]}, "pipelines"),
        ({"PrimaryContainer": CONTAINER, "VpcConfig": {"Subnets": ["s"], "SecurityGroupIds": ["g"]}}, "VpcConfig"),
        ({}, "needs PrimaryContainer or Containers"),
    ],
)
def test_models_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        check_model({"ModelName": "m", **changes})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DataCaptureConfig", {"EnableCapture": True}, "data capture"),
        ("ExplainerConfig", {"ClarifyExplainerConfig": {}}, "ExplainerConfig"),
        ("ShadowProductionVariants", [{}], "ShadowProductionVariants"),
        ("EnableNetworkIsolation", True, "EnableNetworkIsolation"),
    ],
)
def test_configurations_that_are_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        check_config(CONFIG | {name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ServerlessConfig", {"MemorySizeInMB": 1024}, "serverless inference"),
        ("ManagedInstanceScaling", {"Status": "ENABLED"}, "managed instance scaling"),
        ("InitialInstanceCount", None, "InitialInstanceCount"),
    ],
)
def test_variants_that_are_refused(name: str, value: Any, message: str) -> None:
    config = copy.deepcopy(CONFIG)
    config["ProductionVariants"][0][name] = value
    if value is None:
        del config["ProductionVariants"][0][name]
    with pytest.raises(ServiceError, match=message):
        check_config(config)


def test_only_asynchronous_endpoints_with_one_variant() -> None:
    with pytest.raises(ServiceError, match="real-time endpoints"):
        check_config({key: value for key, value in CONFIG.items() if key != "AsyncInferenceConfig"})
    with pytest.raises(ServiceError, match="more than one production variant"):
        check_config(CONFIG | {"ProductionVariants": CONFIG["ProductionVariants"] * 2})
    output = {
        "S3OutputPath": "s3://b/o",
        "NotificationConfig": {"IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]},
    }
    with pytest.raises(ServiceError, match="IncludeInferenceResponseIn"):
        check_config(CONFIG | {"AsyncInferenceConfig": {"OutputConfig": output}})
