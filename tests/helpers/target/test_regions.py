"""Which services a region has: AWS's answer counts, and botocore's list where AWS gives none."""

import types

import pytest
from botocore.exceptions import EndpointConnectionError

from contract.errors import DeploymentError
from contract.settings import Pipeline, Settings, Workshop
from helpers.delivery import deployment, first_day
from helpers.target import regions
from tests.helpers.conftest import refusal


class Ssm:
    """Public parameters: service to the regions that have it."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def get_paginator(self, operation):
        assert operation == "get_parameters_by_path"
        return types.SimpleNamespace(paginate=self.paginate)

    def paginate(self, Path):
        self.asked.append(Path)
        if isinstance(self.answers, Exception):
            raise self.answers
        service = Path.split("/")[-2]
        found = self.answers.get(service, ())
        yield {"Parameters": [{"Value": region} for region in found[:1]]}
        yield {"Parameters": [{"Value": region} for region in found[1:]]}


def no_such_type(**arguments):
    raise refusal("TypeNotFoundException")


def connected(region, ssm=None, target="aws", described=no_such_type, **pipeline):
    """A connection that offers the public parameters and nothing else; whatever else is asked fails."""
    asked = []

    def client(service, region=""):
        assert service in ("ssm", "cloudformation"), f"{service} was asked"
        if service == "cloudformation":
            return types.SimpleNamespace(describe_type=described)
        asked.append(region)
        return ssm

    settings = Settings(workshop=Workshop(target=target, region=region), pipeline=Pipeline(**pipeline))
    return types.SimpleNamespace(settings=settings, client=client, asked=asked)


@pytest.mark.parametrize("region", ["ca-west-1", "mx-central-1"])
@pytest.mark.parametrize("answers", [{}, refusal("AccessDeniedException"), EndpointConnectionError(endpoint_url="x")])
def test_without_an_answer_botocore_knows_that_these_have_no_pipeline(region, answers):
    connection = connected(region, Ssm(answers))
    found = regions.lacking(connection, regions.pipeline_services(connection.settings))
    assert found.services == ("CodeBuild", "CodePipeline", "CodeCommit")
    assert str(found) == f"{region} has no CodeBuild, CodePipeline and CodeCommit, says boto3's list of endpoints"
    assert not regions.lacking(connection, regions.DEPLOYMENT), "and everything that deploy() needs"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-2", "sa-east-1"])
def test_usual_regions_lack_nothing(region):
    connection = connected(region, Ssm({}))
    assert not regions.lacking(connection, {**regions.DEPLOYMENT, **regions.pipeline_services(connection.settings)})


def test_aws_is_believed_before_botocore():
    """A service that has come to a region since this botocore was released, and one that has left."""
    connection = connected("ca-west-1", Ssm({"codebuild": ["us-east-1", "ca-west-1"], "lambda": ["us-east-1"]}))
    needed = {"codebuild": "CodeBuild", "lambda": "Lambda"}
    assert str(regions.lacking(connection, needed)) == (
        "ca-west-1 has no Lambda, says AWS's list of services by region"
    )


def test_a_region_that_does_not_answer_is_asked_about_elsewhere():
    for region, asked in (("ca-west-1", "us-east-1"), ("eu-west-1", "")):
        connection = connected(region, Ssm({}))
        regions.lacking(connection, {"codebuild": "CodeBuild"})
        assert connection.asked == [asked]


def test_a_service_that_cloudformation_does_not_make_there_is_lacking():
    """CodeCommit is in Cape Town; its repositories are not among CloudFormation's types there."""
    needed = regions.SOURCES["codecommit"]
    assert str(regions.lacking(connected("af-south-1", Ssm({})), needed)) == (
        "af-south-1 has no CodeCommit, says CloudFormation"
    )
    since = connected("af-south-1", Ssm({}), described=lambda **arguments: {"Arn": "x"})
    assert not regions.lacking(since, needed), "the gap has closed"


def test_the_local_cloud_is_not_asked():
    assert not regions.lacking(connected("ca-west-1", target="local"), regions.DEPLOYMENT)


def test_a_connection_needs_codeconnections_and_not_codecommit():
    arn = "arn:aws:codeconnections:eu-south-2:111122223333:connection/0123"
    connection = connected("eu-south-2", Ssm({}), source="connection", connection_arn=arn, repository="a/b")
    assert regions.lacking(connection, regions.pipeline_services(connection.settings)).services == ("CodeConnections",)


def test_the_pipeline_is_refused_before_anything_is_deployed():
    with pytest.raises(DeploymentError, match=r"ca-west-1 has no CodeBuild, .* Nothing was deployed\.") as caught:
        deployment.deploy_pipeline(connected("ca-west-1", Ssm({})), print)
    assert "helpers.delivery.deploy(connection)" in str(caught.value)


def test_deploy_goes_on_where_only_the_pipeline_lacks_services():
    first_day.check_region(connected("ca-west-1", Ssm({})))
    with pytest.raises(DeploymentError, match="eu-west-1 has no SageMaker"):
        first_day.check_region(connected("eu-west-1", Ssm({"sagemaker": ["us-east-1"]})))


def test_codecommits_refusal_of_new_customers_is_explained():
    said = (
        "cdk deploy x ended with exit status 1:\nCREATE_FAILED | AWS::CodeCommit::Repository | CreateRepository "
        "request is not allowed because there is no existing repository in this AWS account or AWS Organization "
        "(Service: AWSCodeCommit; Status Code: 400; Error Code: OperationNotAllowedException)"
    )
    two_ways = pytest.raises(DeploymentError, match=r"AWS Support .* source = \"connection\"")
    with two_ways as caught, first_day.refusals_explained():
        raise DeploymentError(said)
    assert str(caught.value).startswith(said)
    with pytest.raises(DeploymentError, match=r"^anything else$"), first_day.refusals_explained():
        raise DeploymentError("anything else")


def test_every_service_is_one_that_botocore_knows():
    """Else a misspelt name would be taken for one that is everywhere."""
    everything = {**regions.DEPLOYMENT, **regions.BUILDS}
    for source in regions.SOURCES.values():
        everything |= source
    assert all(regions._listed_by_botocore(service, "aws") for service in everything)
