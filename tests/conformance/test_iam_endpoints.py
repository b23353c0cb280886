"""An endpoint acts with its model's execution role: container, model data, requests, answers and notifications."""

from __future__ import annotations

from typing import Any

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.hosting import Hosting, archive
from tests.conformance.identities import allow
from tests.localcloud.conftest import wait_until

ROLES = "sagemaker/latest/dg/sagemaker-roles.html"
ASYNC = "sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html"
WHOAMI = """
import json, os
import boto3


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    return {"arn": arn, "static": "AWS_SECRET_ACCESS_KEY" in os.environ}


def input_fn(body, content_type):
    return json.loads(body)


def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
PULL = ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"]


def endpoint(aws: Account, hosting: Hosting, role: str, **changes: Any) -> str:
    """A new endpoint with a role of its own; its name."""
    model = hosting.new_model(aws, ExecutionRoleArn=role, **changes)
    name = aws.name("endpoint")
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=hosting.new_config(aws, model=model))
    aws.later(aws.client("sagemaker").delete_endpoint, EndpointName=name)
    return name


@behaviour(
    "sagemaker-runtime", "InvokeEndpointAsync", "A container acts with the execution role, and has no keys", ROLES
)
def test_container(aws: Account, hosting: Hosting) -> None:
    url = hosting.put(f"models/{aws.name()}.tar.gz", archive(WHOAMI))
    role = aws.role("sagemaker.amazonaws.com", allow(["s3:*", "ecr:*", "logs:*", "sns:*"]))
    name = endpoint(aws, hosting, role, ModelDataUrl=url)
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    answer = hosting.invoke({}, EndpointName=name, InferenceId=name)
    notice = hosting.notice(name)
    assert notice["invocationStatus"] == "Completed", notice
    who = f"arn:aws:sts::{aws.account}:assumed-role/{role.rpartition('/')[2]}/SageMaker"
    assert hosting.read(answer["OutputLocation"]) == {"arn": who, "static": False}


@behaviour("sagemaker-runtime", "InvokeEndpointAsync", "A request that the execution role may not read fails", ASYNC)
def test_request_is_not_readable(aws: Account, hosting: Hosting) -> None:
    models, failures = f"arn:aws:s3:::{hosting.bucket}/models/*", f"arn:aws:s3:::{hosting.bucket}/failures/*"
    rights = [allow(["ecr:*", "logs:*", "sns:*"]), allow("s3:GetObject", models), allow("s3:PutObject", failures)]
    name = endpoint(aws, hosting, aws.role("sagemaker.amazonaws.com", *rights))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    hosting.invoke({"n": 1}, EndpointName=name, InferenceId=name)
    notice = hosting.notice(name)
    assert notice["invocationStatus"] == "Failed"
    assert "Unable to download the request" in notice["failureReason"]


@behaviour("sagemaker", "CreateEndpoint", "An image that the execution role may not pull fails the endpoint", ROLES)
def test_image(aws: Account, hosting: Hosting) -> None:
    role = aws.role("sagemaker.amazonaws.com", allow(["s3:*", "logs:*", *PULL]))
    name = endpoint(aws, hosting, role)
    found = hosting.settled(name)
    assert found["EndpointStatus"] == "Failed"
    assert f'The role "{role}" does not have BatchGetImage permission for the image' in found["FailureReason"]


@behaviour(
    "sagemaker-runtime", "InvokeEndpointAsync", "Without sns:Publish the answer comes, and no notification", ASYNC
)
def test_no_notification(aws: Account, hosting: Hosting) -> None:
    name = endpoint(aws, hosting, aws.role("sagemaker.amazonaws.com", allow(["s3:*", "ecr:*", "logs:*"])))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    answer = hosting.invoke({"n": 3}, EndpointName=name, InferenceId=name)
    key = answer["OutputLocation"].split("/", 3)[3]
    s3 = aws.client("s3")
    wait_until(lambda: s3.list_objects_v2(Bucket=hosting.bucket, Prefix=key)["KeyCount"], hosting.patience)
    assert hosting.invoke({"n": 4}, InferenceId=f"{name}-after")["InferenceId"] == f"{name}-after"
    assert hosting.notice(f"{name}-after")["invocationStatus"] == "Completed"
    assert all(notice["inferenceId"] != name for notice in hosting._notices)
