"""Amazon SageMaker: endpoint configurations, and tags."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import Hosting

API = "sagemaker/latest/APIReference/"
CREATE = API + "API_CreateEndpointConfig.html"
TAG = API + "API_Tag.html"


@behaviour("sagemaker", "DescribeEndpointConfig", "A configuration is described as it was written", CREATE)
def test_a_configuration_is_described(aws: Account, hosting: Hosting) -> None:
    found = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=hosting.config)
    assert found["EndpointConfigArn"].endswith(f"endpoint-config/{hosting.config.lower()}")
    wanted = hosting.a_config(hosting.config)
    assert found["AsyncInferenceConfig"] == wanted["AsyncInferenceConfig"]
    (variant,) = found["ProductionVariants"]
    assert variant.items() >= wanted["ProductionVariants"][0].items()


@behaviour("sagemaker", "CreateEndpointConfig", "A configuration's name is taken once", CREATE)
def test_a_name_is_taken(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "Cannot create already existing endpoint configuration"):
        aws.client("sagemaker").create_endpoint_config(**hosting.a_config(hosting.config))


@behaviour("sagemaker", "CreateEndpointConfig", "Names of configurations are not case-sensitive", CREATE, "ours")
def test_a_name_is_taken_in_any_case(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "Cannot create already existing endpoint configuration"):
        aws.client("sagemaker").create_endpoint_config(**hosting.a_config(hosting.config.upper()))


@behaviour("sagemaker", "CreateEndpointConfig", "The model must exist", CREATE)
def test_the_model_must_be_there(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", 'Could not find model "arn:aws:sagemaker'):
        aws.client("sagemaker").create_endpoint_config(**hosting.a_config(aws.name(), model="nobody"))


@behaviour(
    "sagemaker",
    ("DescribeEndpointConfig", "DeleteEndpointConfig"),
    "A configuration that does not exist is neither described nor deleted",
    API + "API_DeleteEndpointConfig.html",
)
def test_a_configuration_that_is_not_there(aws: Account) -> None:
    sagemaker = aws.client("sagemaker")
    for call in (sagemaker.describe_endpoint_config, sagemaker.delete_endpoint_config):
        with aws.refused("ValidationException", "Could not find endpoint configuration"):
            call(EndpointConfigName=aws.name())


WRONG: dict[str, tuple[str, Any]] = {
    "no instance": ("InitialInstanceCount", 0),
    "an instance type that SageMaker does not have": ("InstanceType", "ml.nothing.large"),
    "a download that may take two hours": ("ModelDataDownloadTimeoutInSeconds", 7200),
    "a health check that may take a minute, less than the least": ("ContainerStartupHealthCheckTimeoutInSeconds", 59),
}


@behaviour("sagemaker", "CreateEndpointConfig", "A variant with {what} is refused", CREATE)
@pytest.mark.parametrize("what", WRONG)
def test_variants_that_are_wrong(aws: Account, hosting: Hosting, what: str) -> None:
    config = hosting.a_config(aws.name())
    member, value = WRONG[what]
    config["ProductionVariants"][0][member] = value
    with aws.refused("ValidationException", f"{member[0].lower()}{member[1:]}"):
        hosting.unchecked("sagemaker").create_endpoint_config(**config)


@behaviour("sagemaker", "CreateEndpointConfig", "An instance works on 1 to 1,000 requests at a time", CREATE)
@pytest.mark.parametrize("number", [0, 1001])
def test_concurrency(aws: Account, hosting: Hosting, number: int) -> None:
    config = hosting.a_config(aws.name())
    config["AsyncInferenceConfig"]["ClientConfig"]["MaxConcurrentInvocationsPerInstance"] = number
    with aws.refused("ValidationException", "maxConcurrentInvocationsPerInstance"):
        hosting.unchecked("sagemaker").create_endpoint_config(**config)


@behaviour("sagemaker", "CreateEndpointConfig", "A notification goes to the ARN of a topic", CREATE)
def test_topics(aws: Account, hosting: Hosting) -> None:
    config = hosting.a_config(aws.name())
    config["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"]["SuccessTopic"] = "arn:aws:sqs:x:1:q"
    with aws.refused("ValidationException", "successTopic"):
        aws.client("sagemaker").create_endpoint_config(**config)


def _changed(config: dict[str, Any], what: str) -> dict[str, Any]:
    config = copy.deepcopy(config)
    variant = config["ProductionVariants"][0]
    if what == "real-time endpoints":
        del config["AsyncInferenceConfig"]
    elif what == "serverless endpoints":
        variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
        del variant["InstanceType"], variant["InitialInstanceCount"]
    elif what == "two variants":
        config["ProductionVariants"].append({**variant, "VariantName": "Other"})
    elif what == "data capture":
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://b/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
    elif what == "managed instance scaling":
        variant["ManagedInstanceScaling"] = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    elif what == "responses within notifications":
        topics = config["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"]
        topics["IncludeInferenceResponseIn"] = ["SUCCESS_NOTIFICATION_TOPIC"]
    elif what == "network isolation":
        config["EnableNetworkIsolation"] = True
    return config


@behaviour("sagemaker", "CreateEndpointConfig", "Refused: {what}", CREATE, "refused")
@pytest.mark.parametrize(
    "what",
    [
        "real-time endpoints",
        "serverless endpoints",
        "two variants",
        "data capture",
        "managed instance scaling",
        "responses within notifications",
        "network isolation",
    ],
)
def test_what_is_not_offered(aws: Account, hosting: Hosting, what: str) -> None:
    with aws.refused("ValidationException", "The local cloud does not offer"):
        aws.client("sagemaker").create_endpoint_config(**_changed(hosting.a_config(aws.name()), what))


@behaviour("sagemaker", "ListEndpointConfigs", "Configurations are listed by a part of their name", CREATE)
def test_configurations_are_listed(aws: Account, hosting: Hosting) -> None:
    rows = aws.client("sagemaker").list_endpoint_configs(NameContains=hosting.unique)["EndpointConfigs"]
    assert [row["EndpointConfigName"] for row in rows] == [hosting.config]


@behaviour("sagemaker", ("AddTags", "ListTags", "DeleteTags"), "Tags are added, replaced and deleted", TAG)
def test_tags(aws: Account, hosting: Hosting) -> None:
    sagemaker, name = aws.client("sagemaker"), hosting.new_config(aws, Tags=[{"Key": "team", "Value": "a"}])
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=name)["EndpointConfigArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "old", "Value": ""}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["old"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}]


@behaviour("sagemaker", ("CreateEndpointConfig", "AddTags"), "Keys that begin with aws: are AWS's own", TAG)
@pytest.mark.parametrize("key", ["aws:team", "AWS:team"])
def test_reserved_tags(aws: Account, hosting: Hosting, key: str) -> None:
    tags, sagemaker = [{"Key": key, "Value": "a"}], aws.client("sagemaker")
    with aws.refused("ValidationException"):
        sagemaker.create_endpoint_config(**hosting.a_config(aws.name(), Tags=tags))
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=hosting.config)["EndpointConfigArn"]
    with aws.refused("ValidationException"):
        sagemaker.add_tags(ResourceArn=arn, Tags=tags)


@behaviour("sagemaker", ("CreateModel", "CreateEndpoint"), "Reserved tags are refused on models and endpoints too", TAG)
def test_reserved_tags_elsewhere(aws: Account, hosting: Hosting) -> None:
    tags, sagemaker = [{"Key": "aws:team", "Value": "a"}], aws.client("sagemaker")
    with aws.refused("ValidationException"):
        sagemaker.create_model(**hosting.a_model(aws.name()), Tags=tags)
    with aws.refused("ValidationException"):
        sagemaker.create_endpoint(EndpointName=aws.name(), EndpointConfigName=hosting.config, Tags=tags)


@behaviour("sagemaker", "CreateEndpointConfig", "More than 50 tags are refused", CREATE)
def test_too_many_tags(aws: Account, hosting: Hosting) -> None:
    tags = [{"Key": str(n), "Value": ""} for n in range(51)]
    with aws.refused("ValidationException", "tags"):
        aws.client("sagemaker").create_endpoint_config(**hosting.a_config(aws.name(), Tags=tags))


@behaviour("sagemaker", "AddTags", "A resource has 50 tags at most, also when they come one after another", TAG, "ours")
def test_one_tag_too_many(aws: Account, hosting: Hosting) -> None:
    tags = [{"Key": str(n), "Value": ""} for n in range(50)]
    name, sagemaker = hosting.new_config(aws, Tags=tags), aws.client("sagemaker")
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=name)["EndpointConfigArn"]
    with aws.refused("ValidationException"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "one-more", "Value": ""}])
    assert len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 50


@behaviour("sagemaker", "ListTags", "Tags of a resource that does not exist are not listed", API + "API_ListTags.html")
def test_tags_of_nothing(aws: Account) -> None:
    arn = f"arn:aws:sagemaker:{aws.region}:{aws.account}:model/{aws.name()}"
    with aws.refused("ValidationException"):
        aws.client("sagemaker").list_tags(ResourceArn=arn)
