"""What a build of CodeBuild finds in its environment, on the local cloud and on AWS."""

import pytest

from contract.errors import TargetError
from helpers.inference import connection
from tests.helpers.inference.conftest import AWS_SETTINGS, ENVIRONMENT, LOCAL_SETTINGS


@pytest.fixture
def inside(nobody):
    """The environment that CodeBuild on the local cloud starts a command with."""
    nobody.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in ENVIRONMENT.items():
        nobody.setenv(name, value)
    return nobody


def test_inside_a_build_of_the_local_cloud_the_environment_leads_there(local, inside):
    inside.setenv("AWS_REGION", "eu-central-1")
    inside.setenv("AWS_PROFILE", "not-there")
    found = connection.connect_inside(LOCAL_SETTINGS)
    s3 = found.client("s3")
    assert (s3.meta.endpoint_url, s3.meta.region_name) == ("http://127.0.0.1:4566", "eu-central-1")
    assert s3._request_signer._credentials.access_key == "AKIALOCAL"
    assert found.settings.workshop.region == "eu-central-1"
    assert found.child_environment()["AWS_ENDPOINT_URL"] == ENVIRONMENT["AWS_ENDPOINT_URL"]
    assert local.started == []


def test_inside_a_build_on_aws_the_region_is_where_it_runs(inside):
    inside.delenv("AWS_ENDPOINT_URL")
    inside.setenv("AWS_REGION", "us-west-2")
    found = connection.connect_inside(AWS_SETTINGS)
    assert found.client("s3").meta.region_name == "us-west-2"
    assert found.settings.workshop.region == "us-west-2"
    assert repr(found) == "<Connection to AWS in us-west-2>"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", None, "AWS_ENDPOINT_URL is not set: run this inside a build"),
        ("AWS_ENDPOINT_URL", "https://s3.amazonaws.com", "https://s3.amazonaws.com, which is not this machine"),
        ("AWS_SECRET_ACCESS_KEY", None, "AWS_SECRET_ACCESS_KEY must be set"),
    ],
)
def test_an_environment_that_leads_nowhere(inside, variable, value, said):
    inside.delenv(variable) if value is None else inside.setenv(variable, value)
    with pytest.raises(TargetError, match=said):
        connection.connect_inside(LOCAL_SETTINGS)
