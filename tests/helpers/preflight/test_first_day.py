"""What AWS refuses on the first day is in the preflight, each with what to do about it."""

import datetime as dt
import re
from email.utils import format_datetime

import pytest
from botocore.exceptions import EndpointConnectionError

from helpers.model import jumpstart
from helpers.preflight import first_day_checks
from helpers.preflight.account_checks import Account
from helpers.preflight.checklist import preflight
from tests.helpers.conftest import refusal
from tests.helpers.preflight.accounts import STS, Fake, aws, changed, quotas

LOCAL = Account(changed(), None)


def role(name="cdk-hnb659fds-deploy-role-123456789012-us-east-1"):
    return {"StackResourceDetail": {"PhysicalResourceId": name}}


def by_service(**lists):
    """SSM's public parameters: service to regions."""
    fake = Fake()

    def paginate(Path):
        return [{"Parameters": [{"Value": region} for region in lists.get(Path.split("/")[-2], ())]}]

    fake.get_paginator = lambda operation: type("Pages", (), {"paginate": staticmethod(paginate)})
    return fake


@pytest.mark.parametrize(
    ("region", "lists", "state", "said"),
    [
        ("us-east-1", {}, "ok", "us-east-1 has all 13"),
        ("ca-west-1", {}, "warn", "has no CodeBuild, CodePipeline and CodeCommit"),
        ("us-east-1", {"codebuild": ["eu-west-1"]}, "warn", "has no CodeBuild, says AWS's list"),
        ("us-east-1", {"sagemaker": ["eu-west-1"]}, "fail", "has no SageMaker"),
    ],
)
def test_services_of_a_region(region, lists, state, said):
    account = aws(changed(workshop={"region": region}), ssm=by_service(**lists))
    got, found, fix = first_day_checks.services(account)
    assert (got, said in found) == (state, True), found
    assert bool(fix) == (state != "ok")


def test_where_codecommit_is_lacking_the_git_provider_is_not_asked():
    account = aws(changed(workshop={"region": "ca-west-1"}), ssm=by_service(), codecommit=Fake())
    state, found, fix = account.git_provider()
    assert (state, "ca-west-1 has no CodeCommit" in found) == ("warn", True)
    assert "helpers.delivery.deploy(connection)" in fix


def test_roles_of_the_cdk_that_may_be_assumed():
    sts = Fake(**STS, assume_role={})
    account = aws(sts=sts, cloudformation=Fake(describe_stack_resource=role()))
    assert first_day_checks.roles(account)[0] == "ok"
    asked = [arguments["RoleArn"] for operation, arguments in sts.calls if operation == "assume_role"]
    assert asked == ["arn:aws:iam::123456789012:role/cdk-hnb659fds-deploy-role-123456789012-us-east-1"] * 2


def test_roles_of_the_cdk_that_may_not_be_assumed():
    sts = Fake(**STS, assume_role=refusal("AccessDenied"))
    state, found, fix = first_day_checks.roles(aws(sts=sts, cloudformation=Fake(describe_stack_resource=role())))
    assert state == "warn"
    assert "may not assume arn:aws:iam::123456789012:role/cdk-" in found
    assert "sts:AssumeRole on arn:aws:iam::123456789012:role/cdk-*" in fix


def test_the_root_user_assumes_nothing():
    root = {"get_caller_identity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"}}
    state, found, _ = first_day_checks.roles(aws(sts=Fake(**root), cloudformation=Fake()))
    assert (state, "root user" in found) == ("warn", True)


def test_before_the_bootstrap_there_are_no_roles():
    missing = refusal("ValidationError", "Stack 'CDKToolkit' does not exist")
    fake = Fake(describe_stack_resource=missing, describe_stacks=missing)
    ssm = Fake(get_parameter=refusal("ParameterNotFound"))
    state, found, _ = first_day_checks.roles(aws(cloudformation=fake, ssm=ssm))
    assert (state, "right to create IAM roles" in found) == ("ok", True)


