"""The asynchronous endpoint, its model, and what the deployment decides."""

import json
import re

import pytest

from contract import container
from contract.names import LONGEST_INSTANCE_TYPE, MAX_RESPONSE_BYTES, STACK_LETTERS_KEPT, endpoint_prefix
from tests.infra.conftest import PARAMETERS, VARIANTS


def config(template):
    return template.one("AWS::SageMaker::EndpointConfig")


def model_data(template):
    return template.one("AWS::SageMaker::Model")["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]


def test_answers_failures_and_notifications_have_their_place(app):
    output = config(app)["AsyncInferenceConfig"]["OutputConfig"]
    (bucket,) = app.resources("AWS::S3::Bucket")
    assert output["S3OutputPath"] == f"s3://<{bucket}>/output"
    assert output["S3FailurePath"] == f"s3://<{bucket}>/failures"
    topics = output["NotificationConfig"]
    known = {f"<{name}>" for name in app.resources("AWS::SNS::Topic")}
    assert {topics["SuccessTopic"], topics["ErrorTopic"]} == known
    assert len(known) == 2


def test_the_variant_follows_the_settings(load):
    template = load("everything")
    (variant,) = config(template)["ProductionVariants"]
    (model,) = template.resources("AWS::SageMaker::Model")
    assert variant["VariantName"] == "AllTraffic"
    assert variant["ModelName"] == f"<{model}.ModelName>"
    assert variant["InitialInstanceCount"] == 2
    client = config(template)["AsyncInferenceConfig"]["ClientConfig"]
    assert client["MaxConcurrentInvocationsPerInstance"] == 3


def test_the_endpoint_follows_its_configuration(app):
    (name,) = app.resources("AWS::SageMaker::EndpointConfig")
    assert app.one("AWS::SageMaker::Endpoint")["EndpointConfigName"] == f"<{name}.EndpointConfigName>"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::SageMaker::Model", "ModelName"),
        ("AWS::SageMaker::EndpointConfig", "EndpointConfigName"),
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::SNS::Topic", "TopicName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::CloudWatch::Alarm", "AlarmName"),
        ("AWS::CloudWatch::Dashboard", "DashboardName"),
    ],
)
def test_cloudformation_chooses_the_names(app, kind, name):
    assert app.properties(kind)
    assert not [entry for entry in app.properties(kind) if name in entry]


def test_a_licence_is_accepted_only_when_the_deployment_says_so(load):
    """SageMaker API Reference, ModelAccessConfig: gated models are not deployed without AcceptEula."""
    assert "ModelAccessConfig" not in model_data(load())
    assert model_data(load(AcceptEula="true"))["ModelAccessConfig"] == {"AcceptEula": True}


def test_a_tarball_is_unpacked(load):
    assert model_data(load(ModelKey="a/model.tar.gz")) == {
        "S3Uri": "s3://models/a/model.tar.gz",
        "S3DataType": "S3Object",
        "CompressionType": "Gzip",
    }


