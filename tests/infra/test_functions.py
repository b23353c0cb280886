"""The functions get every notification, and what they cannot handle is kept and reported."""

import pytest
from aws_cdk import aws_logs

from contract.settings import RETENTION_DAYS

PACKAGES = ("save_status", "extract_images")


def topic(template, outcome):
    output = template.one("AWS::SageMaker::EndpointConfig")["AsyncInferenceConfig"]["OutputConfig"]
    return output["NotificationConfig"][f"{outcome}Topic"]


def subscriptions(template, package):
    endpoint = f"<{template.function_name(package)}.Arn>"
    return [entry for entry in template.properties("AWS::SNS::Subscription") if entry["Endpoint"] == endpoint]


def alarms_on(template, metric, **dimensions):
    return [
        alarm
        for alarm in template.properties("AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == metric
        and {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]} == dimensions
    ]


def test_save_status_is_told_about_success_and_failure(app):
    topics = {entry["TopicArn"] for entry in subscriptions(app, "save_status")}
    assert topics == {topic(app, "Success"), topic(app, "Error")}


def test_extract_images_is_told_about_success_only(app):
    assert [entry["TopicArn"] for entry in subscriptions(app, "extract_images")] == [topic(app, "Success")]


@pytest.mark.parametrize("package", PACKAGES)
def test_topics_may_invoke_what_is_subscribed_to_them(app, package):
    function = f"<{app.function_name(package)}.Arn>"
    permitted = {
        entry["SourceArn"]
        for entry in app.properties("AWS::Lambda::Permission")
        if entry["FunctionName"] == function
        and (entry["Action"], entry["Principal"]) == ("lambda:InvokeFunction", "sns.amazonaws.com")
    }
    assert permitted == {entry["TopicArn"] for entry in subscriptions(app, package)}


@pytest.mark.parametrize("package", PACKAGES)
def test_aws_tries_twice_more_and_then_keeps_the_event(app, package):
    retries = app.one("AWS::Lambda::EventInvokeConfig", FunctionName=f"<{app.function_name(package)}>")
    assert retries["MaximumRetryAttempts"] == 2
    queues = {f"<{name}.Arn>" for name in app.resources("AWS::SQS::Queue")}
    assert app.function(package)["DeadLetterConfig"]["TargetArn"] in queues


def test_each_function_has_a_dead_letter_queue_of_its_own(app):
    first, second = (app.function(package)["DeadLetterConfig"]["TargetArn"] for package in PACKAGES)
    assert first != second


@pytest.mark.parametrize("package", PACKAGES)
def test_a_notification_that_sns_cannot_hand_over_is_kept_too(app, package):
    queue = app.function(package)["DeadLetterConfig"]["TargetArn"]
    for entry in subscriptions(app, package):
        assert entry["RedrivePolicy"] == {"deadLetterTargetArn": queue}
        allowed = [
            statement["Condition"]
            for policy in app.properties("AWS::SQS::QueuePolicy")
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "sns.amazonaws.com"}
            and statement["Resource"] == queue
        ]
        assert {"ArnEquals": {"aws:SourceArn": entry["TopicArn"]}} in allowed


def test_sns_may_use_the_key_of_an_encrypted_dead_letter_queue(load):
    statements = load("kms").one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (sns,) = [entry for entry in statements if entry["Principal"] == {"Service": "sns.amazonaws.com"}]
    assert set(sns["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert sns["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


@pytest.mark.parametrize("package", PACKAGES)
def test_dead_letters_raise_an_alarm(app, package):
    queue = app.function(package)["DeadLetterConfig"]["TargetArn"].replace(".Arn>", ".QueueName>")
    (alarm,) = alarms_on(app, "ApproximateNumberOfMessagesVisible", QueueName=queue)
    assert (alarm["Namespace"], alarm["Statistic"]) == ("AWS/SQS", "Maximum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("package", PACKAGES)
def test_errors_raise_an_alarm(app, package):
    (alarm,) = alarms_on(app, "Errors", FunctionName=f"<{app.function_name(package)}>")
    assert (alarm["Namespace"], alarm["Statistic"]) == ("AWS/Lambda", "Sum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)


@pytest.mark.parametrize("package", PACKAGES)
def test_dead_letters_stay_as_long_as_sqs_allows(app, package):
    queue = app.function(package)["DeadLetterConfig"]["TargetArn"].strip("<>").removesuffix(".Arn")
    fourteen_days = 14 * 24 * 3600
    assert app.resources("AWS::SQS::Queue")[queue]["Properties"]["MessageRetentionPeriod"] == fourteen_days


@pytest.mark.parametrize(("variant", "days"), [("default", 14), ("everything", 30)])
def test_logs_expire_and_go_with_the_stack(load, variant, days):
    template = load(variant)
    for package in PACKAGES:
        group = template.function(package)["LoggingConfig"]["LogGroup"].strip("<>")
        entry = template.resources("AWS::Logs::LogGroup")[group]
        assert entry["Properties"]["RetentionInDays"] == days
        assert entry["DeletionPolicy"] == "Delete"


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_know_the_bucket_and_their_name(app, package):
    (bucket,) = app.resources("AWS::S3::Bucket")
    environment = app.function(package)["Environment"]["Variables"]
    assert environment["BUCKET_NAME"] == f"<{bucket}>"
    assert environment["POWERTOOLS_SERVICE_NAME"] == package
    assert environment["POWERTOOLS_METRICS_NAMESPACE"]
    assert environment["POWERTOOLS_LOG_LEVEL"] == "INFO"


@pytest.mark.parametrize(
    ("variant", "architecture", "memory"), [("default", "x86_64", 512), ("everything", "arm64", 1024)]
)
def test_architecture_and_memory_follow_the_settings(load, variant, architecture, memory):
    template = load(variant)
    for package in PACKAGES:
        assert template.function(package)["Architectures"] == [architecture]
        assert template.function(package)["Runtime"] == "python3.12"
    assert template.function("extract_images")["MemorySize"] == memory


@pytest.mark.parametrize("package", PACKAGES)
def test_a_slow_call_ends_before_sns_would_have_forgotten_it(app, package):
    assert 30 <= app.function(package)["Timeout"] <= 900


def test_the_settings_offer_as_many_retentions_as_the_cdk():
    """Both copy the list of CloudWatch Logs, and only the settings check a number against it."""
    assert len(set(RETENTION_DAYS)) == len({member.name for member in aws_logs.RetentionDays} - {"INFINITE"})
