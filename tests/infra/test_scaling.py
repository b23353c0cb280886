"""The endpoint sleeps at zero, wakes on the first request, and every metric looked at is one that exists."""

import json

import pytest

# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
ENDPOINT_ONLY = {
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
}
WITH_VARIANT = {
    "RequestDownloadFailures",
    "ResponseUploadFailures",
    "NotificationFailures",
    "ExpiredRequests",
    "InvocationFailures",
    "InvocationsProcessed",
    "RequestDownloadLatency",
    "ResponseUploadLatency",
    "TimeInBacklog",
    "ModelLatency",
    "TotalProcessingTime",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
}


def endpoint_name(template):
    (name,) = template.resources("AWS::SageMaker::Endpoint")
    return f"<{name}.EndpointName>"


def policy(template, kind):
    return template.one("AWS::ApplicationAutoScaling::ScalingPolicy", PolicyType=kind)


def wake_alarm(template):
    return template.one("AWS::CloudWatch::Alarm", MetricName="HasBacklogWithoutCapacity")


def test_scales_down_to_zero_and_up_to_the_setting(app, load):
    target = app.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["MinCapacity"] == 0
    assert target["MaxCapacity"] == 2
    assert load("everything").one("AWS::ApplicationAutoScaling::ScalableTarget")["MaxCapacity"] == 7


def test_scales_the_one_variant_of_the_endpoint(app):
    target = app.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["ResourceId"] == f"endpoint/{endpoint_name(app)}/variant/AllTraffic"
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert target["ServiceNamespace"] == "sagemaker"
    assert "RoleARN" not in target  # the service-linked role is made by AWS; any other would lack permissions


def test_both_policies_act_on_that_target(app):
    (target,) = app.resources("AWS::ApplicationAutoScaling::ScalableTarget")
    for entry in app.properties("AWS::ApplicationAutoScaling::ScalingPolicy"):
        assert entry["ScalingTargetId"] == f"<{target}>"


def test_target_tracking_follows_the_backlog_of_each_instance(load):
    template = load("everything")
    tracking = policy(template, "TargetTrackingScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 2.5
    assert tracking["ScaleInCooldown"] == 60
    assert tracking["ScaleOutCooldown"] == 30
    assert tracking["CustomizedMetricSpecification"] == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name(template)}],
        "Statistic": "Average",
    }


def test_one_waiting_request_wakes_the_endpoint(app):
    alarm = wake_alarm(app)
    assert alarm["Dimensions"] == [{"Name": "EndpointName", "Value": endpoint_name(app)}]
    # The metric is 1 or 0, so "greater than 1" would never fire.
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["Threshold"] == 1
    assert alarm["Period"] == 60
    assert alarm["TreatMissingData"] == "missing"


@pytest.mark.parametrize(("variant", "minutes"), [("default", 1), ("everything", 2)])
def test_the_alarm_waits_as_long_as_set(load, variant, minutes):
    alarm = wake_alarm(load(variant))
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (minutes, minutes)


def test_the_alarm_adds_one_instance(app):
    (action,) = wake_alarm(app)["AlarmActions"]
    assert action == f"<{app.name_of('AWS::ApplicationAutoScaling::ScalingPolicy', PolicyType='StepScaling')}>"
    step = policy(app, "StepScaling")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ChangeInCapacity"
    # Bounds are relative to the threshold: from exactly there upwards.
    assert step["StepAdjustments"] == [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]


def assert_published(metric, dimensions, template):
    names = {"EndpointName": endpoint_name(template)}
    if metric in WITH_VARIANT:
        names["VariantName"] = "AllTraffic"
    else:
        assert metric in ENDPOINT_ONLY, f"SageMaker publishes no {metric} for asynchronous endpoints"
    assert dimensions == names


def test_alarms_look_at_metrics_that_exist(app):
    watched = [alarm for alarm in app.properties("AWS::CloudWatch::Alarm") if alarm["Namespace"] == "AWS/SageMaker"]
    assert {alarm["MetricName"] for alarm in watched} == {"HasBacklogWithoutCapacity", "NotificationFailures"}
    for alarm in watched:
        dimensions = {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]}
        assert_published(alarm["MetricName"], dimensions, app)


def dashboard_metrics(template):
    """(namespace, metric, dimensions) of every graph; a dot in CloudWatch's notation repeats the row above."""
    for widget in json.loads(template.one("AWS::CloudWatch::Dashboard")["DashboardBody"])["widgets"]:
        above = []
        for row in widget["properties"].get("metrics", []):
            cells = [cell for cell in row if not isinstance(cell, dict)]
            cells = [above[index] if cell == "." else cell for index, cell in enumerate(cells)]
            above = cells
            yield cells[0], cells[1], dict(zip(cells[2::2], cells[3::2], strict=True))


def test_the_dashboard_shows_metrics_that_exist(app):
    shown = set()
    for namespace, metric, dimensions in dashboard_metrics(app):
        if namespace == "AWS/SageMaker":
            assert_published(metric, dimensions, app)
            shown.add(metric)
    assert shown >= ENDPOINT_ONLY | {"InvocationsProcessed", "InvocationFailures", "ModelLatency", "TimeInBacklog"}


def test_the_dashboard_shows_functions_dead_letters_and_every_alarm(app):
    shown = {(namespace, metric) for namespace, metric, _ in dashboard_metrics(app)}
    assert {("AWS/Lambda", "Errors"), ("AWS/SQS", "ApproximateNumberOfMessagesVisible")} <= shown
    body = json.loads(app.one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    (alarms,) = [set(widget["properties"]["alarms"]) for widget in body["widgets"] if widget["type"] == "alarm"]
    assert alarms == {f"<{name}.Arn>" for name in app.resources("AWS::CloudWatch::Alarm")}
