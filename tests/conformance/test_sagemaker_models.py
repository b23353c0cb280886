"""Amazon SageMaker: models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import MISSING, Hosting, trust

API = "sagemaker/latest/APIReference/"
CREATE = API + "API_CreateModel.html"


@behaviour("sagemaker", "CreateModel", "CreateModel answers with an ARN that has the name in lower case", CREATE)
@behaviour("sagemaker", "DescribeModel", "DescribeModel gives the name and the container as they were written", CREATE)
def test_a_model_is_described_as_it_was_made(aws: Account, hosting: Hosting) -> None:
    name = aws.name("Model")
    arn = aws.client("sagemaker").create_model(**hosting.a_model(name, Environment={"A": "1"}))["ModelArn"]
    aws.later(aws.client("sagemaker").delete_model, ModelName=name)
    assert arn == f"arn:aws:sagemaker:{aws.region}:{aws.account}:model/{name.lower()}"
    found = aws.client("sagemaker").describe_model(ModelName=name)
    assert (found["ModelName"], found["ModelArn"], found["ExecutionRoleArn"]) == (name, arn, hosting.role)
    assert found["PrimaryContainer"]["Environment"] == {"A": "1"}
    assert found["PrimaryContainer"]["ModelDataUrl"] == hosting.archive


@behaviour("sagemaker", "CreateModel", "A model's name is taken once", CREATE)
def test_a_name_is_taken(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "Cannot create already existing model", f"model/{hosting.model.lower()}"):
        aws.client("sagemaker").create_model(**hosting.a_model(hosting.model))


@behaviour("sagemaker", "CreateModel", "Names of models differ by more than the case of their letters", CREATE, "ours")
def test_a_name_is_taken_in_any_case(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "Cannot create already existing model"):
        aws.client("sagemaker").create_model(**hosting.a_model(hosting.model.upper()))


@behaviour("sagemaker", "DescribeModel", "A model is found whatever the case of its name", CREATE, "ours")
def test_a_model_is_found_in_any_case(aws: Account, hosting: Hosting) -> None:
    assert aws.client("sagemaker").describe_model(ModelName=hosting.model.upper())["ModelName"] == hosting.model


@behaviour(
    "sagemaker",
    ("DescribeModel", "DeleteModel"),
    "A model that does not exist is neither described nor deleted",
    API + "API_DescribeModel.html",
)
def test_a_model_that_is_not_there(aws: Account) -> None:
    for call in (aws.client("sagemaker").describe_model, aws.client("sagemaker").delete_model):
        name = aws.name()
        with aws.refused("ValidationException", f'Could not find model "arn:aws:sagemaker:{aws.region}', f"{name}"):
            call(ModelName=name)


@behaviour("sagemaker", "CreateModel", "CreateModel refuses a role that does not exist", CREATE)
def test_a_role_that_is_not_there(aws: Account, hosting: Hosting) -> None:
    role = MISSING.format(aws.account)
    with aws.refused("ValidationException", f"Could not assume role {role}", "'sagemaker.amazonaws.com'"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ExecutionRoleArn=role))


@behaviour("sagemaker", "CreateModel", "CreateModel refuses a role that does not trust SageMaker", CREATE)
def test_a_role_that_trusts_another_service(aws: Account, hosting: Hosting) -> None:
    role = aws.role("lambda.amazonaws.com")
    with aws.refused("ValidationException", f"Could not assume role {role}"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ExecutionRoleArn=role))


@behaviour("sagemaker", "CreateModel", "CreateModel refuses what is not the ARN of a role", CREATE)
def test_the_form_of_a_role(aws: Account, hosting: Hosting) -> None:
    for wrong in (f"arn:aws:iam::{aws.account}:user/someone", "a-name-without-its-arn"):
        with aws.refused("ValidationException", "executionRoleArn", "regular expression pattern"):
            aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ExecutionRoleArn=wrong))


@behaviour("sagemaker", "CreateModel", "CreateModel refuses model data that is not in S3: {what}", CREATE)
@pytest.mark.parametrize(("what", "key"), [("a missing key", "nothing.tar.gz"), ("a folder", "models")])
def test_model_data_that_is_not_there(aws: Account, hosting: Hosting, what: str, key: str) -> None:
    uri = f"s3://{hosting.bucket}/{key}"
    with aws.refused("ValidationException", f"Could not find model data at {uri}."):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ModelDataUrl=uri))


@behaviour("sagemaker", "CreateModel", "CreateModel refuses a prefix without objects as model data", CREATE)
def test_a_prefix_without_objects(aws: Account, hosting: Hosting) -> None:
    uri = f"s3://{hosting.bucket}/nothing-below/"
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    model = hosting.a_model(aws.name(), ModelDataUrl=None, ModelDataSource={"S3DataSource": source})
    with aws.refused("ValidationException", f"Could not find model data at {uri}."):
        aws.client("sagemaker").create_model(**model)


@behaviour("sagemaker", "CreateModel", "CreateModel refuses model data that the role may not read", CREATE)
def test_model_data_that_the_role_may_not_read(aws: Account, hosting: Hosting) -> None:
    role = aws.role("sagemaker.amazonaws.com", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    with aws.refused("ValidationException", "Could not access model data at", f'"{role}"', '"s3:GetObject"'):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ExecutionRoleArn=role))


@behaviour("sagemaker", "CreateModel", "CreateModel refuses an image that is not in ECR: {image}", CREATE)
@pytest.mark.parametrize("image", ["python:3.12", "public.ecr.aws/docker/library/python:3.12", "image"])
def test_an_image_outside_ecr(aws: Account, hosting: Hosting, image: str) -> None:
    with aws.refused("ValidationException", f'Using non-ECR image "{image}" without Vpc repository access mode'):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), Image=image))


REFUSED: dict[str, dict[str, Any]] = {
    "a VPC": {"VpcConfig": {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678"]}},
    "direct mode of an inference pipeline": {"InferenceExecutionConfig": {"Mode": "Direct"}},
}


@behaviour("sagemaker", "CreateModel", "Refused: a model with {what}", CREATE, "refused")
@pytest.mark.parametrize("what", REFUSED)
def test_models_that_are_not_offered(aws: Account, hosting: Hosting, what: str) -> None:
    with aws.refused("ValidationException", "The local cloud does not offer"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name()), **REFUSED[what])


@behaviour(
    "sagemaker", "CreateModel", "Refused: images that serve by other means than code/inference.py", CREATE, "refused"
)
def test_images_that_are_not_offered(aws: Account, hosting: Hosting) -> None:
    for image in (hosting.image.replace("pytorch", "djl"), f"{aws.account}.dkr.ecr.us-east-1.amazonaws.com/mine:1"):
        with aws.refused("ValidationException", "The local cloud does not offer the image"):
            aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), Image=image))


@behaviour("sagemaker", "CreateModel", "Refused: multi-model containers and inference pipelines", CREATE, "refused")
def test_containers_that_are_not_offered(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "The local cloud does not offer multi-model containers"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), Mode="MultiModel"))
    model = hosting.a_model(aws.name())
    model["Containers"] = [model.pop("PrimaryContainer")] * 2
    with aws.refused("ValidationException", "The local cloud does not offer inference pipelines"):
        aws.client("sagemaker").create_model(**model)


@behaviour("sagemaker", "CreateModel", "A container has one source of model data, not two", CREATE)
def test_two_sources_of_model_data(aws: Account, hosting: Hosting) -> None:
    source = {"S3Uri": hosting.archive, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    with aws.refused("ValidationException"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), ModelDataSource={"S3DataSource": source}))


@behaviour("sagemaker", "CreateModel", "An environment variable's name has letters, digits and underscores", CREATE)
def test_names_of_environment_variables(aws: Account, hosting: Hosting) -> None:
    with aws.refused("ValidationException", "environment"):
        aws.client("sagemaker").create_model(**hosting.a_model(aws.name(), Environment={"a-b": "1"}))


@behaviour("sagemaker", "CreateModel", "A model's name {what} is refused", CREATE)
@pytest.mark.parametrize(("what", "name"), [("of 64 letters", "a" * 64), ("with an underscore", "a_b")])
def test_names_of_models(aws: Account, hosting: Hosting, what: str, name: str) -> None:
    with aws.refused("ValidationException", "1 validation error detected", "modelName"):
        aws.client("sagemaker").create_model(**hosting.a_model(name))


@behaviour(
    "sagemaker", "ListModels", "ListModels filters by a part of the name, sorts and pages", API + "API_ListModels.html"
)
def test_models_are_listed(aws: Account, hosting: Hosting) -> None:
    prefix = aws.name("list")
    names = [f"{prefix}-{letter}" for letter in "cab"]
    for name in names:
        aws.client("sagemaker").create_model(**hosting.a_model(name))
        aws.later(aws.client("sagemaker").delete_model, ModelName=name)
    wanted = {"NameContains": prefix, "SortBy": "Name", "SortOrder": "Ascending"}
    first = aws.client("sagemaker").list_models(**wanted, MaxResults=2)
    second = aws.client("sagemaker").list_models(**wanted, MaxResults=2, NextToken=first["NextToken"])
    rows = [*first["Models"], *second["Models"]]
    assert [row["ModelName"] for row in rows] == sorted(names)
    assert "NextToken" not in second


@behaviour("sagemaker", "ListModels", "MaxResults must be 1 to 100: {number} is refused", API + "API_ListModels.html")
@pytest.mark.parametrize("number", [0, 101])
def test_the_size_of_a_page(aws: Account, hosting: Hosting, number: int) -> None:
    with aws.refused("ValidationException", "maxResults"):
        hosting.unchecked("sagemaker").list_models(MaxResults=number)


@behaviour("sagemaker", ("DeleteModel", "DescribeModel"), "A deleted model is gone", API + "API_DeleteModel.html")
def test_deleting_a_model(aws: Account, hosting: Hosting) -> None:
    name = aws.name("model")
    aws.client("sagemaker").create_model(**hosting.a_model(name))
    aws.client("sagemaker").delete_model(ModelName=name)
    with aws.refused("ValidationException", "Could not find model"):
        aws.client("sagemaker").describe_model(ModelName=name)


@behaviour("sagemaker", "CreateModel", "A role with a path is found by its whole ARN", CREATE)
def test_a_role_with_a_path(aws: Account, hosting: Hosting) -> None:
    iam, name = aws.client("iam"), aws.name("role")
    role = iam.create_role(
        RoleName=name, Path="/service-role/", AssumeRolePolicyDocument=trust("sagemaker.amazonaws.com")
    )["Role"]["Arn"]
    aws.later(iam.delete_role, RoleName=name)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="s3", PolicyDocument=document)
    aws.later(iam.delete_role_policy, RoleName=name, PolicyName="s3")
    model = hosting.new_model(aws, ExecutionRoleArn=role)
    assert aws.client("sagemaker").describe_model(ModelName=model)["ExecutionRoleArn"] == role
