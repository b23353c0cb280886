"""Amazon CloudWatch: metric alarms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.alarms import alarm, described, set_state
from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

API = "AmazonCloudWatch/latest/APIReference/API_"
RECORDED = "localstack:tests/aws/services/cloudwatch/test_cloudwatch.py::TestCloudwatch::"


@behaviour(
    "cloudwatch",
    ("PutMetricAlarm", "DescribeAlarms"),
    "An alarm is described with what it was given",
    RECORDED + "test_describe_minimal_metric_alarm",
)
def test_minimal(aws: Account) -> None:
    name = alarm(aws, TreatMissingData=None)
    found = described(aws, name)
    assert found["AlarmArn"] == f"arn:aws:cloudwatch:{aws.region}:{aws.account}:alarm:{name}"
    assert (found["StateValue"], found["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert [found[each] for each in ("ActionsEnabled", "Dimensions", "AlarmActions", "OKActions")] == [True, [], [], []]
    assert not {"TreatMissingData", "AlarmDescription", "DatapointsToAlarm", "Unit", "ExtendedStatistic"} & found.keys()


@behaviour(
    "cloudwatch",
    "PutMetricAlarm",
    "An update changes all of the configuration, and not the state",
    API + "PutMetricAlarm.html",
)
def test_update(aws: Account) -> None:
    name = alarm(aws, AlarmDescription="first")
    set_state(aws, name, "ALARM")
    alarm(aws, AlarmName=name, Threshold=7.0)
    found = described(aws, name)
    assert (found["StateValue"], found["StateReason"], found["Threshold"]) == ("ALARM", "by hand", 7)
    assert "AlarmDescription" not in found


@behaviour("cloudwatch", "PutMetricAlarm", "{what} is refused: {message}", API + "PutMetricAlarm.html")
@pytest.mark.parametrize(
    ("what", "changes", "message"),
    [
        ("No evaluation period", {"EvaluationPeriods": 0}, "Member must have value greater than or equal to 1"),
        ("M above N", {"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
        ("A period of 45 s", {"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ("A period of 7 s", {"Period": 7}, "Period must be 10, 20, 30 or a multiple of 60"),
        (
            "TreatMissingData bogus",
            {"TreatMissingData": "bogus"},
            "Supported values for TreatMissingData are breaching",
        ),
        ("No threshold", {"Threshold": None}, "PutMetricAlarm request should have valid Threshold parameter"),
        ("No metric", {"MetricName": None}, "MetricName"),
        ("No period", {"Period": None}, "PutMetricAlarm request should have a Period parameter"),
        ("No statistic", {"Statistic": None}, "PutMetricAlarm request should have a Statistic parameter"),
        ("Two statistics", {"ExtendedStatistic": "p99"}, "Only one of them should be present"),
        ("The percentile p101", {"Statistic": None, "ExtendedStatistic": "p101"}, "p101"),
        ("The statistic bogus", {"Statistic": "bogus"}, "Member must satisfy enum value set"),
        ("The unit bogus", {"Unit": "bogus"}, "Member must satisfy enum value set"),
        ("An operator bogus", {"ComparisonOperator": "bogus"}, "Member must satisfy enum value set"),
        ("The action nope", {"AlarmActions": ["nope"]}, "Invalid arn syntax: nope"),
        ("A range above a day", {"Period": 300, "EvaluationPeriods": 289}, "more than a day"),
        ("A range above a week", {"Period": 86400, "EvaluationPeriods": 8}, "more than a week"),
        ("A control character in the name", {"AlarmName": "a\x07b"}, "ASCII Control characters"),
        (
            "Low samples of a sum",
            {"EvaluateLowSampleCountPercentile": "ignore"},
            "only for percentile statistics",
        ),
    ],
)
def test_refused(aws: Account, what: str, changes: dict[str, Any], message: str) -> None:
    assert what
    with aws.refused("ValidationError", message):
        alarm(aws, **changes)


@behaviour("cloudwatch", "PutMetricAlarm", "Alarms on {what} are refused", API + "PutMetricAlarm.html", "refused")
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("anomaly bands", {"ComparisonOperator": "GreaterThanUpperThreshold"}),
        ("trimmed means", {"Statistic": None, "ExtendedStatistic": "tm90"}),
        ("actions of EC2", {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}),
    ],
)
def test_not_offered(aws: Account, what: str, changes: dict[str, Any]) -> None:
    assert what
    with aws.refused("ValidationError"):
        alarm(aws, **changes)


@behaviour("cloudwatch", "PutMetricAlarm", "Alarms on metric math are refused", API + "PutMetricAlarm.html", "refused")
def test_math(aws: Account) -> None:
    query = {"Id": "e", "Expression": "m * 2", "ReturnData": True}
    with aws.refused("ValidationError", "alarm on one metric"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=aws.name(),
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Metrics=[query],
        )


@behaviour("cloudwatch", "SetAlarmState", "The state BOGUS is refused", RECORDED + "test_set_alarm_invalid_input")
def test_bogus_state(aws: Account) -> None:
    name = alarm(aws)
    with aws.refused("ValidationError", "'stateValue'", "[INSUFFICIENT_DATA, ALARM, OK]"):
        set_state(aws, name, "BOGUS")
    assert described(aws, name)["StateValue"] == "INSUFFICIENT_DATA"


@behaviour(
    "cloudwatch", "SetAlarmState", "An alarm that is not there is refused", RECORDED + "test_set_alarm_invalid_input"
)
def test_missing_alarm(aws: Account) -> None:
    with aws.refused("ResourceNotFound", status=404):
        set_state(aws, aws.name(), "OK")


@behaviour("cloudwatch", "SetAlarmState", "The reason's data must be JSON", API + "SetAlarmState.html")
def test_reason_data(aws: Account) -> None:
    name = alarm(aws)
    with aws.refused("InvalidFormat"):
        set_state(aws, name, "OK", StateReasonData="{nope")


@behaviour("cloudwatch", "SetAlarmState", "The state's reason and data are kept", RECORDED + "test_set_alarm")
def test_state(aws: Account) -> None:
    name = alarm(aws)
    set_state(aws, name, "ALARM", "because", StateReasonData='{"a": 1}')
    found = described(aws, name)
    assert (found["StateValue"], found["StateReason"], found["StateReasonData"]) == ("ALARM", "because", '{"a": 1}')
    assert found["StateTransitionedTimestamp"] == found["StateUpdatedTimestamp"]


@behaviour(
    "cloudwatch",
    ("SetAlarmState", "PutMetricAlarm"),
    "An alarm's message has AWS's members",
    RECORDED + "test_put_metric_alarm",
)
def test_message(aws: Account) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name=aws.name("topic"))["TopicArn"]
    aws.later(sns.delete_topic, TopicArn=topic)
    url, queue = aws.queue()
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    name = alarm(
        aws,
        AlarmDescription="testing cloudwatch alarms",
        Statistic="Average",
        Unit="Seconds",
        Dimensions=[{"Name": "InstanceId", "Value": "abc"}],
        AlarmActions=[topic],
        OKActions=[topic],
    )
    set_state(aws, name, "ALARM")
    envelope = json.loads(aws.receive(url)["Body"])
    assert envelope["Subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    message = json.loads(envelope["Message"])
    assert message.pop("StateChangeTime").endswith("+0000")
    assert message.pop("AlarmConfigurationUpdatedTimestamp").endswith("+0000")
    trigger = message.pop("Trigger")
    assert message == {
        "AWSAccountId": aws.account,
        "ActionExecutedAfterMuteWindow": False,
        "AlarmActions": [topic],
        "AlarmArn": f"arn:aws:cloudwatch:{aws.region}:{aws.account}:alarm:{name}",
        "AlarmDescription": "testing cloudwatch alarms",
        "AlarmName": name,
        "InsufficientDataActions": [],
        "NewStateReason": "by hand",
        "NewStateValue": "ALARM",
        "OKActions": [topic],
        "OldStateValue": "INSUFFICIENT_DATA",
        "Region": "US East (N. Virginia)",
    }
    assert trigger.pop("Namespace").startswith("nothing-")
    assert trigger == {
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"name": "InstanceId", "value": "abc"}],
        "EvaluateLowSampleCountPercentile": "",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Period": 60,
        "Statistic": "AVERAGE",
        "StatisticType": "Statistic",
        "Threshold": 1.0,
        "TreatMissingData": "ignore",
        "Unit": "Seconds",
    }


@behaviour(
    "cloudwatch",
    "SetAlarmState",
    "A change of state is an event on the default bus",
    "AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html",
)
def test_event(aws: Account) -> None:
    events, name = aws.client("events"), alarm(aws, AlarmDescription="watched")
    url, queue = aws.queue()
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    rule, pattern = aws.name("rule"), {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    aws.later(events.delete_rule, Name=rule)
    events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": queue}])
    aws.later(events.remove_targets, Rule=rule, Ids=["q"])
    set_state(aws, name, "ALARM")
    event = json.loads(aws.receive(url)["Body"])
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [f"arn:aws:cloudwatch:{aws.region}:{aws.account}:alarm:{name}"]
    detail = event["detail"]
    assert (detail["state"]["value"], detail["state"]["reason"]) == ("ALARM", "by hand")
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert detail["configuration"]["description"] == "watched"
    assert detail["configuration"]["metrics"][0]["metricStat"]["stat"] == "Sum"


@behaviour(
    "cloudwatch",
    ("EnableAlarmActions", "DisableAlarmActions"),
    "Actions are switched off and on",
    RECORDED + "test_enable_disable_alarm_actions",
)
def test_switch(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), alarm(aws)
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    assert described(aws, name)["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    assert described(aws, name)["ActionsEnabled"] is True


@behaviour(
    "cloudwatch",
    "DescribeAlarms",
    "Alarms are found by prefix, state and action, page by page",
    API + "DescribeAlarms.html",
)
def test_described(aws: Account) -> None:
    cloudwatch, prefix = aws.client("cloudwatch"), aws.name("found")
    topic = f"arn:aws:sns:{aws.region}:{aws.account}:nobody"
    for number in range(3):
        alarm(aws, AlarmName=f"{prefix}-{number}", OKActions=[topic] if number == 1 else [])
    set_state(aws, f"{prefix}-2", "ALARM")

    def names(**asked: Any) -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, **asked)
        return [each["AlarmName"][-1] for page in pages for each in page["MetricAlarms"]]

    assert names() == ["0", "1", "2"]
    assert names(PaginationConfig={"PageSize": 2}) == ["0", "1", "2"]
    assert len(cloudwatch.describe_alarms(AlarmNamePrefix=prefix, MaxRecords=2)["MetricAlarms"]) == 2
    assert names(StateValue="ALARM") == ["2"]
    assert names(ActionPrefix=topic) == ["1"]
    assert names(AlarmTypes=["CompositeAlarm"]) == []


@behaviour("cloudwatch", "DescribeAlarms", "Names and a prefix exclude each other", API + "DescribeAlarms.html")
def test_names_and_prefix(aws: Account) -> None:
    with aws.refused("ValidationError"):
        aws.client("cloudwatch").describe_alarms(AlarmNames=["a"], AlarmNamePrefix="a")


@behaviour(
    "cloudwatch", "DescribeAlarmsForMetric", "The alarms of exactly this metric", API + "DescribeAlarmsForMetric.html"
)
def test_for_metric(aws: Account) -> None:
    cloudwatch, namespace = aws.client("cloudwatch"), aws.name()
    dimensions = [{"Name": "A", "Value": "1"}]
    name = alarm(aws, Namespace=namespace, Dimensions=dimensions)
    found = cloudwatch.describe_alarms_for_metric(Namespace=namespace, MetricName="m", Dimensions=dimensions)
    assert [each["AlarmName"] for each in found["MetricAlarms"]] == [name]
    assert cloudwatch.describe_alarms_for_metric(Namespace=namespace, MetricName="m")["MetricAlarms"] == []


@behaviour(
    "cloudwatch",
    "DescribeAlarmHistory",
    "History has configuration, states with their reasons, and pages",
    RECORDED + "test_put_metric_alarm",
)
def test_history(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), alarm(aws)
    set_state(aws, name, "ALARM")
    set_state(aws, name, "OK", "over")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=name, PaginationConfig={"PageSize": 2}
    )
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    assert [item["HistorySummary"] for item in items] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        f'Alarm "{name}" created',
    ]
    states = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    data = json.loads(states[0]["HistoryData"])
    assert data["oldState"] == {"stateValue": "ALARM", "stateReason": "by hand"}
    assert data["newState"] == {"stateValue": "OK", "stateReason": "over"}


@behaviour(
    "cloudwatch", "DeleteAlarms", "Alarms are deleted; one that is not there is not an error", API + "DeleteAlarms.html"
)
def test_delete(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), alarm(aws)
    cloudwatch.delete_alarms(AlarmNames=[name, aws.name()])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


@behaviour(
    "cloudwatch",
    ("TagResource", "ListTagsForResource", "UntagResource"),
    "Tags of an alarm; none when it is gone",
    RECORDED + "test_tagging_metric_alarm",
)
def test_tags(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), alarm(aws, Tags=[{"Key": "a", "Value": "1"}])
    arn = described(aws, name)["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


@behaviour(
    "cloudwatch",
    ("PutMetricAlarm", "PutMetricData"),
    "An alarm goes off when its metric crosses the threshold",
    RECORDED + "test_put_metric_alarm",
)
def test_goes_off(aws: Account) -> None:
    cloudwatch, namespace = aws.client("cloudwatch"), aws.name()
    name = alarm(aws, Namespace=namespace, Period=10)

    def off() -> bool:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 5.0}])
        return described(aws, name)["StateValue"] == "ALARM"

    wait_until(off, 15 if aws.local else 180)
    found = described(aws, name)
    assert "Threshold Crossed: 1 datapoint [" in found["StateReason"]
    assert json.loads(found["StateReasonData"])["threshold"] == 1.0
