"""A space of SageMaker Studio is recognised, and nothing else is taken for one."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from helpers.target import space
from helpers.target.space import Space
from tests.helpers.conftest import refusal

ABOUT = {
    "AppType": "JupyterLab",
    "DomainId": "d-abcdefghijkl",
    "SpaceName": "mine",
    "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:app/d-abcdefghijkl/mine/JupyterLab/default",
}
HERE = Space("d-abcdefghijkl", "mine", "eu-west-1")


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    file = tmp_path / "resource-metadata.json"
    file.write_text(json.dumps(ABOUT))
    return file


def test_a_space_is_found_by_its_variable_or_by_its_metadata(metadata: Path, tmp_path: Path) -> None:
    variables = {"SAGEMAKER_APP_TYPE": "JupyterLab", "AWS_REGION": "us-east-1"}
    assert space.find(variables, metadata) == space.find({}, metadata) == HERE
    assert space.find(variables, tmp_path / "none") == Space(region="us-east-1")


@pytest.mark.parametrize("kind", ["", "CodeEditor", "JupyterServer"])
def test_other_places_are_not(kind: str, metadata: Path, tmp_path: Path) -> None:
    assert space.find({"SAGEMAKER_APP_TYPE": kind}, tmp_path / "none") is None
    if kind:
        assert space.find({"SAGEMAKER_APP_TYPE": kind}, metadata) is None
    metadata.write_text("not JSON")
    assert space.find({}, metadata) is None
    metadata.write_text('["JupyterLab"]')
    assert space.find({}, metadata) is None


class Client:
    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, []

    def describe_space(self, **arguments: str) -> object:
        self.asked.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


HOST = "https://abcdefghijklmno.studio.eu-west-1.sagemaker.aws"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"Url": f"{HOST}/jupyterlab/default"}, HOST),  # its documents do not say whether a path belongs to it
        ({"Url": HOST}, HOST),
        ({"Url": "http://elsewhere"}, None),
        ({}, None),
        (refusal("AccessDeniedException"), None),
        (NoCredentialsError(), None),
        (EndpointConnectionError(endpoint_url="x"), None),
    ],
)
def test_the_address_is_what_aws_tells(answer: object, found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(answer)
    made = []
    monkeypatch.setattr(space.boto3, "client", lambda *names, **options: made.append((names, options)) or client)
    assert space.origin(HERE) == found
    assert client.asked == [{"DomainId": "d-abcdefghijkl", "SpaceName": "mine"}]
    assert made[0][1]["region_name"] == "eu-west-1"
    # A shell that has been pointed at the local cloud must not ask that.
    assert made[0][1]["config"].ignore_configured_endpoint_urls


def test_nobody_is_asked_about_a_space_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space.boto3, "client", lambda *_, **__: pytest.fail("asked"))
    assert space.origin(Space(region="eu-west-1")) is None
