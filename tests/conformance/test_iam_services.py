"""Who acts as whom: what services do for somebody is done with a role, or with the leave of a resource's policy."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, assume, policy, trusting_role
from tests.localcloud.conftest import wait_until

CALLER = "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
READER = (
    "import boto3\ndef handler(event, context):\n"
    "    return boto3.client('s3').get_object(**event)['Body'].read().decode()\n"
)
SENDER = "def handler(event, context):\n    raise ValueError('no')\n"
EXECUTION = "lambda/latest/dg/lambda-intro-execution-role.html"
RESOURCE = "lambda/latest/dg/access-control-resource-based.html"
SNS_TO_SQS = "sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"
TARGETS = "eventbridge/latest/userguide/eb-use-resource-based.html"
TOPIC_STACK = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}


def invoke(aws: Account, function: str, event: Any = None) -> Any:
    """What a function answers."""
    answer = aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


@behaviour("lambda", "Invoke", "A function acts with its role, in a session that has the function's name", EXECUTION)
def test_function_acts_with_role(aws: Account) -> None:
    role = aws.role("lambda.amazonaws.com")
    function = aws.function(CALLER, Role=role, Timeout=30)
    name = function.rpartition(":")[2]
    assert invoke(aws, function) == f"arn:aws:sts::{aws.account}:assumed-role/{role.rpartition('/')[2]}/{name}"


@behaviour("lambda", "Invoke", "A function may do what its role may, and no more", EXECUTION)
def test_function_is_denied(aws: Account) -> None:
    bucket = aws.bucket()
    for key in ("open/a", "closed/a"):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"here")
    role = aws.role("lambda.amazonaws.com", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/open/*"))
    function = aws.function(READER, Role=role, Timeout=30)
    assert invoke(aws, function, {"Bucket": bucket, "Key": "open/a"}) == "here"
    answer = invoke(aws, function, {"Bucket": bucket, "Key": "closed/a"})
    assert "is not authorized to perform: s3:GetObject" in answer["errorMessage"]


def subscribed(aws: Account, protocol: str, endpoint: str) -> str:
    """A new topic with one subscription; its ARN."""
    sns = aws.client("sns")
    topic = str(sns.create_topic(Name=aws.name("topic"))["TopicArn"])
    aws.later(sns.delete_topic, TopicArn=topic)
    sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    return topic


def let_in(aws: Account, url: str, arn: str, service: str, source: str) -> None:
    """Give a queue a policy."""
    statement = allow("sqs:SendMessage", arn, Principal={"Service": service})
    statement["Condition"] = {"ArnEquals": {"aws:SourceArn": source}}
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})


@behaviour("sns", "Publish", "A queue gets a topic's messages only when its policy lets the topic in", SNS_TO_SQS)
def test_topic_to_queue(aws: Account) -> None:
    url, arn = aws.queue()
    topic = subscribed(aws, "sqs", arn)
    aws.client("sns").publish(TopicArn=topic, Message="too early")
    let_in(aws, url, arn, "sns.amazonaws.com", f"{topic}-other")
    aws.client("sns").publish(TopicArn=topic, Message="another topic's")
    let_in(aws, url, arn, "sns.amazonaws.com", topic)
    aws.client("sns").publish(TopicArn=topic, Message="delivered")
    assert json.loads(aws.receive(url)["Body"])["Message"] == "delivered"
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


@behaviour("sns", "Publish", "A topic invokes a function only when the function's policy allows it", RESOURCE)
def test_topic_to_function(aws: Account) -> None:
    """The function that may be invoked tells when the one that may not would have been."""
    url, arn = aws.queue()
    source = (
        "import boto3\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=context.function_name)\n"
    )
    role = aws.role("lambda.amazonaws.com", allow("sqs:SendMessage", arn))
    shut, opened = (aws.function(source, Role=role, Timeout=30) for _ in range(2))
    topic = subscribed(aws, "lambda", shut)
    aws.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=opened)
    aws.client("lambda").add_permission(
        FunctionName=opened,
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    aws.client("sns").publish(TopicArn=topic, Message="m")
    assert aws.receive(url)["Body"] == opened.rpartition(":")[2]
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


@behaviour(
    "lambda",
    "Invoke",
    "A dead letter is sent with the function's role",
    "lambda/latest/dg/invocation-async-retain-records.html",
)
def test_dead_letter(aws: Account) -> None:
    """Two functions that fail: the role of one may send to the queue."""
    url, arn = aws.queue()
    config = {"MaximumRetryAttempts": 0}
    names = []
    for statements in ([], [allow("sqs:SendMessage", arn)]):
        role = aws.role("lambda.amazonaws.com", allow("sqs:SendMessage", arn))
        function = aws.function(SENDER, Role=role, DeadLetterConfig={"TargetArn": arn})
        aws.client("lambda").put_function_event_invoke_config(FunctionName=function, **config)
        if not statements:
            aws.client("iam").delete_role_policy(RoleName=role.rpartition("/")[2], PolicyName="test")
        aws.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps({"may": bool(statements)})
        )
        names.append(function)
    assert json.loads(aws.receive(url)["Body"]) == {"may": True}
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


@behaviour("events", "PutTargets", "A queue is a rule's target only when its policy lets the rule in", TARGETS)
def test_rule_to_queue(aws: Account) -> None:
    events, (url, arn) = aws.client("events"), aws.queue()
    name, source = aws.name("rule"), aws.name("source")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    aws.later(events.delete_rule, Name=name)
    aws.later(events.remove_targets, Rule=name, Ids=["q"])
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"n": 1}'}])
    let_in(aws, url, arn, "events.amazonaws.com", rule)
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"n": 2}'}])
    assert json.loads(aws.receive(url)["Body"])["detail"] == {"n": 2}


def build(aws: Account, role: str, command: str) -> dict[str, Any]:
    """A build of one command; its document when it is complete."""
    codebuild, name = aws.client("codebuild"), aws.name("project")
    image = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    codebuild.create_project(
        name=name,
        source={
            "type": "NO_SOURCE",
            "buildspec": json.dumps({"version": 0.2, "phases": {"build": {"commands": [command]}}}),
        },
        artifacts={"type": "NO_ARTIFACTS"},
        environment=image,
        serviceRole=role,
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": f"/conformance/{name}"}},
    )
    aws.later(codebuild.delete_project, name=name)
    aws.later(aws.client("logs").delete_log_group, logGroupName=f"/conformance/{name}")
    started = codebuild.start_build(projectName=name)["build"]["id"]

    def complete() -> Any:
        found = codebuild.batch_get_builds(ids=[started])["builds"][0]
        return found if found["buildComplete"] else None

    return dict(wait_until(complete, 60 if aws.local else 600))


LOGS = allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])


@behaviour(
    "codebuild",
    "StartBuild",
    "A build acts with the project's service role",
    "codebuild/latest/userguide/setting-up-service-role.html",
)
def test_build_acts_with_role(aws: Account) -> None:
    role = aws.role("codebuild.amazonaws.com", LOGS)
    done = build(aws, role, 'test -n "$AWS_SESSION_TOKEN$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"')
    assert done["buildStatus"] == "SUCCEEDED", done["phases"]
    events = aws.client("logs").filter_log_events(logGroupName=done["logs"]["groupName"])["events"]
    assert any("Entering phase BUILD" in event["message"] for event in events)


@behaviour(
    "codebuild",
    "StartBuild",
    "Without the right to write its log a build fails: ACCESS_DENIED",
    "codebuild/latest/userguide/troubleshooting.html",
)
def test_build_without_log(aws: Account) -> None:
    done = build(aws, aws.role("codebuild.amazonaws.com"), "true")
    assert done["buildStatus"] == "FAILED"
    context = next(each for phase in done["phases"] for each in phase.get("contexts", []) if each.get("message"))
    assert context["statusCode"] == "ACCESS_DENIED"
    assert "does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams" in context["message"]


@behaviour(
    "cloudformation",
    "CreateStack",
    "A stack's role, not the caller, creates its resources",
    "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
)
def test_stack_role(aws: Account) -> None:
    role = aws.role("cloudformation.amazonaws.com", allow("sqs:*"))
    stack = aws.stack(TOPIC_STACK, RoleARN=role)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert (
        f"assumed-role/{role.rpartition('/')[2]}/AWSCloudFormation is not authorized to perform: SNS:CreateTopic"
        in reasons
    )


@behaviour(
    "cloudformation",
    "CreateStack",
    "Without a role the caller's own rights create the resources",
    "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
)
def test_stack_of_caller(aws: Account) -> None:
    session = assume(aws, trusting_role(aws, allow("cloudformation:*")))
    client, name = aws.client("cloudformation", session=session), aws.name("stack")
    client.create_stack(StackName=name, TemplateBody=json.dumps(TOPIC_STACK))
    aws.later(aws.client("cloudformation").delete_stack, StackName=name)
    assert aws.settled(name)["StackStatus"] == "ROLLBACK_COMPLETE"


@behaviour(
    "cloudformation",
    "CreateStack",
    "A role with the rights creates the stack",
    "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
)
def test_stack_role_with_rights(aws: Account) -> None:
    stack = aws.stack(TOPIC_STACK, RoleARN=aws.role("cloudformation.amazonaws.com", allow("sns:*")))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
