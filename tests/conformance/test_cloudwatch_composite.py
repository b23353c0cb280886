"""Amazon CloudWatch: composite alarms."""

from __future__ import annotations

import json

import pytest

from tests.conformance.alarms import alarm, described, set_state
from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AmazonCloudWatch/latest/APIReference/API_"
COMPOSITE = API + "PutCompositeAlarm.html"
RECORDED = "localstack:tests/aws/services/cloudwatch/test_cloudwatch.py::TestCloudwatch::"


@behaviour(
    "cloudwatch",
    "PutCompositeAlarm",
    "A composite alarm follows its rule as its alarms change",
    RECORDED + "test_trigger_composite_alarm",
)
def test_composite(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), aws.name("composite")
    first, second = alarm(aws), alarm(aws)
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{first}") AND NOT OK({second})')
    aws.later(cloudwatch.delete_alarms, AlarmNames=[name])
    set_state(aws, first, "ALARM")
    wait_until(lambda: described(aws, name)["StateValue"] == "ALARM", 5 if aws.local else 120)
    reason = json.loads(described(aws, name)["StateReasonData"])
    assert reason["triggeringAlarms"][0]["arn"].endswith(f":alarm:{first}")
    set_state(aws, second, "OK")
    wait_until(lambda: described(aws, name)["StateValue"] == "OK", 5 if aws.local else 120)


@behaviour("cloudwatch", "PutCompositeAlarm", "An alarm of the rule that is not there is refused", COMPOSITE)
def test_composite_of_nothing(aws: Account) -> None:
    with aws.refused("ValidationError", "in the alarm rule do not exist"):
        aws.client("cloudwatch").put_composite_alarm(AlarmName=aws.name(), AlarmRule=f"ALARM({aws.name()})")


@behaviour("cloudwatch", "PutCompositeAlarm", "The rule {rule} is refused", COMPOSITE)
@pytest.mark.parametrize("rule", ["ALARM(", "ALARM(a) XOR OK(b)", "NOT", "alarm(a)"])
def test_bad_rule(aws: Account, rule: str) -> None:
    with aws.refused("ValidationError", "Error in AlarmRule"):
        aws.client("cloudwatch").put_composite_alarm(AlarmName=aws.name(), AlarmRule=rule)


@behaviour(
    "cloudwatch",
    ("PutCompositeAlarm", "DeleteAlarms"),
    "An alarm that a composite alarm needs is not deleted",
    API + "DeleteAlarms.html",
)
def test_dependency(aws: Account) -> None:
    cloudwatch, name, child = aws.client("cloudwatch"), aws.name("composite"), alarm(aws)
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({child})")
    aws.later(cloudwatch.delete_alarms, AlarmNames=[name])
    with aws.refused("ValidationError", "as there are composite alarm(s) depending on it"):
        cloudwatch.delete_alarms(AlarmNames=[child])


@behaviour(
    "cloudwatch",
    "DescribeAlarms",
    "A stack makes a composite alarm of its alarms, changes and deletes it",
    "AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html",
)
def test_in_a_stack(aws: Account) -> None:
    cloudwatch, cloudformation = aws.client("cloudwatch"), aws.client("cloudformation")
    first = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        },
    }  # fmt: skip
    both = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmRule": {"Fn::Sub": 'NOT ALARM("${First}")'}},
    }
    template = {"Resources": {"First": first, "Both": both}, "Outputs": {"Name": {"Value": {"Ref": "Both"}}}}
    stack = aws.stack(template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    name = stack["Outputs"][0]["OutputValue"]
    assert 'NOT ALARM("' in described(aws, name)["AlarmRule"]
    both["Properties"]["AlarmDescription"] = "d"  # type: ignore[index]
    cloudformation.update_stack(StackName=stack["StackName"], TemplateBody=json.dumps(template))
    assert aws.settled(stack["StackName"])["StackStatus"] == "UPDATE_COMPLETE"
    assert described(aws, name)["AlarmDescription"] == "d"
    cloudformation.delete_stack(StackName=stack["StackName"])
    wait_until(
        lambda: not cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"],
        30 if aws.local else 300,
    )
