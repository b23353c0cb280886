"""A workshop that cannot bill: what expires, who deletes it, what is told before."""

import json
from pathlib import Path

import cfnlint
import pytest

from contract.names import BUDGET_REGIONS
from contract.settings import Safety, Settings, Workshop
from infra.safety.budget import budget_name

EMAIL = "admin@example.com"


@pytest.fixture
def safety(load):
    return load("everything", "safety", ExpiresAt="never")


def test_it_is_on_by_default_on_aws_and_off_locally(synthesise):
    assert not list(synthesise("default").glob("*-safety.template.json"))
    assert list(synthesise("aws-arm64").glob("genai-async-safety.template.json"))


def test_all_other_stacks_are_deleted_the_pipeline_first_and_its_own_last(safety):
    variables = safety.function("expire")["Environment"]["Variables"]
    assert variables["STACKS"].split(",") == ["art-pipeline", "art-app", "art-models", "art-repository"]
    assert variables["OWN_STACK"] == "art-safety"


def test_it_looks_until_nothing_is_left(safety):
    rule = safety.one("AWS::Events::Rule")
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["State"] == "ENABLED"
    assert [target["Arn"] for target in rule["Targets"]] == [f"<{safety.function_name('expire')}.Arn>"]


def test_the_deadline_is_a_parameter_that_an_update_does_not_touch(safety):
    assert safety.one("AWS::SSM::Parameter")["Name"] == "/art/expires-at"
    assert "Default" not in safety.body["Parameters"]["ExpiresAt"]  # CloudFormation then keeps what is there


def test_the_pipeline_does_not_deploy_it(load):
    assert "art-safety" not in json.dumps(load("everything", "pipeline").body)


def test_it_may_delete_these_stacks_and_their_log_groups_and_nothing_else(safety):
    found = {
        action: statement["Resource"]
        for statement in safety.statements(safety.function("expire")["Role"])
        for action in statement["Action"]
    }
    assert set(found) == {
        "cloudformation:DeleteStack", "cloudformation:DescribeStacks", "logs:CreateLogStream", "logs:DeleteLogGroup",
        "logs:DescribeLogGroups", "logs:PutLogEvents", "ssm:GetParameter",
    }  # fmt: skip
    stacks = {arn.rpartition(":stack/")[2] for arn in found["cloudformation:DeleteStack"]}
    assert stacks == {f"art-{name}/*" for name in ("pipeline", "app", "models", "repository", "safety")}
    groups = {arn.rpartition(":log-group:")[2] for arn in found["logs:DeleteLogGroup"]}
    assert groups == {
        *(f"/aws/lambda/art-{name}-*" for name in ("pipeline", "app", "models", "repository")),
        "/aws/sagemaker/Endpoints/art-app-ml-*",
    }


def test_nothing_of_it_outlives_it(safety):
    for entry in safety.body["Resources"].values():
        assert entry.get("DeletionPolicy", "Delete") == "Delete"


def test_a_budget_needs_an_address(load, safety):
    assert safety.one("AWS::Budgets::Budget")["Budget"]["BudgetLimit"] == {"Amount": 20, "Unit": "USD"}
    assert load("aws-arm64", "safety", ExpiresAt="never").resources("AWS::Budgets::Budget") == {}


def test_the_budget_writes_before_the_money_is_spent(safety):
    told = safety.one("AWS::Budgets::Budget")["NotificationsWithSubscribers"]
    assert {each["Subscribers"][0]["Address"] for each in told} == {EMAIL}
    kinds = {(each["Notification"]["NotificationType"], each["Notification"]["Threshold"]) for each in told}
    assert ("ACTUAL", 50) in kinds
    assert ("FORECASTED", 100) in kinds


def test_another_address_is_another_budget():
    """CloudFormation replaces it, and could not make the new one under a name that is taken."""
    assert budget_name("art", EMAIL) != budget_name("art", "b@example.com")
    assert budget_name("art", EMAIL) == budget_name("art", EMAIL)


def test_budgets_are_made_where_cloudformation_has_them():
    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    has = {path.stem for path in folder.glob("*.json") if "AWS::Budgets::Budget" in json.loads(path.read_text())}
    assert has >= BUDGET_REGIONS
    assert {
        region for region in has - BUDGET_REGIONS if not region.startswith(("cn-", "us-iso", "eu-iso", "eusc"))
    } == set()
    there = Settings(workshop=Workshop(target="aws", region="eu-north-1"), safety=Safety(notify_email=EMAIL))
    assert not there.has_budget


def test_an_instance_that_is_up_and_answers_nothing_sounds(load):
    template = load("everything")
    up = template.one("AWS::CloudWatch::Alarm", MetricName="CPUUtilization")
    working = template.one("AWS::CloudWatch::Alarm", MetricName="InvocationsProcessed")
    assert (up["Namespace"], working["Namespace"]) == ("/aws/sagemaker/Endpoints", "AWS/SageMaker")
    for alarm in (up, working):
        assert {each["Name"] for each in alarm["Dimensions"]} == {"EndpointName", "VariantName"}
        assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, 2)
        assert alarm["TreatMissingData"] == "notBreaching"  # no instance publishes no utilization, no answer no count
    assert (up["Statistic"], up["DatapointsToAlarm"]) == ("SampleCount", 2)
    assert (working["Statistic"], working["DatapointsToAlarm"]) == ("Sum", 1)
    both = template.one("AWS::CloudWatch::CompositeAlarm")
    assert both["AlarmRule"].startswith("(ALARM(")
    assert "AND (NOT (ALARM(" in both["AlarmRule"]


def test_the_idle_alarm_writes_to_whoever_is_told(load):
    template = load("everything")
    (topic,) = template.one("AWS::CloudWatch::CompositeAlarm")["AlarmActions"]
    mail = template.one("AWS::SNS::Subscription", Protocol="email")
    assert (mail["TopicArn"], mail["Endpoint"]) == (topic, EMAIL)
    assert "AlarmActions" not in load("aws-arm64").one("AWS::CloudWatch::CompositeAlarm")


def test_without_the_setting_there_is_no_idle_alarm(app):
    assert app.resources("AWS::CloudWatch::CompositeAlarm") == {}
