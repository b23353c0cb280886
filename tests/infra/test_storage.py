"""What is stored, how it is encrypted, when it goes, and under which names the rest is found."""

import re

import pytest

from contract.settings import Safety, Settings, Workshop


def bucket(template):
    (entry,) = template.resources("AWS::S3::Bucket").values()
    return entry


def rules(template):
    return bucket(template)["Properties"]["LifecycleConfiguration"]["Rules"]


def algorithm(template):
    (rule,) = bucket(template)["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"], rule.get("BucketKeyEnabled")


@pytest.mark.parametrize(("variant", "stack"), [("default", "app"), ("default", "models"), ("keep", "models")])
def test_a_stack_that_deletes_whole_empties_its_bucket(load, variant, stack):
    template = load(variant, stack)
    assert bucket(template)["DeletionPolicy"] == bucket(template)["UpdateReplacePolicy"] == "Delete"
    (name,) = template.resources("AWS::S3::Bucket")
    assert template.one("Custom::S3AutoDeleteObjects")["BucketName"] == f"<{name}>"


@pytest.mark.parametrize("variant", ["keep", "everything"])
def test_a_kept_bucket_outlives_its_stack(load, variant):
    template = load(variant)
    assert bucket(template)["DeletionPolicy"] == bucket(template)["UpdateReplacePolicy"] == "Retain"
    assert not template.resources("Custom::S3AutoDeleteObjects")


def test_a_kept_bucket_keeps_its_key(load):
    (key,) = load("everything").resources("AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "Retain"
    (key,) = load("kms").resources("AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "Delete"


def test_nothing_else_stays_behind(load, variant):
    template = load(variant)
    kept = {entry["Type"] for entry in template.body["Resources"].values() if entry.get("DeletionPolicy") == "Retain"}
    assert kept <= {"AWS::S3::Bucket", "AWS::KMS::Key"}


@pytest.mark.parametrize(("variant", "days"), [("default", 30), ("everything", 7)])
def test_objects_expire_as_set(load, variant, days):
    assert [rule["ExpirationInDays"] for rule in rules(load(variant)) if "ExpirationInDays" in rule] == [days]


def test_zero_days_means_never(load):
    assert not [rule for rule in rules(load("keep")) if "ExpirationInDays" in rule]


@pytest.mark.parametrize("stack", ["app", "models"])
def test_broken_uploads_do_not_pile_up(load, stack):
    days = [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules(load("keep", stack))]
    assert days == [1]


@pytest.mark.parametrize("stack", ["app", "models"])
def test_buckets_are_private(load, stack):
    properties = bucket(load("default", stack))["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_everything_is_encrypted_without_a_key_of_ours(app):
    assert algorithm(app)[0] == "AES256"
    for topic in app.properties("AWS::SNS::Topic"):
        assert topic["KmsMasterKeyId"] == "arn:aws:kms:us-east-1:111122223333:alias/aws/sns"
    for queue in app.properties("AWS::SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True


def test_with_kms_one_rotating_key_encrypts_bucket_topics_and_queues(load):
    template = load("kms")
    (name,) = template.resources("AWS::KMS::Key")
    key = f"<{name}.Arn>"
    assert template.one("AWS::KMS::Key")["EnableKeyRotation"] is True
    (rule,) = bucket(template)["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert rule["BucketKeyEnabled"] is True
    for entry in [*template.properties("AWS::SNS::Topic"), *template.properties("AWS::SQS::Queue")]:
        assert entry["KmsMasterKeyId"] == key


@pytest.mark.parametrize(("variant", "name"), [("default", "genai-async"), ("everything", "art")])
def test_names_are_mirrored_in_ssm(load, variant, name):
    template = load(variant)
    outputs = {key: template.value(entry["Value"]) for key, entry in template.body["Outputs"].items()}
    parameters = {entry["Name"]: entry["Value"] for entry in template.properties("AWS::SSM::Parameter")}
    assert parameters == {
        f"/{name}/bucket-name": outputs["BucketName"],
        f"/{name}/endpoint-name": outputs["EndpointName"],
        f"/{name}/success-topic-arn": outputs["SuccessTopicArn"],
        f"/{name}/error-topic-arn": outputs["ErrorTopicArn"],
        f"/{name}/model": outputs["ModelId"],
    }


def test_outputs_are_what_they_say(load):
    template = load(ModelId="model-x")
    outputs = {key: template.value(entry["Value"]) for key, entry in template.body["Outputs"].items()}
    topics = template.one("AWS::SageMaker::EndpointConfig")["AsyncInferenceConfig"]["OutputConfig"][
        "NotificationConfig"
    ]
    (requests,), (endpoint,) = template.resources("AWS::S3::Bucket"), template.resources("AWS::SageMaker::Endpoint")
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard")
    assert outputs == {
        "BucketName": f"<{requests}>",
        "EndpointName": f"<{endpoint}.EndpointName>",
        "SuccessTopicArn": topics["SuccessTopic"],
        "ErrorTopicArn": topics["ErrorTopic"],
        "ModelId": "model-x",
        "DashboardName": f"<{dashboard}>",
    }


def test_the_model_store_says_its_name(load):
    template = load("default", "models")
    (name,) = template.resources("AWS::S3::Bucket")
    assert template.value(template.body["Outputs"]["ModelBucketName"]["Value"]) == f"<{name}>"


def test_stacks_are_named_after_the_workshop(synthesise):
    names = {re.sub(r"\.template\.json$", "", path.name) for path in synthesise("everything").glob("*.template.json")}
    assert names == {"art-app", "art-models", "art-pipeline", "art-safety"}


def test_the_target_changes_the_code_of_functions_and_nothing_else(assembly):
    """But for what ``[safety]`` leaves to the target, which is said here."""
    bodies = []
    for target in ("local", "aws"):
        folder = assembly(Settings(workshop=Workshop(target=target), safety=Safety(idle_hours=2)))
        text = (folder / "genai-async-app.template.json").read_text()
        keys = set(re.findall(r"\b[0-9a-f]{64}\.zip", text))
        bodies.append((re.sub(r"\b[0-9a-f]{64}\.zip", "CODE", text), keys))
    (local, local_keys), (aws, aws_keys) = bodies
    assert local == aws
    assert local_keys != aws_keys
