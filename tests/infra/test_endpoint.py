"""The asynchronous endpoint, its model, and what the deployment decides."""

import re

import pytest


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
        ("AWS::SageMaker::Endpoint", "EndpointName"),
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


def test_the_container_may_take_its_time_and_answer_with_large_pictures(app):
    environment = app.one("AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
    # One 1024x1024 picture as RGB JSON has 16.5 MB.
    for server in (
        "MMS",
        "TS",
    ):  # TorchServe ends a worker after two minutes otherwise; two pictures as input are 11 MB
        assert environment[f"{server}_MAX_RESPONSE_SIZE"] == environment[f"{server}_MAX_REQUEST_SIZE"] == "20000000"
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