def test_at_an_event_the_roles_are_there_without_the_usual_stack():
    missing = refusal("ValidationError", "Stack 'CDKToolkit' does not exist")
    fake = Fake(describe_stack_resource=missing, describe_stacks=missing)
    sts = Fake(**STS, assume_role={})
    ssm = Fake(get_parameter={"Parameter": {"Value": "33"}})
    assert first_day_checks.roles(aws(sts=sts, cloudformation=fake, ssm=ssm))[0] == "ok"
    asked = [
        arguments["RoleArn"].rpartition("/")[2] for operation, arguments in sts.calls if operation == "assume_role"
    ]
    assert asked == [
        "cdk-hnb659fds-deploy-role-123456789012-us-east-1",
        "cdk-hnb659fds-file-publishing-role-123456789012-us-east-1",
    ]


@pytest.mark.parametrize(("value", "state"), [(0, "warn"), (1, "warn"), (2, "ok"), (60, "ok")])
def test_builds_at_a_time(value, state):
    fake = Fake(list_service_quotas=quotas(**{first_day_checks.BUILDS: value}))
    got, found, fix = first_day_checks.builds(aws(ssm=by_service(), **{"service-quotas": fake}))
    assert got == state
    assert found.startswith(f"{value} builds at a time")
    assert ("L-1" in fix) == (state != "ok")
    assert fake.calls[0][1] == {"ServiceCode": "codebuild"}


def test_builds_in_a_region_without_codebuild():
    account = aws(changed(workshop={"region": "mx-central-1"}), ssm=by_service())
    assert first_day_checks.builds(account)[:2] == ("warn", "mx-central-1 has no CodeBuild")


def told(minutes):
    """What STS answers when this machine's clock is so many minutes ahead."""
    date = format_datetime(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes), usegmt=True)
    return {"HTTPHeaders": {"date": date}}


@pytest.mark.parametrize(
    ("minutes", "state", "said"),
    [(0, "ok", "agrees"), (3, "warn", "3 minutes ahead of"), (-30, "fail", "30 minutes behind")],
)
def test_the_clock_of_this_machine(minutes, state, said):
    answer = {**STS["get_caller_identity"], "ResponseMetadata": told(minutes)}
    got, found, fix = first_day_checks.time_of_day(aws(sts=Fake(get_caller_identity=answer)))
    assert (got, said in found) == (state, True), found
    assert bool(fix) == (state != "ok")


def test_a_refusal_tells_the_time_too():
    error = refusal("SignatureDoesNotMatch", "Signature expired: …")
    error.response["ResponseMetadata"] = told(-20)
    account = aws(sts=Fake(get_caller_identity=error))
    assert first_day_checks.time_of_day(account)[0] == "fail"
    assert "clock is wrong" in account.credentials()[1]


def test_without_a_network_the_clock_is_a_warning():
    fake = Fake(get_caller_identity=EndpointConnectionError(endpoint_url="https://sts"))
    assert first_day_checks.time_of_day(aws(sts=fake))[0] == "warn"


def test_a_region_that_is_not_enabled_is_named_though_it_knows_no_key():
    """Its STS refuses the account's good credentials; the account itself is asked in another place."""
    account = aws(
        changed(workshop={"region": "af-south-1"}),
        sts=Fake(get_caller_identity=refusal("InvalidClientTokenId")),
        account=Fake(get_region_opt_status={"RegionOptStatus": "DISABLED"}),
    )
    assert account.credentials()[0] == "fail"
    state, found, fix = account.region()
    assert (state, "af-south-1 is disabled" in found) == ("fail", True)
    assert "Enable it" in fix


@pytest.mark.parametrize("check", [first_day_checks.services, first_day_checks.builds, first_day_checks.time_of_day])
def test_none_of_it_is_the_local_clouds_affair(check):
    assert check(LOCAL)[0] == "ok"


def test_every_check_that_does_not_pass_says_what_to_do(monkeypatch):
    """With an account in which nothing works."""
    monkeypatch.setattr(jumpstart, "pytorch_image", lambda *arguments: "x/pytorch-inference:2.6.0-cpu")

    class Refusing(Fake):
        def __getattr__(self, operation):
            self.answers[operation] = refusal("AccessDeniedException", "no")
            return super().__getattr__(operation)

        def get_paginator(self, operation):
            self.answers[operation] = refusal("AccessDeniedException", "no")
            return super().get_paginator(operation)

    services = ("account", "cloudformation", "service-quotas", "codecommit", "ssm")
    report = preflight(aws(**{name: Refusing() for name in services}).given)
    assert all(check.fix for check in report if check.state != "ok"), str(report)
    assert not re.search("the check itself broke", str(report)), str(report)
