"""Amazon SageMaker: endpoints, and their life from Creating to Deleting."""

from __future__ import annotations

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import VARIANT, Hosting, archive

API = "sagemaker/latest/APIReference/"
CREATE = API + "API_CreateEndpoint.html"
DESCRIBE = API + "API_DescribeEndpoint.html"


@behaviour("sagemaker", "DescribeEndpoint", "An endpoint tells its state, variant, image and counts", DESCRIBE)
def test_an_endpoint_is_described(aws: Account, hosting: Hosting) -> None:
    found = aws.client("sagemaker").describe_endpoint(EndpointName=hosting.endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", hosting.config)
    assert found["EndpointArn"].endswith(f":endpoint/{hosting.endpoint.lower()}")
    (variant,) = found["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (VARIANT, 1, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == hosting.image
    assert (variant["CurrentWeight"], variant["DesiredWeight"]) == (1.0, 1.0)
    assert "AsyncInferenceConfig" in found


@behaviour("sagemaker", "CreateEndpoint", "An endpoint's name is not case-sensitive when it is created", CREATE)
def test_a_name_is_taken_in_any_case(aws: Account, hosting: Hosting) -> None:
    for name in (hosting.endpoint, hosting.endpoint.lower(), hosting.endpoint.upper()):
        with aws.refused("ValidationException", "Cannot create already existing endpoint"):
            aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=hosting.config)


@behaviour("sagemaker", "DescribeEndpoint", "An endpoint keeps the case of its name and is found in any", CREATE)
def test_an_endpoint_is_found_in_any_case(aws: Account, hosting: Hosting) -> None:
    found = aws.client("sagemaker").describe_endpoint(EndpointName=hosting.endpoint.upper())
    assert found["EndpointName"] == hosting.endpoint


@behaviour("sagemaker", "CreateEndpoint", "The configuration must exist", CREATE)
def test_the_configuration_must_be_there(aws: Account) -> None:
    with aws.refused("ValidationException", "Could not find endpoint configuration"):
        aws.client("sagemaker").create_endpoint(EndpointName=aws.name(), EndpointConfigName=aws.name())


@behaviour(
    "sagemaker",
    ("DescribeEndpoint", "DeleteEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    "An endpoint that does not exist cannot be described, deleted, updated or scaled",
    DESCRIBE,
)
def test_an_endpoint_that_is_not_there(aws: Account, hosting: Hosting) -> None:
    sagemaker, name = aws.client("sagemaker"), aws.name()
    counts = [{"VariantName": VARIANT, "DesiredInstanceCount": 1}]
    for call, more in (
        (sagemaker.describe_endpoint, {}),
        (sagemaker.delete_endpoint, {}),
        (sagemaker.update_endpoint, {"EndpointConfigName": hosting.config}),
        (sagemaker.update_endpoint_weights_and_capacities, {"DesiredWeightsAndCapacities": counts}),
    ):
        with aws.refused("ValidationException", f'Could not find endpoint "arn:aws:sagemaker:{aws.region}'):
            call(EndpointName=name, **more)


@behaviour("sagemaker", "CreateEndpoint", "An endpoint's name {what} is refused", CREATE)
@pytest.mark.parametrize(("what", "name"), [("of 64 letters", "a" * 64), ("that ends with a hyphen", "a-")])
def test_names(aws: Account, hosting: Hosting, what: str, name: str) -> None:
    with aws.refused("ValidationException", "endpointName"):
        aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=hosting.config)


@behaviour(
    "sagemaker", ("CreateEndpoint", "UpdateEndpoint"), "A new endpoint is Creating, and not to be updated", CREATE
)
def test_an_endpoint_that_is_being_created(aws: Account, hosting: Hosting) -> None:
    sagemaker, name = aws.client("sagemaker"), aws.name("endpoint")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=hosting.config)
    aws.later(sagemaker.delete_endpoint, EndpointName=name)
    assert hosting.describe(name)["EndpointStatus"] == "Creating"
    with aws.refused("ValidationException", "Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config)


@behaviour("sagemaker", "CreateEndpoint", "A model that cannot load fails the endpoint with a reason", DESCRIBE)
@behaviour("sagemaker", "UpdateEndpoint", "Of a failed endpoint nothing is left but to delete it", DESCRIBE)
def test_an_endpoint_that_fails(aws: Account, hosting: Hosting) -> None:
    data = hosting.put("models/broken.tar.gz", archive("raise OSError('no weights')"))
    config = hosting.new_config(aws, model=hosting.new_model(aws, ModelDataUrl=data))
    sagemaker, name = aws.client("sagemaker"), aws.name("endpoint")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    aws.later(sagemaker.delete_endpoint, EndpointName=name)
    found = hosting.settled(name)
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check. Please check CloudWatch logs" in found["FailureReason"]
    with aws.refused("ValidationException"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config)


@behaviour("sagemaker", "CreateEndpoint", "Model data that has gone since fails the endpoint with a reason", DESCRIBE)
def test_model_data_that_has_gone(aws: Account, hosting: Hosting) -> None:
    data = hosting.put("models/short-lived.tar.gz", archive())
    config = hosting.new_config(aws, model=hosting.new_model(aws, ModelDataUrl=data))
    aws.client("s3").delete_object(Bucket=hosting.bucket, Key="models/short-lived.tar.gz")
    name = aws.name("endpoint")
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    aws.later(aws.client("sagemaker").delete_endpoint, EndpointName=name)
    reason = hosting.settled(name)["FailureReason"]
    assert reason.startswith(f'Failed to download model data for container "container_1" from URL: "{data}".')


@behaviour(
    "sagemaker",
    "ListEndpoints",
    "Endpoints are listed by a part of their name and by state",
    API + "API_ListEndpoints.html",
)
def test_endpoints_are_listed(aws: Account, hosting: Hosting) -> None:
    _, sagemaker = hosting.endpoint, aws.client("sagemaker")
    rows = sagemaker.list_endpoints(NameContains=hosting.unique, StatusEquals="InService")["Endpoints"]
    assert [(row["EndpointName"], row["EndpointStatus"]) for row in rows] == [(hosting.endpoint, "InService")]
    assert sagemaker.list_endpoints(NameContains=hosting.unique, StatusEquals="Failed")["Endpoints"] == []


@behaviour(
    "sagemaker",
    "UpdateEndpointWeightsAndCapacities",
    "A variant that the endpoint does not have cannot be scaled",
    API + "API_UpdateEndpointWeightsAndCapacities.html",
)
def test_a_variant_that_is_not_there(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", 'The variant name(s) "Other" is/are not present within endpoint'):
        aws.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=hosting.endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": "Other", "DesiredInstanceCount": 1}],
        )


@behaviour(
    "sagemaker",
    "UpdateEndpointWeightsAndCapacities",
    "More instances than the account's quota are refused",
    "sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html",
)
def test_the_quota(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ResourceLimitExceeded", "The account-level service limit 'ml.m5.large for endpoint usage' is"):
        aws.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=hosting.endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 100_000}],
        )
    assert hosting.describe(hosting.endpoint)["EndpointStatus"] == "InService"


@behaviour(
    "sagemaker",
    "DeleteEndpoint",
    "A deleted endpoint is Deleting, then gone, and its name is free",
    API + "API_DeleteEndpoint.html",
)
@behaviour(
    "sagemaker",
    "DeleteModel",
    "An endpoint starts although its model was deleted meanwhile",
    API + "API_DeleteModel.html",
)
def test_deleting_an_endpoint(aws: Account, hosting: Hosting) -> None:
    sagemaker, name, model = aws.client("sagemaker"), aws.name("endpoint"), hosting.new_model(aws)
    config = hosting.new_config(aws, model=model)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    sagemaker.delete_model(ModelName=model)
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName=name.upper())
    hosting.gone(name)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=hosting.config)
    sagemaker.delete_endpoint(EndpointName=name)
    hosting.gone(name)