def test_a_prefix_is_taken_as_it_is(load):
    assert model_data(load(ModelKey="a/model/", ModelDataType="S3Prefix")) == {
        "S3Uri": "s3://models/a/model/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }


def test_container_and_instance_are_parameters(load):
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.33.0"
    template = load(ImageUri=image, InstanceType="ml.g5.xlarge")
    assert template.one("AWS::SageMaker::Model")["PrimaryContainer"]["Image"] == image
    (variant,) = config(template)["ProductionVariants"]
    assert variant["InstanceType"] == "ml.g5.xlarge"


def test_another_instance_type_is_another_endpoint_and_another_model_is_not(load):
    """UpdateEndpoint refuses another type while the variant is a scalable target, so CloudFormation must replace it."""

    def named(**parameters):
        return load(**parameters).one("AWS::SageMaker::Endpoint")["EndpointName"]

    assert named() == named(ModelKey="another/model.tar.gz", ImageUri=PARAMETERS["ImageUri"] + "-2", ModelId="other")
    assert named() == "genai-async-app-ml-m5-large"
    assert named(InstanceType="ml.g5.xlarge") == "genai-async-app-ml-g5-xlarge"


@pytest.mark.parametrize("instance_type", ["ml.p6e-gb200.36xlarge", "ml." + "a" * 13 + "." + "1" * 13])
def test_the_longest_name_of_an_endpoint_fits(load, instance_type):
    template = load("longest", InstanceType=instance_type)
    assert len(instance_type) <= template.body["Parameters"]["InstanceType"]["MaxLength"] == LONGEST_INSTANCE_TYPE
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
    name = template.one("AWS::SageMaker::Endpoint")["EndpointName"]
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert name.startswith(endpoint_prefix(VARIANTS["longest"].application_stack))


def test_the_longest_workshops_bucket_is_named_in_full(load):
    """S3 takes 63 letters; CloudFormation adds two hyphens and twelve letters to stack and logical id."""
    (bucket,) = load("longest").resources("AWS::S3::Bucket")
    assert len(f"{VARIANTS['longest'].application_stack}-{bucket}-0123456789ab") <= 63
    assert len(VARIANTS["longest"].application_stack) <= STACK_LETTERS_KEPT


def test_everything_that_is_made_for_an_endpoint_follows_it(app):
    """What refers to the endpoint by its attribute is replaced or updated with it."""
    (endpoint,) = app.resources("AWS::SageMaker::Endpoint")
    name = f"<{endpoint}.EndpointName>"
    assert name in app.one("AWS::ApplicationAutoScaling::ScalableTarget")["ResourceId"]
    assert app.value(app.body["Outputs"]["EndpointName"]["Value"]) == name
    assert app.one("AWS::SSM::Parameter", Name="/genai-async/endpoint-name")["Value"] == name
    assert "genai-async-app-ml-" not in json.dumps(
        [entry for entry in app.body["Resources"].values() if entry["Type"] != "AWS::SageMaker::Endpoint"]
    )


def test_a_model_is_isolated_unless_it_needs_the_network(load):
    assert load().one("AWS::SageMaker::Model")["EnableNetworkIsolation"] is True
    assert load(NetworkIsolation="false").one("AWS::SageMaker::Model")["EnableNetworkIsolation"] is False


def test_a_models_own_variables_arrive_and_unknown_ones_are_not_set(load):
    given = container.parameters(
        {"MODEL_CACHE_ROOT": "/opt/ml/cache", "SAGEMAKER_MODEL_SERVER_WORKERS": "2", "HF_TASK": "a"}
    )
    environment = load(**given).one("AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    assert environment["MODEL_CACHE_ROOT"] == "/opt/ml/cache"
    assert environment["HF_TASK"] == "a"
    assert environment["SAGEMAKER_MODEL_SERVER_WORKERS"] == "2"
    assert environment["SAGEMAKER_REGION"] == "us-east-1"
    assert "HF_MODEL_ID" not in environment


def test_every_variable_that_packaging_passes_is_a_parameter(app):
    assert set(container.parameters({})) < set(app.body["Parameters"])
    defaults = {name: app.body["Parameters"][name]["Default"] for name in container.parameters({})}
    assert defaults == container.parameters({})


def test_the_container_may_take_its_time_and_answer_with_large_pictures(app):
    environment = app.one("AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
    # One 1024x1024 picture as RGB JSON has 16.5 MB.
    for server in (
        "MMS",
        "TS",
    ):  # TorchServe ends a worker after two minutes otherwise; two pictures as input are 11 MB
        assert environment[f"{server}_MAX_RESPONSE_SIZE"] == environment[f"{server}_MAX_REQUEST_SIZE"]
        assert environment[f"{server}_MAX_RESPONSE_SIZE"] == str(MAX_RESPONSE_BYTES)
        assert environment[f"{server}_DEFAULT_RESPONSE_TIMEOUT"] == "3600"


def test_defaults_come_from_the_settings_and_the_model_has_none(app):
    defaults = {name: entry.get("Default") for name, entry in app.body["Parameters"].items()}
    assert defaults["ModelDataType"] == "S3Object"
    assert defaults["InstanceType"] == "ml.m5.large"
    assert defaults["ModelId"] == "model-txt2img-smallworld"
    assert defaults["ModelBucket"] is defaults["ModelKey"] is defaults["ImageUri"] is None


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("ModelKey", ["m/1/model.tar.gz", "m/1/", "model-txt2img_x=1/model.tar.gz"], ["", "m/1", "m.zip", "/m.tar.gz"]),
        ("ModelBucket", ["genai-async-models-bucket1"], ["", "s3://bucket", "Bucket"]),
        (
            "ImageUri",
            [
                "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:1.10.2-gpu-py38-cu113",
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/model@sha256:0a1b",
            ],
            ["python:3.12", "763104351884.dkr.ecr.us-east-1.amazonaws.com/no-tag", "docker.io/library/python:3.12"],
        ),
        ("InstanceType", ["ml.m5.large", "ml.g5.12xlarge", "ml.p4d.24xlarge"], ["m5.large", "ml.m5"]),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_is_made(app, parameter, good, bad):
    definition = app.body["Parameters"][parameter]
    for value in good:
        assert re.fullmatch(definition["AllowedPattern"], value), value
    for value in bad:
        assert not re.fullmatch(definition["AllowedPattern"], value), value
    assert definition["ConstraintDescription"]


def test_the_data_type_names_its_two_values(app):
    assert app.body["Parameters"]["ModelDataType"]["AllowedValues"] == ["S3Object", "S3Prefix"]


def test_the_model_waits_for_its_permissions(app):
    (model,) = app.resources("AWS::SageMaker::Model").values()
    role = model["Properties"]["ExecutionRoleArn"].replace(".Arn>", ">")
    policies = [
        name for name, entry in app.resources("AWS::IAM::Policy").items() if role in entry["Properties"]["Roles"]
    ]
    assert set(policies) <= set(model["DependsOn"])


def test_vpc_holds_model_and_functions(load):
    template = load("vpc")
    subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    expected = {"SecurityGroupIds": ["sg-0123456789abcdef0"]}
    assert template.one("AWS::SageMaker::Model")["VpcConfig"] == {**expected, "Subnets": subnets}
    for package in ("save_status", "extract_images"):
        assert template.function(package)["VpcConfig"] == {**expected, "SubnetIds": subnets}


def test_without_vpc_nothing_mentions_one(app):
    assert "VpcConfig" not in app.one("AWS::SageMaker::Model")
    assert "VpcConfig" not in app.function("save_status")
